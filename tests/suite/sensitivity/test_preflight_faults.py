"""Each fault planted into the surroundings or a system makes the preflight gate NO-GO, and its control does not.

By default one fault of each kind and some controls run. CUTOVER_SENSITIVITY=full runs all of them. Each run is the
whole gate, because it takes seconds. The author of a fault does not read the checks.
"""

import os
import tomllib
from pathlib import Path
from typing import Any, Literal

import pytest
from tests.suite.sensitivity.conftest import FaultTableWriter
from tests.suite.support.gate_runs import GateRun, run_gate

from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.sensitivity

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
_ALL: list[dict[str, Any]] = tomllib.loads((root() / "reference/faults/faults.toml").read_text())["fault"]
FAULTS = {fault["name"]: fault for fault in _ALL if fault["gate"] == "preflight"}
_TABLES = tomllib.loads(Path(__file__).with_name("caught_by.toml").read_text())
CAUGHT_BY: dict[str, str] = _TABLES["caught_by"]
ALSO_FAILS: dict[str, dict[str, str]] = _TABLES["also_fails"]

SAMPLE = {name.partition("_")[0] if "_" in name else "system": name for name in reversed(FAULTS)}
"""Kind -> its first fault."""
PLANTED = list(FAULTS) if FULL else list(SAMPLE.values())
CONTROLS = list(FAULTS) if FULL else [SAMPLE["dns"], SAMPLE["storage"]]


def _run(name: str, mode: Literal["planted", "control"], own_pair: PairState, reports: Path) -> GateRun:
    """Run the gate with the fault or its control planted, then restore the surroundings."""
    pair.serve(own_pair.name, FAULTS[name]["system"], name, mode)
    try:
        return run_gate("-m", "preflight", "--env", "embedded", "--pair", own_pair.name, reports=reports)
    finally:
        pair.serve(own_pair.name, FAULTS[name]["system"], None)


@pytest.mark.parametrize("name", PLANTED)
def test_planted_fault_is_caught(name: str, own_pair: PairState, fault_table: FaultTableWriter, tmp_path: Path) -> None:
    """The gate is NO-GO (exit code 1), and only the check that must catch the fault failed, or those listed with it."""
    done = _run(name, "planted", own_pair, tmp_path / "reports")
    failed = done.verdict["gates"][0]["failed"]
    others = len(set(failed) - {CAUGHT_BY[name]})
    result = f"exit {done.code}" + (f", and {others} more checks" if others else "")
    fault_table.add(FAULTS[name], CAUGHT_BY[name], "planted", result)
    assert done.code == 1, done.output
    also = [ALSO_FAILS[name]["check"]] if name in ALSO_FAILS else []
    assert sorted(failed) == sorted([CAUGHT_BY[name], *also]), done.output


@pytest.mark.parametrize("name", CONTROLS)
def test_control_is_go(name: str, own_pair: PairState, fault_table: FaultTableWriter, tmp_path: Path) -> None:
    """The gate is GO with the same change without its effect."""
    done = _run(name, "control", own_pair, tmp_path / "reports")
    fault_table.add(FAULTS[name], CAUGHT_BY[name], "control", "GO" if done.code == 0 else f"exit {done.code}")
    assert done.code == 0, done.output


def test_each_kind_of_fault_is_in_the_sample() -> None:
    """CI runs a fault of each kind."""
    assert set(SAMPLE) == {"wrangler", "dns", "tls", "storage", "prerequisites", "suite", "system"}
