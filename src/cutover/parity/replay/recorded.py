"""One request of a recording, without anything secret."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from cutover.core.secrets import redact
from cutover.parity.replay.hosts import normalized_host

LONGEST_TARGET: Final = 8192
"""Maximum characters of a request target. RFC 9110, 4.1 asks servers to accept 8,000 octets."""
REPLAYED: Final = ("GET", "HEAD")
WEBSOCKET: Final = "WebSocket"
"""Method of a connection that became a WebSocket. It is not replayed."""
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")  # RFC 9110, 5.6.2: a token
_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(//)?")  # RFC 3986, 3.1
_LOCAL_SCHEMES: Final = ("data", "blob", "about", "javascript", "mailto", "file", "filesystem", "urn", "view-source")
"""Schemes without "//" whose URLs browsers and proxies record, although they send no HTTP request."""
_SWITCHED: Final = 101  # RFC 9110, 15.2.2: a WebSocket over HTTP/1.1
_SECRET_NAMES: Final = re.compile(
    r"token|secret|passw|pwd|signature|^sig$|session|authorization|api[_-]?key|^key$|^code$|^jwt$", re.IGNORECASE
)


class NotReadable(ValueError):  # noqa: N818 - what happened to a line, counted and never fatal
    """The line or entry is broken. The message gives the reason and quotes nothing."""


class TooLong(NotReadable):
    """The target is longer than LONGEST_TARGET. host: its host, "" if it contains none."""

    def __init__(self, host: str) -> None:
        super().__init__(f"its target is longer than {LONGEST_TARGET} characters")
        self.host = host


@dataclass(frozen=True)
class Recorded:
    """One request of a recording.

    number: of its line or HAR entry, from 1. path: percent-encoded ASCII that begins with a slash; query: without the
    question mark. identity: None for an anonymous request. status: of the recorded response, None if unknown. host:
    normalized, "" if unknown. no_http: no HTTP request was sent (data:, an extension), or the server refused input
    that was not HTTP; method and path are empty then. problem: why the request cannot be sent although its host is
    known, "" if it can; its path is then "/".
    """

    number: int
    method: str
    path: str = field(repr=False)
    query: str = field(default="", repr=False)
    identity: str | None = field(default=None, repr=False)
    status: int | None = None
    host: str = ""
    no_http: bool = False
    problem: str = ""


@dataclass(frozen=True)
class BrokenLine:
    """A line or an entry that cannot be read, with the reason."""

    number: int
    reason: str


@dataclass(frozen=True)
class RequestTarget:
    """The parts of a request target (RFC 9112, 3.2)."""

    path: str
    query: str
    host: str


def read_request(
    number: int,
    method: str,
    target: str,
    *,
    identity: str | None = None,
    status: int | None = None,
    host: str = "",
    query: str = "",
) -> Recorded:
    """Return a request with its method, target or URL, and other fields of the recording.

    host: used if the target contains none. query: from a field of its own, without the question mark. Raises
    NotReadable.
    """
    scheme = _SCHEME.match(target)
    kind = scheme[1].lower() if scheme else ""
    if scheme and kind not in ("http", "https", "ws", "wss") and (scheme[2] or kind in _LOCAL_SCHEMES):
        return Recorded(number, "", "", identity=identity, status=status, no_http=True)
    method = read_method(method)
    if method not in REPLAYED and (scheme is None or not scheme[2]) and not target.startswith("/"):
        # CONNECT host:port, OPTIONS *, PRI * (RFC 9112, 3.2.3 and 3.2.4; RFC 9113, 3.4)
        return Recorded(number, method, "/", identity=identity, status=status, host=normalized_host(host))
    if kind in ("ws", "wss") or status == _SWITCHED:
        method = WEBSOCKET
    try:
        read = read_target(target)
    except TooLong as error:
        # A long URL of another host, or of another method, is not the application's.
        return Recorded(
            number, method, "/", "", identity, status, error.host or normalized_host(host), problem=str(error)
        )
    if query and read.query and _ascii(query) != read.query:
        raise NotReadable("its path and its query field contain different queries")
    return Recorded(
        number, method, read.path, read.query or _ascii(query), identity, status, read.host or normalized_host(host)
    )


def read_method(text: str) -> str:
    """Return the method. Raises NotReadable if it is not a token; methods are case-sensitive (RFC 9110, 9.1)."""
    if not _METHOD.fullmatch(text):
        raise NotReadable("its method is not an HTTP method")
    return text


def spelled(method: str) -> str:
    """Return the method in upper case if only its case differs from a replayed one: the logger changed it."""
    return method.upper() if method.upper() in REPLAYED else method


def read_status(value: object) -> int | None:
    """Return the status in a field, None if it names none: null, "", "-", 0, "000", -1. Raises NotReadable."""
    if isinstance(value, str):
        text = value.strip()
        if text in ("", "-"):
            return None
        if not re.fullmatch(r"-?[0-9]{1,3}", text):
            raise NotReadable("its status is not a number")
        value = int(text)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if value is None or (value in (0, -1) and not isinstance(value, bool)):
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise NotReadable("its status is not a number")
    if not 100 <= value <= 599:
        raise NotReadable("its status is not an HTTP status")
    return value


def read_target(text: str) -> RequestTarget:
    """Return path, query and host of an origin-form or absolute-form target.

    Raises TooLong, or NotReadable for any other target.
    """
    if text.startswith("/"):
        path, host = text, ""
    else:
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise NotReadable("its URL cannot be read") from None
        if parts.scheme.lower() not in ("http", "https", "ws", "wss") or not parts.hostname:
            raise NotReadable("its target is neither a path nor an http URL")
        shown = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        host = normalized_host(shown + (f":{port}" if port is not None else ""))
        behind = text.partition("://")[2]
        begin = min((at for at in map(behind.find, "/?#") if at >= 0), default=len(behind))
        path = behind[begin:]
        path = path if path.startswith("/") else f"/{path}"
    path = path.partition("#")[0]  # a fragment is never sent
    if len(path) > LONGEST_TARGET:
        raise TooLong(host)
    path, _, query = path.partition("?")
    return RequestTarget(_ascii(path), _ascii(query), host)


def holds_a_secret(query: str) -> bool:
    """Return True if a query contains something that is named or formed like a secret. It must not be sent again."""
    if redact(unquote(query)) != unquote(query):
        return True
    return any(_SECRET_NAMES.search(name) for name, _ in parse_qsl(query, keep_blank_values=True, errors="replace"))


def _ascii(text: str) -> str:
    """Return the text with all characters percent-encoded that a URL cannot contain. Existing encoding is kept.

    Raises NotReadable for an unpaired surrogate.
    """
    try:
        return quote(text, safe="!$%&'()*+,/:;=?@[]|")
    except UnicodeEncodeError:
        raise NotReadable("its target cannot be encoded as UTF-8") from None
