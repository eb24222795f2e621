"""Uploads that no honest client sends, byte by byte: chunked, with a length that lies, cut off, many at once.

Not for what must come of them: the check knows that.
"""

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
    """The whole multipart body of one list file."""
    return opening(target.operation("upload").request["file"], name.encode()) + content + CLOSING


def chunked(target: Target, token: Secret, content: bytes) -> RawAnswer | None:
    """Upload without a Content-Length, in chunks of 1 MiB. None when the system gave no answer."""
    body = body_of(target, content)
    with RawConnection(target, "upload") as connection:
        connection.begin([("Content-Type", MEDIA_TYPE), CHUNKED], token=token)
        for piece in _pieces(body):
            if not connection.send(chunk(piece)):
                break  # it has answered already, which it may
        else:
            connection.send(chunk(b""))
        return connection.answer()


def with_length(
    target: Target,
    token: Secret,
    body: bytes,
    length: str,
    *,
    more: Sequence[tuple[str, str]] = (),
) -> tuple[RawAnswer | None, RawAnswer | None]:
    """Upload with that Content-Length, whatever the body has; the answer, and a second one where there is one.

    Nothing comes after the body: the sending side of the connection is closed.
    """
    with RawConnection(target, "upload") as connection:
        connection.begin([("Content-Type", MEDIA_TYPE), ("Content-Length", length), *more], token=token)
        connection.send(body)
        connection.end_of_sending()
        first = connection.answer()
        return first, connection.answer(2.0) if first is not None else None


def announced(target: Target, token: Secret, length: int) -> RawAnswer | None:
    """The answer to an upload of so many bytes that the client may send when it is told to (RFC 9110 10.1.1)."""
    with RawConnection(target, "upload") as connection:
        head = [("Content-Type", MEDIA_TYPE), ("Content-Length", str(length)), ("Expect", "100-continue")]
        connection.begin(head, token=token)
        connection.end_of_sending()
        return connection.answer()


def side_by_side(target: Target, token: Secret, contents: Sequence[bytes], pieces: int) -> list[RawAnswer | None]:
    """All uploaded at the same time, a piece of each in turn, on connections of their own: the answers."""
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
