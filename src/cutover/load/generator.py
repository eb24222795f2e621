"""One generating process of a load run: its share of the schedule, sent, counted, and told to the master each second.

Not for Locust's side of it: locust_wiring.py; nor for the verdict: run.py.
"""

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
from cutover.load.load_client import Person, Side, Traffic
from cutover.load.preparation import materials
from cutover.load.profiles import load_profile
from cutover.traffic import availability
from cutover.traffic.arrivals import Schedule
from cutover.traffic.clock import WallClock
from cutover.traffic.connection import Peer
from cutover.traffic.engine import Engine, Watcher
from cutover.traffic.ledger_writer import LedgerWriter

TICK_S: Final = 1.0
REFRESH_AFTER_S: Final = 600.0
"""Access tokens live 900 s (contracts/api.md)."""

LEAD_S: Final = 0.5
"""Between the master's word and the first arrival: time in which every process builds its share."""


class Generator:
    """Runs one share. `stop` may be called from outside while `run` goes on."""

    def __init__(self, project: Path, order: Mapping[str, Any], name: str, watchers: Sequence[Watcher] = ()) -> None:
        """order: what run.py's `order` made. Raises ConfigurationError when this machine lacks what it names."""
        self.name = name
        self._order = order
        profile = load_profile(project, order["profile"], short=order["short"])
        environment = _environment(project, order)
        whole = profile.draw(order["seed"])
        self.plan = whole.part(order["index"], order["of"])
        self._origin_ns = 0
        self._peers = {system: _peer(environment, system) for system in profile.systems}
        caps = environment.load
        assert caps is not None, "the master judged the caps"
        self._kill = KillSwitch(project)
        self._recorder = LedgerWriter(0)
        self._traffic = Traffic(f"{order['run']}-{order['index']}")
        self._log = availability.AvailabilityLog(0)
        self._sides = {
            system: Side(
                system,
                environment,
                self._traffic,
                people=[Person.from_row(row) for row in order["people"].get(system, ())],
                names=_share(whole, order, system),
                materials=materials(),
                version=None if profile.any_version else order["versions"].get(system),
                any_system=profile.any_version,
                in_window=self._in_window,
            )
            for system in profile.systems
        }
        self._journeys = journeys_of(self.plan.journeys, self._sides, compared=len(profile.systems) > 1)
        self.engine = Engine(
            get_hub().loop,
            self._recorder,
            self._peers,
            timeout_s=profile.timeout_s,
            max_connections=max(1, caps.connections // order["of"]),
            max_bytes=caps.bytes // order["of"],
            stopped=self._stopped,
            watchers=[*watchers, self._log],
        )
        self._parts = 0

    def run(self, tell: Callable[[dict[str, Any]], None]) -> None:
        """Send the share, until the last request has its outcome. tell: called each second, and at the end."""
        with _on_time():
            self._run(tell)

    def _run(self, tell: Callable[[dict[str, Any]], None]) -> None:
        gc.collect()
        gc.freeze()
        gc.disable()  # a collection in the middle would be send lag; what a run allocates is freed by its counts
        try:
            self._origin_ns = time.monotonic_ns() + int(LEAD_S * 1e9)
            self._recorder.started_ns = self._origin_ns
            self._log.start(self._origin_ns)
            wall = WallClock()
            self.engine.start(self.plan, self._journeys, self._origin_ns)
            cpu_s, at_ns = time.process_time(), time.monotonic_ns()
            while not self.engine.finished.wait(TICK_S):
                cpu_s, at_ns = self._tick(cpu_s, at_ns, wall)
                tell(self._message(wall, last=False))
            self._tick(cpu_s, at_ns, wall)
            tell(self._message(wall, last=True))
        finally:
            gc.enable()
            gc.unfreeze()

    def stop(self, why: str | None) -> None:
        """End early. why: None when the profile provides for it."""
        self.engine.stop(why, at_once=why is not None)

    def _tick(self, cpu_s: float, at_ns: int, wall: WallClock) -> tuple[float, int]:
        now_ns, now_cpu = time.monotonic_ns(), time.process_time()
        self._recorder.add_cpu_time(self.name, now_ns, now_cpu - cpu_s, (now_ns - at_ns) / 1e9)
        wall.check()
        for side in self._sides.values():
            for person in side.people:
                if time.monotonic() - person.got_at > REFRESH_AFTER_S:
                    person.got_at = time.monotonic()  # once, whatever comes of it
                    self.engine.begin_unscheduled(refresh_journey(side, person), now_ns)
        for peer in self._peers.values():
            gevent.spawn(_resolve, peer)
        return now_cpu, now_ns

    def _message(self, wall: WallClock, *, last: bool) -> dict[str, Any]:
        """What the master is told. sums: LedgerTotals since the message before; parts count the messages."""
        self._parts += 1
        message: dict[str, Any] = {
            "run": self._order["run"],
            "part": self._parts,
            "sums": self._recorder.take(),
            "started": self.engine.started,
            "last": last,
        }
        if last:
            engine, traffic = self.engine, self._traffic
            message |= {
                "trouble": engine.stop_reason,
                "error": None if engine.error is None else f"{type(engine.error).__name__}: {engine.error}",
                "withdrawn": engine.withdrawn,
                "duration_s": (time.monotonic_ns() - self._origin_ns) / 1e9,
                "clock": engine.clock,
                "clock_step_s": wall.stepped_ns / 1e9,
                "acknowledged": traffic.acknowledged,
                "registered": traffic.registered,
                "unanswered": sorted(traffic.unanswered),
                "versions": {
                    version: [count, first - self._origin_ns, last_ns - self._origin_ns]
                    for version, (count, first, last_ns) in traffic.versions.items()
                },
                "flips": [[at - self._origin_ns, version] for at, version in traffic.flips],
                "log": self._log.as_message(),
                "idle_closed": engine.idle_closed,
            }
        return message

    def _stopped(self) -> str | None:
        try:
            self._kill.check()
        except Stopped as error:
            return str(error)
        return None

    def _in_window(self) -> bool:
        window = self._order["maintenance"]
        if not window or not self._origin_ns:
            return False
        at_s = (time.monotonic_ns() - self._origin_ns) / 1e9
        return bool(window[0] <= at_s <= window[1])


@contextlib.contextmanager
def _on_time() -> Iterator[None]:
    """Run before ordinary processes while sending, where that is allowed: a sender that waits for a core is late.

    SCHED_RR at its lowest priority (sched(7)). It cannot take the machine: rates above half of a core are refused,
    and Linux leaves ordinary processes 5 % even of a real-time one that never sleeps.
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


def _share(whole: Schedule, order: Mapping[str, Any], system: str) -> Sequence[Mapping[str, str]]:
    """The accounts that this process may register: as many as its share of the schedule does, and nobody else's."""
    counts = [whole.part(index, order["of"]).count(f"register {system}") for index in range(order["index"] + 1)]
    begin = sum(counts[:-1])
    names: Sequence[Mapping[str, str]] = order["names"].get(system, ())[begin : begin + counts[-1]]
    return names


def _environment(project: Path, order: Mapping[str, Any]) -> Environment:
    pair = None
    if order["pair"] is not None:
        from cutover.embedded import state

        pair = state.read(order["pair"])
    return load_environment(project, order["environment"], pair=pair)


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
        return  # the address that was found last is used on; connecting to it says whether it answers
