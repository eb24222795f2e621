"""The load engine against small servers: outcomes, time-outs, stops and closed connections; the ledger balances."""

import contextlib
import errno
import itertools
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import gevent
import pytest
from gevent.hub import get_hub
from tests.suite.support.cloudflare_edge import new_certificate

from cutover.traffic.arrivals import Shape, generate_schedule
from cutover.traffic.clock import Alarm, WallClock
from cutover.traffic.connection import CLOSED_WHILE_IDLE, Connection, Peer
from cutover.traffic.engine import Call, Engine, Steps
from cutover.traffic.ledger import LedgerTotals, Outcome
from cutover.traffic.ledger_writer import LedgerWriter
from cutover.traffic.wire import Response, render

pytestmark = pytest.mark.unit

RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextlib.contextmanager
def serving(handle: Callable[[socket.socket, int], None]) -> Iterator[Peer]:
    """A server that handles each connection in a thread: handle(connection, its number from 0)."""
    server = socket.create_server(("127.0.0.1", 0))
    threads = []

    def accept() -> None:
        number = 0
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            thread = threading.Thread(target=handle, args=(connection, number), daemon=True)
            thread.start()
            threads.append(thread)
            number += 1

    acceptor = threading.Thread(target=accept, daemon=True)
    acceptor.start()
    try:
        peer = Peer("127.0.0.1", server.getsockname()[1])
        peer.resolve()
        yield peer
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        acceptor.join(5)


def respond(connection: socket.socket, _: int) -> None:
    """Respond to each request with 200."""
    with connection, contextlib.suppress(OSError):
        while connection.recv(65_536):
            connection.sendall(RESPONSE)


class Reading:
    """A journey of several requests, each after the response to the one before."""

    endpoint = "list_files"
    side = None

    def __init__(self, requests: int = 1, *, fresh: bool = False) -> None:
        self.requests, self.fresh = requests, fresh

    def begin(self) -> Steps:
        """Yield GET / requests."""
        for _ in range(self.requests):
            reply = yield Call("list_files", "worker", render("GET", "/", "host", {}), check, self.fresh)
            if reply.outcome is not Outcome.OK:
                return


def check(response: Response) -> tuple[Outcome, str]:
    """Expect status 200."""
    return (Outcome.OK, "") if response.status == 200 else (Outcome.HTTP_ERROR, f"status {response.status}")


def run_engine(
    peer: Peer, journey: object, *, rate: float = 100, seconds: float = 0.5, timeout_s: float = 5,
    during: Callable[[Engine], None] | None = None, max_connections: int = 100, max_bytes: int = 10**9,
    stopped: Callable[[], str | None] = lambda: None,
) -> tuple[Engine, LedgerTotals]:  # fmt: skip
    """Run one constant phase."""
    recorder = LedgerWriter(time.monotonic_ns())
    engine = Engine(
        get_hub().loop, recorder, {"worker": peer}, timeout_s=timeout_s, max_connections=max_connections,
        max_bytes=max_bytes, stopped=stopped,
    )  # fmt: skip
    plan = generate_schedule([Shape("steady", "constant", seconds, rate)], [("list", 1)], 1)
    engine.start(plan, [journey], time.monotonic_ns())  # type: ignore[list-item]  # it implements the protocol
    if during is not None:
        gevent.spawn(during, engine)
    assert engine.finished.wait(20)
    return engine, recorder.take()


@pytest.fixture
def peer() -> Generator[Peer]:
    """A server that responds."""
    with serving(respond) as made:
        yield made


@pytest.mark.parametrize("fresh", [False, True])
def test_every_arrival_is_sent_and_counted(peer: Peer, fresh: bool) -> None:
    """50 arrivals of two requests are 100 requests, over few connections or over one connection each."""
    engine, totals = run_engine(peer, Reading(2, fresh=fresh))
    whole = totals.total()
    assert (whole.scheduled, whole.outcomes[Outcome.OK]) == (100, 100)
    assert list(totals.unbalanced()) == []
    assert (engine.stop_reason, engine.error, engine.started) == (None, None, 50)


def test_open_schedule_does_not_wait_for_a_slow_system() -> None:
    """Every arrival is sent in time although each response takes 0.3 s, and its latency is complete."""

    def slow(connection: socket.socket, _: int) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(65_536):
                time.sleep(0.3)
                connection.sendall(RESPONSE)

    with serving(slow) as made:
        _, totals = run_engine(made, Reading(), rate=40)
    whole = totals.total()
    assert whole.outcomes[Outcome.OK] == 20
    assert (whole.latency.min_us or 0) >= 300_000
    assert (whole.lag.max_us or 0) < 200_000


def test_missing_response_is_a_time_out() -> None:
    """The first connection gets no response; the next arrivals continue."""

    def silent(connection: socket.socket, number: int) -> None:
        if number == 0:
            with connection:
                time.sleep(1.5)
        else:
            respond(connection, number)

    with serving(silent) as made:
        _, totals = run_engine(made, Reading(), rate=50, timeout_s=0.4)
    whole = totals.total()
    assert whole.outcomes[Outcome.TIME_OUT] == 1
    assert whole.outcomes[Outcome.OK] == 24
    assert list(whole.details) == ["no response in 0.4 s"]


def test_dripping_response_is_a_time_out() -> None:
    """The deadline is for the whole response, not for each read."""

    def dripping(connection: socket.socket, _: int) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n")
            for _ in range(1000):
                connection.sendall(b"x")
                time.sleep(0.02)

    with serving(dripping) as made:
        began = time.monotonic()
        _, totals = run_engine(made, Reading(), rate=20, seconds=0.2, timeout_s=0.4)
    assert totals.total().outcomes[Outcome.TIME_OUT] == 4
    assert time.monotonic() - began < 3


@pytest.mark.parametrize(
    ("flood", "says"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 65_536, "response of more than 16 MiB"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, "more than 20 interim responses"),
    ],
    ids=["endless body", "endless interim responses"],
)
def test_endless_response_is_a_network_error(flood: bytes, says: str) -> None:
    """It ends at a limit, before it fills the memory or the stack."""

    def endless(connection: socket.socket, _: int) -> None:
        with connection, contextlib.suppress(OSError):
            connection.recv(65_536)
            while True:
                connection.sendall(flood)

    with serving(endless) as made:
        engine, totals = run_engine(made, Reading(), rate=20, seconds=0.1)
    assert engine.error is None
    assert totals.total().outcomes[Outcome.NETWORK_ERROR] == 2
    assert list(totals.total().details) == [says]


def test_refused_connection_is_a_network_error() -> None:
    """No server listens on the port."""
    with serving(respond) as made:
        pass
    _, totals = run_engine(made, Reading(), rate=20)
    assert totals.total().outcomes[Outcome.NETWORK_ERROR] == 10
    assert totals.total().details == {"connection refused": 10}


def test_requests_above_the_connection_cap_are_unsent() -> None:
    """The ledger contains them as unsent."""

    def never(connection: socket.socket, _: int) -> None:
        with connection:
            time.sleep(1.2)

    with serving(never) as made:
        _, totals = run_engine(made, Reading(), rate=40, timeout_s=0.9, max_connections=5)
    whole = totals.total()
    assert whole.outcomes[Outcome.UNSENT] == 15
    assert whole.scheduled == whole.counted == 20


def test_unsent_arrivals_are_not_started() -> None:
    """They count as not sent when the run's validity is checked (99.5 % of the plan)."""

    def never(connection: socket.socket, _: int) -> None:
        with connection:
            time.sleep(1.2)

    with serving(never) as made:
        engine, _ = run_engine(made, Reading(), rate=40, timeout_s=0.9, max_connections=5)
    assert engine.started == 5


def test_missing_local_port_is_no_error_of_the_system(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request is unsent, and the availability log does not contain it."""

    class Exhausted(socket.socket):
        def connect_ex(self, address: object, /) -> int:
            del address
            return errno.EADDRNOTAVAIL

    monkeypatch.setattr("cutover.traffic.connection._socket", Exhausted)
    _, totals = run_engine(peer, Reading(), rate=20)
    whole = totals.total()
    assert whole.outcomes[Outcome.UNSENT] == whole.counted == 10
    assert whole.errors == 0
    assert whole.details == {"no free local port on this machine": 10}


@pytest.mark.parametrize("how", ["stop", "bytes", "switch"])
def test_stopped_run_still_balances(peer: Peer, how: str) -> None:
    """Stopped by a call, by the cap on bytes or by the kill switch: announced arrivals have an outcome."""

    def during(engine: Engine) -> None:
        gevent.sleep(0.3)
        engine.stop("enough", at_once=True)

    began = time.monotonic()
    engine, totals = run_engine(
        peer, Reading(), rate=100, seconds=5,
        during=during if how == "stop" else None,
        max_bytes=2000 if how == "bytes" else 10**9,
        stopped=lambda: "the switch" if how == "switch" and time.monotonic() > began + 0.3 else None,
    )  # fmt: skip
    assert time.monotonic() - began < 3
    assert engine.stop_reason is not None
    assert list(totals.unbalanced()) == []
    assert totals.total().scheduled + engine.withdrawn == 500
    assert totals.total().outcomes[Outcome.OK] > 0


def test_planned_end_sends_all_announced_arrivals(peer: Peer) -> None:
    """No request is unsent, and there is no stop reason."""

    def during(engine: Engine) -> None:
        gevent.sleep(0.3)
        engine.stop(None)

    engine, totals = run_engine(peer, Reading(), rate=100, seconds=5, during=during)
    assert engine.stop_reason is None
    assert totals.total().outcomes[Outcome.UNSENT] == 0
    assert totals.total().counted == 500 - engine.withdrawn == 100


def test_exception_in_a_journey_ends_the_run(peer: Peer) -> None:
    """An exception of the suite is no outcome of the system."""

    class Broken(Reading):
        def begin(self) -> Steps:
            yield from super().begin()
            raise RuntimeError("ours")

    engine, _ = run_engine(peer, Broken())
    assert isinstance(engine.error, RuntimeError)
    assert engine.stop_reason == "the load engine raised an exception"


def test_exception_closes_connections_in_flight() -> None:
    """The first request has no response when the journey of the second raises an exception."""
    ended = threading.Event()

    def silent(connection: socket.socket, number: int) -> None:
        if number > 0:
            respond(connection, number)
            return
        with connection:
            connection.settimeout(5)
            connection.recv(65_536)
            if not connection.recv(65_536):
                ended.set()

    class Broken(Reading):
        def begin(self) -> Steps:
            yield from super().begin()
            raise RuntimeError("ours")

    with serving(silent) as made:
        engine, _ = run_engine(made, Broken(), rate=20)
        assert ended.wait(5)
    assert isinstance(engine.error, RuntimeError)


@pytest.mark.parametrize("trusted", [False, True])
def test_tls_certificate_is_verified(tmp_path: Path, trusted: bool) -> None:
    """A large response in many TLS records is complete; an untrusted certificate is a failure."""
    made = new_certificate(tmp_path)
    own = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    own.load_cert_chain(made.cert, made.key)
    body = b"x" * 300_000

    def secret(connection: socket.socket, _: int) -> None:
        with contextlib.suppress(OSError), own.wrap_socket(connection, server_side=True) as wrapped:
            while wrapped.recv(65_536):
                wrapped.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    with serving(secret) as made_peer:
        made_peer.tls = ssl.create_default_context(cafile=str(made.cert) if trusted else None)
        _, totals = run_engine(made_peer, Reading(2), rate=20)
    whole = totals.total()
    if trusted:
        assert (whole.outcomes[Outcome.OK], whole.size) == (20, 20 * len(body))
    else:
        assert whole.details == {"certificate not accepted": 10}


def test_large_request_is_sent_completely() -> None:
    """The request is sent in several writes."""
    got: list[int] = []

    def reading(connection: socket.socket, _: int) -> None:
        with connection:
            size = 0
            while size < 8_000_000:
                size += len(connection.recv(65_536))
            got.append(size)
            connection.sendall(RESPONSE)

    class Large(Reading):
        def begin(self) -> Steps:
            data = render("POST", "/", "host", {}, b"x" * 8_000_000)
            yield Call("list_files", "worker", data, check, method="POST")

    with serving(reading) as made:
        _, totals = run_engine(made, Large(), rate=2)
    assert totals.total().outcomes[Outcome.OK] == 1
    assert got[0] >= 8_000_000


@pytest.mark.parametrize("reads", [False, True])
def test_close_while_idle_differs_from_a_dropped_request(reads: bool) -> None:
    """A request that met a closed connection never arrived; one that was read is a network error."""
    answered, closed = threading.Event(), threading.Event()

    def once(connection: socket.socket, _: int) -> None:
        with connection:
            connection.recv(65_536)
            connection.sendall(RESPONSE)
            if reads:
                connection.recv(65_536)
            answered.wait(5)
        closed.set()

    reasons: list[str] = []
    responses: list[Response] = []
    with serving(once) as made:
        connection = Connection(
            get_hub().loop,
            made,
            lambda _, response: responses.append(response),
            lambda _, reason: reasons.append(reason),
        )
        connection.send(render("GET", "/", "host", {}))
        wait_until(lambda: bool(responses))
        answered.set()
        if not reads:
            assert closed.wait(5)  # the hub has not run since, so the close is not known yet
        connection.send(render("GET", "/", "host", {}))
        wait_until(lambda: bool(reasons))
    assert reasons == (["closed without a response"] if reads else [CLOSED_WHILE_IDLE])
    assert reads or connection.idle_proof.startswith(("the FIN acknowledged ", "no byte was sent"))


@pytest.mark.parametrize("after_s", [0, 0.01])
def test_reset_after_a_read_request_is_a_network_error(after_s: float) -> None:
    """The application may have processed the request, even without an acknowledgement."""

    def resetting(connection: socket.socket, _: int) -> None:
        with connection:
            connection.recv(65_536)
            connection.sendall(RESPONSE)
            connection.recv(65_536)
            time.sleep(after_s)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    reasons: list[str] = []
    responses: list[Response] = []
    with serving(resetting) as made:
        connection = Connection(
            get_hub().loop,
            made,
            lambda _, response: responses.append(response),
            lambda _, reason: reasons.append(reason),
        )
        connection.send(render("GET", "/", "host", {}))
        wait_until(lambda: bool(responses))
        gevent.sleep(0.02)
        connection.send(render("GET", "/", "host", {}))
        wait_until(lambda: bool(reasons))
    assert reasons == ["connection reset"]


@pytest.mark.parametrize("reset", [False, True])
def test_closed_connection_is_not_used_again(reset: bool) -> None:
    """The next request uses another connection, even if the hub has not seen the close yet."""
    closed = threading.Event()

    def once(connection: socket.socket, _: int) -> None:
        with connection:
            connection.recv(65_536)
            connection.sendall(RESPONSE)
            time.sleep(0.02)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        closed.set()

    class Later(Reading):
        def begin(self) -> Steps:
            for _ in range(2):
                yield Call("list_files", "worker", render("GET", "/", "host", {}), check)
                closed.wait(5)

    with serving(once) as made:
        engine, totals = run_engine(made, Later(), rate=1, seconds=1)
    assert totals.total().outcomes[Outcome.OK] == totals.total().scheduled == 2
    assert engine.idle_closed >= 1


@pytest.mark.parametrize("timerfd", [False, True])
def test_alarm_fires_at_its_moment(timerfd: bool) -> None:
    """It fires once, not early, and a later call replaces an earlier one."""
    fired: list[int] = []
    alarm = Alarm(get_hub().loop, lambda: fired.append(time.monotonic_ns()), timerfd=timerfd)
    assert alarm.kind == ("timerfd" if timerfd else "timer")
    alarm.at(time.monotonic_ns() + 10**10)
    moment = time.monotonic_ns() + 50_000_000
    alarm.at(moment)
    wait_until(lambda: bool(fired))
    gevent.sleep(0.05)
    alarm.close()
    assert len(fired) == 1
    assert fired[0] >= moment - 2_000_000  # libev's own timer may be a millisecond early


def test_step_of_the_wall_clock_is_counted() -> None:
    """A jump of 0.3 s counts; slewing does not."""
    readings = iter([(0, 0), (1_000_400_000, 10**9), (2_300_800_000, 2 * 10**9), (3_300_800_000, 3 * 10**9)])
    wall = WallClock(lambda: next(readings))
    for _ in range(3):
        wall.check()
    assert wall.stepped_ns == pytest.approx(300_400_000)


def test_interrupted_clock_reading_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """If 0.3 s pass between the two clocks, both are read again."""
    moments = itertools.chain([0, 300_000_000, 600_000_000], itertools.count(10**9, 1000))

    def now() -> int:
        return next(moments)

    wall = WallClock()
    before = wall.check()
    offset = before
    monkeypatch.setattr("cutover.traffic.clock.time.monotonic_ns", now)
    monkeypatch.setattr("cutover.traffic.clock.time.time_ns", lambda: now() + offset)
    assert wall.check() == pytest.approx(before, abs=2000)
    assert wall.stepped_ns == 0


def wait_until(happens: Callable[[], bool]) -> None:
    """Let the hub run until the condition is true."""
    deadline = time.monotonic() + 5
    while not happens():
        assert time.monotonic() < deadline, "the condition was not met in time"
        gevent.sleep(0.001)
