"""Send requests byte by byte: chunked, truncated, with a wrong Content-Length, or several at once.

Use it only for requests that a normal HTTP client cannot send. It connects only to hosts that the environment names.
"""

from __future__ import annotations

import contextlib
import re
import select
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Protocol, Self
from urllib.parse import urlsplit

from cutover.client.account_markers import attach, sent_raw
from cutover.client.http import Client, Request
from cutover.client.identity import refuse_runtime_answer
from cutover.config.environments import Environment
from cutover.config.operations import Operation
from cutover.core.errors import Unreachable
from cutover.core.recorder import Exchange, Recorder
from cutover.core.safety import origin_of
from cutover.core.secrets import Secret, redact

_BLOCK: Final = 65536
_HEAD_LIMIT: Final = 65536
_LIMIT: Final = 8 * 1024 * 1024
"""Bytes of an answer to a raw request, which is an error or a short document. A longer one is not complete."""
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})(?: |$)")


@dataclass(frozen=True)
class RawAnswer:
    """A response without changes. headers: lines of the head, names in lower case; equal names are not joined."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        """Return the first value of a header, None if there is none."""
        return next((value for key, value in self.headers if key == name), None)


class Destination(Protocol):
    """The parts of a target (systems/target.py) that a raw connection needs."""

    system: str
    url: str
    environment: Environment
    client: Client
    recorder: Recorder

    def operation(self, name: str) -> Operation:
        """Return the operation of that name."""


class RawConnection:
    """A connection to a system, for one request or several. A context manager, which closes it."""

    def __init__(self, target: Destination, operation: str) -> None:
        """operation: name of the exchange in the evidence. Connects at the first `begin`."""
        self._target, self._operation = target, target.operation(operation)
        self._socket: socket.socket | None = None
        self._rest = b""
        self._started = 0.0
        self._method = ""
        self._request_id = ""
        self._sent = b""
        self._timeout_s = target.environment.timeout_s

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection without waiting for data."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def begin(
        self,
        headers: Mapping[str, str] | Iterable[tuple[str, str]],
        *,
        token: Secret | None = None,
        path: Mapping[str, str] | None = None,
        method: str | None = None,
        spelling: str | None = None,
    ) -> bool:
        """Send the head of a request: request line, Host, the client's own headers, the given headers.

        Returns like `send`. headers: as pairs, a name may occur twice; spelling: request target for the request line,
        instead of the operation's path. Raises Refused, Stopped, Unreachable.
        """
        url = self._target.url + self._operation.url_path(path or {})
        ours = self._target.client.announce(Request(self._target.system, self._operation.name, "", url))
        self._request_id = ours["x-request-id"]
        parts = urlsplit(url)
        self._method = method or self._operation.method
        lines = [
            f"{self._method} {spelling or parts.path or '/'} HTTP/1.1",
            f"Host: {parts.netloc}",
        ]
        bearer = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
        given = headers.items() if isinstance(headers, Mapping) else headers
        lines += [f"{name}: {value}" for name, value in (*ours.items(), *bearer.items(), *given)]
        self._connect(url)
        self._started = time.perf_counter()
        return self.send("\r\n".join([*lines, "", ""]).encode("utf-8"))

    def send(self, data: bytes) -> bool:
        """Send bytes. Return False if the system has closed the connection, which it may do after a response."""
        assert self._socket is not None, "begin comes first"
        self._sent += data[: _BLOCK - len(self._sent)] if len(self._sent) < _BLOCK else b""
        try:
            self._socket.sendall(data)
        except (ConnectionError, TimeoutError, ssl.SSLError):
            return False
        return True

    def answers_within(self, seconds: float) -> bool:
        """Wait. Return True as soon as the system sends data or closes the connection, False after that time."""
        assert self._socket is not None, "begin comes first"
        return bool(self._rest) or bool(select.select([self._socket], [], [], seconds)[0])

    def end_of_sending(self) -> None:
        """Close the sending direction (TCP half-close), which an interrupted client does not do."""
        assert self._socket is not None, "begin comes first"
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_WR)

    def answer(self, timeout_s: float | None = None) -> RawAnswer | None:
        """Return the next complete response, None if the connection or the time ends before it is complete.

        A response without a length ends with the connection (RFC 9112 6.3). Interim responses (1xx) are skipped. Raises
        LocalRuntimeAnswer if the local runtime made the response.
        """
        deadline = time.monotonic() + (timeout_s or self._timeout_s)
        found = self._read(deadline)
        while found is not None and 100 <= found.status < 200:
            found = self._read(deadline)
        ms = round((time.perf_counter() - self._started) * 1000, 2)
        operation = self._operation
        self._target.recorder.exchanges.append(
            Exchange(
                self._request_id,
                operation.system,
                operation.name,
                operation.method,
                redact(operation.path),
                found.status if found else None,
                ms,
                error=None if found else "no answer",
            )
        )
        if found is not None:
            self._search(found)
            source = f"{operation.system} {self._method} {operation.path} (request {self._request_id})"
            refuse_runtime_answer(
                self._target.environment, operation.system, found.status, dict(found.headers), found.body,
                method=self._method, has_body=True, source=source,
            )  # fmt: skip
        return found

    def _search(self, answer: RawAnswer) -> None:
        """Search an answer for data of other accounts (client/account_markers.py)."""
        received = b"\n".join([*(value.encode("latin-1") for _, value in answer.headers), answer.body])
        found = self._target.client.markers.foreign(received, sent_raw(lambda: self._sent))
        attach(self._target.recorder, self._target.system, self._operation.name, answer.status, self._request_id, found)

    def _connect(self, url: str) -> None:
        if self._socket is not None:
            return
        scheme, host, port = origin_of(url)
        try:
            plain = socket.create_connection((host, port), timeout=self._timeout_s)
        except OSError as error:
            raise Unreachable(f"{self._target.system} at {host}:{port} cannot be reached: {error}") from None
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if scheme == "https":
            context = ssl.create_default_context(cafile=self._target.environment.ca_file)
            try:
                self._socket = context.wrap_socket(plain, server_hostname=host)
            except OSError as error:
                plain.close()
                raise Unreachable(f"{self._target.system} at {host}:{port}: {error}") from None
        else:
            self._socket = plain

    def _read(self, deadline: float) -> RawAnswer | None:
        while b"\r\n\r\n" not in self._rest:
            if len(self._rest) > _HEAD_LIMIT or not self._more(deadline):
                return None
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        status = _STATUS_LINE.match(first)
        if status is None:
            return None
        pairs = tuple(
            (name.strip().lower().decode("latin-1"), value.strip().decode("latin-1"))
            for name, _, value in (line.partition(b":") for line in lines)
        )
        answer = RawAnswer(int(status[1]), pairs, b"")
        body = self._body(answer, deadline)
        return None if body is None else RawAnswer(answer.status, pairs, body)

    def _body(self, answer: RawAnswer, deadline: float) -> bytes | None:
        if answer.status < 200 or answer.status in (204, 304):
            return b""
        if (answer.header("transfer-encoding") or "").lower() == "chunked":
            return self._chunks(deadline)
        length = answer.header("content-length")
        if length is None:
            while self._more(deadline):
                pass
            body, self._rest = self._rest, b""
            return body
        return self._take(int(length), deadline) if length.isdecimal() else None

    def _chunks(self, deadline: float) -> bytes | None:
        body = b""
        while True:
            while b"\r\n" not in self._rest:
                if not self._more(deadline):
                    return None
            line, _, self._rest = self._rest.partition(b"\r\n")
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError:
                return None
            chunk = self._take(size + 2, deadline)
            if chunk is None or len(body) > _LIMIT:
                return None
            if size == 0:
                return body
            body += chunk[:-2]

    def _take(self, size: int, deadline: float) -> bytes | None:
        while len(self._rest) < size:
            if not self._more(deadline):
                return None
        taken, self._rest = self._rest[:size], self._rest[size:]
        return taken

    def _more(self, deadline: float) -> bool:
        left = deadline - time.monotonic()
        if self._socket is None or left <= 0 or len(self._rest) > _LIMIT:
            return False
        self._socket.settimeout(left)
        try:
            data = self._socket.recv(_BLOCK)
        except OSError:
            return False
        finally:
            self._socket.settimeout(self._timeout_s)
        self._rest += data
        return bool(data)


def chunk(data: bytes) -> bytes:
    """Return one chunk of a chunked body (RFC 9112 7.1). An empty chunk ends the body."""
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"
