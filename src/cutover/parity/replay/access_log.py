"""Read access logs line by line: Apache's combined and common formats, and JSON lines.

Addresses, referrers and user agents are not kept.
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
"""Bytes of a line. Servers accept header lines of 8 KiB, a log line contains three of them, and escapes lengthen
them.
"""

_QUOTED: Final = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
# https://httpd.apache.org/docs/2.4/mod/mod_log_config.html: %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i",
# and anything that a server adds. The user may contain spaces, so the timestamp ends it.
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
"""Statuses of servers for input that is not an HTTP request; nginx adds 494 to 497."""


@dataclass(frozen=True)
class LineKeys:
    """The keys of a JSON line, or JSON pointers if they begin with a slash.

    request: a whole request line ("GET /x HTTP/1.1"), read if method or path is missing.
    """

    identity: str = "user"
    method: str = "method"
    path: str = "path"
    status: str = "status"
    request: str = "request"


def read_combined(number: int, line: bytes) -> Recorded:
    """Return the request of one line of a combined or common log. Raises NotReadable."""
    text = line.decode("latin-1")  # keeps all bytes; UTF-8 is decoded after the escapes are undone
    match = _COMBINED.fullmatch(text)
    if match is None:
        raise NotReadable(_what_is_wrong(text))
    _read_time(match[4])
    status = int(match[6])
    user = _unescaped(match[3])
    identity = None if user in ("-", "", '""') else user
    return _of_request_line(number, _unescaped(match[5]), identity, _status(status))


def read_json(number: int, line: bytes, keys: LineKeys) -> Recorded:
    """Return the request of one JSON line. Raises NotReadable."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        raise NotReadable("it is not JSON") from None
    if not isinstance(row, dict):
        raise NotReadable("it is not a JSON object")
    identity = _identity(_at(row, keys.identity))
    status = _at(row, keys.status)
    if isinstance(status, str) and status.isascii() and status.isdigit() and len(status) == 3:
        status = int(status)
    if status is not None and (isinstance(status, bool) or not isinstance(status, int)):
        raise NotReadable("its status is not a number")
    status = None if status is None else _status(status)
    method, path = _at(row, keys.method), _at(row, keys.path)
    if method is None or path is None:
        request = _at(row, keys.request)
        if not isinstance(request, str):
            raise NotReadable("it has no method or no path")
        return _of_request_line(number, request, identity, status)
    if not isinstance(method, str) or not isinstance(path, str):
        raise NotReadable("its method or its path is not a text")
    target = read_target(path)
    return Recorded(number, read_method(method), target.path, target.query, identity, status, target.host)


def _of_request_line(number: int, request: str, identity: str | None, status: int | None) -> Recorded:
    match = _REQUEST.fullmatch(request)
    try:
        if match is None:
            raise NotReadable("its request line is not HTTP")
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
    r"""Undo the server's escapes (\" \\ \xNN \n \t …), then read the bytes as UTF-8, or as Latin-1 if they are not
    UTF-8.
    """
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
    """Return the timestamp of a line ("10/Oct/2000:13:55:36 -0700"). Raises NotReadable."""
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
        raise NotReadable("its timestamp is not a valid time") from None


def _what_is_wrong(text: str) -> str:
    if not re.search(r"\[\d{2}/[A-Za-z]{3}/\d{4}:\d{2}:\d{2}:\d{2} [+-]\d{4}\]", text):
        return "it has no timestamp like [10/Oct/2000:13:55:36 -0700]"
    if text.count('"') < 2:
        return "it has no request in quotes"
    return "it is not in the combined format"


def _status(status: int) -> int:
    if not 100 <= status <= 599:
        raise NotReadable("its status is not an HTTP status")
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
        raise NotReadable("its identity is neither a text nor an integer")
    return str(value)
