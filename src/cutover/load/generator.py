"""One generator process of a load run: sends its part of the schedule, and reports to the master each second."""

from __future__ import annotations

import contextlib
import gc
import os
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import gevent
from gevent.hub import get_hub

from cutover.config.environments import Environment, load_environment
from cutover.core.errors import Stopped
from cutover.core.safety import KillSwitch, origin_of
from cutover.load.journeys import journeys_of, refresh_journey
from cutover.load.load_client import LoadAccount, LoadClient, SharedState
from cutover.load.preparation import load_lists
from cutover.load.profiles import load_profile
from cutover.traffic import availability
from cutover.traffic.arrivals import Schedule
from cutover.traffic.clock import WallClock
from cutover.traffic.connection import Peer
from cutover.traffic.engine import Engine, Watcher
from cutover.traffic.ledger_writer import LedgerWriter

TICK_S: Final = 1.0
REFRESH_AFTER_S: Final = 600.0
"""Access tokens are valid for 900 s (contracts/api.md)."""

LEAD_S: Final = 0.5
"""Seconds between the job and the first arrival, in which every process prepares its part."""


class Generator:
    """The sender of one part of a run. `stop` may be called while `run` is running."""

    def __init__(self, project: Path, job: Mapping[str, Any], name: str, watchers: Sequence[Watcher] = ()) -> None:
        """Prepare to send. job: from LoadRun.prepare. Raises ConfigurationError if this machine lacks a part of it."""
        self.name = name
        self._job = job
        profile = load_profile(project, job["profile"], short=job["short"])
        environment = _environment(project, job)
        whole = profile.schedule(job["seed"]).without(job["not_sent"])
        self.plan = whole.part(job["index"], job["of"])
        self._origin_ns = 0
        self._peers = {system: _peer(environment, system) for system in profile.systems}
        caps = environment.load
        assert caps is not None, "the master checked the caps"
        self._kill = KillSwitch(project)
        self._ledger = LedgerWriter(0)
        self._state = SharedState(f"{job['run']}-{job['index']}")
        self._log = availability.AvailabilityLog(0)
        self._clients = {
            system: LoadClient(
                system,
                environment,
                self._state,
                accounts=[LoadAccount.from_row(row) for row in job["accounts"].get(system, ())],
                reserved=_reserved(whole, job, system),
                lists=load_lists(),
                version=None if profile.any_version else job["versions"].get(system),
                any_system=profile.any_version,
                in_maintenance=self._in_maintenance,
            )
            for system in profile.systems
        }
        self._journeys = journeys_of(self.plan.journeys, self._clients, compared=len(profile.systems) > 1)
        self.engine = Engine(
            get_hub().loop,
            self._ledger,
            self._peers,
            timeout_s=profile.timeout_s,
            max_connections=max(1, caps.connections // job["of"]),
            max_bytes=caps.bytes // job["of"],
            stopped=self._stopped,
            watchers=[*watchers, *([self._log] if {"kept", "write"} & set(profile.journeys) else [])],
        )
        self._parts = 0

    def run(self, report: Callable[[dict[str, Any]], None]) -> None:
        """Send the part until the last request has its outcome. report: called each second and at the end."""
        with _real_time_priority():
            self._run(report)

    def _run(self, report: Callable[[dict[str, Any]], None]) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()  # a collection would add send lag; reference counts free what a run allocates
        try:
            self._origin_ns = time.monotonic_ns() + int(LEAD_S * 1e9)
            self._ledger.started_ns = self._origin_ns
            self._log.start(self._origin_ns)
            wall = WallClock()
            self.engine.start(self.plan, self._journeys, self._origin_ns)
            cpu_s, at_ns = time.process_time(), time.monotonic_ns()
            while not self.engine.finished.wait(TICK_S):
                cpu_s, at_ns = self._tick(cpu_s, at_ns, wall)
                report(self._report(wall, last=False))
            self._tick(cpu_s, at_ns, wall)
            report(self._report(wall, last=True))
        finally:
            gc.enable()
            gc.unfreeze()

    def stop(self, reason: str | None) -> None:
        """Stop early. reason: None if the profile intends it."""
        self.engine.stop(reason, at_once=reason is not None)

    def _tick(self, cpu_s: float, at_ns: int, wall: WallClock) -> tuple[float, int]:
        now_ns, now_cpu = time.monotonic_ns(), time.process_time()
        self._ledger.add_cpu_time(self.name, now_ns, now_cpu - cpu_s, (now_ns - at_ns) / 1e9)
        wall.check()
        for client in self._clients.values():
            for account in client.accounts:
                if account.access and time.monotonic() - account.got_at > REFRESH_AFTER_S:
                    account.got_at = time.monotonic()  # once, whatever its result is
                    self.engine.begin_unscheduled(refresh_journey(client, account), now_ns)
        for peer in self._peers.values():
            gevent.spawn(_resolve, peer)
        return now_cpu, now_ns

    def _report(self, wall: WallClock, *, last: bool) -> dict[str, Any]:
        """Return a report for the master. totals: since the report before; part: number of the report, from 1."""
        self._parts += 1
        message: dict[str, Any] = {
            "run": self._job["run"],
            "part": self._parts,
            "totals": self._ledger.take(),
            "started": self.engine.started,
            "last": last,
        }
        if last:
            engine, state = self.engine, self._state
            message |= {
                "stop_reason": engine.stop_reason,
                "error": None if engine.error is None else f"{type(engine.error).__name__}: {engine.error}",
                "withdrawn": engine.withdrawn,
                "duration_s": (time.monotonic_ns() - self._origin_ns) / 1e9,
                "clock": engine.clock,
                "clock_step_s": wall.stepped_ns / 1e9,
                "acknowledged": state.acknowledged,
                "registered": state.registered,
                "unanswered": sorted(state.unanswered),
                "versions": {
                    version: [count, first - self._origin_ns, last_ns - self._origin_ns]
                    for version, (count, first, last_ns) in state.versions.items()
                },
                "version_changes": [[at - self._origin_ns, version] for at, version in state.version_changes],
                "log": self._log.as_message(),
                "idle_closed": engine.idle_closed,
                "idle_kills": engine.idle_kills,
            }
        return message

    def _stopped(self) -> str | None:
        try:
            self._kill.check()
        except Stopped as error:
            return str(error)
        return None

    def _in_maintenance(self) -> bool:
        window = self._job["maintenance"]
        if not window or not self._origin_ns:
            return False
        at_s = (time.monotonic_ns() - self._origin_ns) / 1e9
        return bool(window[0] <= at_s <= window[1])


@contextlib.contextmanager
def _real_time_priority() -> Iterator[None]:
    """Give this process a real-time priority while it sends, if allowed: a sender that waits for a core is late.

    SCHED_RR at its lowest priority (sched(7)). It cannot block the machine: rates above half of a core are refused, and
    Linux reserves 5 % for ordinary processes even if a real-time one never sleeps.
    """
    if not hasattr(os, "sched_setscheduler"):
        yield
        return
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(1))
    except OSError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


def _reserved(whole: Schedule, job: Mapping[str, Any], system: str) -> Sequence[Mapping[str, str]]:
    """Return the accounts that this process may register: as many as its part of the schedule registers."""
    counts = [whole.part(index, job["of"]).count(f"register {system}") for index in range(job["index"] + 1)]
    begin = sum(counts[:-1])
    reserved: Sequence[Mapping[str, str]] = job["reserved"].get(system, ())[begin : begin + counts[-1]]
    return reserved


def _environment(project: Path, job: Mapping[str, Any]) -> Environment:
    pair = None
    if job["pair"] is not None:
        from cutover.embedded import state

        pair = state.read(job["pair"])
    return load_environment(project, job["environment"], pair=pair)


def _peer(environment: Environment, system: str) -> Peer:
    url = environment.systems[system].url
    environment.allowed.permit(url)
    scheme, host, port = origin_of(url)
    tls = None
    if scheme == "https":
        tls = ssl.create_default_context(cafile=environment.ca_file)
        tls.set_alpn_protocols(["http/1.1"])
    peer = Peer(host, port, tls)
    peer.resolve()
    return peer


def _resolve(peer: Peer) -> None:
    try:
        peer.resolve()
    except OSError:
        return  # the last address is kept; a connection to it succeeds or fails
