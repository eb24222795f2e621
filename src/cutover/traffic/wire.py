"""HTTP/1.1 for the load engine: renders a request as bytes and parses a response from the received bytes.

Everything that RFC 9112 does not allow in a response is an error of that response.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

HEAD_LIMIT: Final = 65_536
RESPONSE_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of a response, with all its heads. The lists of load runs are smaller; an endless body must not fill memory."""

TRUNCATED: Final = "truncated"
"""First word of the error of a response that began and did not end."""

_INTERIM_LIMIT: Final = 20
"""Interim responses (100 Continue) before a final one."""

_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?\Z")
_LENGTH: Final = re.compile(rb"\d{1,15}\Z")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\Z")
_NO_BODY: Final = (204, 304)

_CHUNK_SIZE: Final = -1  # values of Parser._remaining while it reads a chunked body
_TRAILER: Final = -2


class WireError(Exception):
    """The bytes are no HTTP/1.1 response. The text gives the reason in words that are the same for each response."""


class Response:
    """A response. head: the header lines; body: without transfer coding; reusable: the connection may be used again."""

    __slots__ = ("_lower", "body", "head", "reusable", "status")

    def __init__(self, status: int, head: bytes, body: bytes, *, reusable: bool) -> None:
        self.status, self.head, self.body, self.reusable = status, head, body, reusable
        self._lower: bytes | None = None

    def header(self, name: bytes) -> bytes | None:
        """Return the value of the first header of that name (given in lower case), None without one."""
        if self._lower is None:
            self._lower = self.head.lower()
        return _header(self.head, self._lower, name)


def render(method: str, path: str, host: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """Return a request as bytes. Raises ValueError for a line break in the method, the path or a header."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(body)}")
    text = "\r\n".join(lines)
    if len(text.split("\r\n")) != len(lines) or "\n" in text.replace("\r\n", ""):
        raise ValueError("a header contains a line break")
    return text.encode("latin-1") + b"\r\n\r\n" + body


class Parser:
    """A parser of one response. `feed` returns it when it is complete; `rest` holds the bytes after it."""

    __slots__ = (
        "_buffer", "_chunks", "_head", "_head_only", "_interim", "_lower", "_pieces", "_received", "_remaining",
        "_reusable", "_status", "rest",
    )  # fmt: skip

    def __init__(self, *, head_only: bool = False) -> None:
        """head_only: the request was HEAD, so the response has no body whatever its length is (RFC 9112, 6.3)."""
        self._head_only = head_only
        self._buffer = b""
        self._head: bytes | None = None
        self._lower = b""
        self._chunks: list[bytes] | None = None
        self._remaining: int | None = None  # bytes of the body or chunk; None: until the connection ends
        self._status = 0
        self._reusable = False
        self._received = self._interim = 0
        self._pieces: list[bytes] = []  # of a body that is not chunked, until it is complete
        self.rest = b""

    @property
    def started(self) -> bool:
        """Return True if any byte of the response was received."""
        return self._head is not None or bool(self._buffer)

    def feed(self, data: bytes) -> Response | None:
        """Add received bytes. Return the response if it is complete, else None. Raises WireError."""
        self._received += len(data)
        if self._received > RESPONSE_LIMIT:
            raise WireError(f"response of more than {RESPONSE_LIMIT >> 20} MiB")
        self._buffer = self._buffer + data if self._buffer else data
        while self._head is None:
            if not self._read_head():
                return None
        if self._chunks is not None:
            return self._read_chunks()
        if self._remaining is None:
            self._keep_piece()
            return None
        if len(self._buffer) < self._remaining:
            self._remaining -= len(self._buffer)
            self._keep_piece()
            return None
        body, self.rest = self._buffer[: self._remaining], self._buffer[self._remaining :]
        body = b"".join((*self._pieces, body)) if self._pieces else body
        return Response(self._status, self._head, body, reusable=self._reusable and not self.rest)

    def _keep_piece(self) -> None:
        """Keep received bytes of the body. Appending them to one buffer would copy a large body for each read."""
        self._pieces.append(self._buffer)
        self._buffer = b""

    def end(self) -> Response:
        """Return the response that the end of the connection completes. Raises WireError if it is incomplete."""
        if self._head is not None and self._chunks is None and self._remaining is None:
            return Response(self._status, self._head, b"".join((*self._pieces, self._buffer)), reusable=False)
        if not self.started:
            raise WireError("closed without a response")
        raise WireError("truncated in the body" if self._head is not None else "truncated in the head")

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise WireError("head without an end")
            if self._buffer and not b"HTTP/1."[: len(self._buffer)] == self._buffer[:7]:
                raise WireError("not HTTP/1")
            return False
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        line, _, fields = head.partition(b"\r\n")
        found = _STATUS.match(line)
        if found is None:
            raise WireError("no status line")
        status = int(found[2])
        if status < 200:
            if status == 101:
                raise WireError("unrequested change of protocol")
            self._interim += 1
            if self._interim > _INTERIM_LIMIT:
                raise WireError(f"more than {_INTERIM_LIMIT} interim responses")
            return self._buffer != b""
        self._head = fields = b"\r\n" + fields
        self._lower = lower = fields.lower()
        self._status = status
        connection = (_header(fields, lower, b"connection") or b"").lower()
        self._reusable = b"close" not in connection if found[1] == b"1" else b"keep-alive" in connection
        coding = _header(fields, lower, b"transfer-encoding")
        length = _header(fields, lower, b"content-length")
        if self._head_only or status in _NO_BODY:
            self._remaining = 0
        elif coding is not None:
            if coding.lower() != b"chunked":
                raise WireError("unknown transfer coding")
            if length is not None:
                raise WireError("both a length and a transfer coding")
            self._chunks, self._remaining = [], _CHUNK_SIZE
        elif length is not None:
            if not _LENGTH.match(length):
                raise WireError("length is not a number")
            self._remaining = int(length)
        else:
            self._reusable = False
        return True

    def _read_chunks(self) -> Response | None:
        chunks = self._chunks if self._chunks is not None else []
        while True:
            if self._remaining == _CHUNK_SIZE:
                line, found, after = self._buffer.partition(b"\r\n")
                if not found:
                    if len(self._buffer) > HEAD_LIMIT:
                        raise WireError("chunk size without an end")
                    return None
                size = _SIZE.match(line)
                if size is None:
                    raise WireError("chunk size is not a number")
                self._buffer, self._remaining = after, int(size[1], 16)
                if self._remaining == 0:
                    self._remaining = _TRAILER
            if self._remaining == _TRAILER:  # lines up to an empty one
                line, found, after = self._buffer.partition(b"\r\n")
                if not found:
                    return None
                self._buffer = after
                if line:
                    continue
                self.rest = self._buffer
                reusable = self._reusable and not self.rest
                return Response(self._status, self._head or b"", b"".join(chunks), reusable=reusable)
            remaining = self._remaining or 0
            if len(self._buffer) < remaining + 2:
                return None
            if self._buffer[remaining : remaining + 2] != b"\r\n":
                raise WireError("chunk longer than its size")
            chunks.append(self._buffer[:remaining])
            self._buffer, self._remaining = self._buffer[remaining + 2 :], _CHUNK_SIZE


def _header(head: bytes, lower: bytes, name: bytes) -> bytes | None:
    at = lower.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    begin = at + len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else None].strip(b" \t")
