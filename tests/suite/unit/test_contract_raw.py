"""Raw requests against a scripted socket, and property tests with functions that fail on purpose."""

import contextlib
import socket
import threading
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import strategies as st

from cutover.client.http import Client
from cutover.client.multipart import BOUNDARY, form, text_part
from cutover.client.raw_http import RawConnection, chunk
from cutover.config.environments import Budget, Environment, Readiness, System
from cutover.config.operations import load_operations
from cutover.config.validation import root
from cutover.contract.finding_collector import Inspection
from cutover.contract.findings import Findings
from cutover.contract.properties import Counterexample, for_all
from cutover.core.errors import NotVerified, Refused, Stopped, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import AllowList, KillSwitch, SafetyLevel
from cutover.core.secrets import Secret
from cutover.systems.target import Target

pytestmark = pytest.mark.unit

Answering = Callable[[bytes], "Server"]
TargetAt = Callable[..., Target]
PLAIN = b"HTTP/1.1 201 Created\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """A server for one connection: it reads until a blank line, sends its bytes and closes."""

    def __init__(self, answer: bytes) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.answer, self.received = answer, b""
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    def _serve(self) -> None:
        try:
            connection, _ = self.socket.accept()
        except OSError:
            return
        # The client may keep the connection open after its test; that must not fail another test.
        with connection, contextlib.suppress(OSError):
            connection.settimeout(5)
            while b"\r\n\r\n" not in self.received and (data := connection.recv(65536)):
                self.received += data
            connection.sendall(self.answer)
            connection.shutdown(socket.SHUT_WR)
            while data := connection.recv(65536):
                self.received += data


@pytest.fixture
def answering() -> Generator[Answering]:
    """Yield a function that starts a server with this response."""
    servers: list[Server] = []

    def start(answer: bytes) -> Server:
        servers.append(Server(answer))
        return servers[-1]

    yield start
    for server in servers:
        with contextlib.suppress(OSError):  # the server may have left accept() already
            server.socket.shutdown(socket.SHUT_RDWR)
        server.socket.close()
        server.thread.join(5)


@pytest.fixture
def target_at(tmp_path: Path) -> Generator[TargetAt]:
    """Yield a function that returns the Worker at a URL, in an environment that allows `allowed`.

    Its clients are closed after the test. A connection that stays open fails a later test when it is collected.
    """
    clients: list[Client] = []

    def make(url: str, allowed: str | None = None) -> Target:
        environment = Environment(
            "test",
            "",
            SafetyLevel.DISPOSABLE,
            {"worker": System("worker", url, None, "list-cutter")},
            {},
            Budget(1000, 1.0),
            Readiness(1, 0),
            1.0,
            2.0,
            load_operations(root() / "contracts" / "operations.toml", {}, {}, "test"),
            AllowList({"worker": allowed or url}),
        )
        recorder, stop = Recorder(), KillSwitch(tmp_path)
        clients.append(Client(environment, recorder=recorder, rate_limiter=None, kill_switch=stop, run="run"))
        return Target("worker", environment, clients[-1], recorder)

    yield make
    for client in clients:
        client.close()


def test_response_is_read_unchanged(answering: Answering, target_at: TargetAt) -> None:
    """Interim responses are skipped, repeated headers stay separate, and the exchange is recorded."""
    server = answering(b"HTTP/1.1 100 Continue\r\n\r\n" + PLAIN)
    target = target_at(server.url)
    with RawConnection(target, "upload") as connection:
        connection.begin([("Content-Length", "5"), ("Content-Length", "6")], token=Secret("a-token-of-sixteen"))
        connection.send(b"body")
        answer = connection.answer()
    assert answer is not None
    assert (answer.status, answer.body) == (201, b"ok")
    assert [value for name, value in answer.headers if name == "x-a"] == ["1", "2"]
    server.thread.join(5)
    head, _, body = server.received.partition(b"\r\n\r\n")
    assert head.startswith(b"POST /api/files/upload HTTP/1.1\r\nHost: 127.0.0.1")
    assert b"x-request-id: run-1" in head
    assert head.count(b"Content-Length") == 2
    assert b"Authorization: Bearer a-token-of-sixteen" in head
    assert body == b"body"
    (exchange,) = target.recorder.exchanges
    assert (exchange.operation, exchange.status, exchange.request_id) == ("upload", 201, "run-1")


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"ab") + chunk(b"c") + chunk(b""), b"abc"),
        (b"HTTP/1.1 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nshort", None),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk(b"ab"), None),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n", None),
        (b"SSH-2.0-OpenSSH\r\n\r\n", None),
        (b"", None),
    ],
    ids=["chunks", "to the end", "no content", "cut off", "chunks cut off", "no length", "no HTTP", "nothing"],
)
def test_responses_of_every_form_are_read(
    answering: Answering, answer: bytes, body: bytes | None, target_at: TargetAt
) -> None:
    """Chunks, lengths and the end of the connection are read; an incomplete response is None."""
    with RawConnection(target_at(answering(answer).url), "upload") as connection:
        connection.begin({})
        found = connection.answer()
    assert (found.body if found else None) == body


def test_nothing_is_sent_to_other_hosts(answering: Answering, target_at: TargetAt, tmp_path: Path) -> None:
    """An unknown host and the kill switch are refused before a connection is opened."""
    server = answering(PLAIN)
    elsewhere = target_at(server.url, "http://127.0.0.1:1")
    with RawConnection(elsewhere, "upload") as connection, pytest.raises(Refused):
        connection.begin({})
    (tmp_path / "STOP").touch()
    with RawConnection(target_at(server.url), "upload") as connection, pytest.raises(Stopped):
        connection.begin({})
    assert server.received == b""


def test_refused_connection_is_unreachable(target_at: TargetAt) -> None:
    """A refused connection is Unreachable, not a failed check."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    with RawConnection(target_at(url), "upload") as connection, pytest.raises(Unreachable):
        connection.begin({})


def test_forms_are_multipart() -> None:
    """A form has a text part and a file part in the format of RFC 7578."""
    body = form("file", b"a.csv", b"x", before=text_part("user_id", "7"))
    parts = body.split(f"--{BOUNDARY}".encode())
    assert [parts[0], parts[3]] == [b"", b"--\r\n"]
    assert parts[1] == b'\r\nContent-Disposition: form-data; name="user_id"\r\n\r\n7\r\n'
    assert parts[2].endswith(b'filename="a.csv"\r\nContent-Type: text/csv\r\n\r\nx\r\n')


def test_smallest_counterexample_is_a_finding(answering: Answering, target_at: TargetAt) -> None:
    """The smallest counterexample is reported once, and it is the same in each run."""
    target = target_at(answering(PLAIN).url)
    result = target.call("health")
    seen: list[list[int]] = []
    for _ in range(2):
        inspection = Inspection(target, "property:x", "a rule")
        inputs: list[int] = []

        def check(value: int, inputs: list[int] = inputs) -> None:
            inputs.append(value)
            if value >= 17:
                raise Counterexample(result, "too much", expected="less", got="more")

        for_all(inspection, st.integers(0, 10_000), check, examples=50)
        (finding,) = inspection.findings
        assert (finding.name, finding.places[0].seed) == ("property:x:worker:too much", "17")
        assert len(inputs) == len({*inputs}), "no input is sent twice"
        seen.append(inputs)
    assert seen[0] == seen[1]


def test_property_is_checked_for_all_examples(answering: Answering, target_at: TargetAt) -> None:
    """A property that holds is checked for each example; a check without an inspected response is not verified."""
    inspection = Inspection(target_at(answering(PLAIN).url), "property:x", "a rule")
    for_all(inspection, st.integers(0, 10**9), lambda _value: None, examples=30)
    assert (len(inspection.findings), inspection.counts) == (0, {"inputs": 30})
    with pytest.raises(NotVerified):
        Inspection(inspection.target, "property:x", "a rule").close(Recorder())


@pytest.mark.parametrize("error", [Unreachable("gone"), KeyError("ours")])
def test_other_exception_ends_the_property_test(answering: Answering, error: Exception, target_at: TargetAt) -> None:
    """Another exception than Counterexample ends the test at once and is raised unchanged."""
    inspection = Inspection(target_at(answering(PLAIN).url), "property:x", "a rule")
    inputs: list[Any] = []

    def check(value: int) -> None:
        inputs.append(value)
        if len(inputs) == 3:
            raise error

    with pytest.raises(type(error)):
        for_all(inspection, st.integers(), check, examples=50)
    assert len(inputs) == 3
    assert isinstance(inspection.findings, Findings)
    assert not len(inspection.findings)
