"""The lifecycle that every run shares: src/cutover/run."""

import dataclasses
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cutover.config.environment import Identity
from cutover.config.environments import Environment, load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import CheckFailed, IdentityMismatch, MeasurementError, NotVerified, RateLimited
from cutover.core.evidence import Status
from cutover.core.verdict import GateVerdict, Verdict
from cutover.run import lifecycle
from cutover.run.lifecycle import Command, Outcome, Run

pytestmark = pytest.mark.unit

FAILURE = CheckFailed("finding", expected=1, got=2)


class Example(Command):
    """A command whose work is given by the test."""

    def __init__(
        self, environment: Environment, reports: Path, step: Callable[[], Outcome], *, version: str | None = None
    ) -> None:
        super().__init__(root(), "example", environment, reports=reports, asked_version=version)
        self.step = step
        self.cleaned = False
        self.before_present: Callable[[Path], None] | None = None

    def work(self) -> Outcome:
        """Do what the test gave."""
        return self.step()

    def cleanup(self) -> None:
        """Note that the clean-up ran."""
        self.cleaned = True

    def present(self, verdict: GateVerdict, run_facts: Mapping[str, Any]) -> list[str]:
        """Break the folder if the test wants that, then print one line."""
        del run_facts
        if self.before_present is not None:
            self.before_present(self.folder)
        return [f"presented {verdict.verdict.value}"]


@pytest.fixture
def environment() -> Environment:
    """An environment that is not sent anything."""
    return load_environment(root(), "https://list-cutter.invalid")


@pytest.fixture(autouse=True)
def untouched_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    """Signals of the process that runs these tests stay as they are."""
    monkeypatch.setattr(lifecycle, "interrupt_on_sigterm", lambda: None)
    monkeypatch.setattr(lifecycle, "ignore_interrupts", lambda: None)


def raising(error: BaseException) -> Callable[[], Outcome]:
    """Return work that raises this."""

    def work() -> Outcome:
        raise error

    return work


def verdict_of(command: Run) -> dict[str, Any]:
    """Return the content of verdict.json."""
    content: dict[str, Any] = json.loads((command.folder / "verdict.json").read_text())
    return content


@pytest.mark.parametrize(
    ("step", "code", "word"),
    [
        (lambda: Outcome(Status.PASSED), 0, "GO"),
        (lambda: Outcome(Status.FAILED, "a difference"), 1, "NO-GO"),
        (lambda: Outcome(Status.NOT_VERIFIED, "nothing compared"), 10, "INCONCLUSIVE"),
        (raising(FAILURE), 1, "NO-GO"),
        (raising(NotVerified("no store")), 10, "INCONCLUSIVE"),
        (raising(MeasurementError("a truncated listing")), 11, "INVALID"),
        (raising(IdentityMismatch("another version")), 11, "INVALID"),
        (raising(RateLimited("429")), 11, "INVALID"),
        (raising(KeyboardInterrupt()), 2, "TOOL ERROR"),
        (raising(ConfigurationError("file", "key", "is wrong", "Fix it.")), 4, "TOOL ERROR"),
        (raising(RuntimeError("a bug")), 3, "TOOL ERROR"),
    ],
    ids=[
        "passed", "failed", "not verified", "CheckFailed", "NotVerified", "MeasurementError", "IdentityMismatch",
        "RateLimited", "interrupted", "ConfigurationError", "bug",
    ],
)  # fmt: skip
def test_outcome_decides_exit_code_and_last_line(
    environment: Environment,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    step: Callable[[], Outcome],
    code: int,
    word: str,
) -> None:
    """Return value, verdict.json and last line agree for every way in which work can end."""
    command = Example(environment, tmp_path, step)
    assert command.execute() == code
    assert verdict_of(command)["exit_code"] == code
    assert verdict_of(command)["verdict"] == word
    printed = capsys.readouterr().out.splitlines()
    assert printed[-1].startswith(f"example {word}")
    assert printed[-1].endswith(f"exit {code}")
    assert command.cleaned


@pytest.mark.parametrize(
    ("judges", "version", "code"), [(True, None, 10), (True, "v1", 0), (False, None, 0)],
)  # fmt: skip
def test_command_proves_which_colour_answered(
    environment: Environment, tmp_path: Path, judges: bool, version: str | None, code: int
) -> None:
    """If colours share an identity, a verdict about the Worker needs the version that was asked for."""
    worker = environment.systems["worker"]
    identity = Identity("x-served-by", "list-cutter-worker", "x-worker-version", version_required=True)
    coloured = dataclasses.replace(worker, name="list-cutter", identity=identity)
    systems = {**environment.systems, "worker": coloured}
    command = Example(
        dataclasses.replace(environment, systems=systems), tmp_path, lambda: Outcome(Status.PASSED), version=version
    )
    command.judges_worker = judges
    assert command.execute() == code
    assert ("--worker-version ID" in str(verdict_of(command)["reasons"])) is (code == 10)


def test_verdict_is_unfinished_while_work_runs(environment: Environment, tmp_path: Path) -> None:
    """A run that is killed leaves INVALID behind."""
    seen: list[dict[str, Any]] = []

    def work() -> Outcome:
        seen.append(verdict_of(command))
        return Outcome(Status.PASSED)

    command = Example(environment, tmp_path, work)
    command.execute()
    assert (seen[0]["verdict"], seen[0]["exit_code"]) == ("INVALID", 11)


@pytest.fixture
def unwritable_verdict() -> Callable[[Path], None]:
    """Makes a folder in which verdict.json cannot be replaced, also for root."""

    def spoil(folder: Path) -> None:
        (folder / "verdict.json").unlink()
        (folder / "verdict.json").mkdir()
        (folder / "verdict.json" / "in the way").touch()

    return spoil


@pytest.mark.parametrize("status", [Status.PASSED, Status.FAILED, Status.NOT_VERIFIED])
def test_verdict_that_cannot_be_written_is_invalid(
    environment: Environment,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    unwritable_verdict: Callable[[Path], None],
    status: Status,
) -> None:
    """GO, NO-GO and INCONCLUSIVE alike: a caller that reads the file must not trust the run."""
    command = Example(environment, tmp_path, lambda: Outcome(status, "reason"))
    command.before_present = unwritable_verdict
    assert command.execute() == 11
    last = capsys.readouterr().out.splitlines()[-1]
    assert last.startswith("example INVALID")
    assert command.verdicts[0].verdict is Verdict.INVALID


def test_tool_error_stays_if_the_verdict_cannot_be_written(
    environment: Environment, tmp_path: Path, unwritable_verdict: Callable[[Path], None]
) -> None:
    """A tool error comes before INVALID."""
    command = Example(environment, tmp_path, raising(RuntimeError("a bug")))
    command.before_present = unwritable_verdict
    assert command.execute() == 3


def test_failed_cleanup_is_invalid(environment: Environment, tmp_path: Path) -> None:
    """An unreachable system during the clean-up may have been unreachable before."""
    command = Example(environment, tmp_path, lambda: Outcome(Status.PASSED))
    command.cleanup = raising(IdentityMismatch("another version"))  # type: ignore[method-assign, assignment]
    assert command.execute() == 11


def test_closed_output_keeps_the_exit_code(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader that has left changes neither the exit code nor verdict.json."""
    reader, writer = os.pipe()
    os.close(reader)
    closed = os.fdopen(writer, "w", buffering=1)
    monkeypatch.setattr("sys.stdout", closed)
    command = Example(environment, tmp_path, lambda: Outcome(Status.FAILED, "a difference"))
    code = command.execute()
    monkeypatch.undo()
    with pytest.raises(BrokenPipeError):
        closed.close()
    assert (code, verdict_of(command)["verdict"]) == (1, "NO-GO")


@pytest.mark.parametrize("step", ["records_of", "complete_facts", "present"])
def test_error_in_the_last_steps_is_a_tool_error(
    environment: Environment,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    step: str,
) -> None:
    """Exit code, verdict.json and last line agree; an exception would leave verdict.json at INVALID."""
    command = Example(environment, tmp_path, lambda: Outcome(Status.PASSED))
    monkeypatch.setattr(command, step, None)
    assert command.execute() == 3
    assert (verdict_of(command)["verdict"], verdict_of(command)["exit_code"]) == ("TOOL ERROR", 3)
    assert capsys.readouterr().out.splitlines()[-1].startswith("example TOOL ERROR")


def test_missing_output_keeps_the_exit_code(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python sets sys.stdout and sys.stderr to None if they are closed when it starts (`>&- 2>&-`)."""
    monkeypatch.setattr("sys.stdout", None)
    monkeypatch.setattr("sys.stderr", None)
    command = Example(environment, tmp_path, lambda: Outcome(Status.PASSED))
    command.progress("progress")
    assert command.execute() == 0


def test_half_a_surrogate_pair_keeps_the_verdict(
    environment: Environment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reason from a server that cannot be encoded as UTF-8 reaches the step summary escaped."""
    summary = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    command = Example(environment, tmp_path, lambda: Outcome(Status.FAILED, "got \ud800"))
    assert command.execute() == 1
    assert "got \\ud800" in summary.read_text()
