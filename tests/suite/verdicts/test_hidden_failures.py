"""Failures that a run could hide: in teardowns, session fixtures, files that cannot be imported, and terminals."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import GateRun, run_gate
from tests.suite.verdicts.conftest import CHECKS, ProjectFactory

from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

USER = "tests/smoke/test_tiny.py::test_user_is_refused[worker]"
FAILING = CHECKS.replace("expect_status(401)", "expect_status(418)")
BOTH_WAYS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])

GateRunner = Callable[..., GateRun]


@pytest.fixture
def gate_runner(own_pair: PairState, tmp_path: Path) -> GateRunner:
    """Return a function that runs the smoke gate of a project on the tests' own pair, in a new reports folder."""
    runs = iter(range(9))

    def run(project: Path, *arguments: str, **variables: str) -> GateRun:
        named = ("-m", "smoke", "--env", "embedded", "--pair", own_pair.name)
        return run_gate(*named, *arguments, reports=tmp_path / f"reports-{next(runs)}", project=project, **variables)

    return run


def failing_teardown(error: str, *, scope: str = "function") -> str:
    """Return the two checks. The second one uses a fixture whose teardown raises."""
    fixture = f'''

@pytest.fixture(scope="{scope}")
def failing_end():
    yield
    {error}


def test_user_is_refused(target: Target, failing_end: None) -> None:
'''
    return CHECKS.replace("\n\ndef test_user_is_refused(target: Target) -> None:\n", fixture)


@BOTH_WAYS
def test_waiver_does_not_hide_a_failing_teardown(
    gate_runner: GateRunner, project_factory: ProjectFactory, workers: tuple[str, ...]
) -> None:
    """A waiver accepts one finding. Another failure of the same check is NO-GO."""
    project = project_factory(FAILING)
    (failed,) = [record for record in gate_runner(project).records if record["check"] == USER]
    (project / "waivers.toml").write_text(
        f'[[waiver]]\ncheck = "{USER}"\nenvironment = "embedded"\nfingerprint = "{failed["fingerprint"]}"\n'
        f'reason = "r"\nowner = "o"\nexpires = {datetime.date(2100, 1, 1)}\n'
    )
    assert gate_runner(project, *workers).code == 0  # control: the waiver matches
    error = "from cutover.core.errors import CheckFailed\n    raise CheckFailed('lost', expected=1, got=0)"
    checks = failing_teardown(error).replace("expect_status(401)", "expect_status(418)")
    (project / "tests/smoke/test_tiny.py").write_text(checks)
    done = gate_runner(project, *workers)
    assert done.code == 1, done.output


@BOTH_WAYS
def test_identity_mismatch_in_the_teardown_is_invalid(
    gate_runner: GateRunner, project_factory: ProjectFactory, workers: tuple[str, ...]
) -> None:
    """The exit code is 11, because another system may also have answered the check itself."""
    error = "from cutover.core.errors import IdentityMismatch\n    raise IdentityMismatch('another system')"
    done = gate_runner(project_factory(failing_teardown(error)), *workers)
    assert done.code == 11, done.output


def test_error_after_the_last_check_is_never_go(gate_runner: GateRunner, project_factory: ProjectFactory) -> None:
    """If a session fixture fails at the end, the exit code is not 0, and the verdict is printed."""
    done = gate_runner(project_factory(failing_teardown("raise RuntimeError('at the end')", scope="session")))
    assert done.code not in (0, 10), done.output
    assert done.last_line.startswith("smoke ")
    assert "at the end" in done.output


@BOTH_WAYS
def test_file_that_cannot_be_imported_is_not_go(
    gate_runner: GateRunner, project_factory: ProjectFactory, workers: tuple[str, ...]
) -> None:
    """The file may contain checks, so the verdict is not GO, also with --continue-on-collection-errors."""
    project = project_factory()
    (project / "tests/smoke/test_broken.py").write_text("import no_such_module")
    assert gate_runner(project, *workers).code not in (0, 10)
    done = gate_runner(project, "--continue-on-collection-errors", *workers)
    assert done.code not in (0, 10), done.output
    assert "test_broken.py" in done.output


@pytest.mark.parametrize("option", ["--fixtures", "--fixtures-per-test", "--cache-show", "--full-trace"])
def test_options_that_run_no_check_are_refused(
    gate_runner: GateRunner, project_factory: ProjectFactory, option: str
) -> None:
    """Options that end with 0 without a check, or print the content of requests, end with exit code 4."""
    done = gate_runner(project_factory(), option)
    assert done.code == 4, done.output


@pytest.mark.parametrize(
    "options", ["--markers", "-h", "--help", "--version", "-VV", "-p no:cutover-session --co", "-p no:terminal"]
)
def test_added_options_cannot_end_a_gate_with_0(
    gate_runner: GateRunner, project_factory: ProjectFactory, options: str
) -> None:
    """Options in PYTEST_ADDOPTS with which pytest prints something, or runs no gate, end with exit code 4."""
    done = gate_runner(project_factory(), PYTEST_ADDOPTS=options)
    assert done.code == 4, done.output


@BOTH_WAYS
@pytest.mark.parametrize("level", ["1", "2"])
def test_optimized_python_is_refused(
    gate_runner: GateRunner, project_factory: ProjectFactory, level: str, workers: tuple[str, ...]
) -> None:
    """Python leaves out assert statements with PYTHONOPTIMIZE, so a gate ends with exit code 4."""
    done = gate_runner(project_factory(), *workers, PYTHONOPTIMIZE=level)
    assert done.code == 4, done.output
    assert "PYTHONOPTIMIZE" in done.output
    assert "Traceback" not in done.output


@BOTH_WAYS
def test_exitfirst_with_a_failure_is_no_go(
    gate_runner: GateRunner, project_factory: ProjectFactory, workers: tuple[str, ...]
) -> None:
    """With -x the exit code is 1, also under xdist, which ends such a run like an interrupted one."""
    done = gate_runner(project_factory(FAILING), "-x", *workers)
    assert done.code == 1, done.output


@BOTH_WAYS
def test_lone_surrogate_in_a_measurement_is_escaped(
    gate_runner: GateRunner, project_factory: ProjectFactory, workers: tuple[str, ...]
) -> None:
    """A lone surrogate in a measured value is written escaped and can be sent between processes."""
    checks = CHECKS.replace("(target: Target) -> None:", "(target: Target, recorder) -> None:")
    checks = checks.replace(
        'target.call("health")', "recorder.measure('word', 'healthy\\ud800', 'any')\n    target.call('health')"
    )
    done = gate_runner(project_factory(checks), *workers)
    assert done.code == 0, done.output


def test_ascii_terminal_gets_the_verdict(gate_runner: GateRunner, project_factory: ProjectFactory) -> None:
    """The verdict does not depend on the characters that the terminal can show."""
    done = gate_runner(project_factory(FAILING), PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.code == 1, done.output
    assert done.last_line.startswith("smoke NO-GO")


def test_interrupted_run_lists_its_leftovers(gate_runner: GateRunner, project_factory: ProjectFactory) -> None:
    """Accounts that were not removed are listed on the terminal and in verdict.json."""
    checks = CHECKS.replace("(target: Target) -> None:", "(target: Target, accounts) -> None:").replace(
        'target.call("user").expect_status(401)',
        "accounts.new()\n    accounts.remove_all = list\n    raise KeyboardInterrupt",
    )
    done = gate_runner(project_factory(checks))
    assert done.code == 2, done.output
    assert "left over: worker account cutover-" in done.output
    assert len(done.verdict["leftovers"]) == 1
