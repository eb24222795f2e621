"""`cutover parity replay`: send the safe requests of a recording to both systems and compare the responses."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import sys
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cutover.accounts.registered import key_id
from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, root
from cutover.config.worker_version import check_worker_version
from cutover.core.acceptances import Acceptance
from cutover.core.errors import MeasurementError
from cutover.core.evidence import EvidenceLog, Record, Status
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import GateVerdict
from cutover.parity.accepted_differences_file import load_accepted_differences
from cutover.parity.replay import conclusion
from cutover.parity.replay.identities import Identities, load_identities
from cutover.parity.replay.recording import Recording, plural
from cutover.parity.replay.replay import Replay
from cutover.parity.replay.replay_accounts import ReplayAccounts
from cutover.parity.replay.replay_state import SCHEMA, ReplayState
from cutover.parity.replay.routes import SIDES
from cutover.parity.replay.totals import ReplayTotals
from cutover.parity.report_files import write_parity_files
from cutover.parity.rules import load_rules
from cutover.parity.summary import Summary
from cutover.run.lifecycle import Outcome, new_folder, new_run_id
from cutover.run.progress import Progress
from cutover.run.systems_command import SystemsCommand


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit code. Raises ConfigurationError before anything is sent."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    _check_options(project, environment, options)
    identities = load_identities(Path(options.identities), environment)
    recording = Recording(
        Path(options.file).resolve(), form=options.format, keys=identities.keys, header=identities.header
    )
    today = datetime.datetime.now(datetime.UTC).date()
    decisions = load_accepted_differences(
        project, environment.operations["worker"], today, environment.files.get("accepted_differences")
    )
    totals = ReplayTotals(recording.file.name, decisions)
    lines = recording.total()
    state, part = _open_state(project, environment, identities, recording, totals, options)
    return ReplayCommand(
        project, environment, planted, identities, recording, state, totals, options, lines=lines, part=part
    ).execute()


def _check_options(project: Path, environment: Environment, options: argparse.Namespace) -> None:
    file = project / "environments.toml"
    if options.limit is not None and options.limit < 1:
        raise ConfigurationError("--limit", "", f"expected at least 1, got {options.limit}", "Change it.")
    check_worker_version(project, environment, options.worker_version)
    for side in SIDES:
        if side not in environment.systems:
            raise ConfigurationError(
                file,
                f"{environment.name}.{side}",
                f"absent: {environment.absent[side]}",
                "A replay needs both systems.",
            )
        if environment.systems[side].identity is None:
            raise ConfigurationError(
                file,
                f"{environment.name}.{side}.identity",
                "missing: without it, responses of another system could be compared",
                "Name the header by which the system proves its identity.",
            )


def _open_state(
    project: Path,
    environment: Environment,
    identities: Identities,
    recording: Recording,
    totals: ReplayTotals,
    options: argparse.Namespace,
) -> tuple[ReplayState, int]:
    """Return the state file of a new or resumed replay, and the number of this part of the replay, from 1."""
    reports = Path(options.reports) if options.reports else project / "reports"
    run_id = new_run_id()
    key = environment.secrets.get("account_key")
    head: dict[str, Any] = {
        "schema": SCHEMA,
        "run": run_id,
        "started": round(time.time(), 3),
        "recording": str(recording.file),
        "environment": environment.name,
        "size": recording.size,
        "form": recording.form,
        "identities": identities.digest,
        "collapse": options.collapse,
        "show_values": options.show_values,
        "worker_version": options.worker_version,
        "key": key_id(key) if key else None,
    }
    if not options.resume:
        try:
            return ReplayState.new(new_folder(reports, run_id), head), 1
        except OSError as error:
            raise ConfigurationError(
                "--reports", "", f"{reports} cannot be written: {error.strerror}", "Name another folder."
            ) from None
    state = ReplayState.resumed(reports, head)
    part = 2
    for record in state.records():
        totals.add(record)
        part += "part" in record
    state.append({"part": part})
    return state, part


class ReplayCommand(SystemsCommand):
    """One replay, or the next part of one that was interrupted."""

    level = SafetyLevel.READ_ONLY
    resume_hint = "--resume continues from there"
    judges_worker = True

    def __init__(
        self,
        project: Path,
        environment: Environment,
        planted: str | None,
        identities: Identities,
        recording: Recording,
        state: ReplayState,
        totals: ReplayTotals,
        options: argparse.Namespace,
        *,
        lines: int,
        part: int,
    ) -> None:
        """Prepare the command. lines: number of lines of the recording. part: of the replay, from 1."""
        run_id = str(state.head["run"])
        super().__init__(
            project,
            conclusion.GATE,
            environment,
            planted=planted,
            show_values=options.show_values,
            run_id=run_id,
            folder=state.folder,
            started=float(state.head["started"]),
            request_ids=run_id if part == 1 else f"{run_id}p{part}",
            asked_version=options.worker_version,
        )
        self._recording, self._state, self._totals = recording, state, totals
        self._limit, self._lines = options.limit, lines
        self._rules = load_rules(project, environment.operations, environment.files.get("parity"))
        self._targets = {side: self.target(side) for side in SIDES}
        self._accounts = ReplayAccounts(identities, self._targets, self.run_id, self.ledger)
        self._complete = False
        self._summary: Summary | None = None
        self._replay = Replay(
            recording,
            identities,
            self._targets,
            self._accounts,
            self._rules,
            recorder=self.recorder,
            state=state,
            totals=totals,
            collapse=options.collapse,
            show_values=options.show_values,
        )

    def begin(self, **more: Any) -> EvidenceLog:
        """Begin the run. The `started` event contains the number of lines that earlier parts replayed."""
        return super().begin(done=self._totals.done, **more)

    def work(self) -> Outcome:
        """Log in, then replay line by line, from the first one that no earlier part replayed."""
        self.become_ready(SIDES)
        self._accounts.prepare()
        self._replay.begin()
        self._replay.note_traffic()
        progress = Progress(sys.stderr)
        progress.begin("replay", self._lines, self._totals.done, unit=plural(self._recording.unit))
        try:
            self._complete = self._replay.lines(self._limit, progress.reach)
        finally:
            progress.end()
        if self._complete:
            self._replay.note_end()
        return Outcome(Status.PASSED)

    def cleanup(self) -> None:
        """Remove the registered accounts and close everything. Raises MeasurementError."""
        try:
            self._accounts.close(self.recorder)
        finally:
            with contextlib.suppress(MeasurementError):  # a full disk: the evidence file reports it
                self._replay.note_traffic()
            self._state.close()
            super().cleanup()

    def records_of(self, outcome: Outcome) -> list[Record]:
        """Return the records of the three checks of a replay."""
        unit = self._recording.unit
        self._summary = conclusion.summary_of(self._totals, self._rules, self._targets, self._recording.file.name, unit)
        return conclusion.records_of(self._totals, outcome, self.target_environment, unit, unread=self._unread())

    def required(self) -> list[RequiredCheck]:
        """Return the three checks of a replay."""
        return [RequiredCheck(self.name, check, None, self.level) for check in conclusion.CHECKS]

    def facts(self) -> dict[str, Any]:
        """Return the facts of the run, with the counts of all parts of the replay."""
        totals = self._totals
        return super().facts() | {
            "requests": totals.requests,
            "connect_retries": totals.connect_retries,
            "rate_limited": totals.rate_limited,
            "paced_s": round(totals.paced_s, 3),
            "answered_versions": sorted(totals.versions),
        }

    def acceptances(self) -> Iterable[Acceptance]:
        """Return the accepted differences that occurred in all parts of the replay."""
        return self._totals.decisions.acceptances(self._totals.totals.accepted)

    def measurement_errors(self) -> list[str]:
        """Return nothing: the checks of a replay report several versions, also those of its earlier parts."""
        return []

    def complete_facts(self, run_facts: dict[str, Any]) -> None:
        """Add the notes, the lines that were not replayed, and the table `replay`."""
        run_facts["leftovers"] = [*self.recorder.leftovers]
        super().complete_facts(run_facts)
        unit = self._recording.unit
        run_facts["could_not_detect"] = [
            *conclusion.could_not_detect(self._totals, unit), *run_facts["could_not_detect"],
        ]  # fmt: skip
        run_facts["notes"] = list(dict.fromkeys(self.recorder.notes))
        run_facts["replay"] = conclusion.as_json(self._totals, self._lines, self._recording.form)

    def present(self, verdict: GateVerdict, run_facts: Mapping[str, Any]) -> list[str]:
        """Write parity.json and parity.html, and return the counts for the terminal."""
        if self.log is not None and self._summary is not None:
            write_parity_files(
                self.log,
                self.folder,
                self._summary,
                run_facts,
                verdict,
                statuses={record.check: record.status.value for record in self.records},
                operations=self.target_environment.operations,
                show_values=self.show_values,
                not_asked="the recording contains no GET or HEAD of it that was compared",
                more={"replay": run_facts["replay"]},
            )
        lines = conclusion.summary_lines(self._totals, self._lines, self._recording.unit)
        return [*lines, *(f"  note: {note}" for note in run_facts["notes"])]

    def _unread(self) -> str:
        """Return why the recording was not read to its end, "" if it was."""
        if self._complete:
            return ""
        unit, done = self._recording.unit, self._totals.done
        if self._limit and done >= self._limit:
            return f"only {self._limit:,} of {self._lines:,} {plural(unit)} were requested (--limit)"
        return f"the recording was read only to {unit} {done}"
