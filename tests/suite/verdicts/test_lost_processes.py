"""If xdist workers are lost, a gate run ends as INVALID with its verdict as the last line."""

from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import CHECKS, MANIFEST, ProjectFactory

from cutover.config.validation import root
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

MORE = "".join(
    f"\n\ndef test_health_answers_again_{number}(target: Target) -> None:\n"
    f'    """Health is 200."""\n    target.call("health").expect_status()\n'
    for number in range(4)
)
LISTED = MANIFEST + "".join(
    f'"tests/smoke/test_tiny.py::test_health_answers_again_{number}[worker]" = '
    '{ system = "worker", level = "read-only" }\n'
    for number in range(4)
)


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ("", 0),  # control: the plugin without its effect
        ("configure", 11),
        ("usage", 11),
        ("collect other checks", 11),
        ("end in a check", 11),
        ("end after the last check", 11),
        ("exit while collecting", 3),  # xdist itself stops with an internal error
    ],
)
def test_lost_worker_process_is_invalid(
    own_pair: PairState, project_factory: ProjectFactory, tmp_path: Path, way: str, code: int
) -> None:
    """The exit code is 11, verdict.json says INVALID, and the last line is the verdict."""
    done = run_gate(
        "-m", "smoke", "--env", "embedded", "--pair", own_pair.name, "-n", "2",
        "-p", "tests.suite.support.lost_processes",
        reports=tmp_path / "reports", project=project_factory(CHECKS + MORE, manifest=LISTED),
        LOSE=way, PYTHONPATH=f"{root()}:{Path(__file__).parents[3] / 'src'}",
    )  # fmt: skip
    assert done.code == code, done.output
    assert done.last_line.startswith("smoke "), done.output
    assert done.last_line.endswith(f"exit {code}"), done.output
    assert done.verdict["exit_code"] == code
