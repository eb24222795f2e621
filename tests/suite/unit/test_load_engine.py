"""The engine against servers of a few lines: outcomes, time-outs, stops, connections that end; the ledger balances."""

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
from tests.suite.support.edge import new_certificate

from cutover.traffic.arrivals import Shape, schedule
from cutover.traffic.clock import Alarm, WallClock
from cutover.traffic.connection import CLOSED_WHILE_IDLE, Connection, Peer
from cutover.traffic.engine import Call, Engine, Steps
from cutover.traffic.ledger import LedgerTotals, Outcome
from cutover.traffic.ledger_writer import LedgerWriter
from cutover.traffic.wire import Response, render

pytestmark = pytest.mark.unit

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


@contextlib.contextmanager
def serving(handle: Callable[[socket.socket, int], None]) -> Iterator[Peer]:
    """A server whose connections are handled by threads: handle(connection, number of the connection from 0)."""
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


def answering(connection: socket.socket, _: int) -> None:
    """Each request with 200."""
    with connection, contextlib.suppress(OSError):
        while connection.recv(65_536):
            connection.sendall(ANSWER)


class Look:
    """A journey of so many requests, each after the other's answer."""

    endpoint = "list_files"
    side = None

    def __init__(self, requests: int = 1, *, fresh: bool = False) -> None:
        self.requests, self.fresh = requests, fresh

    def begin(self) -> Steps:
        """GET /."""
        for _ in range(self.requests):
            reply = yield Call("list_files", "worker", render("GET", "/", "host", {}), judged, self.fresh)
            if reply.outcome is not Outcome.OK:
                return


def judged(response: Response) -> tuple[Outcome, str]:
    """200 is right."""
    return (Outcome.OK, "") if response.status == 200 else (Outcome.HTTP_ERROR, f"status {response.status}")


def ran(
    peer: Peer, journey: object, *, rate: float = 100, seconds: float = 0.5, timeout_s: float = 5,
    during: Callable[[Engine], None] | None = None, most_connections: int = 100, most_bytes: int = 10**9,
    stopped: Callable[[], str | None] = lambda: None,
) -> tuple[Engine, LedgerTotals]:  # fmt: skip
    """A run of one constant phase."""
    recorder = LedgerWriter(time.monotonic_ns())
    engine = Engine(
        get_hub().loop, recorder, {"worker": peer}, timeout_s=timeout_s, most_connections=most_connections,
        most_bytes=most_bytes, stopped=stopped,
    )  # fmt: skip
    plan = schedule([Shape("steady", "constant", seconds, rate)], [("list", 1)], 1)
    engine.start(plan, [journey], time.monotonic_ns())  # type: ignore[list-item]  # a journey as the protocol says
    if during is not None:
        gevent.spawn(during, engine)
    assert engine.finished.wait(20)
    return engine, recorder.take()


@pytest.fixture
def peer() -> Generator[Peer]:
    """A server that answers."""
    with serving(answering) as made:
        yield made


@pytest.mark.parametrize("fresh", [False, True])
def test_every_arrival_is_sent_and_counted(peer: Peer, fresh: bool) -> None:
    """50 arrivals of two requests are 100 requests, over few connections or over one each."""
    engine, sums = ran(peer, Look(2, fresh=fresh))
    whole = sums.of()
    assert (whole.scheduled, whole.outcomes[Outcome.OK]) == (100, 100)
    assert list(sums.unbalanced()) == []
    assert (engine.trouble, engine.error, engine.started) == (None, None, 50)


def test_open_schedule_does_not_wait_for_a_slow_system() -> None:
    """A server that answers after 0.3 s: every arrival is sent in its time, and its latency is counted whole."""

    def slow(connection: socket.socket, _: int) -> None:
        with connection, contextlib.suppress(OSError):
            while connection.recv(65_536):
                time.sleep(0.3)
                connection.sendall(ANSWER)

    with serving(slow) as made:
        _, sums = ran(made, Look(), rate=40)
    whole = sums.of()
    assert whole.outcomes[Outcome.OK] == 20
    assert (whole.latency.least_us or 0) >= 300_000
    assert (whole.lag.greatest_us or 0) < 200_000


def test_silence_is_a_time_out_and_the_next_arrivals_go_on() -> None:
    """The first connection is never answered."""

    def silent(connection: socket.socket, number: int) -> None:
        if number == 0:
            with connection:
                time.sleep(1.5)
        else:
            answering(connection, number)

    with serving(silent) as made:
        _, sums = ran(made, Look(), rate=50, timeout_s=0.4)
    whole = sums.of()
    assert whole.outcomes[Outcome.TIME_OUT] == 1
    assert whole.outcomes[Outcome.OK] == 24
    assert list(whole.details) == ["no answer in 0.4 s"]


def test_refused_connections_are_network_errors() -> None:
    """Nobody listens."""
    with serving(answering) as made:
        pass
    _, sums = ran(made, Look(), rate=20)
    assert sums.of().outcomes[Outcome.NETWORK_ERROR] == 10
    assert sums.of().details == {"connection refused": 10}


def test_more_connections_than_granted_are_unsent() -> None:
    """What could not be sent stands in the ledger as such."""

    def never(connection: socket.socket, _: int) -> None:
        with connection:
            time.sleep(1.2)

    with serving(never) as made:
        _, sums = ran(made, Look(), rate=40, timeout_s=0.9, most_connections=5)
    whole = sums.of()
    assert whole.outcomes[Outcome.UNSENT] == 15
    assert whole.scheduled == whole.counted == 20


def test_what_was_not_sent_was_not_begun() -> None:
    """Fewer than 99.5 % of the plan make a run INVALID, whatever kept the others back."""

    def never(connection: socket.socket, _: int) -> None:
        with connection:
            time.sleep(1.2)

    with serving(never) as made:
        engine, _ = ran(made, Look(), rate=40, timeout_s=0.9, most_connections=5)
    assert engine.started == 5


def test_no_local_port_is_no_error_of_the_system(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The generator's machine has none left: the request is unsent, and a stream's log knows nothing of it."""

    class Exhausted(socket.socket):
        def connect_ex(self, address: object, /) -> int:
            del address
            return errno.EADDRNOTAVAIL

    monkeypatch.setattr("cutover.traffic.connection._socket", Exhausted)
    _, sums = ran(peer, Look(), rate=20)
    whole = sums.of()
    assert whole.outcomes[Outcome.UNSENT] == whole.counted == 10
    assert whole.errors == 0
    assert whole.details == {"no local port left": 10}


@pytest.mark.parametrize("how", ["stop", "bytes", "switch"])
def test_run_that_is_stopped_still_balances(peer: Peer, how: str) -> None:
    """By a word, by the cap on bytes, by the kill switch: what was announced has an outcome, the rest is withdrawn."""

    def during(engine: Engine) -> None:
        gevent.sleep(0.3)
        engine.stop("enough", at_once=True)

    began = time.monotonic()
    engine, sums = ran(
        peer, Look(), rate=100, seconds=5,
        during=during if how == "stop" else None,
        most_bytes=2000 if how == "bytes" else 10**9,
        stopped=lambda: "the switch" if how == "switch" and time.monotonic() > began + 0.3 else None,
    )  # fmt: skip
    assert time.monotonic() - began < 3
    assert engine.trouble is not None
    assert list(sums.unbalanced()) == []
    assert sums.of().scheduled + engine.withdrawn == 500
    assert sums.of().outcomes[Outcome.OK] > 0


def test_planned_end_sends_what_was_announced(peer: Peer) -> None:
    """A limit that was looked for is found: nothing is unsent, nothing is in trouble."""

    def during(engine: Engine) -> None:
        gevent.sleep(0.3)
        engine.stop(None)

    engine, sums = ran(peer, Look(), rate=100, seconds=5, during=during)
    assert engine.trouble is None
    assert sums.of().outcomes[Outcome.UNSENT] == 0
    assert sums.of().counted == 500 - engine.withdrawn == 100


def test_crash_in_a_journey_ends_the_run(peer: Peer) -> None:
    """An exception of ours is no outcome of the system."""

    class Broken(Look):
        def begin(self) -> Steps:
            yield from super().begin()
            raise RuntimeError("ours")

    engine, _ = ran(peer, Broken())
    assert isinstance(engine.error, RuntimeError)
    assert engine.trouble == "the engine crashed"


@pytest.mark.parametrize("trusted", [False, True])
def test_tls_is_spoken_and_its_certificate_judged(tmp_path: Path, trusted: bool) -> None:
    """Large answers in many records come whole; a certificate that nobody vouches for is no answer."""
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
        _, sums = ran(made_peer, Look(2), rate=20)
    whole = sums.of()
    if trusted:
        assert (whole.outcomes[Outcome.OK], whole.size) == (20, 20 * len(body))
    else:
        assert whole.details == {"the certificate was not accepted": 10}


def test_request_larger_than_the_socket_takes_is_sent_whole() -> None:
    """In as many pieces as it needs."""
    got: list[int] = []

    def reading(connection: socket.socket, _: int) -> None:
        with connection:
            size = 0
            while size < 8_000_000:
                size += len(connection.recv(65_536))
            got.append(size)
            connection.sendall(ANSWER)

    class Large(Look):
        def begin(self) -> Steps:
            data = render("POST", "/", "host", {}, b"x" * 8_000_000)
            yield Call("list_files", "worker", data, judged, method="POST")

    with serving(reading) as made:
        _, sums = ran(made, Large(), rate=2)
    assert sums.of().outcomes[Outcome.OK] == 1
    assert got[0] >= 8_000_000


@pytest.mark.parametrize("reads", [False, True])
def test_close_while_idle_is_told_from_a_request_that_was_dropped(reads: bool) -> None:
    """A request that met a closed connection never arrived; one that was read and not answered is a network error."""
    closed = threading.Event()

    def once(connection: socket.socket, _: int) -> None:
        with connection:
            connection.recv(65_536)
            connection.sendall(ANSWER)
            if reads:
                connection.recv(65_536)
        closed.set()

    words: list[str] = []
    answers: list[Response] = []
    with serving(once) as made:
        connection = Connection(
            get_hub().loop, made, lambda _, answer: answers.append(answer), lambda _, word: words.append(word)
        )
        connection.send(render("GET", "/", "host", {}))
        waited(lambda: bool(answers))
        if not reads:
            assert closed.wait(5)  # the hub has not run since: the close is not known here yet
        connection.send(render("GET", "/", "host", {}))
        waited(lambda: bool(words))
    assert words == (["closed without a response"] if reads else [CLOSED_WHILE_IDLE])


@pytest.mark.parametrize("after_s", [0, 0.01])
def test_reset_after_a_request_that_was_read_is_a_drop(after_s: float) -> None:
    """The application had it, and might have done it: no acknowledgement need have come by then."""

    def resetting(connection: socket.socket, _: int) -> None:
        with connection:
            connection.recv(65_536)
            connection.sendall(ANSWER)
            connection.recv(65_536)
            time.sleep(after_s)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    words: list[str] = []
    answers: list[Response] = []
    with serving(resetting) as made:
        connection = Connection(
            get_hub().loop, made, lambda _, answer: answers.append(answer), lambda _, word: words.append(word)
        )
        connection.send(render("GET", "/", "host", {}))
        waited(lambda: bool(answers))
        gevent.sleep(0.02)
        connection.send(render("GET", "/", "host", {}))
        waited(lambda: bool(words))
    assert words == ["connection reset"]


@pytest.mark.parametrize("reset", [False, True])
def test_connection_that_has_ended_is_not_used_again(reset: bool) -> None:
    """Its end is here, though the hub has not seen it yet: the next request goes over another one, as a browser's."""
    closed = threading.Event()

    def once(connection: socket.socket, _: int) -> None:
        with connection:
            connection.recv(65_536)
            connection.sendall(ANSWER)
            time.sleep(0.02)
            if reset:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        closed.set()

    class Later(Look):
        def begin(self) -> Steps:
            for _ in range(2):
                yield Call("list_files", "worker", render("GET", "/", "host", {}), judged)
                closed.wait(5)

    with serving(once) as made:
        engine, sums = ran(made, Later(), rate=1, seconds=1)
    assert sums.of().outcomes[Outcome.OK] == sums.of().scheduled == 2
    assert engine.idle_closed >= 1


@pytest.mark.parametrize("timerfd", [False, True])
def test_alarm_fires_at_its_moment(timerfd: bool) -> None:
    """Never before it, once, and a later word replaces an earlier one."""
    fired: list[int] = []
    alarm = Alarm(get_hub().loop, lambda: fired.append(time.monotonic_ns()), timerfd=timerfd)
    assert alarm.kind == ("timerfd" if timerfd else "timer")
    alarm.at(time.monotonic_ns() + 10**10)
    moment = time.monotonic_ns() + 50_000_000
    alarm.at(moment)
    waited(lambda: bool(fired))
    gevent.sleep(0.05)
    alarm.close()
    assert len(fired) == 1
    assert fired[0] >= moment - 2_000_000  # libev's own timer may be a millisecond early


def test_clock_that_was_set_is_noticed() -> None:
    """A jump of 0.3 s counts, slewing does not."""
    told = iter([(0, 0), (1_000_400_000, 10**9), (2_300_800_000, 2 * 10**9), (3_300_800_000, 3 * 10**9)])
    wall = WallClock(lambda: next(told))
    for _ in range(3):
        wall.look()
    assert wall.stepped_ns == pytest.approx(300_400_000)


def test_core_that_is_lost_between_two_clocks_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """0.3 s pass between reading the one and the other, once: the reading is made anew."""
    moments = itertools.chain([0, 300_000_000, 600_000_000], itertools.count(10**9, 1000))

    def now() -> int:
        return next(moments)

    wall = WallClock()
    before = wall.look()
    offset = before
    monkeypatch.setattr("cutover.traffic.clock.time.monotonic_ns", now)
    monkeypatch.setattr("cutover.traffic.clock.time.time_ns", lambda: now() + offset)
    assert wall.look() == pytest.approx(before, abs=2000)
    assert wall.stepped_ns == 0


def waited(happens: Callable[[], bool]) -> None:
    """Let the hub work until it is so."""
    deadline = time.monotonic() + 5
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        gevent.sleep(0.001)
