"""A load run in its master process: checks the configuration, prepares, collects reports, cleans up and decides."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cutover.accounts.registered import unremoved
from cutover.client.http import Client
from cutover.client.rate_limiter import RateLimiter
from cutover.config.environments import no_environment
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified
from cutover.core.evidence import Record, Status
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode, GateVerdict, Verdict, by_precedence
from cutover.embedded.folders import base
from cutover.load.availability_figures import availability_figures
from cutover.load.calibration import check_processes
from cutover.load.early_stop import EarlyStop
from cutover.load.journey_preconditions import JourneyCause, nothing_can_run
from cutover.load.journeys import endpoints_of
from cutover.load.load_options import Options
from cutover.load.load_verdict import LoadVerdict, decide_load, unprepared
from cutover.load.network_latency import network_latency_ms
from cutover.load.process_reports import ProcessReports
from cutover.load.profiles import Profile, check_caps, describe_plan, load_profile
from cutover.load.report_files import write_load_files
from cutover.load.required_thresholds import narrower_profile, unverified_parts, wider_limits
from cutover.load.run_accounts import RunAccounts, lost_write_findings
from cutover.load.run_environment import open_environment
from cutover.load.run_facts import RunFacts
from cutover.load.thresholds import Threshold, load_thresholds, thresholds_of
from cutover.load.undetectable import could_not_detect
from cutover.report.leftover_lines import leftover_lines
from cutover.run.lifecycle import Outcome, Run, new_run_id, outcome_of, print_line, say
from cutover.traffic.arrivals import WARM_UP, Schedule

ENDED_EARLY: Final = "the run was ended by a signal or by a user before its planned end"

_STATUS: Final = {
    Verdict.GO: Status.PASSED, Verdict.NO_GO: Status.FAILED, Verdict.INCONCLUSIVE: Status.NOT_VERIFIED,
    Verdict.INVALID: Status.INVALID,
}  # fmt: skip


class LoadRun(Run):
    """One load run. The order of its methods is the order of the calls."""

    def __init__(self, project: Path, profile: str, options: Options) -> None:
        """Read and check all configuration. Raises ConfigurationError before anything is sent to a system."""
        name = options.env or os.environ.get("CUTOVER_ENV")
        if not name:
            raise no_environment(project)
        self.options = options
        self.profile: Profile = load_profile(project, profile, short=options.short)
        self.seed = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
        self.plan: Schedule = self.profile.schedule(self.seed)
        self.thresholds: Sequence[Threshold] = thresholds_of(
            load_thresholds(project), project, profile, self.phases, endpoints_of(self.profile.journeys)
        )
        run_id = new_run_id()
        self._opened = open_environment(project, name, options.pair, run_id)
        target_environment = self.target_environment = self._opened.environment
        try:
            check_caps(project, target_environment, self.profile, self.plan, confirmed=options.confirmed)
            check_processes(self.profile, options.processes)
        except ConfigurationError:
            self._opened.close()
            raise
        super().__init__(
            project,
            [f"load {profile}"],
            target_environment.name,
            reports=Path(options.reports) if options.reports else None,
            run_id=run_id,
            nonce=options.nonce,
        )
        self.environment, self.planted = target_environment, self._opened.planted
        log = self.begin()
        if log.failure is not None:
            raise ConfigurationError("--reports", "", f"cannot write {log.failure}", "Name another folder.")
        self._log = log
        self.recorder = Recorder()
        self.client = Client(
            target_environment,
            recorder=self.recorder,
            rate_limiter=RateLimiter(base() / "pacing", target_environment.url, target_environment.budget),
            kill_switch=KillSwitch(project),
            run=run_id,
        )
        self.reports = ProcessReports(run_id)
        self._accounts = RunAccounts(target_environment, self.profile, self.client, self.recorder, self.progress)
        self._cut_short: str | None = None
        self._broken_threshold: str | None = None
        self._network_latency_ms: float | None = None
        self._failed_preparation: Outcome | None = None
        self._interrupted = False
        self._machine = self._opened.machine_load()
        self._early_stop = EarlyStop(self.thresholds, self.phases)
        self._began_at = 0.0

    @property
    def gate(self) -> str:
        """Return the name of the verdict."""
        return f"load {self.profile.name}"

    @property
    def phases(self) -> tuple[str, ...]:
        """Return all phases of the ledger, in order; those of a comparison are warm-up, old and new system."""
        if len(self.profile.systems) > 1:
            return ("warm-up", "old", "new")
        return self.plan.phases

    def facts(self) -> dict[str, Any]:
        """Return the facts of the run so far, with the plan."""
        return super().facts() | {
            "profile": self.profile.name,
            "short": self.profile.short,
            "seed": self.seed,
            "planned_s": self.profile.duration_s,
            "planned_arrivals": len(self.plan),
        }

    # --- before the first arrival ----------------------------------------------------------------

    def prepare(self) -> dict[str, Any] | None:
        """Create what the arrivals need. Return the job of the generator processes, without index and number of parts.

        None if the preparation failed: `conclude` decides what that means.
        """
        try:
            return self._prepare()
        except Exception as error:
            self._failed_preparation = outcome_of(error)
            if self._failed_preparation is None:
                raise
            return None

    def _prepare(self) -> dict[str, Any]:
        environment = self.target_environment
        self.progress(describe_plan(self.profile, self.plan))
        accounts = self._accounts
        accounts.prepare(self.plan, self.run_id, self.ledger)
        for cause in accounts.causes:
            self.progress(cause.text)
        if not accounts.sent_endpoints:
            raise nothing_can_run(accounts.causes, accounts.absent)
        self.plan = self.plan.without(accounts.not_sent)
        self._network_latency_ms = max(
            network_latency_ms(environment.systems[system].url) for system in self.profile.systems
        )
        self.progress(f"minimum network latency {self._network_latency_ms:.2f} ms; sending begins")
        return {
            "run": self.run_id,
            "environment": environment.name,
            "pair": self._opened.pair_name,
            "profile": self.profile.name,
            "short": self.profile.short,
            "seed": self.seed,
            "accounts": accounts.created,
            "reserved": accounts.reserved,
            "versions": accounts.versions,
            "not_sent": sorted(accounts.not_sent),
            "maintenance": self.options.maintenance,
        }

    def start(self, processes: Sequence[str]) -> None:
        """Expect reports of these generator processes, which have their jobs."""
        self.reports.expect(processes)
        self._machine.sample()
        self._began_at = time.monotonic()

    # --- during the run --------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Return True if every process has sent its last report, or the run is cut short."""
        return self.cut_short is not None or self.reports.complete

    @property
    def cut_short(self) -> str | None:
        """Return why the run ends early and is INVALID, None if it does not."""
        return self._cut_short or self.reports.failure

    def cut(self, reason: str) -> None:
        """Cut the run short. The first reason counts."""
        self._cut_short = self.cut_short or reason

    def note_interruption(self) -> None:
        """Note that the run ends now although nothing else ended it: by SIGINT, SIGTERM or a user."""
        before_arrivals = self._failed_preparation is None and not self.reports.names
        if self.cut_short is None and self._broken_threshold is None and (before_arrivals or not self.complete):
            self._interrupted = True

    def check(self) -> str | None:
        """Look for lost processes and broken thresholds. Return why all processes should stop now, None to go on."""
        self.reports.check_silence()
        self._machine.sample()
        if self.cut_short is None and self._broken_threshold is None:
            self._broken_threshold = self._early_stop.check(self.reports.totals, time.monotonic() - self._began_at)
        return self.cut_short or self._broken_threshold

    @property
    def progress_line(self) -> str:
        """Return the state of the run in one line."""
        total = self.reports.totals.quick_total()
        p95 = total.latency.quantile(0.95)
        latency = f", p95 {p95 / 1000:.1f} ms" if p95 is not None else ""
        at = time.monotonic() - self._began_at
        return f"{at:.0f} of {self.profile.duration_s:.0f} s: {total.sent} sent, {total.errors} errors{latency}"

    def progress(self, text: str) -> None:
        """Print one line of progress on standard error. A broken one does not end the run."""
        print_line(redact(text), sys.stderr)

    # --- at the end ------------------------------------------------------------------------------

    def conclude(self) -> int:
        """Clean up, decide, write all files and print the results. Return the exit code. Call it once."""
        self.note_interruption()
        if self._failed_preparation is None:
            if not self.complete:
                self.cut(ENDED_EARLY)
            elif not self.reports.names:
                self.cut("the run ended before the first arrival")
        figures, findings = self._availability()
        run_facts = self._run_facts()
        leftovers = self._accounts.remove(self.reports, interrupted=self._interrupted)
        self.client.close()
        decided = self._decide(run_facts, findings)
        record = self._record(decided.verdict, leftovers)
        self.record(record)
        known = self.facts()
        known["leftovers"] += unremoved(self.ledger, known["leftovers"])
        known["requests"] += self.reports.totals.total().sent
        known["load"] = run_facts.as_json()
        if figures is not None:
            known["availability"] = figures

        def present(verdicts: Sequence[GateVerdict], known: Mapping[str, Any]) -> list[str]:
            return write_load_files(
                self._log,
                self.reports.totals,
                run_facts,
                LoadVerdict(verdicts[0], decided.results, decided.breaking_point),
                self.thresholds,
                availability=figures,
                could_not_detect=known["could_not_detect"],
                leftovers=known["leftovers"],
            )

        lines = self.finish([decided.verdict], known, present=present)
        lines += [f"  - {reason}" for reason in self.verdicts[0].reasons]
        lines += [f"  could not detect: {each}" for each in record.observations.could_not_detect]
        for line in (*lines, f"report: {self.folder}"):
            if not say(redact(line)):
                self.output_lost()
                break
        return self.code

    def output_lost(self) -> None:
        """Make the verdict a tool error: a caller that reads the output did not get it."""
        if self.verdicts and self.code != ExitCode.CRASHED:
            self._end_with(ExitCode.CRASHED, "standard output cannot be written. Run again with a working output")

    def last_lines(self) -> list[str]:
        """Return the verdict as the last line of the output, with everything that makes it prove less."""
        absent = self._accounts.absent
        limits = wider_limits(self.profile.name, self.thresholds)
        shown = [*self.options.tolerances, *narrower_profile(self.profile), *limits]
        shown += [f"not in this environment: {', '.join(absent)}"] if absent else []
        marks = f" ({'; '.join(shown)})" if shown else ""
        return [line.replace(self.gate, self.gate + marks, 1) for line in super().last_lines()]

    def close(self) -> None:
        """Stop the pair that was started for this run."""
        self._opened.close()

    def crashed(self, error: BaseException) -> int:
        """End the run after an exception of the suite: verdict.json states it, and accounts are removed or listed."""
        known = self.facts()
        try:
            known["leftovers"] += self._accounts.remove(self.reports)
        except Exception as another:  # noqa: BLE001 - the removal itself may be what raised the exception
            known["leftovers"].append(f"accounts: their removal failed too: {redact(str(another))}")
        known["leftovers"] += unremoved(self.ledger, known["leftovers"])
        for line in leftover_lines(known["leftovers"]):
            self.progress(f"left over: {line}")
        return self._end_with(ExitCode.CRASHED, f"internal error: {type(error).__name__}: {error}", known)

    def _end_with(self, ended: ExitCode, reason: str, known: dict[str, Any] | None = None) -> int:
        """Write the verdict of a run that ended with a tool error, and return the exit code."""
        verdict, code, reasons = by_precedence(tool_error=(int(ended), redact(reason)))
        counts = {"required": 1, "passed": 0, "failed": 0, "waived": 0, "not_verified": 0, "missing": 1}
        self.finish([GateVerdict(self.gate, verdict, code, reasons, counts)], known or self.final_facts)
        return self.code

    # --- parts of the steps above ----------------------------------------------------------------

    def _decide(self, run_facts: RunFacts, findings: Sequence[JourneyCause]) -> LoadVerdict:
        """Return the verdict. Evidence that could not be written makes it INVALID, also if thresholds are broken."""
        failure = self.write_failure()
        invalid = [failure] if failure else []
        tool_error = (int(ExitCode.INTERRUPTED), ENDED_EARLY) if self._interrupted else None
        decided = decide_load(
            self.reports.totals,
            run_facts,
            self.thresholds,
            causes=[
                *self._accounts.causes,
                *findings,
                *unverified_parts(self.profile, self._accounts.not_sent),
            ],
            invalid=invalid,
            tool_error=tool_error,
        )
        if self._failed_preparation is None:
            return decided
        return LoadVerdict(
            unprepared(self.gate, self.target_environment, self._failed_preparation, self.started, invalid),
            decided.results,
            decided.breaking_point,
        )

    def _record(self, verdict: GateVerdict, leftovers: Sequence[str]) -> Record:
        observed = self.recorder.take()
        observed.leftovers += leftovers
        judged = self.reports.totals.quick_total(frozenset(self.phases) - {WARM_UP}).rated
        observed.could_not_detect += could_not_detect(self.profile, self.thresholds, self._accounts.not_sent, judged)
        return Record(
            self.gate, (self.gate,), self.environment_name, _STATUS.get(verdict.verdict, Status.NOT_VERIFIED),
            self.started, time.time() - self.started, reason=redact("; ".join(verdict.reasons)),
            summary=self.profile.description, observations=observed,
        )  # fmt: skip

    def _availability(self) -> tuple[dict[str, Any] | None, list[JourneyCause]]:
        """Return the figures of the streams, None without streams; and findings that make the run NO-GO."""
        figures = availability_figures(self.reports, self.reports.totals.total(frozenset(self.phases) - {WARM_UP}))
        acknowledged = self.reports.acknowledged()
        if figures is None or not acknowledged or self._interrupted:
            return figures, []
        self._log.write("acknowledged.jsonl", "".join(json.dumps(row) + "\n" for row in acknowledged))
        try:
            writes = self._accounts.find_lost_and_doubled(self.reports)
        except (MeasurementError, NotVerified, CheckFailed) as error:
            self.cut(f"the acknowledged writes could not be looked up: {error}")
            return figures, []
        figures["writes"] = writes
        return figures, lost_write_findings(writes)

    def _run_facts(self) -> RunFacts:
        last = self.reports.last_reports
        stopped = [str(report["stop_reason"]) for report in last if report["stop_reason"]]
        stopped += [str(report["error"]) for report in last if report["error"]]
        versions: dict[str, set[str]] = {}
        for system, _, version in (origin.partition(" ") for origin in self.reports.versions()):
            versions.setdefault(system, set()).update([version] if version else [])
        return RunFacts(
            profile=self.profile.name,
            environment=self.environment_name,
            run=self.run_id,
            phases=self.phases,
            endpoints=self._accounts.sent_endpoints,
            blocked_endpoints=self._accounts.blocked_endpoints,
            not_sent=tuple(sorted(self._accounts.not_sent)),
            absent=self._accounts.absent,
            closed_while_idle=self.reports.idle_kills(),
            planned=len(self.plan),
            begun=sum(int(report["started"]) for report in last),
            planned_s=self.profile.duration_s,
            duration_s=max((float(report["duration_s"]) for report in last), default=0.0),
            workers_planned=max(1, len(self.reports.names)),
            workers_reported=len(last),
            cut_short=self.cut_short or (stopped[0] if stopped else None),
            broken_threshold=self._broken_threshold,
            clock_step_s=max((float(report["clock_step_s"]) for report in last), default=0.0),
            network_latency_ms=self._network_latency_ms,
            rates=self.profile.rates,
            marks=("--short",) if self.profile.short else (),
            local=self._opened.pair_name is not None,
            seed=self.seed,
            nonce=self.nonce,
            started=self.started,
            url=self.target_environment.url,
            versions={system: sorted(seen) for system, seen in versions.items()},
            clock=", ".join(sorted({str(report["clock"]) for report in last})),
            planted=self.planted,
            machine=self._machine.seconds,
            maintenance=self.options.maintenance,
        )
