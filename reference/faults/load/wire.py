"""HTTP/1.1 messages on asyncio's streams, as far as a proxy in front of one upstream on loopback needs
them.

Bodies are read completely, because the messages of a load test are small. Trailers, upgrades and
pipelining are not supported.
"""

import asyncio
from dataclasses import dataclass, field

HEAD_LIMIT = 64 * 1024


@dataclass(slots=True)
class Headers:
    """Headers with their original names, found in any case."""

    pairs: list[tuple[str, str]] = field(default_factory=list)

    def get(self, name: str) -> str | None:
        return next((value for key, value in self.pairs if key.lower() == name.lower()), None)

    def put(self, name: str, value: str) -> None:
        self.drop(name)
        self.pairs.append((name, value))

    def drop(self, name: str) -> None:
        self.pairs = [(key, value) for key, value in self.pairs if key.lower() != name.lower()]

    def copy(self) -> "Headers":
        return Headers(list(self.pairs))


@dataclass(slots=True)
class Request:
    method: str
    target: str
    headers: Headers
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]


@dataclass(slots=True)
class Answer:
    """A response to a client. Its Content-Length is that of the body, except for HEAD and 304."""

    status: int
    reason: str
    headers: Headers
    body: bytes
    cut_at: int | None = None
    """Number of body bytes after which the connection is reset."""
    pause_s: float = 0.0
    """Seconds between the two halves of the body."""


class BrokenOffError(ConnectionError):
    """The other side closed the connection in the middle of a message."""


async def read_head(reader: asyncio.StreamReader) -> tuple[str, Headers] | None:
    """Return first line and headers; None if the other side closed the connection before a message."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BrokenOffError("a head was cut off") from error
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    pairs = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    return first, Headers(pairs)


async def read_body(reader: asyncio.StreamReader, headers: Headers) -> bytes:
    """Read the body by its Content-Length or its chunks."""
    try:
        if (headers.get("Transfer-Encoding") or "").lower() == "chunked":
            pieces = []
            while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
                pieces.append(await reader.readexactly(size))
                await reader.readexactly(2)
            await reader.readuntil(b"\r\n")
            return b"".join(pieces)
        return await reader.readexactly(int(headers.get("Content-Length") or 0))
    except asyncio.IncompleteReadError as error:
        raise BrokenOffError("a body was cut off") from error


async def read_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Request | None:
    head = await read_head(reader)
    if head is None:
        return None
    line, headers = head
    method, target, _ = line.split(" ", 2)
    if (headers.get("Expect") or "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        headers.drop("Expect")
    return Request(method, target, headers, await read_body(reader, headers))


async def read_answer(reader: asyncio.StreamReader, method: str) -> Answer:
    head = await read_head(reader)
    if head is None:
        raise BrokenOffError("no answer")
    line, headers = head
    _, status, reason = (*line.split(" ", 2), "")[:3]
    without_body = method == "HEAD" or status in ("204", "304")
    body = b"" if without_body else await read_body(reader, headers)
    if not without_body:
        headers.drop("Transfer-Encoding")
        headers.put("Content-Length", str(len(body)))
    return Answer(int(status), reason, headers, body)


def head_of(first: str, headers: Headers) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers.pairs)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def write_request(writer: asyncio.StreamWriter, request: Request) -> None:
    headers = request.headers.copy()
    for name in ("Connection", "Transfer-Encoding"):
        headers.drop(name)
    if request.body or headers.get("Content-Length") is not None or request.headers.get("Transfer-Encoding"):
        headers.put("Content-Length", str(len(request.body)))
    writer.write(head_of(f"{request.method} {request.target} HTTP/1.1", headers) + request.body)


async def write_answer(writer: asyncio.StreamWriter, answer: Answer) -> None:
    """Write the response, or a part of it; reset the connection afterwards if required."""
    headers = answer.headers.copy()
    headers.drop("Connection")
    head = head_of(f"HTTP/1.1 {answer.status} {answer.reason}", headers)
    body = answer.body if answer.cut_at is None else answer.body[: answer.cut_at]
    half = len(body) // 2 if answer.pause_s else len(body)
    writer.write(head + body[:half])
    await writer.drain()
    if answer.pause_s:
        await asyncio.sleep(answer.pause_s)
        writer.write(body[half:])
        await writer.drain()
    if answer.cut_at is not None:
        raise BrokenOffError("the answer is cut off")
