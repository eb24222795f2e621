"""The client against servers that send for ever: each exchange ends at its deadline or at its size limit."""

import contextlib
import gzip
import itertools
import socket
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

import pytest

from cutover.client.http import Client, Request
from cutover.client.patience import FULL_S, SHORT_S, Patience
from cutover.config.environments import Budget, Environment, Readiness, System
from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import AllowList, KillSwitch, SafetyLevel

pytestmark = pytest.mark.unit

HEAD = b"HTTP/1.1 200 OK\r\n"
TIMEOUT_S = 0.5
MIB = 1024 * 1024


def drip(data: bytes) -> Iterator[bytes]:
    """Yield the data byte by byte, and then spaces, one each 50 ms."""
    for byte in itertools.chain(data, itertools.repeat(32)):
        time.sleep(0.05)
        yield bytes([byte])


def chunked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the head of a chunked response and a chunk for each piece."""
    yield HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
    for piece in pieces:
        yield b"%x\r\n%s\r\n" % (len(piece), piece)


def gzip_bomb() -> Iterator[bytes]:
    """Yield a response of 32 MiB of zeros for each 32 kB that are sent."""
    member = gzip.compress(bytes(32 * MIB))
    yield HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
    for _ in range(64):
        yield b"%x\r\n%s\r\n" % (len(member), member)


@contextlib.contextmanager
def sending(pieces: Callable[[], Iterable[bytes]]) -> Generator[str]:
    """Run a server that sends these pieces to each connection until the client closes it. Yield its address."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with connection, contextlib.suppress(OSError):
                connection.recv(65_536)
                for piece in pieces():
                    connection.sendall(piece)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join(5)


@contextlib.contextmanager
def client_of(url: str, folder: Path) -> Generator[Client]:
    """Yield a client for an environment with the Worker at that URL."""
    environment = Environment(
        "test", "", SafetyLevel.READ_ONLY, {"worker": System("worker", url, None, "list-cutter")}, {},
        Budget(1000, 1.0), Readiness(1, 0), 1.0, TIMEOUT_S, {}, AllowList({"worker": url}),
    )  # fmt: skip
    client = Client(environment, recorder=Recorder(), rate_limiter=None, kill_switch=KillSwitch(folder), run="run")
    with contextlib.closing(client):
        yield client


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(lambda: drip(HEAD), id="head"),
        pytest.param(lambda: drip(HEAD + b"Content-Length: 500\r\n\r\n"), id="body"),
        pytest.param(lambda: chunked(drip(b"")), id="chunks"),
        pytest.param(lambda: itertools.repeat(b"HTTP/1.1 100 Continue\r\n\r\n"), id="interim-responses"),
    ],
)
def test_endless_answer_ends_at_the_deadline(pieces: Callable[[], Iterable[bytes]], tmp_path: Path) -> None:
    """A byte in time for each read does not extend the time of the exchange."""
    with sending(pieces) as url, client_of(url, tmp_path) as client:
        started = time.monotonic()
        with pytest.raises(CheckFailed, match="no-answer:op"):
            client.send(Request("worker", "op", "GET", url))
        assert time.monotonic() - started < 10 * TIMEOUT_S


@pytest.mark.parametrize(
    "pieces",
    [
        pytest.param(lambda: chunked(itertools.repeat(bytes(MIB))), id="endless"),
        pytest.param(lambda: itertools.chain([HEAD + b"\r\n"], itertools.repeat(bytes(MIB))), id="until-close"),
        pytest.param(gzip_bomb, id="gzip"),
    ],
)
def test_large_answer_ends_at_the_size_limit(pieces: Callable[[], Iterable[bytes]], tmp_path: Path) -> None:
    """The body is counted after decoding, and the finding names the limit."""
    with sending(pieces) as url, client_of(url, tmp_path) as client:
        with pytest.raises(CheckFailed, match="answer-too-large:op") as caught:
            client.send(Request("worker", "op", "GET", url, max_bytes=8 * MIB, timeout_s=20))
        assert "at most 8 MiB" in str(caught.value)


def test_slow_download_gets_time_for_its_size(tmp_path: Path) -> None:
    """A transfer of 2 MiB per second is accepted, although it takes longer than the time limit."""
    body = bytes(4 * MIB)
    pieces = [body[start : start + MIB // 4] for start in range(0, len(body), MIB // 4)]

    def slow() -> Iterator[bytes]:
        yield HEAD + b"Content-Length: %d\r\n\r\n" % len(body)
        for piece in pieces:
            time.sleep(0.06)
            yield piece

    with sending(slow) as url, client_of(url, tmp_path) as client:
        assert client.send(Request("worker", "op", "GET", url)).body == body


def test_operation_without_answers_is_not_sent_again(tmp_path: Path) -> None:
    """The first two requests are findings. The third is not verified at once, and other operations are sent."""
    with sending(lambda: drip(HEAD)) as url, client_of(url, tmp_path) as client:
        for _ in range(2):
            with pytest.raises(CheckFailed, match="no-answer:op"):
                client.send(Request("worker", "op", "GET", url))
        with pytest.raises(NotVerified, match="op on worker was not sent"):
            client.send(Request("worker", "op", "GET", url))
        with pytest.raises(CheckFailed, match="no-answer:other"):
            client.send(Request("worker", "other", "GET", url))
    assert client.requests == 3


def test_polled_operation_is_sent_as_often_as_asked(tmp_path: Path) -> None:
    """A request with its own time limit is a poll, which is repeated on purpose."""
    with sending(lambda: drip(HEAD)) as url, client_of(url, tmp_path) as client:
        for _ in range(4):
            with pytest.raises(CheckFailed, match="no-answer:health"):
                client.send(Request("worker", "health", "GET", url, timeout_s=0.1))


def test_silent_system_takes_a_bounded_time() -> None:
    """Shortened limits are never a finding, and twenty silent operations take less than two minutes of a process."""
    patience, taken, findings = Patience(), 0.0, 0
    for number in range(40):
        name = f"op{number % 20}"
        limit = patience.seconds("worker", name, 30)
        taken += limit
        try:
            patience.incomplete("worker", name, limit, limit_s=limit, timeout_s=30)
            findings += 1
        except NotVerified:
            assert limit < 30
    assert findings == 1
    assert taken <= FULL_S + 40 * SHORT_S
    assert patience.seconds("legacy", "op0", 30) == 30
