"""Each planted fault makes its check fail, and its control does not.

By default each fault runs against the one check that must catch it (caught_by.toml), one fault of smoke runs against
the whole gate, and some controls run. CUTOVER_SENSITIVITY=full runs every fault and every control against the whole
gate. CUTOVER_SENSITIVITY=generated (or the old name, drawn) also runs each fault and control of the contract gate
against the check that generates requests. The author of a fault does not read the checks.
"""

import json
import os
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.suite.sensitivity.conftest import FaultTableWriter
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
GENERATED_TOO = os.environ.get("CUTOVER_SENSITIVITY") in ("generated", "drawn")
ALL: list[dict[str, Any]] = tomllib.loads((root() / "reference/faults/faults.toml").read_text())["fault"]
FAULTS = [fault for fault in ALL if fault["gate"] != "preflight"]
"""Those of the preflight gate are in test_preflight_faults.py."""
_TABLES = tomllib.loads(Path(__file__).with_name("caught_by.toml").read_text())
CAUGHT_BY: dict[str, str] = _TABLES["caught_by"]
FOUND_AS: dict[str, dict[str, str]] = _TABLES["found_as"]
ENDS_WITH: dict[str, dict[str, Any]] = _TABLES["ends_with"]
GENERATED = [
    check
    for check in tomllib.loads((root() / "manifest.toml").read_text())["contract"]
    if check.startswith("tests/contract/test_operations.py::") and "operation_keeps" in check
]
# Runs against the whole gate in every test run. The same for the parity gate is in tests/suite/verdicts.
WHOLE = "every-upload-refused"
"""A broken operation that many checks need: it must not fail or hide any of them (test_blocked_checks.py)."""

# The controls that run by default: every third one of smoke, and the first one of parity and of contract.
FIRST = {gate: next(f["name"] for f in FAULTS if f["gate"] == gate) for gate in ("parity", "contract")}
CONTROLS = [
    fault
    for number, fault in enumerate(FAULTS)
    if FULL or GENERATED_TOO or fault["name"] in FIRST.values() or (fault["gate"] == "smoke" and number % 3 == 0)
]
each_fault = pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault['system']}-{fault['name']}" for fault in FAULTS])


def _runs_whole_gate(fault: dict[str, Any], mode: str) -> bool:
    """Return True if the whole gate must run: with =full always, otherwise only for one fault."""
    return FULL or (mode == "planted" and fault["name"] == WHOLE)


def _run(fault: dict[str, Any], mode: Literal["planted", "control"], own_pair: PairState, reports: Path) -> GateRun:
    """Run the gate, or the one check, with the fault or its control planted, then restore the pair."""
    quick = ("--shorten=0",) if fault["gate"] == "parity" else ()  # the finding counts, not the shortest journey to it
    whole_gate = _runs_whole_gate(fault, mode)
    selected = () if whole_gate else (CAUGHT_BY[fault["name"]], *(_generating_checks(fault) if GENERATED_TOO else ()))
    pair.serve(own_pair.name, fault["system"], fault["name"], mode)
    try:
        return run_gate(
            *selected, *quick, "-m", fault["gate"], "--env", "embedded", "--pair", own_pair.name, reports=reports,
            **fault.get("variables", {}),
        )  # fmt: skip
    finally:
        pair.serve(own_pair.name, fault["system"], None)


def _generating_checks(fault: dict[str, Any], *, itself: bool = False) -> tuple[str, ...]:
    """Return the check of the contract gate that generates requests to the fault's operation.

    So the table states what schemathesis finds alone. Empty if it is the check that must catch the fault, unless
    `itself` is set.
    """
    if fault["gate"] != "contract" or fault["system"] != "worker":
        return ()
    found = tuple(check for check in GENERATED if check.endswith(f"-{fault['operation']}]"))
    return found if itself or CAUGHT_BY[fault["name"]] not in found else ()


@each_fault
def test_planted_fault_is_caught(
    fault: dict[str, Any], own_pair: PairState, parity: ParityRun, fault_table: FaultTableWriter, tmp_path: Path
) -> None:
    """The gate is NO-GO (exit code 1), and the check that must catch the fault failed."""
    if fault["gate"] == "parity" and not _runs_whole_gate(fault, "planted"):
        differences = _play(fault, "planted", own_pair, parity)
        keys = {(each.operation, each.path, each.kind.value) for each in differences}
        fault_table.add(fault, CAUGHT_BY[fault["name"]], "planted", f"found, {len(keys)} keys")
        _assert_found(fault, keys)
        return
    done = _run(fault, "planted", own_pair, tmp_path / "reports")
    failed = done.verdict["gates"][0]["failed"]
    others = len(failed) - (CAUGHT_BY[fault["name"]] in failed)
    result = f"exit {done.code}" + (f", and {others} more checks" if others else "")
    if (FULL or GENERATED_TOO) and (generating := _generating_checks(fault, itself=True)):
        result += (
            ", found by generated requests too"
            if set(generating) & set(failed)
            else ", not found by generated requests"
        )
    fault_table.add(fault, CAUGHT_BY[fault["name"]], "planted", result)
    if otherwise := ENDS_WITH.get(fault["name"]):
        assert done.code == otherwise["exit"], done.output
        assert any(CAUGHT_BY[fault["name"]] in reason for reason in done.verdict["reasons"]), done.output
        return
    assert done.code == 1, done.output
    assert CAUGHT_BY[fault["name"]] in failed, done.output
    if fault["name"] == WHOLE:
        counts = done.verdict["gates"][0]["counts"]
        assert len(done.verdict["reasons"]) == 1, done.output
        assert counts["passed"] + counts["failed"] + counts["blocked"] == counts["required"], done.output
    if "shows" in fault:
        found = json.loads((done.folder / "parity.json").read_text())["differences"]
        _assert_found(
            fault, {(row["operation"], row["path"], row["kind"]) for row in found if row["decision"] == "undeclared"}
        )


def _assert_found(fault: dict[str, Any], keys: set[tuple[str, str, str]]) -> None:
    """Assert that the difference has the operation, the path and the class that the fault's author stated."""
    wanted = FOUND_AS.get(fault["name"], fault["shows"])
    column = wanted["path"].removesuffix("NAME")  # NAME means any column
    assert any(
        (operation, kind) == (wanted["operation"], wanted["class"])
        and (path == wanted["path"] or (column != wanted["path"] and path.startswith(column)))
        for operation, path, kind in keys
    ), f"{wanted} is not among {sorted(keys)}"


def _play(
    fault: dict[str, Any], mode: Literal["planted", "control"], own_pair: PairState, parity: ParityRun
) -> list[Difference]:
    """Play the journey of the fault's check and return the undeclared differences.

    This is the check without a pytest process, whose start would take longer than the journey. `make sensitivity`
    runs the whole gate.
    """
    name = CAUGHT_BY[fault["name"]].partition("[")[2].rstrip("]")
    journey = next(journey for journey in written() if journey.name == name)
    pair.serve(own_pair.name, fault["system"], fault["name"], mode)
    try:
        return parity.play(journey, "")
    finally:
        pair.serve(own_pair.name, fault["system"], None)


@pytest.mark.parametrize("mode", ["planted", "control"])
def test_loss_that_both_systems_share_is_found(
    mode: Literal["planted", "control"], own_pair: PairState, parity: ParityRun
) -> None:
    """Both systems answer an empty list: equal responses, and the uploaded files are missing. It is one finding."""
    faults: dict[Literal["worker", "legacy"], str] = {"worker": "list-always-empty", "legacy": "list_always_empty"}
    journey = next(journey for journey in written() if journey.name == "several_files_of_one_name")
    try:
        for system, fault in faults.items():
            pair.serve(own_pair.name, system, fault, mode)
        found = [(each.operation, each.path, each.kind.value) for each in parity.play(journey, "")]
    finally:
        for system in faults:
            pair.serve(own_pair.name, system, None)
    assert found == ([("list_files", "/files/*", "semantics")] if mode == "planted" else [])


@pytest.mark.parametrize(
    "fault",
    CONTROLS,
    ids=[f"{fault['system']}-{fault['name']}" for fault in CONTROLS],
)
def test_control_is_go(
    fault: dict[str, Any], own_pair: PairState, parity: ParityRun, fault_table: FaultTableWriter, tmp_path: Path
) -> None:
    """The same wrapper without the fault: the whole gate is GO, or the one check passes."""
    if fault["gate"] == "parity" and not FULL:
        undeclared = _play(fault, "control", own_pair, parity)
        fault_table.add(fault, CAUGHT_BY[fault["name"]], "control", "nothing undeclared" if not undeclared else "found")
        assert undeclared == []
        return
    done = _run(fault, "control", own_pair, tmp_path / "reports")
    counts = done.verdict["gates"][0]["counts"]
    closing = CLOSING.get(fault["gate"], ()) if not FULL else ()  # needs all checks of a gate
    unverified = set(done.verdict["gates"][0]["not_verified"]) - set(closing)
    result = "GO" if done.code == 0 else f"check {'failed' if counts['failed'] else 'passed'}, exit {done.code}"
    fault_table.add(fault, CAUGHT_BY[fault["name"]], "control", result)
    assert (counts["failed"], unverified) == (0, set()), done.output
    assert counts["passed"] >= 1, done.output
    assert done.code == (0 if FULL else 10), done.output


def test_every_fault_names_its_check() -> None:
    """faults.toml and caught_by.toml list the same faults, and every named check is in the manifest."""
    manifest = tomllib.loads((root() / "manifest.toml").read_text())
    assert {fault["name"] for fault in ALL} == set(CAUGHT_BY)
    assert set(ENDS_WITH) <= set(CAUGHT_BY)
    assert set(FOUND_AS) <= {fault["name"] for fault in FAULTS if "shows" in fault}
    assert set(CAUGHT_BY.values()) <= {check for gate in manifest.values() for check in gate}


def test_every_fault_file_is_listed() -> None:
    """Every fault in the folders is listed, so it is run."""
    from cutover.embedded.faults import names

    for system in ("worker", "legacy", "preflight"):
        assert set(names(root() / "reference", system)) == {f["name"] for f in ALL if f["system"] == system}
