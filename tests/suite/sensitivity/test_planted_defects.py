"""Each planted defect turns its check red, and its neutral twin leaves it green; some twins by default, or all.

By default each runs against the one check that must catch it, and one defect of smoke against the
whole gate. With CUTOVER_SENSITIVITY=full every defect and every twin runs against its whole gate; with =drawn each of
the contract gate's also against the check that draws requests, and so do their twins, which are left out otherwise.
Which check must catch which defect is in caught_by.toml; who plants a defect does not read the checks.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.suite.sensitivity.conftest import Told
from tests.suite.support.gate_runs import GateRun, run_gate

from cutover.config.manifest import CLOSING
from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState
from cutover.parity.differences import Difference
from cutover.parity.journeys import written
from cutover.parity.parity_run import ParityRun

pytestmark = pytest.mark.sensitivity

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
DRAWN_TOO = os.environ.get("CUTOVER_SENSITIVITY") == "drawn"
FAULTS: list[dict[str, Any]] = tomllib.loads((root() / "reference/faults/faults.toml").read_text())["fault"]
_TABLES = tomllib.loads(Path(__file__).with_name("caught_by.toml").read_text())
CAUGHT_BY: dict[str, str] = _TABLES["caught_by"]
FOUND_AS: dict[str, dict[str, str]] = _TABLES["found_as"]
ENDS_WITH: dict[str, dict[str, Any]] = _TABLES["ends_with"]
DRAWN = [
    check
    for check in tomllib.loads((root() / "manifest.toml").read_text())["contract"]
    if check.startswith("tests/contract/test_operations.py::") and "operation_keeps" in check
]
# One of smoke is run to the exit code of the whole gate in every test run; the parity gate's is in tests/verdicts.
WHOLE = next(fault["name"] for fault in FAULTS if fault["gate"] == "smoke")

# Twins are honest but for the wrapper: by default every third of smoke is run, and of parity and contract the first.
FIRST = {gate: next(f["name"] for f in FAULTS if f["gate"] == gate) for gate in ("parity", "contract")}
TWINS = [
    fault
    for number, fault in enumerate(FAULTS)
    if FULL or DRAWN_TOO or fault["name"] in FIRST.values() or (fault["gate"] == "smoke" and number % 3 == 0)
]
each_defect = pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault['system']}-{fault['name']}" for fault in FAULTS])


def _whole(fault: dict[str, Any], mode: str) -> bool:
    """Whether the whole gate is run: for all of them by make sensitivity, else for one defect of each gate."""
    return FULL or (mode == "planted" and fault["name"] == WHOLE)


def _run(fault: dict[str, Any], mode: Literal["planted", "neutral"], own_pair: PairState, reports: Path) -> GateRun:
    """The gate, or the one check, with the defect or its twin in place; the pair is honest again afterwards."""
    quick = ("--shorten=0",) if fault["gate"] == "parity" else ()  # what was found counts, not the way to it
    whole = _whole(fault, mode)
    selected = () if whole else (CAUGHT_BY[fault["name"]], *(_drawn(fault) if DRAWN_TOO else ()))
    pair.serve(own_pair.name, fault["system"], fault["name"], mode)
    try:
        return run_gate(
            *selected, *quick, "-m", fault["gate"], "--env", "embedded", "--pair", own_pair.name, reports=reports
        )
    finally:
        pair.serve(own_pair.name, fault["system"], None)


def _drawn(fault: dict[str, Any], *, itself: bool = False) -> tuple[str, ...]:
    """Of the contract gate: the check that draws requests to the defect's operation, so that the table tells what
    schemathesis finds alone. Empty when it is the one that must catch the defect, but for `itself`."""
    if fault["gate"] != "contract" or fault["system"] != "worker":
        return ()
    found = tuple(check for check in DRAWN if check.endswith(f"-{fault['operation']}]"))
    return found if itself or CAUGHT_BY[fault["name"]] not in found else ()


@each_defect
def test_planted_defect_is_caught(
    fault: dict[str, Any], own_pair: PairState, parity: ParityRun, told: Told, tmp_path: Path
) -> None:
    """NO-GO, exit code 1, and the check that should catch the defect is among those that failed."""
    if fault["gate"] == "parity" and not _whole(fault, "planted"):
        differences = _played(fault, "planted", own_pair, parity)
        keys = {(each.operation, each.path, each.kind.value) for each in differences}
        told(fault, CAUGHT_BY[fault["name"]], "planted", f"found, {len(keys)} keys")
        _assert_shown(fault, keys)
        return
    done = _run(fault, "planted", own_pair, tmp_path / "reports")
    failed = done.verdict["gates"][0]["failed"]
    others = len(failed) - (CAUGHT_BY[fault["name"]] in failed)
    came = f"exit {done.code}" + (f", and {others} more checks" if others else "")
    if (FULL or DRAWN_TOO) and (drawn := _drawn(fault, itself=True)):
        came += ", found by drawing too" if set(drawn) & set(failed) else ", not found by drawing"
    told(fault, CAUGHT_BY[fault["name"]], "planted", came)
    if otherwise := ENDS_WITH.get(fault["name"]):
        assert done.code == otherwise["exit"], done.output
        assert any(CAUGHT_BY[fault["name"]] in reason for reason in done.verdict["reasons"]), done.output
        return
    assert done.code == 1, done.output
    assert CAUGHT_BY[fault["name"]] in failed, done.output
    if "shows" in fault:
        found = json.loads((done.folder / "parity.json").read_text())["differences"]
        _assert_shown(
            fault, {(row["operation"], row["path"], row["kind"]) for row in found if row["decision"] == "undeclared"}
        )


def _assert_shown(fault: dict[str, Any], keys: set[tuple[str, str, str]]) -> None:
    """The difference was found where its author said that a comparison must see it, in the class that he named."""
    wanted = FOUND_AS.get(fault["name"], fault["shows"])
    column = wanted["path"].removesuffix("NAME")  # NAME stands for any column
    assert any(
        (operation, kind) == (wanted["operation"], wanted["class"])
        and (path == wanted["path"] or (column != wanted["path"] and path.startswith(column)))
        for operation, path, kind in keys
    ), f"{wanted} is not among {sorted(keys)}"


def _played(
    fault: dict[str, Any], mode: Literal["planted", "neutral"], own_pair: PairState, parity: ParityRun
) -> list[Difference]:
    """What nobody declared of what its check's journey shows: the check itself, without a pytest of its own, whose
    start would take longer than the journey. make sensitivity runs the whole gate."""
    name = CAUGHT_BY[fault["name"]].partition("[")[2].rstrip("]")
    journey = next(journey for journey in written() if journey.name == name)
    pair.serve(own_pair.name, fault["system"], fault["name"], mode)
    try:
        return parity.play(journey, "")
    finally:
        pair.serve(own_pair.name, fault["system"], None)


@pytest.mark.parametrize(
    "fault",
    TWINS,
    ids=[f"{fault['system']}-{fault['name']}" for fault in TWINS],
)
def test_neutral_twin_is_clean(
    fault: dict[str, Any], own_pair: PairState, parity: ParityRun, told: Told, tmp_path: Path
) -> None:
    """The same wrapper without the defect: GO of the whole gate, or the one check passed."""
    if fault["gate"] == "parity" and not FULL:
        undeclared = _played(fault, "neutral", own_pair, parity)
        told(fault, CAUGHT_BY[fault["name"]], "neutral", "nothing undeclared" if not undeclared else "found")
        assert undeclared == []
        return
    done = _run(fault, "neutral", own_pair, tmp_path / "reports")
    counts = done.verdict["gates"][0]["counts"]
    closing = CLOSING.get(fault["gate"], ()) if not FULL else ()  # what only the sum of a whole gate shows
    unshown = set(done.verdict["gates"][0]["not_verified"]) - set(closing)
    came = "GO" if done.code == 0 else f"check {'failed' if counts['failed'] else 'passed'}, exit {done.code}"
    told(fault, CAUGHT_BY[fault["name"]], "neutral", came)
    assert (counts["failed"], unshown) == (0, set()), done.output
    assert counts["passed"] >= 1, done.output
    assert done.code == (0 if FULL else 10), done.output


def test_every_defect_names_its_check() -> None:
    """faults.toml and caught_by.toml list the same defects, and every check named is in the manifest."""
    manifest = tomllib.loads((root() / "manifest.toml").read_text())
    assert {fault["name"] for fault in FAULTS} == set(CAUGHT_BY)
    assert set(ENDS_WITH) <= set(CAUGHT_BY)
    assert set(FOUND_AS) <= {fault["name"] for fault in FAULTS if "shows" in fault}
    assert set(CAUGHT_BY.values()) <= {check for gate in manifest.values() for check in gate}


def test_every_defect_file_is_listed() -> None:
    """No planted defect lies in the folder without being run."""
    from cutover.embedded.faults import names

    for system in ("worker", "legacy"):
        assert set(names(root() / "reference", system)) == {f["name"] for f in FAULTS if f["system"] == system}
