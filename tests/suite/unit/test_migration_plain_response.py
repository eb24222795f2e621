"""Our header lines beside http.client's own: whatever comes, the same answer or the same refusal."""

import http.client
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from cutover.migration.plain_response import PlainResponse

pytestmark = pytest.mark.unit


class Given:
    """A socket that gives these bytes."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> Any:
        """To read from."""
        import io

        return io.BytesIO(self._data)


def read(kind: type[http.client.HTTPResponse], data: bytes) -> tuple[Any, ...] | str:
    """Status, headers by name, body and whether the connection ends; the word of a refusal."""
    response = kind(Given(data), method="GET")  # type: ignore[arg-type]  # all that is used of a socket
    try:
        response.begin()
        headers = sorted((name.lower(), value.strip()) for name, value in response.getheaders())
        closes = response.will_close
        return response.status, response.version, headers, response.read(), closes
    except (http.client.HTTPException, ValueError):
        return "refused"
    finally:
        response.close()


NAMES = st.sampled_from(["Content-Type", "ETag", "x-amz-meta-userId", "Connection", "Keep-Alive", "content-length"])
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=12) | st.sampled_from(
    ["close", "keep-alive", "0", "3", "5", "text/csv"]
)
STATUS = st.sampled_from(["200 OK", "204 No Content", "304 x", "404", "429 Too Many", "503 busy", "99 x", "abc"])


@given(
    st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/2"]), STATUS, st.lists(st.tuples(NAMES, VALUES), max_size=6),
    st.binary(max_size=8), st.booleans(),
)  # fmt: skip
def test_answers_are_read_as_the_standard_library_reads_them(
    version: str, status: str, headers: list[tuple[str, str]], body: bytes, informational: bool
) -> None:
    """Status, headers, the body's end and whether the connection goes on; but for lengths that are no digits alone,
    which the standard library reads as Python's int does."""
    assume(all(value.isdecimal() for name, value in headers if name == "content-length"))
    head = f"{version} {status}\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers) + "\r\n"
    data = (b"HTTP/1.1 100 Continue\r\n\r\n" if informational else b"") + head.encode() + body
    assert read(PlainResponse, data) == read(http.client.HTTPResponse, data)


@pytest.mark.parametrize(
    "chunks", [b"3\r\nabc\r\n0\r\n\r\n", b"3;x=y\r\nabc\r\n2\r\nde\r\n0\r\n\r\n", b"zz\r\n", b"3\r\nab"]
)
def test_chunked_bodies_are_read_as_the_standard_library_reads_them(chunks: bytes) -> None:
    """Whole ones, and those that break off."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n" + chunks
    assert read(PlainResponse, data) == read(http.client.HTTPResponse, data)


@pytest.mark.parametrize(
    "line", [b"no colon", b": no name", b" folded: line", b"name : x", b"x" * 70_000, b"a: b\r\n" * 101]
)
def test_header_lines_that_are_none_are_refused(line: bytes) -> None:
    """Nothing is guessed of them."""
    assert read(PlainResponse, b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n") == "refused"


@pytest.mark.parametrize("length", ["-0", "+5", "5_0", "-1", "5 5"])
def test_length_that_is_no_digits_alone_is_none(length: str) -> None:
    """RFC 9110 8.6; then the body ends with the connection."""
    data = f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nabc".encode()
    assert read(PlainResponse, data) == (200, 11, [("content-length", length)], b"abc", True)
