"""The HTTP client against faulty servers: raw sockets that send scripted bytes."""

import socket
import socketserver
import struct
import threading
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from cutover.client.http import Client, Request
from cutover.config.environments import Budget, Environment, Identity, Readiness, System
from cutover.config.local_runtime import RuntimeAnswer, runtime_answers
from cutover.config.validation import root
from cutover.core.errors import CheckFailed, IdentityMismatch, LocalRuntimeAnswer, RateLimited, Refused, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import AllowList, KillSwitch, SafetyLevel

pytestmark = pytest.mark.unit

OK = b"HTTP/1.1 200 OK\r\nX-Who: w\r\nX-Version: v1\r\nContent-Length: 2\r\n\r\nok"
Script = Callable[[int, bytes], bytes | None]
Connect = Callable[..., tuple[Client, Recorder]]


class Server(socketserver.ThreadingTCPServer):
    """A server that sends the script's bytes for request n (from 0, over all connections). None closes."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.requests: list[bytes] = []
        self.connections = 0
        self.open: list[socket.socket] = []

    @property
    def url(self) -> str:
        """Return the base URL."""
        return f"http://127.0.0.1:{self.server_address[1]}"


Serve = Callable[[Script], Server]


class _Handler(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.server.connections += 1
        self.server.open.append(self.connection)
        while line := self.rfile.readline():
            head = line
            while (line := self.rfile.readline()) not in (b"\r\n", b""):
                head += line
            self.server.requests.append(head)
            answer = self.server.script(len(self.server.requests) - 1, head)
            if answer is None:
                return
            self.wfile.write(answer)


@pytest.fixture
def serve() -> Generator[Callable[[Script], Server]]:
    """Yield a function that starts a server with a script. All servers end after the test."""
    servers: list[Server] = []

    def start(script: Script) -> Server:
        server = Server(script)
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def connect(tmp_path: Path) -> Generator[Callable[..., tuple[Client, Recorder]]]:
    """Yield a function that creates a client for an environment with the Worker at a URL."""
    clients: list[Client] = []

    def make(
        url: str,
        *,
        identity: Identity | None = None,
        version: str | None = None,
        timeout_s: float = 2,
        local_runtime: bool = False,
        runtime_answers: tuple[RuntimeAnswer, ...] = (),
    ) -> tuple[Client, Recorder]:
        environment = Environment(
            "test",
            "",
            SafetyLevel.READ_ONLY,
            {"worker": System("worker", url, identity, "list-cutter")},
            {},
            Budget(1000, 1.0),
            Readiness(1, 0),
            1.0,
            timeout_s,
            {},
            AllowList({"worker": url}),
            local_runtime=local_runtime,
            runtime_answers=runtime_answers,
        )
        recorder = Recorder()
        client = Client(
            environment,
            recorder=recorder,
            rate_limiter=None,
            kill_switch=KillSwitch(tmp_path),
            run="run",
            worker_version=version,
        )
        clients.append(client)
        return client, recorder

    yield make
    for client in clients:
        client.close()


def get(url: str, method: str = "GET") -> Request:
    """Return a request with a query that contains a token."""
    return Request("worker", "op", method, url + "/x?token=abc")


def test_exchange_is_recorded_without_its_query(serve: Serve, connect: Connect) -> None:
    """The exchange has request id, status, time and version, and no query."""
    server = serve(lambda _n, _head: OK)
    client, recorder = connect(server.url, identity=Identity("x-who", "w", "x-version"))
    answer = client.send(get(server.url))
    assert (answer.status, answer.body, answer.version) == (200, b"ok", "v1")
    (exchange,) = recorder.exchanges
    assert (exchange.request_id, exchange.path, exchange.status, exchange.version) == ("run-1", "/x", 200, "v1")
    assert 0 < exchange.ms < 2000
    assert b"x-request-id: run-1" in server.requests[0].lower()


def test_redirect_is_not_followed_automatically(serve: Serve, connect: Connect) -> None:
    """A redirect is returned. Following it to a foreign host is refused before anything is sent there."""
    foreign = serve(lambda _n, _head: OK)
    location = f"HTTP/1.1 302 Found\r\nLocation: {foreign.url}/y\r\nContent-Length: 0\r\n\r\n".encode()
    server = serve(lambda n, _head: location if n == 0 else OK)
    client, _ = connect(server.url)
    answer = client.send(get(server.url))
    assert answer.status == 302
    with pytest.raises(Refused, match="not a host of this environment"):
        client.follow(answer)
    assert foreign.requests == []


def test_refused_connection_is_tried_twice(connect: Connect) -> None:
    """If no server listens, the client records a second try and raises Unreachable."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
    client, recorder = connect(url)
    with pytest.raises(Unreachable, match="Tried twice"):
        client.send(get(url))
    assert recorder.exchanges[0].connect_retries == 1


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_closed_connection_fails_and_is_not_repeated(serve: Serve, connect: Connect, method: str) -> None:
    """A server that closes the connection after the request fails the check. The request is sent once."""
    server = serve(lambda _n, _head: None)
    client, _ = connect(server.url)
    with pytest.raises(CheckFailed, match="broken-answer:op"):
        client.send(get(server.url, method))
    assert len(server.requests) == 1


def test_missing_response_fails_at_the_time_limit(serve: Serve, connect: Connect) -> None:
    """A server that accepts the request and sends nothing fails the check within the time limit."""
    held = threading.Event()
    server = serve(lambda _n, _head: held.wait(10) and None)
    client, _ = connect(server.url, timeout_s=0.2)
    with pytest.raises(CheckFailed, match="no-answer:op"):
        client.send(get(server.url))
    held.set()


@pytest.mark.parametrize("garbage", [b"<html>", b"HTTP/9.9 what\r\n\r\n", b"\x00\xff\r\n\r\n"])
def test_invalid_http_is_a_failed_check(serve: Serve, connect: Connect, garbage: bytes) -> None:
    """Bytes that are no HTTP response are a failed check and not an internal error."""
    server = serve(lambda _n, _head: garbage + b"\r\n\r\n")
    client, _ = connect(server.url)
    with pytest.raises(CheckFailed, match="broken-answer:op"):
        client.send(get(server.url))


def test_surplus_bytes_are_noted(serve: Serve, connect: Connect) -> None:
    """After a body in a response to HEAD, the next request uses a new connection. A note names the first request."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    server = serve(lambda n, _head: head if n == 0 else OK)
    client, recorder = connect(server.url)
    client.send(get(server.url, "HEAD"))
    threading.Event().wait(0.05)  # the surplus bytes have arrived
    assert client.send(get(server.url)).body == b"ok"
    assert server.connections == 2
    (note,) = recorder.notes
    assert "broken keep-alive" in note
    assert "HEAD /x (200)" in note
    assert "hello" in note


def test_closed_idle_connection_is_no_finding(serve: Serve, connect: Connect) -> None:
    """If a server closed the idle connection, the next request opens a new one without a note."""

    server = serve(lambda _n, _head: OK)
    client, recorder = connect(server.url)
    client.send(get(server.url))
    for connection in server.open:
        connection.shutdown(socket.SHUT_RDWR)
    assert client.send(get(server.url)).status == 200
    assert recorder.notes == []


@pytest.mark.parametrize(("local_runtime", "connections"), [(True, 3), (False, 1)])
def test_unsafe_request_to_workerd_uses_a_new_connection(
    serve: Serve, connect: Connect, local_runtime: bool, connections: int
) -> None:
    """With workerd, two GETs share one connection, and each POST uses its own. Otherwise all use one connection."""
    server = serve(lambda _n, _head: OK)
    client, recorder = connect(server.url, local_runtime=local_runtime)
    for method in ("GET", "POST", "GET", "POST"):
        assert client.send(get(server.url, method)).body == b"ok"
    assert server.connections == connections
    assert recorder.notes == []


@pytest.mark.parametrize("local_runtime", [True, False])
def test_reset_connection_is_retried_only_with_workerd(serve: Serve, connect: Connect, local_runtime: bool) -> None:
    """If the kept connection is reset, a GET is sent again with a note. Without workerd it is a failed check."""

    def script(number: int, _head: bytes) -> bytes | None:
        if number == 1:  # closed at once with unsent data discarded: a TCP reset
            server.shutdown_request = server.close_request  # type: ignore[method-assign]  # for this one connection
            server.open[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return None
        return OK

    server = serve(script)
    client, recorder = connect(server.url, local_runtime=local_runtime)
    client.send(get(server.url))
    if local_runtime:
        assert client.send(get(server.url)).status == 200
        assert "sent again" in recorder.notes[0]
    else:
        with pytest.raises(CheckFailed, match="broken-answer"):
            client.send(get(server.url))


def test_unexpected_429_is_waited_for_and_counted(serve: Serve, connect: Connect) -> None:
    """An unexpected 429 is not a failure: the client waits for Retry-After, sends again and counts it."""
    limited = b"HTTP/1.1 429 Too Many\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
    server = serve(lambda n, _head: limited if n < 2 else OK)
    client, recorder = connect(server.url)
    assert client.send(get(server.url)).status == 200
    assert recorder.rate_limited == 2
    assert len(recorder.exchanges) == 3


def test_repeated_429_is_a_measurement_error(serve: Serve, connect: Connect) -> None:
    """After three 429 responses the run is INVALID and the check does not fail. An expected 429 is returned."""
    limited = b"HTTP/1.1 429 Too Many\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n"
    server = serve(lambda _n, _head: limited)
    client, _ = connect(server.url)
    with pytest.raises(RateLimited, match="Lower the budget"):
        client.send(get(server.url))
    expected = client.send(Request("worker", "op", "GET", server.url + "/", expects_429=True))
    assert expected.status == 429


def test_other_system_is_an_identity_mismatch(serve: Serve, connect: Connect) -> None:
    """A response without the identity header, or with another value, raises IdentityMismatch."""
    server = serve(lambda _n, _head: OK)
    for identity in (Identity("x-who", "another system"), Identity("x-missing", "w")):
        client, _ = connect(server.url, identity=identity)
        with pytest.raises(IdentityMismatch):
            client.send(get(server.url))


def test_5xx_without_identity_reaches_the_check(serve: Serve, connect: Connect) -> None:
    """A 502 without the identity header, for example from a proxy, is returned to the check."""
    server = serve(lambda _n, _head: b"HTTP/1.1 502 Bad\r\nContent-Length: 0\r\n\r\n")
    client, _ = connect(server.url, identity=Identity("x-who", "w"))
    assert client.send(get(server.url)).status == 502


def test_version_is_requested_and_verified(serve: Serve, connect: Connect) -> None:
    """The override header has Cloudflare's form. A response of another version raises IdentityMismatch."""
    server = serve(lambda _n, _head: OK)
    identity = Identity("x-who", "w", "x-version")
    client, _ = connect(server.url, identity=identity, version="v1")
    client.send(get(server.url))
    assert b'cloudflare-workers-version-overrides: list-cutter="v1"' in server.requests[0].lower()
    client, _ = connect(server.url, identity=identity, version="v2")
    with pytest.raises(IdentityMismatch, match=r"expected version v2 .*got 'v1'"):
        client.send(get(server.url))


def test_proxy_variables_are_ignored(serve: Serve, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """HTTP_PROXY of the shell does not redirect requests with tokens."""
    proxy, server = serve(lambda _n, _head: OK), serve(lambda _n, _head: OK)
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, proxy.url)
    client, _ = connect(server.url)
    client.send(get(server.url))
    assert (len(proxy.requests), len(server.requests)) == (0, 1)


def test_failed_tls_handshake_is_unreachable(connect: Connect) -> None:
    """A server without TLS at an https URL raises Unreachable."""
    with socket.create_server(("127.0.0.1", 0)) as plain:
        url = f"https://127.0.0.1:{plain.getsockname()[1]}"

        def answer_plain() -> None:
            for _ in range(2):
                connection, _address = plain.accept()
                connection.recv(1)
                connection.sendall(b"HTTP/1.1 400 no TLS here\r\n\r\n")
                connection.close()

        threading.Thread(target=answer_plain, daemon=True).start()
        client, _ = connect(url)
        with pytest.raises(Unreachable, match="cannot be reached"):
            client.send(get(url))


@pytest.mark.parametrize(
    ("status", "body", "shown", "hidden"),
    [
        (
            200,
            b'{"files": [{"filename": "Ann Smith.csv", "size": 3}], "next": null}',
            "files: [1 of {filename: str",
            "Ann",
        ),
        (200, b"Ann,Smith\r\n", "11 bytes", "Ann"),
        (400, b'{"error": "the name is taken"}', "the name is taken", "nothing"),
    ],
)
def test_excerpt_masks_user_data(
    serve: Serve, connect: Connect, status: int, body: bytes, shown: str, hidden: str
) -> None:
    """An excerpt contains the shape of a success and the text of an error."""
    answer = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
    server = serve(lambda _n, _head: answer)
    client, _ = connect(server.url)
    excerpt = client.send(get(server.url)).excerpt
    assert shown in excerpt
    assert hidden not in excerpt


RESTARTED = b"Your worker restarted mid-request. Please try sending the request again."
NO_BODY = (
    b"TypeError: Request with a GET or HEAD method cannot have a body.\n    at async Object.fetch (file:///m.js:1:1)"
)


def response(status: int, body: bytes, more: bytes = b"") -> bytes:
    """Return a response in plain text."""
    return b"HTTP/1.1 %d X\r\n%sContent-Length: %d\r\n\r\n%s" % (status, more, len(body), body)


@pytest.mark.parametrize(
    ("status", "body", "method", "content"),
    [(503, RESTARTED, "POST", b"{}"), (503, RESTARTED, "GET", None), (500, NO_BODY, "GET", b"{}")],
    ids=["restarted", "restarted during a GET", "GET with a body"],
)
def test_answer_of_the_local_runtime_is_not_verified(
    serve: Serve, connect: Connect, status: int, body: bytes, method: str, content: bytes | None
) -> None:
    """A response that Miniflare makes itself is neither a response of the Worker nor a failure of it."""
    server = serve(lambda _number, _head: response(status, body))
    client, recorder = connect(server.url, identity=Identity("x-who", "w"), runtime_answers=runtime_answers(root()))
    with pytest.raises(LocalRuntimeAnswer, match=f"local runtime .*: status {status} from worker {method} "):
        client.send(Request("worker", "op", method, server.url + "/x", content=content))
    assert [exchange.status for exchange in recorder.exchanges] == [status]


@pytest.mark.parametrize(
    ("status", "body", "more", "content"),
    [
        (503, RESTARTED, b"X-Who: w\r\n", b"{}"),
        (500, RESTARTED, b"", b"{}"),
        (503, b"overloaded", b"", b"{}"),
        (500, NO_BODY, b"", None),
    ],
    ids=["with the Worker's identity", "another status", "another text", "no body was sent"],
)
def test_error_of_the_worker_stays_an_answer(
    serve: Serve, connect: Connect, status: int, body: bytes, more: bytes, content: bytes | None
) -> None:
    """A similar error that the Worker made, or that its own request caused, is returned like any answer."""
    server = serve(lambda _number, _head: response(status, body, more))
    client, _ = connect(server.url, identity=Identity("x-who", "w"), runtime_answers=runtime_answers(root()))
    assert client.send(Request("worker", "op", "GET", server.url + "/x", content=content)).status == status


def test_deployed_worker_has_no_runtime_answers(serve: Serve, connect: Connect) -> None:
    """Without local_runtime a 503 is a response of the deployment, whatever its text."""
    server = serve(lambda _number, _head: response(503, RESTARTED))
    client, _ = connect(server.url)
    assert client.send(get(server.url)).status == 503
