"""If the embedded pair ends during a gate run, the run is INVALID with that one cause."""

from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import CHECKS, MANIFEST, ProjectFactory

pytestmark = pytest.mark.verdicts

KILLED = """

def test_health_before_the_end(target: Target, pytestconfig: pytest.Config) -> None:
    \"\"\"End a part of the pair, then go on.\"\"\"
    import os

    from cutover.embedded import state

    pair = state.read(pytestconfig.pluginmanager.get_plugin("cutover-session").pair.name)
    assert pair
    os.kill({pid}, 9)
    while (found := state.read(pair.name)) is not None and found.healthy:
        pass
    target.call("health").expect_status()
"""
NAMES = [f"test_health_answers_again_{number}" for number in range(4)]
MORE = "".join(
    f'\n\ndef {name}(target: Target) -> None:\n    """Health is 200."""\n    target.call("health").expect_status()\n'
    for name in NAMES
)
LISTED = MANIFEST + "".join(
    f'"tests/smoke/test_tiny.py::{name}[worker]" = {{ system = "worker", level = "read-only" }}\n'
    for name in (*NAMES, "test_health_before_the_end")
)


@pytest.mark.parametrize(
    ("pid", "ended", "workers"),
    [
        pytest.param("pair.pid", "all of it", ("-n", "2"), id="supervisor-n2"),
        pytest.param('pair.pids["worker"]', "worker: ", (), id="worker-serial"),
    ],
)
def test_lost_pair_is_one_cause(
    project_factory: ProjectFactory, tmp_path: Path, pid: str, ended: str, workers: tuple[str, ...]
) -> None:
    """The exit code is 11, and one reason names what ended and counts the checks that it stopped."""
    project = project_factory(CHECKS + KILLED.format(pid=pid) + MORE, manifest=LISTED)
    done = run_gate("-m", "smoke", "--env", "embedded", *workers, reports=tmp_path / "reports", project=project)
    assert done.code == 11, done.output
    assert done.last_line.endswith("exit 11"), done.output
    (reason,) = done.verdict["reasons"]
    assert reason.startswith("the embedded pair run-"), reason
    assert f"ended during the run: {ended}" in reason
    assert "check(s) could not reach it" in reason
