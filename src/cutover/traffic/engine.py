"""The open-arrival engine: sends each arrival of a schedule at its intended send time, and records every request.

An arrival begins a journey (load/journeys.py): a generator of requests that the responses drive. Connections are
watched by gevent's hub. That costs a tenth of a greenlet or thread per request.
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
from cutover.traffic.connection import CLOSED_WHILE_IDLE, LOCAL_FAILURES, Connection, Peer
from cutover.traffic.ledger import Outcome
from cutover.traffic.ledger_writer import LedgerWriter
from cutover.traffic.wire import Response

_MAX_DUE: Final = 32
"""Due arrivals that are sent before the hub may read responses again."""

_CHECK_S: Final = 0.02
"""Seconds between two checks of time-outs and the kill switch."""


_KEPT: Final = 50

_IDLE_NS: Final = 4 * NS
"""A connection that was idle for longer is not used again. workerd closes after 5 s (kj's pipelineTimeout), and if it
is busy, even a connection that has just received a request: a longer limit would measure the client's own patience."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request of a journey. data: the bytes to send; check: returns outcome and detail of the response.

    endpoint: its row in the ledger. fresh: over a new connection, which is closed afterwards.
    """

    endpoint: str
    system: str
    data: bytes
    check: Callable[[Response], tuple[Outcome, str]]
    fresh: bool = False
    method: str = "GET"


@dataclass(frozen=True, slots=True)
class Reply:
    """The result of a call. response is None if there was none."""

    outcome: Outcome
    response: Response | None


Steps: TypeAlias = Generator[Call, Reply, None]


class Journey(Protocol):
    """The requests of an arrival. endpoint: of the first one. side: the phase's name in a comparison, else None."""

    @property
    def endpoint(self) -> str: ...

    @property
    def side(self) -> str | None: ...

    def begin(self) -> Steps | None:
        """Return a generator of the requests; None if the journey cannot begin."""
        ...


class Watcher(Protocol):
    """A function that is called for each request that was sent: Locust's statistics, the availability log."""

    def __call__(
        self, call: Call, outcome: Outcome, detail: str, times: tuple[int, int, int], response: Response | None
    ) -> None: ...


class _Exchange:
    __slots__ = ("call", "connection", "done", "intended_ns", "phase", "sent_ns", "steps")

    def __init__(self, call: Call, steps: Steps, phase: str, intended_ns: int, sent_ns: int) -> None:
        self.call, self.steps, self.phase = call, steps, phase
        self.intended_ns, self.sent_ns = intended_ns, sent_ns
        self.connection: Connection | None = None
        self.done = False


class Engine:
    """The part of a run that one process sends. `finished` is set when the last request has its outcome."""

    def __init__(
        self,
        loop: Any,
        recorder: LedgerWriter,
        peers: Mapping[str, Peer],
        *,
        timeout_s: float,
        max_connections: int,
        max_bytes: int,
        stopped: Callable[[], str | None] = lambda: None,
        watchers: Sequence[Watcher] = (),
    ) -> None:
        """timeout_s: from sending to the last byte. stopped: returns why the run must stop now, None if it need not."""
        self._loop, self._recorder, self._peers = loop, recorder, peers
        self._timeout_ns = int(timeout_s * NS)
        self._max_connections, self._max_bytes, self._stopped = max_connections, max_bytes, stopped
        self._watchers = watchers
        self._idle: dict[str, list[Connection]] = {system: [] for system in peers}
        self._open = 0
        self._in_flight: deque[_Exchange] = deque()
        self._pending = 0
        self._plan: Schedule | None = None
        self._next = self._announced = self._end = 0
        self._origin_ns = 0
        self.finished = Event()
        self.stop_reason: str | None = None
        """The reason why the run ended before the end of its schedule; None if it did not."""
        self.error: BaseException | None = None
        """An exception of the suite's own code. It ends the run."""
        self.bytes = 0
        self.answered = 0
        self.idle_closed = 0
        self.idle_kills: list[list[Any]] = []
        """Evidence of requests that were closed while idle: ns of the run, endpoint, idle ns, proof. At most _KEPT."""
        self.started = 0

    def start(self, plan: Schedule, journeys: Sequence[Journey], origin_ns: int) -> None:
        """Begin to send. journeys: by the schedule's numbers; origin_ns: the schedule's time 0 (monotonic clock)."""
        self._plan, self._journeys, self._origin_ns = plan, journeys, origin_ns
        self._end = len(plan)
        self._alarm = Alarm(self._loop, self._guarded(self._send_due))
        self._checks = self._loop.timer(_CHECK_S, _CHECK_S)
        self._checks.start(self._guarded(self._check_time_outs))
        self._arm()

    @property
    def withdrawn(self) -> int:
        """Return the number of planned arrivals that were given up before they were entered into the ledger."""
        return (len(self._plan) if self._plan else 0) - self._end

    @property
    def clock(self) -> str:
        """Return the kind of timer that the arrivals use."""
        return self._alarm.kind

    def stop(self, reason: str | None = None, *, at_once: bool = False) -> None:
        """Send no arrival that is not in the ledger yet; with at_once, send nothing more at all.

        reason: None for an end that the profile intends, else the text for `stop_reason`.
        """
        self._end = min(self._end, self._announced)
        self.stop_reason = self.stop_reason or reason
        if at_once and self._plan is not None:
            for index in range(self._next, self._end):
                self._record_unsent(self._plan, index, "the run was stopped")
            self._next = self._end
            for exchange in list(self._in_flight):
                if not exchange.done:
                    self._finish(exchange, Outcome.TIME_OUT, "the run was stopped", None)

    def begin_unscheduled(self, journey: Journey, at_ns: int) -> None:
        """Begin a journey outside the schedule, such as refreshing a token. Its requests are in the ledger too."""
        if self._plan is None or self.finished.is_set():
            return
        now = time.monotonic_ns()
        phase = self._phase(journey, self._phase_at(at_ns - self._origin_ns))
        self._recorder.schedule(journey.endpoint, phase, now)
        self._begin(journey, phase, now)

    # --- in the hub ------------------------------------------------------------------------------

    def _guarded(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return the function with a guard: an exception ends the run, because the hub would only print it."""

        def call() -> None:
            try:
                function()
            except BaseException as error:  # noqa: BLE001 - any exception makes the run untrustworthy
                self._crashed(error)

        return call

    def _crashed(self, error: BaseException) -> None:
        self.error = self.error or error
        self.stop_reason = self.stop_reason or "the load engine raised an exception"
        self._close()

    def _arm(self) -> None:
        plan = self._plan
        if plan is not None and self._next < self._end:
            self._alarm.at(self._origin_ns + plan.at_ns[self._next])

    def _send_due(self) -> None:
        plan = self._plan
        if plan is None or self.finished.is_set():
            return
        now = time.monotonic_ns() - self._origin_ns
        last = min(self._end, self._next + _MAX_DUE)
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
        """Enter all arrivals of the next second into the ledger before any of them is sent."""
        until = (plan.at_ns[self._announced] // NS + 1) * NS
        while self._announced < self._end and plan.at_ns[self._announced] < until:
            journey = self._journeys[plan.journey[self._announced]]
            phase = self._phase(journey, plan.phases[plan.phase[self._announced]])
            self._recorder.schedule(journey.endpoint, phase, self._origin_ns + plan.at_ns[self._announced])
            self._announced += 1

    def _record_unsent(self, plan: Schedule, index: int, reason: str) -> None:
        journey = self._journeys[plan.journey[index]]
        phase = self._phase(journey, plan.phases[plan.phase[index]])
        at = self._origin_ns + plan.at_ns[index]
        self._recorder.record(journey.endpoint, phase, Outcome.UNSENT, at, 0, 0, 0, reason)

    def _phase(self, journey: Journey, phase: str) -> str:
        return phase if journey.side is None or phase == WARM_UP else journey.side

    def _phase_at(self, at_ns: int) -> str:
        plan = self._plan
        assert plan is not None
        for name, end in zip(plan.phases, plan.phase_starts_ns[1:], strict=True):
            if at_ns < end:
                return name
        return plan.phases[-1]

    def _begin(self, journey: Journey, phase: str, intended_ns: int) -> bool:
        """Send the first request of a journey that is in the ledger. Return True if it could be sent."""
        self._pending += 1
        steps = journey.begin()
        call = next(steps, None) if steps is not None else None
        if steps is None or call is None:
            self._pending -= 1
            self._recorder.record(
                journey.endpoint,
                phase,
                Outcome.UNSENT,
                intended_ns,
                0,
                0,
                0,
                "no account is left for this journey",
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
                closed = found.closed_by_peer
                if not closed and time.monotonic_ns() - found.idle_since_ns < _IDLE_NS:
                    connection = found
                    continue
                self.idle_closed += closed
                found.close()
                self._open -= 1
        exchange.sent_ns = time.monotonic_ns()
        if connection is None:
            if self._open >= self._max_connections:
                self._not_sent(exchange, f"more than {self._max_connections} connections, the cap of this process")
                return False
            connection = Connection(self._loop, self._peers[call.system], self._answered, self._failed)
            self._open += 1
        connection.exchange, exchange.connection = exchange, connection
        self._in_flight.append(exchange)
        self.bytes += len(call.data)
        connection.send(call.data, head_only=call.method == "HEAD")
        return True

    def _not_sent(self, exchange: _Exchange, reason: str) -> None:
        """Record a request that this machine could not send, and end its journey."""
        exchange.done = True
        self._pending -= 1
        call = exchange.call
        self._recorder.record(call.endpoint, exchange.phase, Outcome.UNSENT, exchange.intended_ns, 0, 0, 0, reason)
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
            outcome, detail = exchange.call.check(response)
            self._finish(exchange, outcome, detail, response)
        except BaseException as error:  # noqa: BLE001 - as in _guarded
            self._crashed(error)

    def _failed(self, connection: Connection, reason: str) -> None:
        self._open -= 1
        exchange, connection.exchange = connection.exchange, None
        try:
            if exchange is None:
                self.idle_closed += 1
            elif reason in LOCAL_FAILURES:
                self._not_sent(exchange, reason)
            else:
                idle = reason == CLOSED_WHILE_IDLE
                if idle and len(self.idle_kills) < _KEPT:
                    idle_ns = exchange.sent_ns - connection.idle_since_ns
                    at_ns = exchange.sent_ns - self._origin_ns
                    self.idle_kills.append([at_ns, exchange.call.endpoint, idle_ns, connection.idle_proof])
                self._finish(exchange, Outcome.CLOSED_WHILE_IDLE if idle else Outcome.NETWORK_ERROR, reason, None)
        except BaseException as error:  # noqa: BLE001 - as in _guarded
            self._crashed(error)

    def _finish(self, exchange: _Exchange, outcome: Outcome, detail: str, response: Response | None) -> None:
        """Record the outcome of a request, and continue its journey."""
        if exchange.done:
            return
        exchange.done = True
        done_ns = time.monotonic_ns()
        call = exchange.call
        size = len(response.body) if response is not None else 0
        self._recorder.record(
            call.endpoint, exchange.phase, outcome, exchange.intended_ns, exchange.sent_ns, done_ns, size, detail
        )
        for watcher in self._watchers:
            watcher(call, outcome, detail, (exchange.intended_ns, exchange.sent_ns, done_ns), response)
        if response is None and exchange.connection is not None and exchange.connection.exchange is exchange:
            exchange.connection.exchange = None
            exchange.connection.close()
            self._open -= 1
        if self.stop_reason is None:
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

    def _check_time_outs(self) -> None:
        if self.finished.is_set():
            return
        oldest = time.monotonic_ns() - self._timeout_ns
        waiting = self._in_flight
        while waiting and (waiting[0].done or waiting[0].sent_ns <= oldest):
            exchange = waiting[0]
            if not exchange.done:
                self._finish(exchange, Outcome.TIME_OUT, f"no response in {self._timeout_ns / NS:g} s", None)
            waiting.popleft()
        if self.bytes > self._max_bytes:
            self.stop(f"more than {self._max_bytes} bytes, the cap of the environment", at_once=True)
        reason = self._stopped()
        if reason is not None:
            self.stop(reason, at_once=True)
        self._recorder.fold()
        if self._next >= self._end and self._pending == 0 and self._plan is not None:
            early = self.withdrawn > 0 or self.stop_reason is not None
            if early or time.monotonic_ns() >= self._origin_ns + self._plan.phase_starts_ns[-1]:
                self._close()

    def _close(self) -> None:
        if self.finished.is_set():
            return
        self._alarm.close()
        self._checks.close()
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        for exchange in self._in_flight:  # there are some only after an exception
            if exchange.connection is not None:
                exchange.connection.close()
        self.finished.set()
