"""A load run as its master sees it: judged before it begins, prepared, collected, cleaned up, and concluded.

Not for sending: generator.py; nor for Locust: locust_wiring.py, which calls this.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import json
import os
import secrets
import socket
import statistics
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.accounts.cleanup import LEDGER
from cutover.accounts.registered import Accounts, RemovalError, remove_account, unremoved
from cutover.client.http import Client
from cutover.client.rate_limiter import RateLimiter
from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment, is_embedded, no_environment
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, IdentityMismatch, MeasurementError, NotVerified, Unreachable
from cutover.core.evidence import EvidenceLog, Record, Status
from cutover.core.recorder import Recorder
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import KillSwitch, SafetyLevel, origin_of
from cutover.core.secrets import redact
from cutover.core.verdict import ExitCode, GateVerdict, Run, Verdict, decide
from cutover.load.calibration import clean_rate
from cutover.load.journeys import FIRST_OPERATION
from cutover.load.load_verdict import COULD_NOT_DETECT, NO_FRESH_CONNECTIONS, EarlyStop, LoadVerdict, judge
from cutover.load.metrics import dropped_share
from cutover.load.preparation import Preparation
from cutover.load.profiles import STREAMS, Profile, as_words, load_profile, processes_needed, refuse_what_does_not_fit
from cutover.load.report_files import write_load_files
from cutover.load.run_facts import RunFacts
from cutover.load.thresholds import Gate, gates_of, load_gates
from cutover.report.step_summary import append_step_summary
from cutover.report.terminal import last_line
from cutover.run.verdict_file import facts, finished, unfinished
from cutover.systems.target import Target, become_ready
from cutover.traffic import availability
from cutover.traffic.arrivals import WARM_UP, Schedule
from cutover.traffic.ledger import LedgerTotals

if TYPE_CHECKING:
    from cutover.embedded.pair import PairHandle

_PAIR_TIMEOUT_S: Final = 120.0
_FLOOR_TRIES: Final = 15
SILENCE_S: Final = 5.0
"""A generating process tells something each second; after so many seconds without it is lost."""


@dataclass(frozen=True)
class Options:
    """What the command line asks for. maintenance: from and to, seconds of the run; processes: that will send."""

    env: str | None
    pair: str | None = None
    short: bool = False
    meant: str | None = None
    seed: int | None = None
    nonce: str | None = None
    reports: str | None = None
    maintenance: tuple[float, float] | None = None
    processes: int = 1


@dataclass
class _Heard:
    """What the master has from one generating process."""

    parts: int = 0
    at: float = field(default_factory=time.monotonic)
    last: Mapping[str, Any] | None = None


class LoadRun:
    """One run. The order of its methods is the order in which they are called."""

    def __init__(self, project: Path, profile: str, options: Options) -> None:
        """Reads and judges all configuration. Raises ConfigurationError; no system was sent anything."""
        self.project, self.options = project, options
        name = options.env or os.environ.get("CUTOVER_ENV")
        if not name:
            raise no_environment(project)
        self.profile: Profile = load_profile(project, profile, short=options.short)
        self.seed = options.seed if options.seed is not None else secrets.randbelow(1 << 32)
        self.plan: Schedule = self.profile.draw(self.seed)
        self.gates: Sequence[Gate] = gates_of(load_gates(project), project, profile, self.phases, self.endpoints)
        self.run_id = os.urandom(4).hex()
        self._pair: PairHandle | None = None
        self._pair_name: str | None = None
        self.environment, self._planted = self._named(name)
        refuse_what_does_not_fit(project, self.environment, self.profile, self.plan, meant=options.meant)
        rate = clean_rate()
        needed = processes_needed(self.profile, rate)
        if needed > options.processes:
            raise ConfigurationError(
                "--processes",
                "",
                f"{profile} sends up to {self.profile.peak:g} arrivals/s, and one process on this machine about "
                f"{rate:.0f}/s without being late",
                f"Use --processes {needed} (and as many cores), or lower the profile in load.toml.",
            )
        stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%dT%H%M%SZ")
        reports = Path(options.reports) if options.reports else project / "reports"
        self.folder = reports / f"{stamp}-{self.run_id}"
        self.started = time.time()
        self.log = EvidenceLog(self.folder)
        if self.log.failure is not None:
            raise ConfigurationError("--reports", "", f"cannot be written: {self.log.failure}", "Name another folder.")
        self.recorder = Recorder()
        self.log.event("started", run=self.run_id, environment=self.environment.name, gates=[self.gate])
        self.log.write("verdict.json", unfinished(self._told([])))
        self.client = Client(
            self.environment,
            recorder=self.recorder,
            rate_limiter=RateLimiter(self._base() / "pacing", self.environment.url, self.environment.budget),
            kill_switch=KillSwitch(project),
            run=self.run_id,
        )
        self.sums = LedgerTotals()
        self.expected: dict[str, _Heard] = {}
        self.cut_short: str | None = None
        self.broke: str | None = None
        self.exit_code: int | None = None
        self._line = ""
        self._accounts: dict[str, Accounts] = {}
        self._preparations: dict[str, Preparation] = {}
        self._people: dict[str, list[dict[str, str]]] = {}
        self._versions: dict[str, str | None] = {}
        self._floor_ms: float | None = None
        self._ended: tuple[Status, str] | None = None
        self._early = EarlyStop(self.gates, self.phases)
        self._begun_at = 0.0

    @property
    def gate(self) -> str:
        """The verdict's name."""
        return f"load {self.profile.name}"

    @property
    def phases(self) -> tuple[str, ...]:
        """All phases of the ledger, in order; a comparison knows but the warm-up, the old and the new system."""
        if len(self.profile.systems) > 1:
            return ("warm-up", "old", "new")
        return self.plan.phases

    @property
    def endpoints(self) -> tuple[str, ...]:
        """All endpoints that journeys send to."""
        names = [name for name, weight in self.profile.mix if weight]
        found = [f"{name}:user" if name in STREAMS else FIRST_OPERATION[name] for name in names]
        return tuple(dict.fromkeys([*found, *(["delete"] if "new_list" in names else [])]))

    # --- before the first arrival ----------------------------------------------------------------

    def prepare(self) -> dict[str, Any] | None:
        """Make what the arrivals need. What every generating process gets, but for its index; None when it failed."""
        try:
            return self._prepared()
        except (MeasurementError, NotVerified, CheckFailed) as error:
            status = Status.FAILED if isinstance(error, CheckFailed) else Status.NOT_VERIFIED
            self._ended = (Status(error.status) if isinstance(error, MeasurementError) else status, str(error))
            return None

    def _prepared(self) -> dict[str, Any]:
        environment = self.environment
        self.progress(as_words(self.profile, self.plan))
        names: dict[str, list[dict[str, str]]] = {}
        for system in self.profile.systems:
            target = self._answers_first(system)
            become_ready(target, self.progress)
            health = target.call("health")
            self._versions[system] = health.answer.version
            if self.profile.needs_accounts:
                accounts = Accounts(target, self.run_id, self.folder / LEDGER, label=secrets.token_hex(3))
                self._accounts[system] = accounts
                preparation = self._preparations[system] = Preparation(accounts, target, self.progress)
                self._people[system] = preparation.people(self.profile.accounts)
                names[system] = preparation.names(self.plan.count(f"register {system}"))
        self._floor_ms = max(_floor_ms(environment.systems[system].url) for system in self.profile.systems)
        self.progress(f"network's floor {self._floor_ms:.2f} ms; the load begins")
        return {
            "run": self.run_id,
            "environment": environment.name,
            "pair": self._pair_name,
            "profile": self.profile.name,
            "short": self.profile.short,
            "seed": self.seed,
            "people": self._people,
            "names": names,
            "versions": self._versions,
            "maintenance": self.options.maintenance,
        }

    def begin(self, processes: Sequence[str]) -> None:
        """These processes have their orders."""
        self.expected = {name: _Heard() for name in processes}
        self._begun_at = time.monotonic()

    # --- while it goes on ------------------------------------------------------------------------

    def received(self, process: str, message: Mapping[str, Any]) -> None:
        """Take what a generating process tells. What is out of order or cannot be read cuts the run short."""
        heard = self.expected.get(process)
        if heard is None or message.get("run") != self.run_id or heard.last is not None:
            return
        heard.at = time.monotonic()
        try:
            if "crashed" in message:
                raise ValueError(message["crashed"])
            if message["part"] != heard.parts + 1:
                raise ValueError(f"part {message['part']} came after {heard.parts}")
            heard.parts += 1
            sums = message["sums"]  # a process of its own sends it as plain data
            self.sums.merge(sums if isinstance(sums, LedgerTotals) else LedgerTotals.from_json(sums))
            if message["last"]:
                heard.last = message
        except (KeyError, TypeError, ValueError) as error:
            self.cut_short = self.cut_short or f"a message of {process} cannot be used: {error}"

    @property
    def over(self) -> bool:
        """Whether every process has told its last, or the run is cut short."""
        return self.cut_short is not None or all(heard.last is not None for heard in self.expected.values())

    def look(self) -> str | None:
        """Once a second: is a process lost, is a limit surely broken? Why all should stop now, None to go on."""
        now = time.monotonic()
        for name, heard in self.expected.items():
            if heard.last is None and now - heard.at > SILENCE_S:
                self.cut_short = (
                    self.cut_short or f"the generating process {name} was lost: nothing came for {SILENCE_S:g} s"
                )
        if self.cut_short is None and self.broke is None:
            self.broke = self._early.look(self.sums, now - self._begun_at)
        return self.cut_short or self.broke

    def lost(self, process: str) -> None:
        """That process ended before it told its last."""
        heard = self.expected.get(process)
        if heard is not None and heard.last is None:
            self.cut_short = self.cut_short or f"the generating process {process} ended before its share was sent"

    @property
    def progress_line(self) -> str:
        """Where the run stands."""
        whole = self.sums.quick_total()
        p95 = whole.latency.quantile(0.95)
        shown = f", p95 {p95 / 1000:.1f} ms" if p95 is not None else ""
        at = time.monotonic() - self._begun_at
        return f"{at:.0f} of {self.profile.duration_s:.0f} s: {whole.sent} sent, {whole.errors} errors{shown}"

    def progress(self, text: str) -> None:
        """One line for the person who waits, on standard error."""
        print(redact(text), file=sys.stderr, flush=True)  # noqa: T201 - a command's progress

    # --- at the end ------------------------------------------------------------------------------

    def conclude(self) -> int:
        """Clean up, judge, write everything, and only then say how the process shall end. Called once."""
        if not self.over and self._ended is None:
            self.cut_short = self.cut_short or "the run was ended from outside before its planned time"
        elif self._ended is None and not self.expected:
            self.cut_short = self.cut_short or "it ended before the first arrival"
        findings, seen = self._availability()
        run_facts = self._facts()
        judged = judge(self.sums, run_facts, self.gates)
        if self._ended is not None:
            judged = dataclasses.replace(judged, verdict=self._decided(*self._ended))
        elif findings and judged.verdict.verdict is not Verdict.INVALID:
            judged = dataclasses.replace(judged, verdict=_failed(judged.verdict, findings))
        left = self._removed()
        self.client.close()
        status = _STATUS.get(judged.verdict.verdict, Status.NOT_VERIFIED)
        observed = self.recorder.take()
        observed.leftovers += left
        observed.could_not_detect += COULD_NOT_DETECT
        if not dict(self.profile.mix).get("fresh"):
            observed.could_not_detect.append(NO_FRESH_CONNECTIONS)
        record = Record(
            self.gate, (self.gate,), self.environment.name, status, self.started, time.time() - self.started, None,
            redact("; ".join(judged.verdict.reasons)), None, None, self.profile.description, observed,
        )  # fmt: skip
        self.log.record(record)
        told = self._told([record])
        told["leftovers"] += unremoved(self.folder / LEDGER, told["leftovers"])
        told["requests"] += self.sums.total().sent
        told["load"] = run_facts.as_json()
        if seen is not None:
            told["availability"] = seen
        lines = write_load_files(
            self.log,
            self.sums,
            run_facts,
            judged,
            self.gates,
            availability=seen,
            could_not_detect=told["could_not_detect"],
            leftovers=told["leftovers"],
        )
        judged = self._if_written(judged)
        code = int(judged.verdict.exit_code)
        self.log.write("verdict.json", finished(told, [judged.verdict], code))
        self.log.close()
        judged = self._if_written(judged)  # when verdict.json is what could not be: it still says "unfinished"
        code = int(judged.verdict.exit_code)
        append_step_summary([judged.verdict], [record], told)
        self._show(judged, told, lines)
        self.exit_code = code
        return code

    def say(self) -> None:
        """The verdict, as the last line of all."""
        if self._line:
            print(self._line, flush=True)  # noqa: T201 - the verdict

    def close(self) -> None:
        """End the pair that was started for this run."""
        if self._pair is not None:
            self._pair.stop()
            self._pair = None

    def crashed(self, error: BaseException) -> int:
        """An exception of ours: verdict.json says so as well as the exit code. What was made is removed, or listed."""
        reason = redact(f"{type(error).__name__}: {error}")
        verdict = GateVerdict(self.gate, Verdict.TOOL_ERROR, int(ExitCode.CRASHED), (reason,), _COUNTS)
        told = self._told([])
        try:
            told["leftovers"] += self._removed()
        except Exception as another:  # noqa: BLE001 - the crash may be of this very removal
            told["leftovers"].append(f"accounts, since their removal crashed as well: {redact(str(another))}")
        told["leftovers"] += unremoved(self.folder / LEDGER, told["leftovers"])
        for line in told["leftovers"]:
            self.progress(f"left over: {line}")
        self.log.write("verdict.json", finished(told, [verdict], int(ExitCode.CRASHED)))
        self._line = redact(f"{self.gate} {verdict.verdict.value}: {reason}; exit {int(verdict.exit_code)}")
        return int(ExitCode.CRASHED)

    # --- parts of the above ----------------------------------------------------------------------

    def _named(self, name: str) -> tuple[Environment, str | None]:
        """The environment; the embedded one with a pair that is up, or one of this run's own."""
        from cutover.embedded import pair, state
        from cutover.embedded.pair_error import PairError

        if "://" in name or not is_embedded(self.project, name):
            return named_environment(self.project, name, self.options.pair)
        asked = self.options.pair or os.environ.get("CUTOVER_PAIR")
        if asked is not None:
            self._pair_name = asked
            return named_environment(self.project, name, asked)
        running = state.read("default")
        if running is None or not running.healthy:
            asked = f"load-{self.run_id}"
            try:
                self._pair = pair.start(asked, owned=True, options=pair.PairOptions())
                self._pair.wait(_PAIR_TIMEOUT_S)
            except PairError as error:
                raise ConfigurationError(
                    "--env", "", f"the pair did not come up: {error}", "Try `cutover pair up`."
                ) from None
        self._pair_name = asked or "default"
        return named_environment(self.project, name, self._pair_name)

    @staticmethod
    def _base() -> Path:
        from cutover.embedded.folders import base

        return base()

    def _facts(self) -> RunFacts:
        last = [heard.last for heard in self.expected.values() if heard.last is not None]
        trouble = [str(row["trouble"]) for row in last if row["trouble"]]
        trouble += [str(row["error"]) for row in last if row["error"]]
        rates: dict[str, float] = {
            part.name: (part.rate + part.end_rate) / 2 for shape in self.profile.shapes for part in shape.phases()
        }
        versions: dict[str, set[str]] = {}
        for system, _, version in (who.partition(" ") for row in last for who in row["versions"]):
            versions.setdefault(system, set()).update([version] if version else [])
        return RunFacts(
            profile=self.profile.name,
            environment=self.environment.name,
            run=self.run_id,
            phases=self.phases,
            endpoints=self.endpoints,
            planned=len(self.plan),
            begun=sum(int(row["started"]) for row in last),
            planned_s=self.profile.duration_s,
            duration_s=max((float(row["duration_s"]) for row in last), default=0.0),
            workers_planned=max(1, len(self.expected)),
            workers_reported=len(last),
            cut_short=self.cut_short or (trouble[0] if trouble else None),
            broke=self.broke,
            clock_step_s=max((float(row["clock_step_s"]) for row in last), default=0.0),
            network_floor_ms=self._floor_ms,
            rates=rates,
            marks=("--short",) if self.profile.short else (),
            local=self._pair_name is not None,
            seed=self.seed,
            nonce=self.options.nonce,
            started=self.started,
            url=self.environment.url,
            versions={system: sorted(told) for system, told in versions.items()},
            clock=", ".join(sorted({str(row["clock"]) for row in last})),
            planted=self._planted,
            maintenance=self.options.maintenance,
        )

    def _availability(self) -> tuple[list[str], dict[str, Any] | None]:
        """Findings that make the run NO-GO, and what the streams saw (report/load_outages.py); None without streams."""
        last = [heard.last for heard in self.expected.values() if heard.last is not None]
        streams = {
            stream: {
                "requests": len(rows),
                "windows": [window.as_json() for window in availability.find_outages(stream, rows)],
                "longest_gap_ms": availability.longest_gap_ms(rows),
            }
            for stream, rows in availability.merged(row["log"] for row in last).items()
        }
        if not streams:
            return [], None
        judged = self.sums.total(frozenset(self.phases) - {WARM_UP})
        versions: dict[str, list[int]] = {}
        for row in last:
            for version, (count, first, end) in row["versions"].items():
                held = versions.setdefault(version, [0, first, end])
                held[:] = [held[0] + count, min(held[1], first), max(held[2], end)]
        seen: dict[str, Any] = {
            "streams": streams,
            "versions": {
                version: {"answers": count, "first_s": round(first / 1e9, 4), "last_s": round(end / 1e9, 4)}
                for version, (count, first, end) in versions.items()
            },
            "changes_of_version": sum(len(row["flips"]) for row in last),
            "dropped": dropped_share(judged),
            "connections_closed_while_idle_without_a_request": sum(row["idle_closed"] for row in last),
        }
        acknowledged = [entry for row in last for entry in row["acknowledged"]]
        return self._looked_for(acknowledged, seen) if acknowledged else [], seen

    def _looked_for(self, acknowledged: Sequence[Sequence[str]], seen: dict[str, Any]) -> list[str]:
        """Look for each write that was acknowledged; what is lost or doubled, in words."""
        self.log.write("acknowledged.jsonl", "".join(json.dumps(entry) + "\n" for entry in acknowledged))
        lost: list[str] = []
        doubled: list[str] = []
        for system, preparation in self._preparations.items():
            mine = [entry[1:] for entry in acknowledged if entry[0] == system]
            try:
                where = self._answers_now(system)
                gone, twice = preparation.lost_and_doubled(where, self._people[system], mine)
            except (MeasurementError, NotVerified, CheckFailed) as error:
                self.cut_short = self.cut_short or f"the acknowledged writes could not be looked for: {error}"
                return []
            lost += gone
            doubled += twice
        seen["writes"] = {"acknowledged": len(acknowledged), "lost": lost, "doubled": doubled}
        found = []
        if lost:
            found.append(f"{len(lost)} of {len(acknowledged)} acknowledged writes are lost: {', '.join(lost[:5])}")
        if doubled:
            found.append(
                f"{len(doubled)} of {len(acknowledged)} acknowledged writes are there twice: {', '.join(doubled[:5])}"
            )
        return found

    def _if_written(self, judged: LoadVerdict) -> LoadVerdict:
        """The same while all evidence is there; INVALID without it, but for a NO-GO, which stands."""
        verdict = judged.verdict
        if self.log.failure is None or verdict.verdict in (Verdict.NO_GO, Verdict.INVALID):
            return judged
        reason = f"evidence could not be written: {self.log.failure}. Free the disk and run again"
        invalid = dataclasses.replace(
            verdict, verdict=Verdict.INVALID, exit_code=int(ExitCode.INVALID), reasons=(reason, *verdict.reasons)
        )
        return dataclasses.replace(judged, verdict=invalid)

    def _removed(self) -> list[str]:
        """Remove every account, as far as the kill switch and the system let us; what is left over."""
        left: list[str] = []
        for system, accounts in self._accounts.items():
            self.progress(f"removing the accounts of {system}")
            now, preparation = self._answers_now(system), self._preparations[system]
            with contextlib.suppress(RemovalError, MeasurementError, NotVerified, CheckFailed):  # said by remove_all
                preparation.remove_late(now, self._unanswered(), self.profile.timeout_s)
            if now.system != accounts.system:
                self._remove_after_a_switch(now, accounts, preparation)
            left += accounts.remove_all()
        return left

    def _unanswered(self) -> set[str]:
        last = [heard.last for heard in self.expected.values() if heard.last is not None]
        return {name for row in last for name in row["unanswered"]}

    def _answers_first(self, system: str) -> Target:
        """Who is to make the accounts: the system itself; before a switch the other one, at its own address."""
        target = Target(system, self.environment, self.client, self.recorder)
        others = [name for name in self.environment.systems if name != system]
        if self.profile.any_version and others:
            try:
                target.call("health")
            except IdentityMismatch:
                return Target(others[0], self.environment, self.client, self.recorder)
            except (Unreachable, CheckFailed):
                pass  # become_ready waits for it, and says what it saw
        return target

    def _answers_now(self, system: str) -> Target:
        """Who answers where the arrivals for that system went: the last one that did, the other one after a switch."""
        last = [
            (end, who.partition(" ")[0])
            for heard in self.expected.values()
            if heard.last is not None and self.profile.any_version
            for who, (_, _, end) in heard.last["versions"].items()
        ]
        return Target(max(last)[1] if last else system, self.environment, self.client, self.recorder)

    def _remove_after_a_switch(self, now: Target, accounts: Accounts, preparation: Preparation) -> None:
        """Remove what moved along with the traffic; what did not is tried, and listed, by its own system's accounts."""
        for account in (*preparation.made, *preparation.named):
            try:
                if remove_account(now, account.username, account.password):
                    accounts.forget(account)
            except (RemovalError, MeasurementError, NotVerified, CheckFailed):
                continue

    def _decided(self, status: Status, reason: str) -> GateVerdict:
        """The verdict of a run that ended before its first arrival."""
        record = Record(self.gate, (self.gate,), self.environment.name, status, self.started, 0.0, None, redact(reason))
        run = Run(environment=self.environment.name, safety=self.environment.safety, absent=self.environment.absent)
        return decide(self.gate, run, [RequiredCheck(self.gate, self.gate, None, SafetyLevel.READ_ONLY)], [record], ())

    def _told(self, records: Sequence[Record]) -> dict[str, Any]:
        told = facts(
            environment=self.environment, name=self.environment.name, run=self.run_id, nonce=self.options.nonce,
            started=self.started, records=records, asked_version=None, planted=self._planted, project=self.project,
        )  # fmt: skip
        return told | {
            "profile": self.profile.name,
            "short": self.profile.short,
            "seed": self.seed,
            "planned_s": self.profile.duration_s,
            "planned_arrivals": len(self.plan),
        }

    def _show(self, judged: LoadVerdict, told: dict[str, Any], lines: Sequence[str]) -> None:
        for line in (*lines, *(f"  - {reason}" for reason in judged.verdict.reasons), f"evidence: {self.folder}"):
            print(redact(line), flush=True)  # noqa: T201 - a command's output
        short = " (--short)" if self.profile.short else ""
        self._line = redact(last_line(judged.verdict, told)).replace(self.gate, self.gate + short, 1)


_STATUS: Final = {
    Verdict.GO: Status.PASSED, Verdict.NO_GO: Status.FAILED, Verdict.INCONCLUSIVE: Status.NOT_VERIFIED,
    Verdict.INVALID: Status.CRASHED,
}  # fmt: skip
_COUNTS: Final = {"required": 1, "passed": 0, "failed": 0, "waived": 0, "not_verified": 0, "missing": 1}


def _failed(verdict: GateVerdict, findings: Sequence[str]) -> GateVerdict:
    """The verdict with findings that no sum of the ledger shows."""
    counts = dict(verdict.counts)
    counts["failed"] += 1
    counts["required"] += 1
    reasons = tuple(findings) + (verdict.reasons if verdict.verdict is Verdict.NO_GO else ())
    return dataclasses.replace(
        verdict, verdict=Verdict.NO_GO, exit_code=int(ExitCode.NO_GO), reasons=reasons, counts=counts,
        failed=(*verdict.failed, "acknowledged writes"),
    )  # fmt: skip


def _floor_ms(url: str) -> float:
    """The median time of a bare TCP handshake with the host, in ms: no answer can be faster. Raises Unreachable."""
    _, host, port = origin_of(url)
    times = []
    for _ in range(_FLOOR_TRIES):
        began = time.perf_counter()
        try:
            with socket.create_connection((host, port), timeout=10):
                times.append((time.perf_counter() - began) * 1000)
        except OSError as error:
            raise Unreachable(f"{host}:{port} cannot be reached: {error}") from None
    return statistics.median(times)
