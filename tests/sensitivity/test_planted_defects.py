"""Each planted defect turns its check red, and its neutral twin leaves it green.

By default each runs against the one check that must catch it, and one defect of each gate against the
whole gate. With CUTOVER_SENSITIVITY=full every defect and every twin runs against its whole gate.
Which check must catch which defect is in caught_by.toml; who plants a defect does not read the checks.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.gate_runs import GateRun, run_gate
from tests.sensitivity.conftest import Told

from cutover.configuration import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.sensitivity

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
FAULTS: list[dict[str, Any]] = tomllib.loads((root() / "reference/faults/faults.toml").read_text())["fault"]
CAUGHT_BY: dict[str, str] = tomllib.loads(Path(__file__).with_name("caught_by.toml").read_text())["caught_by"]
# One of each gate is run to the exit code of the whole gate in every test run.
REPRESENTATIVES = {gate: next(f["name"] for f in FAULTS if f["gate"] == gate) for gate in {f["gate"] for f in FAULTS}}

each_defect = pytest.mark.parametrize("fault", FAULTS, ids=[f"{fault['system']}-{fault['name']}" for fault in FAULTS])


def _run(fault: dict[str, Any], mode: Literal["planted", "neutral"], own_pair: PairState, reports: Path) -> GateRun:
    """The gate, or the one check, with the defect or its twin in place; the pair is honest again afterwards."""
    whole = FULL or (mode == "planted" and fault["name"] in REPRESENTATIVES.values())
    selected = () if whole else (CAUGHT_BY[fault["name"]],)
    pair.serve(own_pair.name, fault["system"], fault["name"], mode)
    try:
        return run_gate(*selected, "-m", fault["gate"], "--env", "embedded", "--pair", own_pair.name, reports=reports)
    finally:
        pair.serve(own_pair.name, fault["system"], None)


@each_defect
def test_planted_defect_is_caught(fault: dict[str, Any], own_pair: PairState, told: Told, tmp_path: Path) -> None:
    """NO-GO, exit code 1, and the check that should catch the defect is among those that failed."""
    done = _run(fault, "planted", own_pair, tmp_path / "reports")
    failed = done.verdict["gates"][0]["failed"]
    others = len(failed) - (CAUGHT_BY[fault["name"]] in failed)
    came = f"exit {done.code}" + (f", and {others} more checks" if others else "")
    told(fault, CAUGHT_BY[fault["name"]], "planted", came)
    assert done.code == 1, done.output
    assert CAUGHT_BY[fault["name"]] in failed, done.output


@each_defect
def test_neutral_twin_is_clean(fault: dict[str, Any], own_pair: PairState, told: Told, tmp_path: Path) -> None:
    """The same wrapper without the defect: GO of the whole gate, or the one check passed."""
    done = _run(fault, "neutral", own_pair, tmp_path / "reports")
    counts = done.verdict["gates"][0]["counts"]
    came = "GO" if done.code == 0 else f"check {'failed' if counts['failed'] else 'passed'}, exit {done.code}"
    told(fault, CAUGHT_BY[fault["name"]], "neutral", came)
    assert (counts["failed"], counts["not_verified"]) == (0, 0), done.output
    assert counts["passed"] >= 1, done.output
    assert done.code == (0 if FULL else 10), done.output


def test_every_defect_names_its_check() -> None:
    """faults.toml and caught_by.toml list the same defects, and every check named is in the manifest."""
    manifest = tomllib.loads((root() / "manifest.toml").read_text())
    assert {fault["name"] for fault in FAULTS} == set(CAUGHT_BY)
    assert set(CAUGHT_BY.values()) <= {check for gate in manifest.values() for check in gate}


def test_every_defect_file_is_listed() -> None:
    """No planted defect lies in the folder without being run."""
    from cutover.embedded.faults import names

    for system in ("worker", "legacy"):
        assert set(names(root() / "reference", system)) == {f["name"] for f in FAULTS if f["system"] == system}
