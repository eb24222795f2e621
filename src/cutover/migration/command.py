"""`cutover reconcile`: one reconciliation, its folder, and at the end verdict, files and exit code.

Not for the options: cli.py; nor for gate runs: pytest_plugin/.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any, Final

from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified, Refused
from cutover.core.evidence import EvidenceLog, Record, Status
from cutover.core.recorder import Recorder
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact, redact_all
from cutover.core.verdict import ExitCode, Run, decide
from cutover.migration.assembly import judge_sides, reconciliation
from cutover.migration.differences_file import DifferencesFile
from cutover.migration.findings import Findings
from cutover.migration.mapping_file import load_mapping
from cutover.migration.reconciliation_result import FILE, text_of_file
from cutover.migration.reconciliation_status import status_of
from cutover.migration.report_files import write_reconciliation_page
from cutover.report.reconciliation_table import reconciliation_lines
from cutover.report.terminal import last_line
from cutover.run.progress import Progress
from cutover.run.verdict_file import facts, finished, unfinished

NAME: Final = "reconcile"


def run(options: argparse.Namespace) -> int:
    """Reconcile and return the exit code. Raises ConfigurationError before anything is read."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    environment = _with_options(environment, options)
    if not 0 <= options.samples <= 10_000:
        raise ConfigurationError("--samples", "", f"{options.samples} is not from 0 to 10000", "Give another number.")
    reports = options.reports or project / "reports"
    run_id = os.urandom(4).hex()
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
    return _Command(project, environment, planted, reports, reports / f"{stamp}-{run_id}", run_id, options).run()


def _with_options(environment: Environment, options: argparse.Namespace) -> Environment:
    for key, option in (("d1_file", "--d1-file"), ("d1_export", "--d1-export")):
        file: Path | None = getattr(options, key)
        if file is None:
            continue
        if not file.is_file() or not os.access(file, os.R_OK):
            raise ConfigurationError(option, "", f"{str(file)!r} is no file that may be read", "Mend the path.")
        copy = file.resolve()
        environment = dataclasses.replace(
            environment,
            d1=None,
            d1_file=copy if key == "d1_file" else None,
            d1_export=copy if key == "d1_export" else None,
        )
    return environment


@dataclasses.dataclass
class _Command:
    project: Path
    environment: Environment
    planted: str | None
    reports: Path
    folder: Path
    run_id: str
    options: argparse.Namespace
    started: float = dataclasses.field(default_factory=time.time)
    recorder: Recorder = dataclasses.field(default_factory=Recorder)

    def run(self) -> int:
        mapping = load_mapping(self.project)
        log = EvidenceLog(self.folder)
        log.write("verdict.json", unfinished(self._facts([])))
        signal.signal(signal.SIGTERM, _interrupt)
        data: dict[str, Any] | None = None
        interrupted, status, reason = False, Status.CRASHED, ""
        progress = Progress(sys.stderr)
        try:
            judge_sides(self.environment)
            with self._differences() as sink, reconciliation(
                self.project, self.environment, mapping, self.folder, recorder=self.recorder, run=self.run_id,
                reverse=self.options.direction == "reverse", thorough=self.options.thorough,
                resume_from=self.reports if self.options.resume else None, progress=progress,
                findings=Findings(sink, keep=self.options.samples),
            ) as work:  # fmt: skip
                data = work.run().as_json(show_values=self.options.show_values)
            status, reason = status_of(data)
        except KeyboardInterrupt:
            interrupted, reason = True, "interrupted before the end; --resume goes on from there"
        except MeasurementError as error:
            status, reason = Status(error.status) if error.status in set(Status) else Status.UNREACHABLE, str(error)
        except (CheckFailed, Refused) as error:
            status, reason = Status.FAILED, str(error)
        except NotVerified as error:
            status, reason = Status.NOT_VERIFIED, str(error)
        finally:
            progress.end()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.SIG_IGN)
        return self._conclude(log, data, status, reason, interrupted=interrupted)

    def _conclude(
        self, log: EvidenceLog, data: dict[str, Any] | None, status: Status, reason: str, *, interrupted: bool
    ) -> int:
        observed = self.recorder.take()
        record = Record(
            NAME, (NAME,), self.environment.name, status, self.started, time.time() - self.started, None,
            redact(reason), None, None, "", observed,
        )  # fmt: skip
        log.record(record)
        told = self._facts([record])
        run = Run(
            environment=self.environment.name,
            safety=self.environment.safety,
            absent=self.environment.absent,
            invalid=[] if log.failure is None else [f"evidence could not be written: {log.failure}"],
            tool_error=(int(ExitCode.INTERRUPTED), reason) if interrupted else None,
            requests=told["requests"],
            rate_limited=told["rate_limited"],
        )
        verdict = decide(NAME, run, [RequiredCheck(NAME, NAME, None, SafetyLevel.READ_ONLY)], [record], ())
        code = int(verdict.exit_code)
        if data is not None:
            log.write(FILE, redact(text_of_file(redact_all(data))))
            write_reconciliation_page(log, self.project, data, verdict, told)
        log.write("verdict.json", finished(told, [verdict], code))
        log.close()
        lines = [] if data is None else list(reconciliation_lines(data))
        lines += [f"  - {text}" for text in verdict.reasons]
        lines += [f"report: {self.folder}", last_line(verdict, told)]
        for line in lines:
            sys.stdout.write(f"{redact(line)}\n")
        sys.stdout.flush()
        return code

    def _differences(self) -> contextlib.AbstractContextManager[DifferencesFile | None]:
        file: Path | None = self.options.differences
        return contextlib.nullcontext() if file is None else DifferencesFile(file, show_values=self.options.show_values)

    def _facts(self, records: list[Record]) -> dict[str, Any]:
        return facts(
            environment=self.environment, name=self.environment.name, run=self.run_id,
            nonce=os.environ.get("CUTOVER_NONCE"), started=self.started, records=records, asked_version=None,
            planted=self.planted, project=self.project,
        )  # fmt: skip


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
