"""Sends each arrival of a schedule at its moment, whatever the system does, and enters each request into the ledger.

An arrival begins a journey (journeys.py): a generator of requests that is driven by the answers. No greenlet and no
thread a request: connections are watched by the hub, which costs a tenth. Not for where the requests come from.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, TypeAlias

from gevent.event import Event

from cutover.traffic.arrivals import NS, WARM_UP, Schedule
from cutover.traffic.clock import Alarm
from cutover.traffic.connection import CLOSED_WHILE_IDLE, OURS, Connection, Peer
from cutover.traffic.ledger import Outcome
from cutover.traffic.ledger_writer import LedgerWriter
from cutover.traffic.wire import Response

_AT_ONCE: Final = 32
"""Arrivals that are sent before the hub may read answers again, when several are due."""

_LOOK_S: Final = 0.02
"""How often time-outs and the kill switch are looked at, in s."""


_IDLE_NS: Final = 4 * NS
"""A connection that was idle for longer is not used again. workerd closes after 5 s (kj's pipelineTimeout), and when
it is busy also what has just been sent to: a client that waits for that measures its own patience."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a journey. data: as it goes over the wire; judge: outcome and detail of its answer.

    endpoint: its row in the ledger. fresh: over a connection of its own, which is closed afterwards.
    """

    endpoint: str
    system: str
    data: bytes
    judge: Callable[[Response], tuple[Outcome, str]]
    fresh: bool = False
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Reply:
    """What became of a call; response is None when none came."""

    outcome: Outcome
    response: Response | None


Steps: TypeAlias = Generator[Call, Reply, None]


class Journey(Protocol):
    """What an arrival begins. endpoint: of its first request. side: the phase's name in a comparison, else None."""

    @property
    def endpoint(self) -> str: ...

    @property
    def side(self) -> str | None: ...

    def begin(self) -> Steps | None:
        """The requests, one by one; None when the journey cannot begin."""
        ...


class Watcher(Protocol):
    """Told of every request that was sent, beside the ledger: Locust's page, the availability's log."""

    def __call__(
        self, call: Call, outcome: Outcome, detail: str, times: tuple[int, int, int], response: Response | None
    ) -> None: ...


class _Exchange:
    __slots__ = ("call", "connection", "intended_ns", "over", "phase", "sent_ns", "steps")

    def __init__(self, call: Call, steps: Steps, phase: str, intended_ns: int, sent_ns: int) -> None:
        self.call, self.steps, self.phase = call, steps, phase
        self.intended_ns, self.sent_ns = intended_ns, sent_ns
        self.connection: Connection | None = None
        self.over = False


class Engine:
    """One process's share of a run. `finished` is set when the last request has its outcome."""

    def __init__(
        self,
        loop: Any,
        recorder: LedgerWriter,
        peers: Mapping[str, Peer],
        *,
        timeout_s: float,
        most_connections: int,
        most_bytes: int,
        stopped: Callable[[], str | None] = lambda: None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        """timeout_s: from sending to the last byte. stopped: why all must end now, None while it need not."""
        self._loop, self._recorder, self._peers = loop, recorder, peers
        self._timeout_ns = int(timeout_s * NS)
        self._most_connections, self._most_bytes, self._stopped = most_connections, most_bytes, stopped
        self._watchers = watchers
        self._idle: dict[str, list[Connection]] = {system: [] for system in peers}
        self._open = 0
        self._on_the_way: deque[_Exchange] = deque()
        self._pending = 0
        self._plan: Schedule | None = None
        self._next = self._announced = self._end = 0
        self._origin_ns = 0
        self.finished = Event()
        self.trouble: str | None = None
        """Why the run ended before its schedule did; None when it did not."""
        self.error: BaseException | None = None
        """An exception of ours. It ends the run."""
        self.bytes = 0
        self.answered = 0
        self.idle_closed = 0
        self.started = 0

    def start(self, plan: Schedule, journeys: Sequence[Journey], origin_ns: int) -> None:
        """Begin. journeys: by the schedule's numbers; origin_ns: the schedule's time 0."""
        self._plan, self._journeys, self._origin_ns = plan, journeys, origin_ns
        self._end = len(plan)
        self._alarm = Alarm(self._loop, self._guarded(self._due))
        self._look = self._loop.timer(_LOOK_S, _LOOK_S)
        self._look.start(self._guarded(self._look_round))
        self._arm()

    @property
    def withdrawn(self) -> int:
        """Arrivals that were planned and given up in time, before they stood in the ledger."""
        return (len(self._plan) if self._plan else 0) - self._end

    @property
    def clock(self) -> str:
        """What the arrivals' times come from."""
        return self._alarm.kind

    def stop(self, why: str | None = None, *, at_once: bool = False) -> None:
        """Send nothing that does not stand in the ledger yet; with at_once, nothing at all any more.

        why: None for an end that the profile provides for, else what goes into `trouble`.
        """
        self._end = min(self._end, self._announced)
        self.trouble = self.trouble or why
        if at_once and self._plan is not None:
            for index in range(self._next, self._end):
                self._unsent(self._plan, index, "the run was stopped")
            self._next = self._end
            for exchange in list(self._on_the_way):
                if not exchange.over:
                    self._over(exchange, Outcome.TIME_OUT, "the run was stopped", None)

    def begin_extra(self, journey: Journey, phase_of_ns: int) -> None:
        """Begin a journey that is not in the schedule, such as refreshing a token; it stands in the ledger as well."""
        if self._plan is None or self.finished.is_set():
            return
        now = time.monotonic_ns()
        phase = self._phase(journey, self._phase_at(phase_of_ns - self._origin_ns))
        self._recorder.schedule(journey.endpoint, phase, now)
        self._begin(journey, phase, now)

    # --- in the hub ------------------------------------------------------------------------------

    def _guarded(self, function: Callable[[], None]) -> Callable[[], None]:
        """The hub only prints what its callbacks raise; here it ends the run."""

        def call() -> None:
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - whatever it is, the run cannot be trusted any more
                self._crashed(error)

        return call

    def _crashed(self, error: BaseException) -> None:
        self.error = self.error or error
        self.trouble = self.trouble or "the engine crashed"
        self._close()

    def _arm(self) -> None:
        plan = self._plan
        if plan is not None and self._next < self._end:
            self._alarm.at(self._origin_ns + plan.at_ns[self._next])

    def _due(self) -> None:
        plan = self._plan
        if plan is None or self.finished.is_set():
            return
        now = time.monotonic_ns() - self._origin_ns
        last = min(self._end, self._next + _AT_ONCE)
        while self._next < last and plan.at_ns[self._next] <= now:
            if self._next >= self._announced:
                self._announce(plan)
            index = self._next
            self._next += 1
            journey = self._journeys[plan.journey[index]]
            phase = self._phase(journey, plan.phases[plan.phase[index]])
            self.started += self._begin(journey, phase, self._origin_ns + plan.at_ns[index])
        self._arm()

    def _announce(self, plan: Schedule) -> None:
        """Enter all arrivals of the second that begins into the ledger, before any of them is sent."""
        until = (plan.at_ns[self._announced] // NS + 1) * NS
        while self._announced < self._end and plan.at_ns[self._announced] < until:
            journey = self._journeys[plan.journey[self._announced]]
            phase = self._phase(journey, plan.phases[plan.phase[self._announced]])
            self._recorder.schedule(journey.endpoint, phase, self._origin_ns + plan.at_ns[self._announced])
            self._announced += 1

    def _unsent(self, plan: Schedule, index: int, why: str) -> None:
        journey = self._journeys[plan.journey[index]]
        phase = self._phase(journey, plan.phases[plan.phase[index]])
        at = self._origin_ns + plan.at_ns[index]
        self._recorder.record(journey.endpoint, phase, Outcome.UNSENT, at, 0, 0, 0, why)

    def _phase(self, journey: Journey, phase: str) -> str:
        return phase if journey.side is None or phase == WARM_UP else journey.side

    def _phase_at(self, at_ns: int) -> str:
        plan = self._plan
        assert plan is not None
        for name, end in zip(plan.phases, plan.begins_ns[1:], strict=True):
            if at_ns < end:
                return name
        return plan.phases[-1]

    def _begin(self, journey: Journey, phase: str, intended_ns: int) -> bool:
        """Send the first request of a journey that stands in the ledger. Whether it could be sent."""
        self._pending += 1
        steps = journey.begin()
        call = next(steps, None) if steps is not None else None
        if steps is None or call is None:
            self._pending -= 1
            self._recorder.record(
                journey.endpoint, phase, Outcome.UNSENT, intended_ns, 0, 0, 0, "nothing to do it with"
            )
            return False
        return self._send(_Exchange(call, steps, phase, intended_ns, 0))

    def _send(self, exchange: _Exchange) -> bool:
        call = exchange.call
        idle = self._idle[call.system]
        connection = None
        if not call.fresh:
            while idle and connection is None:
                found = idle.pop()
                if not found.idle:
                    continue
                ended = found.ended
                if not ended and time.monotonic_ns() - found.idle_since_ns < _IDLE_NS:
                    connection = found
                    continue
                self.idle_closed += ended
                found.close()
                self._open -= 1
        exchange.sent_ns = time.monotonic_ns()
        if connection is None:
            if self._open >= self._most_connections:
                self._gave_up(exchange, f"more than {self._most_connections} connections")
                return False
            connection = Connection(self._loop, self._peers[call.system], self._answered, self._failed)
            self._open += 1
        connection.exchange, exchange.connection = exchange, connection
        self._on_the_way.append(exchange)
        self.bytes += len(call.data)
        connection.send(call.data, head_only=call.method == "HEAD")
        return True

    def _gave_up(self, exchange: _Exchange, why: str) -> None:
        """This machine could not send a request, and the journey ends with it."""
        exchange.over = True
        self._pending -= 1
        call = exchange.call
        self._recorder.record(call.endpoint, exchange.phase, Outcome.UNSENT, exchange.intended_ns, 0, 0, 0, why)
        exchange.steps.close()

    def _answered(self, connection: Connection, response: Response) -> None:
        exchange, connection.exchange = connection.exchange, None
        try:
            if not response.reusable or exchange.call.fresh:
                connection.close()
                self._open -= 1
            else:
                connection.idle_since_ns = time.monotonic_ns()
                self._idle[exchange.call.system].append(connection)
            self.bytes += len(response.body) + len(response.head)
            self.answered += 1
            outcome, detail = exchange.call.judge(response)
            self._over(exchange, outcome, detail, response)
        except BaseException as error:  # noqa: BLE001 - as in _guarded
            self._crashed(error)

    def _failed(self, connection: Connection, word: str) -> None:
        self._open -= 1
        exchange, connection.exchange = connection.exchange, None
        try:
            if exchange is None:
                self.idle_closed += 1
            elif word in OURS:
                self._gave_up(exchange, word)
            else:
                idle = word == CLOSED_WHILE_IDLE
                self._over(exchange, Outcome.CLOSED_WHILE_IDLE if idle else Outcome.NETWORK_ERROR, word, None)
        except BaseException as error:  # noqa: BLE001 - as in _guarded
            self._crashed(error)

    def _over(self, exchange: _Exchange, outcome: Outcome, detail: str, response: Response | None) -> None:
        """Write down what became of a request, and let the journey go on."""
        if exchange.over:
            return
        exchange.over = True
        done = time.monotonic_ns()
        call = exchange.call
        size = len(response.body) if response is not None else 0
        self._recorder.record(
            call.endpoint, exchange.phase, outcome, exchange.intended_ns, exchange.sent_ns, done, size, detail
        )
        for watcher in self._watchers:
            watcher(call, outcome, detail, (exchange.intended_ns, exchange.sent_ns, done), response)
        if response is None and exchange.connection is not None and exchange.connection.exchange is exchange:
            exchange.connection.exchange = None
            exchange.connection.close()
            self._open -= 1
        if self.trouble is None:
            self._next_step(exchange, Reply(outcome, response))
        else:
            exchange.steps.close()
            self._pending -= 1

    def _next_step(self, exchange: _Exchange, reply: Reply) -> None:
        try:
            call = exchange.steps.send(reply)
        except StopIteration:
            self._pending -= 1
            return
        now = time.monotonic_ns()
        self._recorder.schedule(call.endpoint, exchange.phase, now)
        self._send(_Exchange(call, exchange.steps, exchange.phase, now, 0))

    def _look_round(self) -> None:
        if self.finished.is_set():
            return
        oldest = time.monotonic_ns() - self._timeout_ns
        way = self._on_the_way
        while way and (way[0].over or way[0].sent_ns <= oldest):
            exchange = way.popleft()
            if not exchange.over:
                self._over(exchange, Outcome.TIME_OUT, f"no answer in {self._timeout_ns / NS:g} s", None)
        if self.bytes > self._most_bytes:
            self.stop(f"more than {self._most_bytes} bytes, the environment's cap", at_once=True)
        why = self._stopped()
        if why is not None:
            self.stop(why, at_once=True)
        self._recorder.fold()
        if self._next >= self._end and self._pending == 0 and self._plan is not None:
            early = self.withdrawn > 0 or self.trouble is not None
            if early or time.monotonic_ns() >= self._origin_ns + self._plan.begins_ns[-1]:
                self._close()

    def _close(self) -> None:
        if self.finished.is_set():
            return
        self._alarm.close()
        self._look.close()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self.finished.set()
