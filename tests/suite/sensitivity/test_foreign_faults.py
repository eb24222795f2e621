"""Each planted fault of the foreign pair makes its check fail in profile universal, and its control does not.

By default every fourth fault and two controls run; CUTOVER_SENSITIVITY=full runs all of them.
"""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from reference.foreign.faults import FAULTS
from reference.foreign.old import Old
from tests.suite.sensitivity.conftest import FaultTableWriter
from tests.suite.support.foreign_pair import foreign_pair
from tests.suite.support.gate_runs import GateRun, run_gate
from tests.suite.support.tutorial import copy_of_project, free_ports, run_commands, steps

from cutover.config.validation import root

pytestmark = pytest.mark.sensitivity

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
CAUGHT_BY: dict[str, tuple[str, str]] = {
    fault: (gate, check)
    for gate, faults in tomllib.loads(Path(__file__).with_name("foreign_caught_by.toml").read_text()).items()
    for fault, check in faults.items()
}
RUN = [fault for number, fault in enumerate(CAUGHT_BY) if FULL or number % 4 == 0]
CONTROLS = list(CAUGHT_BY) if FULL else ["upload-truncated", "wrong-column"]


@dataclass(frozen=True)
class Configured:
    """A project that the tutorial configured. ports: of both systems; variables: their secrets."""

    project: Path
    ports: tuple[int, int]
    variables: dict[str, str]


@pytest.fixture(scope="session")
def configured(tmp_path_factory: pytest.TempPathFactory) -> Configured:
    """Return a project after the steps "Draft the configuration" to "Fill in" of the tutorial."""
    project, ports = copy_of_project(tmp_path_factory.mktemp("foreign")), free_ports()
    with foreign_pair(new_port=ports[0], old_port=ports[1]) as pair:
        commands = "".join(text for heading, text in steps().items() if heading[0] in "234")
        done = run_commands(project, commands, ports, **pair.variables)
    assert done.returncode == 0, done.stdout
    table = project / "environments.toml"
    # A logout is effective at once, so the check need not wait longer for one that revokes nothing.
    table.write_text(table.read_text().replace("kv_propagation_s = 5 #", "kv_propagation_s = 1 #"))
    return Configured(project, ports, pair.variables)


def _run(fault: str, mode: Literal["planted", "control"], configured: Configured, reports: Path) -> GateRun:
    gate, check = CAUGHT_BY[fault]
    control = ("--control",) if mode == "control" else ()
    new, old = configured.ports
    with foreign_pair("--fault", fault, *control, new_port=new, old_port=old, variables=configured.variables):
        return run_gate(
            check, "-m", gate, "--env", "roster", "--shorten=0",
            reports=reports, project=configured.project, **configured.variables,
        )  # fmt: skip


def _row(fault: str) -> dict[str, str]:
    return {"system": "foreign old" if issubclass(FAULTS[fault], Old) else "foreign new", "name": fault}


@pytest.mark.parametrize("fault", RUN)
def test_foreign_fault_is_caught(
    fault: str, configured: Configured, fault_table: FaultTableWriter, tmp_path: Path
) -> None:
    """The check that must catch the fault fails: NO-GO, exit code 1."""
    done = _run(fault, "planted", configured, tmp_path / "reports")
    fault_table.add(_row(fault), CAUGHT_BY[fault][1], "planted", f"exit {done.code}")
    assert done.code == 1, done.output
    assert CAUGHT_BY[fault][1] in done.verdict["gates"][0]["failed"], done.output


@pytest.mark.parametrize("fault", CONTROLS)
def test_control_of_a_foreign_fault_passes(
    fault: str, configured: Configured, fault_table: FaultTableWriter, tmp_path: Path
) -> None:
    """The same wrapper without its effect: the check passes. The gate is INCONCLUSIVE, because only one check ran.

    Parity also searches all answers for foreign data when it ends.
    """
    done = _run(fault, "control", configured, tmp_path / "reports")
    fault_table.add(_row(fault), CAUGHT_BY[fault][1], "control", f"passed, exit {done.code}")
    counts = done.verdict["gates"][0]["counts"]
    passed = 2 if CAUGHT_BY[fault][0] == "parity" else 1
    assert (counts["passed"], counts["failed"], done.code) == (passed, 0, 10), done.output


def test_every_foreign_fault_names_its_check() -> None:
    """faults.py and foreign_caught_by.toml list the same faults, at least 20, and the checks are in the manifest."""
    manifest = tomllib.loads((root() / "manifest.toml").read_text())
    assert set(CAUGHT_BY) == set(FAULTS)
    assert len(FAULTS) >= 20
    for gate, check in CAUGHT_BY.values():
        assert check in manifest[gate]
