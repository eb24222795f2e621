"""Uploads over a raw connection: chunked, with a wrong Content-Length, cut off, or several in parallel."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from cutover.client.multipart import CLOSING, MEDIA_TYPE, opening
from cutover.client.raw_http import RawAnswer, RawConnection, chunk
from cutover.core.secrets import Secret
from cutover.systems.target import Target

_PIECE: Final = 1 << 20
CHUNKED: Final = ("Transfer-Encoding", "chunked")


def body_of(target: Target, content: bytes, name: str = "raw.csv") -> bytes:
    """Return the complete multipart body of one list file."""
    return opening(target.operation("upload").request["file"], name.encode()) + content + CLOSING


def upload_chunked(target: Target, token: Secret, content: bytes) -> RawAnswer | None:
    """Upload without Content-Length in chunks of 1 MiB. Return the response, None if the system sent none."""
    body = body_of(target, content)
    with RawConnection(target, "upload") as connection:
        connection.begin([("Content-Type", MEDIA_TYPE), CHUNKED], token=token)
        for piece in _pieces(body):
            if not connection.send(chunk(piece)):
                break  # the server closed its receiving side: it responds before the end of the body
        else:
            connection.send(chunk(b""))
        return connection.answer()


def upload_with_length(
    target: Target,
    token: Secret,
    body: bytes,
    length: str,
    *,
    more: Sequence[tuple[str, str]] = (),
) -> tuple[RawAnswer | None, RawAnswer | None]:
    """Upload the body with the given Content-Length header. Return the first and, if present, a second response.

    The sending side of the connection is closed after the body.
    """
    with RawConnection(target, "upload") as connection:
        connection.begin([("Content-Type", MEDIA_TYPE), ("Content-Length", length), *more], token=token)
        connection.send(body)
        connection.end_of_sending()
        first = connection.answer()
        return first, connection.answer(2.0) if first is not None else None


def announce_upload(target: Target, token: Secret, length: int) -> RawAnswer | None:
    """Announce an upload of `length` bytes with Expect: 100-continue (RFC 9110 10.1.1). Return the response."""
    with RawConnection(target, "upload") as connection:
        head = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(length)), ("Expect", "100-continue")]
        connection.begin(head, token=token)
        connection.end_of_sending()
        return connection.answer()


def upload_in_parallel(target: Target, token: Secret, contents: Sequence[bytes], pieces: int) -> list[RawAnswer | None]:
    """Upload all contents at the same time, one piece of each in turn, on one connection each. Return the responses."""
    connections = [RawConnection(target, "upload") for _ in contents]
    try:
        bodies = [body_of(target, content, f"side-{number}.csv") for number, content in enumerate(contents)]
        for connection, body in zip(connections, bodies, strict=True):
            connection.begin([("Content-Type", MEDIA_TYPE), ("Content-Length", str(len(body)))], token=token)
        for turn in range(pieces):
            for connection, body in zip(connections, bodies, strict=True):
                connection.send(body[len(body) * turn // pieces : len(body) * (turn + 1) // pieces])
        return [connection.answer() for connection in connections]
    finally:
        for connection in connections:
            connection.close()


def _pieces(body: bytes) -> Iterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(body), _PIECE):
        yield bytes(view[start : start + _PIECE])
