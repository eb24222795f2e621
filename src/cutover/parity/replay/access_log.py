"""Access logs, line by line: Apache's combined format (and common, which it begins with), and JSON lines.

Not for HAR: har.py. A line says who asked for what; addresses, referrers and user agents are not kept.
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from cutover.config.operations import follow_pointer
from cutover.parity.replay.recorded import NotReadable, Recorded, read_method, read_target

LONGEST_LINE: Final = 65_536
"""Bytes of a line. Servers take header lines of 8 KiB, a log's line holds three of them, and escapes lengthen them."""

_QUOTED: Final = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
# https://httpd.apache.org/docs/2.4/mod/mod_log_config.html: %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i",
# and whatever a server adds behind it. The user may hold spaces, so the time stamp's form is what ends it.
_COMBINED: Final = re.compile(
    r"(\S+) (\S+) (.*?) \[(\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4})\] "
    + _QUOTED
    + rf" (\d{{3}}) (\d+|-)(?: {_QUOTED} {_QUOTED}(?: .*)?| [^\"].*)?",
    re.DOTALL,
)
_REQUEST: Final = re.compile(r"(\S+) (\S+)(?: HTTP/\d(?:\.\d)?)?")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "v": "\v", "f": "\f"}
_REFUSED_BY_SERVERS: Final = (400, 408, 414, 431, 494, 495, 496, 497, 501, 505)
"""What servers answer to something that is no HTTP request; nginx adds 494 to 497 of its own."""


@dataclass(frozen=True)
class Keys:
    """Where a line of JSON has what: keys of the object, or JSON pointers when they begin with a slash.

    request: a whole request line ("GET /x HTTP/1.1"), read where method or path is not there.
    """

    identity: str = "user"
    method: str = "method"
    path: str = "path"
    status: str = "status"
    request: str = "request"


def read_combined(number: int, line: bytes) -> Recorded:
    """The request of one line of a combined (or common) log. Raises NotReadable."""
    text = line.decode("latin-1")  # bytes as they are; what UTF-8 they are is seen after the escapes are undone
    match = _COMBINED.fullmatch(text)
    if match is None:
        raise NotReadable(_what_is_wrong(text))
    _read_time(match[4])
    status = int(match[6])
    user = _unescaped(match[3])
    identity = None if user in ("-", "", '""') else user
    return _of_request_line(number, _unescaped(match[5]), identity, _status(status))


def read_json(number: int, line: bytes, keys: Keys) -> Recorded:
    """The request of one line of JSON. Raises NotReadable."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise NotReadable("it is no JSON") from None
    if not isinstance(row, dict):
        raise NotReadable("it is no JSON object")
    identity = _identity(_at(row, keys.identity))
    status = _at(row, keys.status)
    if isinstance(status, str) and status.isascii() and status.isdigit() and len(status) == 3:
        status = int(status)
    if status is not None and (isinstance(status, bool) or not isinstance(status, int)):
        raise NotReadable("its status is no number")
    status = None if status is None else _status(status)
    method, path = _at(row, keys.method), _at(row, keys.path)
    if method is None or path is None:
        request = _at(row, keys.request)
        if not isinstance(request, str):
            raise NotReadable("it names no method or no path")
        return _of_request_line(number, request, identity, status)
    if not isinstance(method, str) or not isinstance(path, str):
        raise NotReadable("its method or its path is no text")
    target = read_target(path)
    return Recorded(number, read_method(method), target.path, target.query, identity, status, target.host)


def _of_request_line(number: int, request: str, identity: str | None, status: int | None) -> Recorded:
    match = _REQUEST.fullmatch(request)
    try:
        if match is None:
            raise NotReadable("its request line is no HTTP request")
        method = read_method(match[1])
        if method in ("CONNECT", "OPTIONS") and not match[2].startswith("/"):
            return Recorded(number, method, "/", identity=identity, status=status)  # RFC 9112, 3.2.3 and 3.2.4
        target = read_target(match[2])
    except NotReadable:
        if status in _REFUSED_BY_SERVERS:
            return Recorded(number, "", "", identity=identity, status=status, no_http=True)
        raise
    return Recorded(number, method, target.path, target.query, identity, status, target.host)


def _unescaped(text: str) -> str:
    r"""Undo the server's escapes (\" \\ \xNN \n \t …), and read the bytes as UTF-8, else as Latin-1."""
    if "\\" in text:
        text = _ESCAPE.sub(_one, text)
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return text


def _one(match: re.Match[str]) -> str:
    escape = match[1]
    if len(escape) == 3:
        return chr(int(escape[1:], 16))
    return _ESCAPED.get(escape, escape)


def _read_time(text: str) -> datetime.datetime:
    """The time stamp of a line ("10/Oct/2000:13:55:36 -0700"). Raises NotReadable for one that is no time."""
    day, month, rest = text[:2], text[3:6].capitalize(), text[7:]
    try:
        hours, minutes = int(rest[15:17]), int(rest[17:19])
        offset = datetime.timedelta(hours=hours, minutes=minutes)
        zone = datetime.timezone(-offset if rest[14] == "-" else offset)
        return datetime.datetime(
            int(rest[:4]), _MONTHS.index(month) + 1, int(day), int(rest[5:7]), int(rest[8:10]),
            min(int(rest[11:13]), 59), tzinfo=zone,
        )  # fmt: skip
    except ValueError:
        raise NotReadable("its time stamp is no time") from None


def _what_is_wrong(text: str) -> str:
    if not re.search(r"\[\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\]", text):
        return "it has no time stamp like [10/Oct/2000:13:55:36 -0700]"
    if text.count('"') < 2:
        return "it has no request in quotes"
    return "it is not of the combined format"


def _status(status: int) -> int:
    if not 100 <= status <= 599:
        raise NotReadable("its status is none of HTTP")
    return status


def _at(row: Mapping[str, Any], key: str) -> Any:
    if not key.startswith("/"):
        return row.get(key)
    try:
        return follow_pointer(row, key)
    except KeyError:
        return None


def _identity(value: Any) -> str | None:
    if value is None or value in ("", "-"):
        return None
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise NotReadable("its identity is neither a text nor a whole number")
    return str(value)
