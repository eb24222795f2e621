"""The lifecycle of every run: id and folder, unfinished verdict first, files, verdict, last line, exit code.

pytest gates, load runs and the `cutover` commands all use it. `Command` adds the steps that commands share:
signals, and the status that an exception means.
"""

from __future__ import annotations

import datetime
import os
import sys
import time
import traceback
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError
from cutover.config.worker_version import unproven_version
from cutover.core.acceptances import Acceptance, with_acceptances
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified, Refused
from cutover.core.evidence import EvidenceLog, Record, Status
from cutover.core.recorder import Recorder
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode, GateVerdict, by_precedence, decide, exit_code, invalidated
from cutover.core.verdict import Run as RunFacts
from cutover.report.leftover_lines import leftover_lines
from cutover.report.step_summary import append_step_summary
from cutover.report.terminal import last_line
from cutover.run.judging_files import JudgingFiles, read_judging_files
from cutover.run.signals import ignore_interrupts, interrupt_on_sigterm
from cutover.run.verdict_file import facts, finished, unfinished

VERDICT_FILE: Final = "verdict.json"
TEST_DATA_FILE: Final = "test-data.jsonl"
"""Lists the names of test data before they are created, for the cleanup."""

Present = Callable[[Sequence[GateVerdict], Mapping[str, Any]], Iterable[str]]
"""Writes the files of a feature for these verdicts and facts, and returns lines for the terminal."""


def new_run_id() -> str:
    """Return a random run id of 8 hexadecimal digits."""
    return os.urandom(4).hex()


def new_folder(reports: Path, run_id: str) -> Path:
    """Return the path of a new run's folder below the reports folder. It is not created yet."""
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    return reports / f"{stamp}-{run_id}"


class Run:
    """One run with its folder and evidence. Call `begin`, then `finish`, then `print_last_lines`."""

    def __init__(
        self,
        project: Path,
        gates: Sequence[str],
        environment_name: str,
        *,
        reports: Path | None = None,
        run_id: str | None = None,
        folder: Path | None = None,
        started: float | None = None,
        nonce: str | None = None,
        asked_version: str | None = None,
    ) -> None:
        """gates: the names of the verdicts. reports: parent of the run's folder, default reports/ of the project.

        folder, started: of the run that is resumed. nonce: default CUTOVER_NONCE.
        """
        self.project, self.gates, self.environment_name = project, tuple(gates), environment_name
        self.run_id = run_id or new_run_id()
        self.folder = folder or new_folder(reports or project / "reports", self.run_id)
        self.started = time.time() if started is None else started
        self.nonce = nonce or os.environ.get("CUTOVER_NONCE")
        self.asked_version = asked_version
        self._loaded: Environment | None = None
        self.planted: str | None = None
        self.judging: JudgingFiles | None = None
        self.records: list[Record] = []
        self.log: EvidenceLog | None = None
        self.verdicts: list[GateVerdict] = []
        self.final_facts: dict[str, Any] = {}
        self.code = int(ExitCode.INVALID)

    @property
    def environment(self) -> Environment | None:
        """Return the environment, None until it is loaded."""
        return self._loaded

    @environment.setter
    def environment(self, environment: Environment | None) -> None:
        """Set the environment. If the run has begun, the state of the judging files is read with those it names."""
        self._loaded = environment
        if self.log is not None:
            self.judging = read_judging_files(self.project, environment)
            self.log.event("judged_by", **self.judging.as_json())

    @property
    def ledger(self) -> Path:
        """Return the file that lists the names of test data before they are created."""
        return self.folder / TEST_DATA_FILE

    def begin(self, **more: Any) -> EvidenceLog:
        """Open the evidence file and write the unfinished verdict. more: further data of the `started` event.

        Does not raise if the folder cannot be written: the verdict will be INVALID.
        """
        self.log = EvidenceLog(self.folder)
        self.judging = read_judging_files(self.project, self.environment)
        more = {**more, "judged_by": self.judging.as_json()}
        self.log.event(
            "started", run=self.run_id, environment=self.environment_name, gates=list(self.gates),
            at=round(self.started, 3), **more,
        )  # fmt: skip
        self.log.write(VERDICT_FILE, unfinished(self.facts()))
        return self.log

    def record(self, record: Record) -> None:
        """Keep a record and write it to the evidence file."""
        self.records.append(record)
        if self.log is not None:
            self.log.record(record)

    def facts(self) -> dict[str, Any]:
        """Return the facts of the run so far (run/verdict_file.py)."""
        return facts(
            environment=self.environment, name=self.environment_name, run=self.run_id, nonce=self.nonce,
            started=self.started, records=self.records, asked_version=self.asked_version, planted=self.planted,
            project=self.project, judging=self.judging,
        )  # fmt: skip

    def write_failure(self) -> str | None:
        """Return why evidence or verdict could not be written, None if everything was written."""
        if self.log is None or self.log.failure is None:
            return None
        return f"evidence could not be written: {self.log.failure}. Free the disk and run again"

    def finish(
        self,
        verdicts: Sequence[GateVerdict],
        run_facts: dict[str, Any],
        *,
        code: int | None = None,
        present: Present | None = None,
    ) -> list[str]:
        """Write the files of the feature, verdict.json and the step summary. Return lines for the terminal.

        If a file cannot be written, every verdict becomes INVALID, also a NO-GO. code: the exit code of the whole run
        if it does not follow from the verdicts alone.
        """
        self.verdicts, self.final_facts = list(verdicts), run_facts
        self.code = exit_code(self.verdicts) if code is None else int(code)
        lines = list(present(self.verdicts, run_facts)) if present is not None else []
        self._invalidate_if_not_written()
        if self.log is not None:
            self.log.event("ended", exit_code=self.code)
            self.log.write(VERDICT_FILE, finished(run_facts, self.verdicts, self.code))
            if self._invalidate_if_not_written():
                self.log.write(VERDICT_FILE, finished(run_facts, self.verdicts, self.code))
            self.log.close()
        append_step_summary(self.verdicts, self.records, run_facts)
        return lines

    def finish_crashed(self, error: Exception) -> None:
        """End the run after an exception in its last steps. Every verdict becomes a tool error with exit code 3."""
        reason = f"internal error: {type(error).__name__}: {error}"
        verdict, code, reasons = by_precedence(tool_error=(int(ExitCode.CRASHED), redact(reason)))
        counts = dict.fromkeys(("required", "passed", "failed", "waived", "not_verified", "missing"), 0)
        verdicts = [GateVerdict(gate, verdict, code, reasons, counts) for gate in self.gates]
        self.finish(verdicts, self.facts(), code=code)

    def last_lines(self) -> list[str]:
        """Return one line per verdict, redacted: the last lines of the output."""
        return [redact(last_line(verdict, self.final_facts)) for verdict in self.verdicts]

    def print_last_lines(self) -> None:
        """Print the verdicts as the last lines of the output."""
        for line in self.last_lines():
            say(line)

    def _invalidate_if_not_written(self) -> bool:
        """Make every verdict INVALID if a file could not be written. Return True if that changed a verdict."""
        failure = self.write_failure()
        if failure is None:
            return False
        before = self.verdicts
        self.verdicts = [invalidated(verdict, failure) for verdict in before]
        if self.code in (ExitCode.GO, ExitCode.NO_GO, ExitCode.INCONCLUSIVE):
            self.code = int(ExitCode.INVALID)
        return self.verdicts != before


@dataclass(frozen=True)
class Outcome:
    """The result of a command's work. details: lines for the terminal above the verdict."""

    status: Status
    reason: str = ""
    details: Sequence[str] = field(default_factory=tuple)


def outcome_of(error: BaseException) -> Outcome | None:
    """Return the outcome that an exception means, None if it means none: interruption, usage error or crash."""
    if isinstance(error, MeasurementError):
        return Outcome(error.status, str(error))
    if isinstance(error, NotVerified):
        return Outcome(Status.NOT_VERIFIED, str(error))
    if isinstance(error, (CheckFailed, Refused)):
        return Outcome(Status.FAILED, str(error))
    return None


class Command(Run, ABC):
    """A `cutover` command that ends with a verdict. Subclasses implement `work` and may override the other steps."""

    level = SafetyLevel.READ_ONLY
    resume_hint = ""
    """Text for the reason of an interrupted run."""
    judges_worker = False
    """True if the verdict is about the Worker's responses. Then one version of the Worker must be proven."""

    def __init__(
        self,
        project: Path,
        name: str,
        environment: Environment,
        *,
        planted: str | None = None,
        reports: Path | None = None,
        run_id: str | None = None,
        folder: Path | None = None,
        started: float | None = None,
        asked_version: str | None = None,
    ) -> None:
        """name: of the command and its verdict ("parity explore"). planted: the fault in the embedded pair.

        asked_version: the version of the Worker that must answer, None for any.
        """
        super().__init__(
            project, [name], environment.name, reports=reports, run_id=run_id, folder=folder, started=started,
            asked_version=asked_version,
        )  # fmt: skip
        self.name = name
        self.target_environment = environment
        self.environment, self.planted = environment, planted
        self.recorder = Recorder()

    @abstractmethod
    def work(self) -> Outcome:
        """Do the command's work. Raises the errors of core/errors.py for other outcomes."""

    def cleanup(self) -> None:
        """Remove what the work created. Runs after every outcome; MeasurementError makes the verdict INVALID."""

    def records_of(self, outcome: Outcome) -> list[Record]:
        """Return the records of the command's checks. Default: one check, the command itself."""
        return [self.record_named(self.name, outcome)]

    def required(self) -> list[RequiredCheck]:
        """Return the checks that the verdict requires. Default: the command itself."""
        return [RequiredCheck(self.name, self.name, None, self.level)]

    def complete_facts(self, run_facts: dict[str, Any]) -> None:
        """Add the command's own facts to those of verdict.json."""

    def present(self, verdict: GateVerdict, run_facts: Mapping[str, Any]) -> Iterable[str]:
        """Write the command's own files and return lines for the terminal."""
        del verdict, run_facts
        return ()

    def measurement_errors(self) -> list[str]:
        """Return the reasons why the run as a whole is not a valid measurement."""
        return []

    def acceptances(self) -> Iterable[Acceptance]:
        """Return the accepted findings that occurred in this run. The verdict line counts them."""
        return ()

    def record_named(self, check: str, outcome: Outcome) -> Record:
        """Return the record of a check that this command performed, with everything observed since the last one."""
        return Record(
            check, (self.name,), self.environment_name, outcome.status, self.started, time.time() - self.started,
            reason=redact(outcome.reason), observations=self.recorder.take(),
        )  # fmt: skip

    def progress(self, text: str) -> None:
        """Print one line of progress on standard error."""
        print_line(redact(text), sys.stderr)

    def execute(self) -> int:
        """Run the command from the unfinished verdict to the last line. Return the exit code."""
        self.begin()
        interrupt_on_sigterm()
        outcome, tool_error = self._outcome(self.work)
        ignore_interrupts()
        after, crashed = self._outcome(self._clean_up)
        invalid = [after.reason] if after.status is not Status.PASSED else []
        try:
            lines = self._conclude(outcome, invalid, tool_error or crashed)
        except Exception as error:  # noqa: BLE001 - the exit code must be the one that verdict.json states
            self.progress(traceback.format_exc())
            self.finish_crashed(error)
            lines = []
        for line in (
            *outcome.details,
            *lines,
            *(f"  - {reason}" for reason in self.verdicts[0].reasons),
            *(f"left over: {line}" for line in leftover_lines(self.final_facts["leftovers"])),
            f"report: {self.folder}",
        ):
            say(redact(line))
        self.print_last_lines()
        return self.code

    def _conclude(self, outcome: Outcome, invalid: Sequence[str], tool_error: tuple[int, str] | None) -> Sequence[str]:
        """Record the outcome, decide and write all files. Return lines for the terminal."""
        for record in self.records_of(outcome):
            self.record(record)
        run_facts = self.facts()
        self.complete_facts(run_facts)
        failure = self.write_failure()
        decided = decide(
            self.name,
            RunFacts(
                environment=self.environment_name,
                safety=self.target_environment.safety,
                absent=self.target_environment.absent,
                invalid=[*invalid, *self.measurement_errors(), *([failure] if failure else [])],
                tool_error=tool_error,
                unproven=unproven_version(self.target_environment, self.asked_version) if self.judges_worker else [],
                requests=run_facts["requests"],
                rate_limited=run_facts["rate_limited"],
            ),
            self.required(),
            self.records,
            (),
        )
        decided = with_acceptances(decided, self.acceptances(), datetime.datetime.now(datetime.UTC).date())
        return self.finish([decided], run_facts, present=lambda verdicts, known: self.present(verdicts[0], known))

    def _clean_up(self) -> Outcome:
        self.cleanup()
        return Outcome(Status.PASSED)

    def _outcome(self, step: Callable[[], Outcome]) -> tuple[Outcome, tuple[int, str] | None]:
        """Return the outcome of a step, and the tool error that ended it, None if none did."""
        try:
            return step(), None
        except KeyboardInterrupt:
            reason = "interrupted before the end" + (f"; {self.resume_hint}" if self.resume_hint else "")
            return Outcome(Status.NOT_VERIFIED, reason), (int(ExitCode.INTERRUPTED), reason)
        except ConfigurationError as error:
            self.progress(f"cutover: {error}")
            return Outcome(Status.NOT_VERIFIED, str(error)), (int(ExitCode.WRONG_USAGE), str(error))
        except Exception as error:  # noqa: BLE001 - any other exception is an error of the suite: exit code 3
            if (outcome := outcome_of(error)) is not None:
                return outcome, None
            self.progress(traceback.format_exc())
            reason = f"internal error: {type(error).__name__}: {error}"
            return Outcome(Status.NOT_VERIFIED, reason), (int(ExitCode.CRASHED), reason)


def say(line: str) -> bool:
    """Print one line to standard output, whatever its encoding. Return False if it has no reader; do not raise."""
    return print_line(line, sys.stdout)


def print_line(line: str, stream: TextIO | None) -> bool:
    """Print one line. Return False if that failed. stream: None if Python was started with this output closed."""
    if stream is None:
        return False
    encoding = stream.encoding or "utf-8"
    try:
        print(line.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)
    except (OSError, ValueError):  # no reader; verdict.json and the exit code state the verdict
        return False
    return True
