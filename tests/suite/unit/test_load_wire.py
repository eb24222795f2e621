"""HTTP/1.1 of the load engine: any answer, in whatever pieces it comes; and what is none is refused in words."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.traffic.wire import Parser, Response, WireError, render

pytestmark = pytest.mark.unit


def fed(data: bytes, cuts: list[int], *, head_only: bool = False) -> tuple[Response | None, Parser]:
    """Feed the bytes cut at these places."""
    parser = Parser(head_only=head_only)
    begin = 0
    for end in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
        if end > begin and (response := parser.feed(data[begin:end])) is not None:
            return response, parser
        begin = end
    return None, parser


def chunked(body: bytes, sizes: list[int]) -> bytes:
    """The body in chunks of these sizes."""
    made, at = b"", 0
    for size in [*sizes, len(body)]:
        piece = body[at : at + size]
        if piece:
            made += f"{len(piece):x};x=1\r\n".encode() + piece + b"\r\n"
        at += size
    return made + b"0\r\nTrailer: 1\r\n\r\n"


@given(st.binary(max_size=300), st.lists(st.integers(0, 5000), max_size=6), st.integers(200, 599))
def test_answer_with_a_length_is_whole_in_any_pieces(body: bytes, cuts: list[int], status: int) -> None:
    """Body, status, header, and that the connection may be kept."""
    if status in (204, 304):
        body = b""
    data = f"HTTP/1.1 {status} Any Reason\r\nContent-Length: {len(body)}\r\nX-Served-By: me \r\n\r\n".encode() + body
    response, _ = fed(data, cuts)
    assert response is not None
    assert (response.status, response.body, response.header(b"x-served-by"), response.keeps) == (
        status, body, b"me", True,
    )  # fmt: skip
    assert response.header(b"served-by") is None


@given(st.binary(max_size=300), st.lists(st.integers(1, 90), max_size=5), st.lists(st.integers(0, 5000), max_size=6))
def test_chunked_answer_is_put_together(body: bytes, sizes: list[int], cuts: list[int]) -> None:
    """Whatever the chunks and the pieces."""
    data = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunked(body, sizes)
    response, parser = fed(data, cuts)
    assert response is not None
    assert (response.body, response.keeps, parser.rest) == (body, True, b"")


@given(st.binary(max_size=300))
def test_bytes_of_any_kind_are_an_answer_or_a_wire_error(data: bytes) -> None:
    """Never another exception; and never an answer that was cut off."""
    for prefix in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        parser = Parser()
        with contextlib.suppress(WireError):
            if parser.feed(prefix + data) is None:
                parser.end()


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "no HTTP"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "both"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer coding"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "longer than its size"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "without an end"),
    ],
)
def test_what_is_no_answer_is_named(data: bytes, says: str) -> None:
    """In words that stay the same from answer to answer."""
    with pytest.raises(WireError, match=says):
        Parser().feed(data)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "without an answer"),
        (b"HTTP/1.1 200", "head"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "body"),
    ],
)
def test_answer_that_breaks_off_is_no_answer(data: bytes, says: str) -> None:
    """Where it broke off is told."""
    parser = Parser()
    assert parser.feed(data) is None
    with pytest.raises(WireError, match=says):
        parser.end()


def test_answer_without_a_length_ends_with_its_connection() -> None:
    """And HEAD has no body, whatever its length says."""
    parser = Parser()
    assert parser.feed(b"HTTP/1.0 200 OK\r\n\r\nabc") is None
    assert (parser.end().body, parser.end().keeps) == (b"abc", False)
    response, _ = fed(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", [], head_only=True)
    assert response is not None
    assert response.body == b""


def test_more_than_was_asked_for_spoils_the_connection() -> None:
    """The next answer on it would be garbage."""
    response, parser = fed(b"HTTP/1.1 204 No\r\n\r\nextra", [])
    assert response is not None
    assert not response.keeps
    assert parser.rest == b"extra"


def test_header_cannot_smuggle_another() -> None:
    """A line break in a value is refused before anything is sent."""
    for value in ("a\r\nb: c", "a\nb: c"):
        with pytest.raises(ValueError, match="line break"):
            render("GET", "/", "host", {"x": value})
