"""One run of a `cutover parity` command: its folder, its client, and at the end verdict, report and exit code.

The verdict is decided where all are (verdict.py), from one record. Not for gate runs: pytest_plugin/.
"""

from __future__ import annotations

import datetime
import os
import signal
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cutover.accounts.registered import unremoved
from cutover.client.http import Client
from cutover.client.rate_limiter import RateLimiter
from cutover.config.environments import Environment
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified
from cutover.core.evidence import EvidenceLog, Record, Status
from cutover.core.recorder import Recorder
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import KillSwitch, SafetyLevel
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode, Run, decide
from cutover.parity.accepted_differences import DeclarationResult
from cutover.parity.rules import ROLES, Rules
from cutover.parity.summary import Summary
from cutover.parity.totals import ParityTotals
from cutover.systems.target import Target, become_ready


class CommandRun:
    """What a command works with; `conclude` ends it."""

    def __init__(
        self,
        project: Path,
        environment: Environment,
        name: str,
        *,
        planted: str | None = None,
        reports: Path | None = None,
        show_values: bool = False,
    ) -> None:
        """name: of the command, and so of its verdict ("parity explore")."""
        from cutover.embedded.folders import base

        self.project, self.environment, self.name = project, environment, name
        self.planted, self.show_values = planted, show_values
        self.run_id = os.urandom(4).hex()
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        self.folder = (reports or project / "reports") / f"{stamp}-{self.run_id}"
        self.started = time.time()
        self.log = EvidenceLog(self.folder)
        self.recorder = Recorder()
        self.client = Client(
            environment,
            recorder=self.recorder,
            rate_limiter=RateLimiter(base() / "pacing", environment.url, environment.budget),
            kill_switch=KillSwitch(project),
            run=self.run_id,
            show_values=show_values,
        )
        self.log.write("verdict.json", self._unfinished())
        signal.signal(signal.SIGTERM, _interrupt)

    @property
    def ledger(self) -> Path:
        """Where the names of test data are written down before they are made."""
        return self.folder / "test-data.jsonl"

    def become_ready(self, systems: Iterable[str]) -> None:
        """Wait until these systems answer. Raises Unreachable, IdentityMismatch."""
        for system in systems:
            become_ready(Target(system, self.environment, self.client, self.recorder), self.progress)

    def progress(self, text: str) -> None:
        """One line for the person who waits, on standard error."""
        print(redact(text), file=sys.stderr, flush=True)  # noqa: T201 - a command's progress

    def failed(self, error: Exception) -> tuple[Status, str]:
        """The status of a run that this exception ended, and why. Raises anything that is no outcome."""
        if isinstance(error, MeasurementError):
            return Status(error.status), str(error)
        if isinstance(error, NotVerified):
            return Status.NOT_VERIFIED, str(error)
        if isinstance(error, CheckFailed):
            return Status.FAILED, str(error)
        raise error

    def conclude(
        self,
        status: Status,
        reason: str,
        totals: ParityTotals,
        rules: Rules | None,
        *,
        systems: tuple[str, str],
        judged: Sequence[DeclarationResult] = (),
        proposals: Sequence[Mapping[str, Any]] = (),
        details: Iterable[str] = (),
        interrupted: bool = False,
    ) -> int:
        """Decide, write verdict.json, parity.json and parity.html, print the verdict as the last line; its exit code.

        details: lines above the verdict. rules: None when the run did not come as far as reading them.
        """
        from cutover.parity.report_files import write_parity_files
        from cutover.report.terminal import last_line
        from cutover.run.verdict_file import facts, finished

        self.client.close()
        gates = (self.name,)
        observed = self.recorder.take()
        record = Record(
            self.name, gates, self.environment.name, status, self.started, time.time() - self.started, None,
            redact(reason), None, None, "", observed,
        )  # fmt: skip
        self.log.record(record)
        told = facts(
            environment=self.environment, name=self.environment.name, run=self.run_id, nonce=None, started=self.started,
            records=[record], asked_version=None, planted=self.planted, project=self.project,
        )  # fmt: skip
        told["requests"] = max(told["requests"], self.client.requests)  # a long run does not keep every exchange
        told["leftovers"] += unremoved(self.ledger, told["leftovers"])
        invalid = [] if self.log.failure is None else [f"evidence could not be written: {self.log.failure}"]
        run = Run(
            environment=self.environment.name,
            safety=self.environment.safety,
            absent=self.environment.absent,
            invalid=invalid,
            tool_error=(int(ExitCode.INTERRUPTED), "interrupted before the end") if interrupted else None,
            requests=told["requests"],
            rate_limited=told["rate_limited"],
        )
        entry = RequiredCheck(self.name, self.name, None, SafetyLevel.TEST_DATA)
        verdict = decide(self.name, run, [entry], [record], ())
        code = int(verdict.exit_code)
        self.log.write("verdict.json", finished(told, [verdict], code))
        if rules is not None:
            spared = dict.fromkeys(ROLES, "this run is not the gate")
            write_parity_files(
                self.log,
                self.folder,
                Summary(totals, rules, tuple(judged), complete=False, spared=spared),
                told,
                verdict,
                statuses={},
                operations=self.environment.operations,
                show_values=self.show_values,
                not_asked="no journey of this run asked for it",
                more={"proposals": [dict(proposal) for proposal in proposals]},
                systems=systems,
            )
        self.log.close()
        reasons = (f"  - {text}" for text in verdict.reasons)
        for line in (
            *details,
            *reasons,
            *(f"left over: {left}" for left in told["leftovers"]),
            f"report: {self.folder}",
        ):
            print(redact(line))  # noqa: T201 - a command's output
        print(redact(last_line(verdict, told)), flush=True)  # noqa: T201 - the verdict, last
        return code

    def _unfinished(self) -> str:
        from cutover.run.verdict_file import facts, unfinished

        return unfinished(
            facts(
                environment=self.environment, name=self.environment.name, run=self.run_id, nonce=None,
                started=self.started, records=[], asked_version=None, planted=self.planted, project=self.project,
            )
        )  # fmt: skip


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
