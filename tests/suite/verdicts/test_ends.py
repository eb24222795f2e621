"""Ends of a run that hide something: teardowns, last fixtures, files that cannot be imported, terminals."""

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import GateRun, run_gate
from tests.suite.verdicts.conftest import CHECKS, MakeProject

from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

USER = "tests/smoke/test_tiny.py::test_user_is_refused[worker]"
FAILING = CHECKS.replace("expect_status(401)", "expect_status(418)")
BOTH_WAYS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])

Gate = Callable[..., GateRun]


@pytest.fixture
def gate(own_pair: PairState, tmp_path: Path) -> Gate:
    """Run the smoke gate of a project on the tests' own pair, with a reports folder of its own each time."""
    runs = iter(range(9))

    def run(project: Path, *arguments: str, **variables: str) -> GateRun:
        named = ("-m", "smoke", "--env", "embedded", "--pair", own_pair.name)
        return run_gate(*named, *arguments, reports=tmp_path / f"reports-{next(runs)}", project=project, **variables)

    return run


def failing_teardown(error: str, *, scope: str = "function") -> str:
    """The two checks, the second with a fixture whose end raises."""
    fixture = f'''

@pytest.fixture(scope="{scope}")
def spoilt():
    yield
    {error}


def test_user_is_refused(target: Target, spoilt: None) -> None:
'''
    return CHECKS.replace("\n\ndef test_user_is_refused(target: Target) -> None:\n", fixture)


@BOTH_WAYS
def test_waived_failure_does_not_hide_one_in_the_teardown(
    gate: Gate, make_project: MakeProject, workers: tuple[str, ...]
) -> None:
    """A waiver accepts one finding: what else fails in the same check is NO-GO."""
    project = make_project(FAILING)
    (failed,) = [record for record in gate(project).records if record["check"] == USER]
    (project / "waivers.toml").write_text(
        f'[[waiver]]\ncheck = "{USER}"\nenvironment = "embedded"\nfingerprint = "{failed["fingerprint"]}"\n'
        f'reason = "r"\nowner = "o"\nexpires = {datetime.date(2100, 1, 1)}\n'
    )
    assert gate(project, *workers).code == 0  # control: the waiver matches
    error = "from cutover.core.errors import CheckFailed\n    raise CheckFailed('lost', expected=1, got=0)"
    checks = failing_teardown(error).replace("expect_status(401)", "expect_status(418)")
    (project / "tests/smoke/test_tiny.py").write_text(checks)
    done = gate(project, *workers)
    assert done.code == 1, done.output


@BOTH_WAYS
def test_another_answerer_in_the_teardown_is_invalid(
    gate: Gate, make_project: MakeProject, workers: tuple[str, ...]
) -> None:
    """11: what answered while the test data was removed may have answered before."""
    error = "from cutover.core.errors import IdentityMismatch\n    raise IdentityMismatch('somebody else')"
    done = gate(make_project(failing_teardown(error)), *workers)
    assert done.code == 11, done.output


def test_error_after_the_last_check_is_never_go(gate: Gate, make_project: MakeProject) -> None:
    """A session fixture that fails at the end: not 0, and the verdict is said all the same."""
    done = gate(make_project(failing_teardown("raise RuntimeError('at the end')", scope="session")))
    assert done.code not in (0, 10), done.output
    assert done.last_line.startswith("smoke ")
    assert "at the end" in done.output


@BOTH_WAYS
def test_file_that_cannot_be_imported_is_never_go(
    gate: Gate, make_project: MakeProject, workers: tuple[str, ...]
) -> None:
    """With --continue-on-collection-errors as well: it may hold checks that nobody lists yet."""
    project = make_project()
    (project / "tests/smoke/test_broken.py").write_text("import no_such_module")
    assert gate(project, *workers).code not in (0, 10)
    done = gate(project, "--continue-on-collection-errors", *workers)
    assert done.code not in (0, 10), done.output
    assert "test_broken.py" in done.output


@pytest.mark.parametrize("option", ["--fixtures", "--fixtures-per-test", "--cache-show", "--full-trace"])
def test_options_that_show_and_end_are_refused(gate: Gate, make_project: MakeProject, option: str) -> None:
    """4: they end with 0 without having run a check, or print what requests hold."""
    done = gate(make_project(), option)
    assert done.code == 4, done.output


@BOTH_WAYS
def test_first_failure_stops_as_no_go(gate: Gate, make_project: MakeProject, workers: tuple[str, ...]) -> None:
    """-x: 1, under xdist as well, which ends such a run as if it were interrupted."""
    done = gate(make_project(FAILING), "-x", *workers)
    assert done.code == 1, done.output


@BOTH_WAYS
def test_half_a_character_from_a_server_breaks_nothing(
    gate: Gate, make_project: MakeProject, workers: tuple[str, ...]
) -> None:
    """A lone surrogate in what was measured is written down escaped, and travels between processes."""
    checks = CHECKS.replace("(target: Target) -> None:", "(target: Target, recorder) -> None:")
    checks = checks.replace(
        'target.call("health")', "recorder.measure('word', 'healthy\\ud800', 'any')\n    target.call('health')"
    )
    done = gate(make_project(checks), *workers)
    assert done.code == 0, done.output


def test_terminal_that_knows_only_ascii_gets_its_last_line(gate: Gate, make_project: MakeProject) -> None:
    """The verdict does not depend on what the terminal can show."""
    done = gate(make_project(FAILING), PYTHONIOENCODING="ascii", LC_ALL="C")
    assert done.code == 1, done.output
    assert done.last_line.startswith("smoke NO-GO")


def test_interrupted_run_names_what_it_left(gate: Gate, make_project: MakeProject) -> None:
    """Accounts that nobody removed are listed, on the terminal and in verdict.json."""
    checks = CHECKS.replace("(target: Target) -> None:", "(target: Target, accounts) -> None:").replace(
        'target.call("user").expect_status(401)',
        "accounts.new()\n    accounts.remove_all = list\n    raise KeyboardInterrupt",
    )
    done = gate(make_project(checks))
    assert done.code == 2, done.output
    assert "left over: worker account cutover-" in done.output
    assert len(done.verdict["leftovers"]) == 1
