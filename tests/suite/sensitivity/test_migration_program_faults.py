"""Each planted fault of the migration program is found on the data of the embedded pair; the controls change nothing.

By default the reconciliation runs in the test's process, with several faults whose findings differ, and one fault in a
whole gate. With CUTOVER_SENSITIVITY=full each fault and each control runs in a whole gate.
"""

import os
import shutil
import tomllib
from collections.abc import Generator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.support.migrated_pair import environment_of, places_of, reconcile_here

from cutover.config.validation import root
from cutover.embedded import pair as pairs
from cutover.embedded import pair_migration
from cutover.embedded.state import PairState
from cutover.migration.mapping_file import load_mapping
from cutover.migration.own_table_runs import OwnTableRuns
from cutover.pytest_plugin import pair_filling

pytestmark = [pytest.mark.sensitivity, pytest.mark.xdist_group("faults of the migration program")]

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
FAULTS: list[dict[str, Any]] = tomllib.loads((root() / "reference/faults/migration.toml").read_text())["program"]
CAUGHT_BY: dict[str, str] = tomllib.loads(Path(__file__).with_name("migration_caught_by.toml").read_text())
NAMES = [fault["name"] for fault in FAULTS]
TOGETHER = (
    "ids-of-five-digits-swapped,delta-resets-public-filters,delta-empties-the-log,sequences-at-the-greatest-id,"
    "repeated-hour-shifted",
    "joined-emoji-broken,empty-file-missing,infinite-dates-lost",
)
"""Faults of one run: each shows at a place where no other of the same run does."""
IN_A_GATE = NAMES if FULL else ["delta-resets-public-filters"]


@pytest.fixture(scope="module")
def own_pair() -> Generator[PairState]:
    """Yield a pair of these tests. Each of them fills it again."""
    handle = pairs.start(pairs.anonymous_name(), owned=True, options=pairs.PairOptions())
    yield handle.wait(90)
    handle.stop()


def migrated(pair: PairState, fault: str, mode: str) -> OwnTableRuns:
    """Fill the pair with a few rows of every kind, by full and delta with the fault. Return the recorded runs."""
    mapping = load_mapping(root())
    recorded = len(pair_filling.recorded_runs(pair))
    shutil.rmtree(pair_migration.folder_of(pair) / "state", ignore_errors=True)
    pair_migration.generate(pair, "--clear", "--users", "60", "--files", "80", "--awkward-carried")
    with pair_filling.recorded(pair, mapping):
        pair_migration.migrate(pair, "full", "--replace", fault=(fault, mode))
    for statement in ("DELETE FROM audit_logs", "DELETE FROM saved_filters", *pair_filling.OWN_ROWS):
        answer = httpx.post(f"{pair.d1_url}/raw", json={"sql": statement, "params": []}, trust_env=False)
        assert answer.status_code == 200, answer.text
    pair_migration.generate(pair, "--change", "--seed", "3")
    with pair_filling.recorded(pair, mapping):
        pair_migration.migrate(pair, "delta", fault=(fault, mode))
    return OwnTableRuns(recorded=pair_filling.recorded_runs(pair)[recorded:])


@pytest.mark.parametrize("names", TOGETHER)
def test_faults_of_the_program_are_found(names: str, own_pair: PairState, tmp_path: Path) -> None:
    """A finding has the part, table, column and kind of each fault."""
    runs = migrated(own_pair, names, "planted")
    _, findings = reconcile_here(environment_of(own_pair), tmp_path, thorough=True, own_runs=runs)
    places = {place[:4] for place in places_of(findings)}
    shows = {fault["name"]: fault["shows"] for fault in FAULTS}
    for name in names.split(","):
        wanted = tuple(shows[name].get(word) for word in ("part", "table", "column", "kind"))
        assert wanted in places, (name, sorted(map(str, places_of(findings))))


def test_controls_of_the_program_change_nothing(own_pair: PairState, tmp_path: Path) -> None:
    """The controls of all faults in one program give no finding."""
    runs = migrated(own_pair, ",".join(NAMES), "control")
    result, findings = reconcile_here(environment_of(own_pair), tmp_path, thorough=True, own_runs=runs)
    assert (places_of(findings), result.unverified) == (set(), {})
    assert result.own["runs"] == 2


@pytest.mark.parametrize("mode", ["planted", "control"] if FULL else ["planted"])
@pytest.mark.parametrize("name", IN_A_GATE)
def test_gate_catches_fault_of_the_program(name: str, mode: str, own_pair: PairState, tmp_path: Path) -> None:
    """The whole gate is NO-GO by the named check, and GO for the control."""
    for file in pair_filling.folder_of(own_pair).glob("*"):
        file.unlink()
    migrated(own_pair, name, mode)
    done = run_gate("-m", "migration", "--env", "embedded", "--pair", own_pair.name, reports=tmp_path / "reports")
    failed = [record["check"] for record in done.records if record["status"] == "failed"]
    assert (done.code, CAUGHT_BY[name] in failed) == ((1, True) if mode == "planted" else (0, False)), done.output


def test_every_fault_of_the_program_names_its_check() -> None:
    """migration.toml and migration_caught_by.toml list the same faults, and every check is in the manifest."""
    assert sorted(NAMES) == sorted(",".join(TOGETHER).split(","))
    manifest = tomllib.loads((root() / "manifest.toml").read_text())
    assert set(NAMES) == set(CAUGHT_BY)
    assert set(CAUGHT_BY.values()) <= set(manifest["migration"])
