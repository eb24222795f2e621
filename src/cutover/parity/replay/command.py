"""`cutover parity replay`: a recording on an environment, from the first check of the input to the verdict's line.

Not for a line of it: replay.py; nor for the other commands of parity: parity/cli.py.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import signal
import sys
import time
from pathlib import Path
from typing import Any

from cutover.accounts.cleanup import LEDGER
from cutover.accounts.registered import key_id, unremoved
from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified
from cutover.core.evidence import EvidenceLog
from cutover.core.safety import KillSwitch
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode, GateVerdict
from cutover.parity.accepted_differences import load_acceptances
from cutover.parity.replay import conclusion
from cutover.parity.replay.conclusion import End
from cutover.parity.replay.identities import Identities, load_identities
from cutover.parity.replay.recording import Recording
from cutover.parity.replay.replay import Replay
from cutover.parity.replay.replay_accounts import People
from cutover.parity.replay.replay_state import State
from cutover.parity.replay.routes import SIDES
from cutover.parity.replay.totals import ReplayTotals
from cutover.parity.report_files import write_parity_files
from cutover.parity.rules import load_rules
from cutover.report.step_summary import append_step_summary
from cutover.report.terminal import details, last_line
from cutover.run.progress import Progress
from cutover.run.verdict_file import facts, finished, unfinished
from cutover.systems.target import Target, become_ready


def run(options: argparse.Namespace) -> int:
    """The command. Raises ConfigurationError, with nothing sent but, where an account is refused, logins."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    _judge(project, environment, options)
    identities = load_identities(Path(options.identities), environment)
    recording = Recording(
        Path(options.file).resolve(), form=options.format, keys=identities.keys, header=identities.header
    )
    today = datetime.datetime.now(datetime.UTC).date()
    decisions = load_acceptances(project, environment.operations["worker"], today)
    sums = ReplayTotals(recording.file.name, decisions)
    total = recording.total()
    state, part = _state(project, environment, identities, recording, sums, options)
    return _Command(project, environment, planted, identities, recording, state, sums, options, total, part).run()


def _judge(project: Path, environment: Environment, options: argparse.Namespace) -> None:
    file = project / "environments.toml"
    if options.limit is not None and options.limit < 1:
        raise ConfigurationError("--limit", "", f"{options.limit} is no number of lines", "Give at least 1.")
    for side in SIDES:
        if side not in environment.systems:
            raise ConfigurationError(
                file, f"{environment.name}.{side}", f"absent: {environment.absent[side]}", "A replay needs both."
            )
        if environment.systems[side].identity is None:
            raise ConfigurationError(
                file,
                f"{environment.name}.{side}.identity",
                "missing: whoever answers there, it would be compared",
                "Say by which header the system proves who answers.",
            )


def _state(
    project: Path,
    environment: Environment,
    identities: Identities,
    recording: Recording,
    sums: ReplayTotals,
    options: argparse.Namespace,
) -> tuple[State, int]:
    """What the replay is written into, and which part of it this is, from 1."""
    reports = Path(options.reports) if options.reports else project / "reports"
    run = os.urandom(4).hex()
    key = environment.secrets.get("account_key")
    head: dict[str, Any] = {
        "schema": 1,
        "run": run,
        "started": round(time.time(), 3),
        "recording": str(recording.file),
        "environment": environment.name,
        "size": recording.size,
        "form": recording.form,
        "identities": identities.digest,
        "collapse": options.collapse,
        "show_values": options.show_values,
        "key": key_id(key) if key else None,
    }
    if not options.resume:
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        try:
            return State.new(reports / f"{stamp}-{run}", head), 1
        except OSError as error:
            raise ConfigurationError(
                "--reports", "", f"{reports} cannot be written: {error.strerror}", "Name another folder."
            ) from None
    state = State.resumed(reports, head)
    part = 2
    for record in state.records():
        sums.add(record)
        part += "part" in record
    state.append({"part": part})
    return state, part


class _Command:
    def __init__(
        self,
        project: Path,
        environment: Environment,
        planted: str | None,
        identities: Identities,
        recording: Recording,
        state: State,
        sums: ReplayTotals,
        options: argparse.Namespace,
        total: int,
        part: int,
    ) -> None:
        from cutover.client.http import Client
        from cutover.client.rate_limiter import RateLimiter
        from cutover.core.recorder import Recorder
        from cutover.embedded.folders import base

        self._project, self._environment, self._planted = project, environment, planted
        self._identities, self._recording, self._state, self._sums = identities, recording, state, sums
        self._options, self._total = options, total
        self._run = str(state.head["run"])
        self._started = float(state.head["started"])
        self._rules = load_rules(project, environment.operations)
        self._journal = Recorder()
        self._log = EvidenceLog(state.folder)
        self._client = Client(
            environment,
            recorder=self._journal,
            rate_limiter=RateLimiter(base() / "pacing", environment.url, environment.budget),
            kill_switch=KillSwitch(project),
            run=self._run if part == 1 else f"{self._run}p{part}",
            show_values=options.show_values,
        )
        self._targets = {side: Target(side, environment, self._client, self._journal) for side in SIDES}
        self._people = People(identities, self._targets, self._run, state.folder / LEDGER)
        self._replay = Replay(
            recording,
            identities,
            self._targets,
            self._people,
            self._rules,
            recorder=self._journal,
            state=state,
            sums=sums,
            collapse=options.collapse,
            show_values=options.show_values,
        )

    def run(self) -> int:
        """Replay, remove what was made, conclude. A second Ctrl-C does not part the exit code from what is written."""
        log = self._log
        log.event("started", run=self._run, environment=self._environment.name, gates=[conclusion.GATE],
                  done=self._sums.done)  # fmt: skip
        log.write("verdict.json", unfinished(self._facts()))
        signal.signal(signal.SIGTERM, _interrupt)
        try:
            end = self._replayed()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                signal.signal(number, signal.SIG_IGN)
            left = self._removed()
        if left and not end.error:
            end = End(end.complete, end.limit, [*end.invalid, *left], end.failed)
        with contextlib.suppress(MeasurementError):  # a full disk is told by the evidence's own failure below
            self._replay.note_traffic()
        return self._concluded(end)

    def _replayed(self) -> End:
        progress: Progress | None = None
        complete, error, invalid, failed = False, None, [], ""
        try:
            for target in self._targets.values():
                become_ready(target, _complain)
            self._people.prepare()
            self._replay.begin()
            self._replay.note_traffic()
            progress = Progress(sys.stderr)
            progress.begin("replay", self._total, self._sums.done, unit=f"{self._recording.unit}s")
            complete = self._replay.lines(self._options.limit, progress.reach)
        except ConfigurationError as problem:
            _complain(f"cutover: {problem}")
            error = (int(ExitCode.WRONG_USAGE), str(problem))
        except KeyboardInterrupt:
            error = (int(ExitCode.INTERRUPTED), "interrupted before the end; --resume goes on from there")
        except MeasurementError as problem:
            invalid = [str(problem)]
        except (CheckFailed, NotVerified) as problem:
            failed = str(problem)
        if progress is not None:
            progress.end()
        if complete and not (error or invalid or failed):
            self._state.append({"ended": True})
        limit = self._options.limit
        told = f"only {limit:,} of {self._total:,} {self._recording.unit}s were asked for (--limit)" if limit else ""
        return End(complete, told if self._sums.done >= (limit or 0) else "", invalid, failed, error)

    def _removed(self) -> list[str]:
        try:
            self._people.close(self._journal)
        except MeasurementError as problem:
            return [str(problem)]
        return []

    def _concluded(self, end: End) -> int:
        unit, sums, log = self._recording.unit, self._sums, self._log
        summary = conclusion.summary_of(sums, self._rules, self._targets, self._recording.file.name, unit)
        records = conclusion.records_of(sums, end, self._environment, unit)
        told = self._facts()
        told["leftovers"] = [*self._journal.leftovers]
        told["leftovers"] += unremoved(self._state.folder / LEDGER, told["leftovers"])
        told["could_not_detect"] = [*conclusion.unseen(sums, unit), *told["could_not_detect"]]
        told["notes"] = list(dict.fromkeys(self._journal.notes))
        told["replay"] = conclusion.as_json(sums, self._total, self._recording.form)
        verdict = conclusion.verdict_of(records, sums, end, self._environment)
        for record in records:
            log.record(record)
        write_parity_files(
            log,
            self._state.folder,
            summary,
            told,
            verdict,
            statuses={record.check: record.status.value for record in records},
            operations=self._environment.operations,
            show_values=self._options.show_values,
            not_asked="the recording holds no GET or HEAD of it that was compared",
            more={"replay": told["replay"]},
        )
        log.event("ended", verdict=verdict.verdict.value, exit_code=int(verdict.exit_code), done=sums.done)
        log.write("verdict.json", finished(told, [verdict], int(verdict.exit_code)))
        if log.failure is not None and verdict.exit_code == ExitCode.GO:
            unwritten = End(end.complete, invalid=[f"evidence could not be written: {log.failure}. Free the disk."])
            verdict = conclusion.verdict_of(records, sums, unwritten, self._environment)
        append_step_summary([verdict], records, told)
        self._say(verdict, told, records)
        log.close()
        self._state.close()
        self._client.close()
        return int(verdict.exit_code)

    def _say(self, verdict: GateVerdict, told: dict[str, Any], records: list[Any]) -> None:
        lines = conclusion.told(self._sums, self._total, self._recording.unit)
        lines += details([verdict], records, told, self._state.folder)
        lines.append(last_line(verdict, told))
        with contextlib.suppress(BrokenPipeError):  # nobody is listening; the exit code still says it
            sys.stdout.write("".join(f"{redact(line)}\n" for line in lines))
            sys.stdout.flush()

    def _facts(self) -> dict[str, Any]:
        """Those of a gate run, with the sums of every part of the replay."""
        sums = self._sums
        return facts(
            environment=self._environment,
            name=self._environment.name,
            run=self._run,
            nonce=os.environ.get("CUTOVER_NONCE"),
            started=self._started,
            records=(),
            asked_version=None,
            planted=self._planted,
            project=self._project,
        ) | {
            "requests": sums.requests,
            "connect_retries": sums.connect_retries,
            "rate_limited": sums.rate_limited,
            "paced_s": round(sums.paced_s, 3),
            "answered_versions": sorted(sums.versions),
        }


def _complain(text: str) -> None:
    sys.stderr.write(f"{redact(text)}\n")


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
