"""HTTP/1.1 as the load engine speaks it: a request as bytes, an answer from bytes, as they come.

Only what a system under load may answer is understood; all else is an error of that answer (RFC 9112). Not for
sockets: connection.py; nor for what an answer means: journeys.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

HEAD_LIMIT: Final = 65_536
_STATUS: Final = re.compile(rb"HTTP/1\.([01]) ([1-9]\d\d)(?: [^\r\n]*)?\Z")
_LENGTH: Final = re.compile(rb"\d{1,15}\Z")
_SIZE: Final = re.compile(rb"([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\Z")
_NO_BODY: Final = (204, 304)


class WireError(Exception):
    """The bytes are no answer in HTTP/1.1; the text says why, in words that do not change from answer to answer."""


class Response:
    """An answer. head: the header lines; body: transfer coding undone; keeps: the connection may be used again."""

    __slots__ = ("_lower", "body", "head", "keeps", "status")

    def __init__(self, status: int, head: bytes, body: bytes, *, keeps: bool) -> None:
        self.status, self.head, self.body, self.keeps = status, head, body, keeps
        self._lower: bytes | None = None

    def header(self, name: bytes) -> bytes | None:
        """The value of the first header of that name (given in lower case), None without one."""
        if self._lower is None:
            self._lower = self.head.lower()
        return _header(self.head, self._lower, name)


def render(method: str, path: str, host: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request as bytes. Raises ValueError for a line break in what may hold none."""
    lines = [f"{method} {path} HTTP/1.1", f"host: {host}", *(f"{name}: {value}" for name, value in headers.items())]
    if body or method in ("POST", "PUT", "PATCH"):
        lines.append(f"content-length: {len(body)}")
    text = "\r\n".join(lines)
    if len(text.split("\r\n")) != len(lines) or "\n" in text.replace("\r\n", ""):
        raise ValueError("a header with a line break")
    return text.encode("latin-1") + b"\r\n\r\n" + body


class Parser:
    """Reads one answer. `feed` gives it as soon as it is whole; what is left of the bytes is in `rest`."""

    __slots__ = ("_buffer", "_chunks", "_head", "_head_only", "_keeps", "_left", "_lower", "_status", "rest")

    def __init__(self, *, head_only: bool = False) -> None:
        """head_only: the request was HEAD, whose answer has no body whatever its length says."""
        self._head_only = head_only
        self._buffer = b""
        self._head: bytes | None = None
        self._lower = b""
        self._chunks: list[bytes] | None = None
        self._left: int | None = None  # of the body or chunk; None: until the connection ends, -1: a size comes
        self._status = 0
        self._keeps = False
        self.rest = b""

    @property
    def begun(self) -> bool:
        """Whether any byte of the answer has come."""
        return self._head is not None or bool(self._buffer)

    def feed(self, data: bytes) -> Response | None:
        """Take more bytes. Raises WireError."""
        self._buffer = self._buffer + data if self._buffer else data
        while self._head is None:
            if not self._read_head():
                return None
        if self._chunks is not None:
            return self._chunked()
        if self._left is None:
            return None
        if len(self._buffer) < self._left:
            return None
        body, self.rest = self._buffer[: self._left], self._buffer[self._left :]
        return Response(self._status, self._head, body, keeps=self._keeps and not self.rest)

    def end(self) -> Response:
        """The connection has ended. Raises WireError when the answer was not whole by then."""
        if self._head is not None and self._chunks is None and self._left is None:
            return Response(self._status, self._head, self._buffer, keeps=False)
        if not self.begun:
            raise WireError("closed without an answer")
        raise WireError("cut off in the body" if self._head is not None else "cut off in the head")

    def _read_head(self) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            if len(self._buffer) > HEAD_LIMIT:
                raise WireError("a head without an end")
            if self._buffer and not b"HTTP/1."[: len(self._buffer)] == self._buffer[:7]:
                raise WireError("no HTTP/1")
            return False
        head, self._buffer = self._buffer[:end], self._buffer[end + 4 :]
        line, _, fields = head.partition(b"\r\n")
        found = _STATUS.match(line)
        if found is None:
            raise WireError("no status line")
        status = int(found[2])
        if status < 200:
            if status == 101:
                raise WireError("a change of protocol that nobody asked for")
            return self._buffer != b"" and self._read_head()
        self._head = fields = b"\r\n" + fields
        self._lower = lower = fields.lower()
        self._status = status
        connection = (_header(fields, lower, b"connection") or b"").lower()
        self._keeps = b"close" not in connection if found[1] == b"1" else b"keep-alive" in connection
        coding = _header(fields, lower, b"transfer-encoding")
        length = _header(fields, lower, b"content-length")
        if self._head_only or status in _NO_BODY:
            self._left = 0
        elif coding is not None:
            if coding.lower() != b"chunked":
                raise WireError("a transfer coding that is not known")
            if length is not None:
                raise WireError("both a length and a transfer coding")
            self._chunks, self._left = [], -1
        elif length is not None:
            if not _LENGTH.match(length):
                raise WireError("a length that is no number")
            self._left = int(length)
        else:
            self._keeps = False
        return True

    def _chunked(self) -> Response | None:
        chunks = self._chunks if self._chunks is not None else []
        while True:
            if self._left == -1:
                line, found, after = self._buffer.partition(b"\r\n")
                if not found:
                    if len(self._buffer) > HEAD_LIMIT:
                        raise WireError("a chunk's size without an end")
                    return None
                size = _SIZE.match(line)
                if size is None:
                    raise WireError("a chunk's size that is no number")
                self._buffer, self._left = after, int(size[1], 16)
                if self._left == 0:
                    self._left = -2
            if self._left == -2:  # the trailer: lines up to an empty one
                line, found, after = self._buffer.partition(b"\r\n")
                if not found:
                    return None
                self._buffer = after
                if line:
                    continue
                self.rest = self._buffer
                return Response(self._status, self._head or b"", b"".join(chunks), keeps=self._keeps and not self.rest)
            left = self._left or 0
            if len(self._buffer) < left + 2:
                return None
            if self._buffer[left : left + 2] != b"\r\n":
                raise WireError("a chunk that is longer than its size")
            chunks.append(self._buffer[:left])
            self._buffer, self._left = self._buffer[left + 2 :], -1


def _header(head: bytes, lower: bytes, name: bytes) -> bytes | None:
    at = lower.find(b"\r\n" + name + b":")
    if at < 0:
        return None
    begin = at + len(name) + 3
    end = head.find(b"\r\n", begin)
    return head[begin : end if end >= 0 else None].strip(b" \t")
