"""One request as a recording tells it, and what of a recording is never kept.

Not for reading a format: access_log.py, har.py; nor for what the request means: routes.py.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from cutover.core.secrets import redact

LONGEST_TARGET: Final = 8192
"""Characters of a request's target. RFC 9110, 4.1 asks servers to take 8,000 octets; more is not sent."""
_METHOD: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}")  # RFC 9110, 5.6.2: a token
_SECRET_NAMES: Final = re.compile(
    r"token|secret|passw|pwd|signature|^sig$|session|authorization|api[_-]?key|^key$|^code$|^jwt$", re.IGNORECASE
)


class NotReadable(ValueError):  # noqa: N818 - what happened to a line, counted and never fatal
    """This line or entry is broken. The text says why and quotes nothing of it."""


@dataclass(frozen=True)
class Recorded:
    """One request of a recording.

    number: of its line (from 1), or of its entry in a HAR. path: percent-encoded ASCII that begins with a slash; query:
    the same without the question mark. identity: who asked, None for nobody. status: what was answered
    then, None when the recording does not tell. host: lower case, with its port when one was written; "" when unknown.
    no_http: the server was sent what is no HTTP request and refused it; method and path are empty then.
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
class Broken:
    """A line or an entry that cannot be read, and why."""

    number: int
    reason: str


@dataclass(frozen=True)
class Target:
    """A request's target, taken apart (RFC 9112, 3.2)."""

    path: str
    query: str
    host: str


def read_method(text: str) -> str:
    """The method. Raises NotReadable for what is no token; lower case is another method (RFC 9110, 9.1)."""
    if not _METHOD.fullmatch(text):
        raise NotReadable("its method is no HTTP method")
    return text


def read_target(text: str) -> Target:
    """Path, query and host of an origin-form or absolute-form target. Raises NotReadable for any other."""
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
        return Target(_ascii(path), _ascii(query), host.lower())
    except UnicodeEncodeError:
        raise NotReadable("its target is no text that UTF-8 can hold") from None


def holds_a_secret(query: str) -> bool:
    """Whether a query names or looks like something secret, which is not to be sent anywhere again."""
    if redact(unquote(query)) != unquote(query):
        return True
    return any(_SECRET_NAMES.search(name) for name, _ in parse_qsl(query, keep_blank_values=True, errors="replace"))


def _ascii(text: str) -> str:
    """The text with everything that no URL holds percent-encoded; what is encoded already stays as it is."""
    return quote(text, safe="!$%&'()*+,/:;=?@[]|")
