"""Tests of reading recordings: written values are read back, and no content ends the reading."""

import io
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.parity.replay import har
from cutover.parity.replay.access_log import read_combined
from cutover.parity.replay.json_log import LineKeys, read_json
from cutover.parity.replay.recorded import NotReadable, Recorded, holds_a_secret, read_target

pytestmark = pytest.mark.unit

METHODS = st.sampled_from(["GET", "HEAD", "POST", "DELETE", "PATCH"])
SAFE = string.ascii_letters + string.digits + "-._~!$&'()*+,;=:@%/"
PATHS = st.text(SAFE, max_size=40).map(lambda text: f"/{text}")
QUERIES = st.text(SAFE, max_size=30)
USERS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda name: name not in ("-", '""') and " [" not in name
)
HOSTS = st.sampled_from(["127.0.0.1", "2001:db8::17", "::1", "client.example"])
STATUSES = st.integers(102, 599)  # 101 is a WebSocket, which is not replayed


def escaped(text: str, style: str) -> str:
    r"""Return the text as servers write a field: Apache with \" \\ \xNN and C escapes, nginx with \xNN only."""
    written = ""
    for byte in text.encode():
        character = chr(byte)
        if style == "apache" and character in '"\\':
            written += f"\\{character}"
        elif style == "apache" and character in "\n\t\r":
            written += {"\n": "\\n", "\t": "\\t", "\r": "\\r"}[character]
        elif character in '"\\' or not 32 <= byte < 127:
            written += f"\\x{byte:02X}"
        else:
            written += character
    return written


@given(HOSTS, USERS, METHODS, PATHS, QUERIES, STATUSES, st.sampled_from(["apache", "nginx"]), st.booleans())
def test_combined_line_is_read_back(
    host: str, user: str, method: str, path: str, query: str, status: int, style: str, short: bool
) -> None:
    """Every kept field is read back, for any user name and both kinds of escapes."""
    target = f"{path}?{query}" if query else path
    line = f'{host} - {escaped(user, style)} [22/Nov/2026:18:02:03 +0530] "{method} {target} HTTP/1.1" {status} 17'
    line += "" if short else f' "https://a.example/?q=\\"x\\"" "{escaped(user, style)}" 0.004'
    assert read_combined(7, line.encode()) == Recorded(7, method, path, query, user, status)


@given(st.one_of(st.none(), USERS), METHODS, PATHS, QUERIES, st.one_of(st.none(), STATUSES))
def test_json_line_is_read_back(user: str | None, method: str, path: str, query: str, status: int | None) -> None:
    """By keys, by JSON pointers and with a whole request line."""
    target = f"{path}?{query}" if query else path
    wanted = Recorded(3, method, path, query, user, status)
    plain = {"user": user, "method": method, "path": target, "status": status}
    nested = {"auth": {"who": user}, "request": f"{method} {target} HTTP/2.0", "status": status}
    assert read_json(3, json.dumps(plain).encode(), LineKeys()) == wanted
    assert read_json(3, json.dumps(nested).encode(), LineKeys(identity="/auth/who")) == wanted


@given(st.one_of(st.binary(max_size=300), st.text(max_size=200).map(str.encode)))
def test_any_bytes_are_a_request_or_broken(data: bytes) -> None:
    """Any bytes are a request or a broken line; no other exception is raised."""
    framed = [
        data,
        b'1.1.1.1 - - [22/Nov/2026:18:02:03 +0000] "' + data + b'" 200 1',
        b'{"method":"GET","path":"' + data,
    ]
    for line in framed:
        for read in (lambda line: read_combined(1, line), lambda line: read_json(1, line, LineKeys())):
            try:
                found = read(line)
            except NotReadable:
                continue
            assert found.no_http or (found.path.startswith("/") and found.path.isascii())


JSON_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=20)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=8), inner, max_size=4)),
    max_leaves=12,
)


@given(st.lists(JSON_VALUES, max_size=6), JSON_VALUES, st.booleans(), st.integers(1, 40), st.data())
def test_har_is_read_entry_by_entry(
    entries: list[Any], other: Any, indented: bool, part: int, data: st.DataObject
) -> None:
    """Each element of log.entries is complete, for any size of blocks; all bytes are hashed once, in order."""
    document = {"a": {"log": {"entries": [1]}}, "log": {"version": "1.2", "pages": [other, {"entries": [0]}],
                                                        "entries": entries, "comment": other}}  # fmt: skip
    raw = json.dumps(document, indent=2 if indented else None, ensure_ascii=data.draw(st.booleans())).encode()
    eaten = bytearray()
    found = list(har.raw_entries(Slowly(raw, part), eaten.extend))
    assert [json.loads(element or b"?") for element in found] == entries
    assert raw.startswith(eaten)
    cut = data.draw(st.integers(0, len(raw)))
    try:
        shorter = list(har.raw_entries(Slowly(raw[:cut], part), lambda _: None))
    except har.NotHar:
        return
    assert shorter == found or (shorter[-1] is None and shorter[:-1] == found[: len(shorter) - 1])


class Slowly(io.BytesIO):
    """A file that returns a few bytes at a time."""

    def __init__(self, data: bytes, part: int) -> None:
        super().__init__(data)
        self.part = part

    def read(self, size: int | None = -1) -> bytes:
        """Return a few bytes, regardless of the requested size."""
        del size
        return super().read(self.part)


@given(st.binary(max_size=300))
def test_any_bytes_in_a_har_are_entries_or_broken(data: bytes) -> None:
    """Any content of the list is an entry or a broken entry."""
    for raw in har.raw_entries(io.BytesIO(b'{"log":{"entries":[' + data), lambda _: None):
        try:
            har.read_entry(1, raw, "x-user")
        except NotReadable:
            continue
    with pytest.raises(har.NotHar):
        list(har.raw_entries(io.BytesIO(b'{"log":{"entries":{"a":[1]}}}'), lambda _: None))


GOOD_ENTRY = '{"request":{"method":"GET","url":"/good"},"response":{"status":200}}'


@pytest.mark.parametrize(
    ("entry", "readable"),
    [
        ('{"request":{"method":GET}}', False),
        ('{request:1}', False),
        ('{"a":"\x01"}', False),
        ('{"a":"INVALID UTF-8"}', False),
        ("5", False),
        ('{"a":' + "9" * 5000 + "}", False),
        ("[" * 100_000 + "]" * 100_000, False),
        (GOOD_ENTRY[:-1] + ',"a":NaN}', True),
        (GOOD_ENTRY[:-1] + ',"a":1e999}', True),
        (GOOD_ENTRY[:-1] + f',"a":{2**70}}}', True),
        (GOOD_ENTRY[:-1] + ',"a":"\\ud800\\u0000"}', True),
    ],
)  # fmt: skip
def test_har_broken_entry_leaves_others_readable(entry: str, readable: bool) -> None:
    """The entries before and after a broken one are read (ADR 14: ijson ends there, or crashes)."""
    text = f'\ufeff{{"log":{{"entries":[{GOOD_ENTRY},{entry},{GOOD_ENTRY}]}}}}'
    raw = text.encode().replace(b"INVALID UTF-8", b"\xff\xfe")
    found = []
    for number, element in enumerate(har.raw_entries(io.BytesIO(raw), lambda _: None), 1):
        try:
            found.append(har.read_entry(number, element, None).path)
        except NotReadable:
            found.append("broken")
    assert found == ["/good", "/good" if readable else "broken", "/good"]


def test_har_entry_keeps_no_secret() -> None:
    """Only method, path, query, status, host and the named header are kept."""
    entry = {
        "request": {
            "method": "GET",
            "url": "https://Api.Example:8443/api/files?x=1#part",
            "headers": [{"name": "Authorization", "value": "Bearer sesame"}, {"name": "X-User", "value": "ann"}],
            "cookies": [{"name": "session", "value": "sesame"}],
            "postData": {"text": "sesame"},
        },
        "response": {"status": 200, "content": {"text": "sesame"}},
    }
    found = har.read_entry(4, json.dumps(entry).encode(), "x-user")
    assert found == Recorded(4, "GET", "/api/files", "x=1", "ann", 200, "api.example:8443")
    assert "sesame" not in repr(vars(found))


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "no timestamp"),
        (b"1.1.1.1 - - [22/Nov/2026:18:02:03 +0000] GET / 200", "no request in quotes"),
        (b'1.1.1.1 - - [32/Nov/2026:18:02:03 +0000] "GET / HTTP/1.1" 200 1', "not a valid time"),
        (b'1.1.1.1 - - [22/Nov/2026:18:02:03 +0000] "GET / HTTP/1.1" 700 1', "not an HTTP status"),
        (b'1.1.1.1 - - [22/Nov/2026:18:02:03 +0000] "GET /a b HTTP/1.1" 200 1', "not HTTP"),
        (b'1.1.1.1 - - [22/Nov/2026:18:02:03 +0000] "GET / HTTP/1.1" 200 1 "cut', "combined format"),
    ],
)
def test_broken_combined_line_has_a_reason(line: bytes, reason: str) -> None:
    """The reason describes the problem and quotes nothing."""
    with pytest.raises(NotReadable, match=reason):
        read_combined(1, line)


def test_refused_non_http_line_is_not_broken() -> None:
    """A TLS handshake on a plain port that got 400 is not broken; one that got 200 is."""
    line = rb'1.1.1.1 - - [22/Nov/2026:18:02:03 +0000] "\x16\x03\x01" %d 150 "-" "-"'
    assert read_combined(1, line % 400).no_http
    with pytest.raises(NotReadable):
        read_combined(1, line % 200)


@pytest.mark.parametrize(
    ("written", "path", "query", "host"),
    [
        ("/a/b?c=d&e", "/a/b", "c=d&e", ""),
        ("http://[2001:DB8::1]:8080/x?y", "/x", "y", "[2001:db8::1]:8080"),
        ("https://a.example?y=1", "/", "y=1", "a.example"),
        ("/caf\u00e9/%C3%A9", "/caf%C3%A9/%C3%A9", "", ""),
        ('/"<>', "/%22%3C%3E", "", ""),
    ],
)
def test_target_is_split_and_encoded(written: str, path: str, query: str, host: str) -> None:
    """Origin form and absolute form. Characters that no URL can contain are encoded."""
    found = read_target(written)
    assert (found.path, found.query, found.host) == (path, query, host)


def test_secret_in_a_query_is_detected() -> None:
    """By its name or by its form."""
    assert holds_a_secret("access_token=x")
    assert holds_a_secret("a=eyJhbGciOiJIUzI1NiJ9.eyJzdWIi.c2ln")
    assert not holds_a_secret("page=2&q=keys%20and%20tokens&sort=name")
