"""One request of a recording, without anything secret."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from cutover.core.secrets import redact

LONGEST_TARGET: Final = 8192
"""Maximum characters of a request target. RFC 9110, 4.1 asks servers to accept 8,000 octets."""
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")  # RFC 9110, 5.6.2: a token
_SECRET_NAMES: Final = re.compile(
    r"token|secret|passw|pwd|signature|^sig$|session|authorization|api[_-]?key|^key$|^code$|^jwt$", re.IGNORECASE
)


class NotReadable(ValueError):  # noqa: N818 - what happened to a line, counted and never fatal
    """The line or entry is broken. The message gives the reason and quotes nothing."""


@dataclass(frozen=True)
class Recorded:
    """One request of a recording.

    number: of its line or HAR entry, from 1. path: percent-encoded ASCII that begins with a slash; query: without the
    question mark. identity: None for an anonymous request. status: of the recorded response, None if unknown. host:
    lower case, with its port if given; "" if unknown. no_http: the server refused input that was not HTTP; method and
    path are empty then.
    """

    number: int
    method: str
    path: str = field(repr=False)
    query: str = field(default="", repr=False)
    identity: str | None = field(default=None, repr=False)
    status: int | None = None
    host: str = ""
    no_http: bool = False


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


def read_method(text: str) -> str:
    """Return the method. Raises NotReadable if it is not a token; methods are case-sensitive (RFC 9110, 9.1)."""
    if not _METHOD.fullmatch(text):
        raise NotReadable("its method is not an HTTP method")
    return text


def read_target(text: str) -> RequestTarget:
    """Return path, query and host of an origin-form or absolute-form target. Raises NotReadable for any other."""
    if len(text) > LONGEST_TARGET:
        raise NotReadable(f"its target is longer than {LONGEST_TARGET} characters")
    if text.startswith("/"):
        path, host = text, ""
    else:
        try:
            parts = urlsplit(text)
            port = parts.port
        except ValueError:
            raise NotReadable("its URL cannot be read") from None
        if parts.scheme.lower() not in ("http", "https") or not parts.hostname:
            raise NotReadable("its target is neither a path nor an http URL")
        shown = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
        host = shown + (f":{port}" if port is not None else "")
        behind = text.partition("://")[2]
        begin = min((at for at in map(behind.find, "/?#") if at >= 0), default=len(behind))
        path = behind[begin:]
        path = path if path.startswith("/") else f"/{path}"
    path = path.partition("#")[0]  # a fragment is never sent
    path, _, query = path.partition("?")
    try:
        return RequestTarget(_ascii(path), _ascii(query), host.lower())
    except UnicodeEncodeError:
        raise NotReadable("its target cannot be encoded as UTF-8") from None


def holds_a_secret(query: str) -> bool:
    """Return True if a query contains something that is named or formed like a secret. It must not be sent again."""
    if redact(unquote(query)) != unquote(query):
        return True
    return any(_SECRET_NAMES.search(name) for name, _ in parse_qsl(query, keep_blank_values=True, errors="replace"))


def _ascii(text: str) -> str:
    """Return the text with all characters percent-encoded that a URL cannot contain. Existing encoding is kept."""
    return quote(text, safe="!$%&'()*+,/:;=?@[]|")
