"""HTTP/1.1 of the load engine: complete responses in any pieces, truncated ones, and bytes that are no response."""

import contextlib
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.traffic.wire import Parser, Response, WireError, render

pytestmark = pytest.mark.unit

CUTS = st.lists(st.integers(0, 5000), max_size=6)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Return the bytes, cut at these places."""
    ends = [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    return [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False) if end > begin]


def feed(data: bytes, cuts: list[int], *, head_only: bool = False) -> tuple[Response | None, Parser]:
    """Feed the bytes piece by piece until a response is complete."""
    parser = Parser(head_only=head_only)
    for piece in pieces(data, cuts):
        if (response := parser.feed(piece)) is not None:
            return response, parser
    return None, parser


def with_length(body: bytes) -> bytes:
    """Return a response with a Content-Length."""
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def chunked(body: bytes, sizes: list[int]) -> bytes:
    """Return a response in chunks of these sizes, after an interim response."""
    made, at = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0
    for size in [*sizes, len(body)]:
        piece = body[at : at + size]
        if piece:
            made += f"{len(piece):x};x=1\r\n".encode() + piece + b"\r\n"
        at += size
    return made + b"0\r\nTrailer: 1\r\n\r\n"


@given(st.binary(max_size=300), CUTS, st.integers(200, 599))
def test_response_with_length_is_complete_in_any_pieces(body: bytes, cuts: list[int], status: int) -> None:
    """Status, body and header are read, and the connection can be used again."""
    if status in (204, 304):
        body = b""
    data = f"HTTP/1.1 {status} Any Reason\r\nContent-Length: {len(body)}\r\nX-Served-By: me \r\n\r\n".encode() + body
    response, _ = feed(data, cuts)
    assert response is not None
    assert (response.status, response.body, response.header(b"x-served-by"), response.reusable) == (
        status, body, b"me", True,
    )  # fmt: skip
    assert response.header(b"served-by") is None


@given(st.binary(max_size=300), st.lists(st.integers(1, 90), max_size=5), CUTS)
def test_chunked_response_is_complete_in_any_pieces(body: bytes, sizes: list[int], cuts: list[int]) -> None:
    """Chunks of any size and pieces of any size give the same body."""
    response, parser = feed(chunked(body, sizes), cuts)
    assert response is not None
    assert (response.body, response.reusable, parser.rest) == (body, True, b"")


@given(st.data(), st.binary(max_size=300), st.lists(st.integers(1, 90), max_size=5), CUTS)
def test_truncated_response_is_never_complete(
    data: st.DataObject, body: bytes, sizes: list[int], cuts: list[int]
) -> None:
    """A response that ends before its last byte is no response; with the missing bytes it is complete."""
    # Three mutants of Parser must fail here: feed() never returns a response, feed() returns each piece as a complete
    # response, end() returns a truncated body as complete.
    whole = data.draw(st.sampled_from([with_length(body), chunked(body, sizes)]))
    length = data.draw(st.integers(0, len(whole) - 1))
    response, parser = feed(whole[:length], cuts)
    assert response is None
    with pytest.raises(WireError, match=r"truncated|without a response"):
        parser.end()
    completed = parser.feed(whole[length:])
    assert completed is not None
    assert completed.body == body


@given(st.binary(max_size=300))
def test_any_bytes_are_a_response_or_a_wire_error(data: bytes) -> None:
    """No bytes raise another exception, in any state of the parser."""
    for prefix in (b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"):
        parser = Parser()
        with contextlib.suppress(WireError):
            if parser.feed(prefix + data) is None:
                parser.end()


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"SSH-2.0-OpenSSH\r\n", "not HTTP"),
        (b"HTTP/1.1 20 OK\r\n\r\n", "no status line"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "not a number"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", "both"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "transfer coding"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "not a number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc", "longer than its size"),
        (b"HTTP/1.1 101 Switching\r\n\r\n", "protocol"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 70_000, "without an end"),
    ],
)
def test_malformed_response_raises_a_wire_error(data: bytes, text: str) -> None:
    """The error's text is the same for each response with the same fault."""
    with pytest.raises(WireError, match=text):
        Parser().feed(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "without a response"),
        (b"HTTP/1.1 200", "head"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", "body"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n", "body"),
    ],
)
def test_truncated_response_names_the_truncated_part(data: bytes, text: str) -> None:
    """The error says whether the head or the body is incomplete."""
    parser = Parser()
    assert parser.feed(data) is None
    with pytest.raises(WireError, match=text):
        parser.end()


def test_response_without_length_ends_with_its_connection() -> None:
    """A response to HEAD has no body, whatever its length is."""
    parser = Parser()
    assert parser.feed(b"HTTP/1.0 200 OK\r\n\r\nabc") is None
    assert (parser.end().body, parser.end().reusable) == (b"abc", False)
    response, _ = feed(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", [], head_only=True)
    assert response is not None
    assert response.body == b""


def test_extra_bytes_make_the_connection_unusable() -> None:
    """The next response on that connection would be wrong."""
    response, parser = feed(b"HTTP/1.1 204 No\r\n\r\nextra", [])
    assert response is not None
    assert not response.reusable
    assert parser.rest == b"extra"


def test_header_with_a_line_break_is_refused() -> None:
    """A value cannot add a header."""
    for value in ("a\r\nb: c", "a\nb: c"):
        with pytest.raises(ValueError, match="line break"):
            render("GET", "/", "host", {"x": value})


def test_large_body_is_read_in_linear_time() -> None:
    """10 MB in 300 reads. Copying all of it for each read would take seconds."""
    data = with_length(b"x" * 10_000_000)
    began = time.process_time()
    response, _ = feed(data, list(range(0, len(data), 32_768)))
    assert response is not None
    assert len(response.body) == 10_000_000
    assert time.process_time() - began < 0.5
