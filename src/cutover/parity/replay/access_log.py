r"""Read access logs line by line: the common and combined formats of Apache, nginx, gunicorn and Traefik.

With or without a virtual host (vhost_combined), and behind the prefix of syslog or of a container runtime. Addresses,
referrers and user agents are not kept.
"""

from __future__ import annotations

import datetime
import re
from typing import Final

from cutover.parity.replay.recorded import NotReadable, Recorded, read_request, read_status

LONGEST_LINE: Final = 65_536
"""Bytes of a line. Servers accept header lines of 8 KiB, a log line contains three of them, and escapes lengthen
them.
"""

QUOTED: Final = r'"([^"\\]*(?:\\.[^"\\]*)*)"'
"""A field in quotes, with escapes. One group: its content."""
_TIME: Final = (
    r"\[(\d{1,2}/[A-Za-z]{3}/\d{4}[: ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?: [+-]\d{4})?"
    r"|\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.,]\d+)?(?: ?[+-]\d{2}:?\d{2}|Z)?)\]"
)
# https://httpd.apache.org/docs/2.4/mod/mod_log_config.html: %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i",
# and anything that a server adds. The user may contain spaces, so the timestamp ends it.
_COMBINED: Final = re.compile(
    rf"(?:(.*?) )?{_TIME} {QUOTED} (\d{{3}}|-|0|) (\d+|-|)"
    rf'(?: {QUOTED}(?: {QUOTED}(?: .*)?| [^"].*)?| [^"].*)? ?',
    re.DOTALL,
)
_REQUEST: Final = re.compile(r"(\S+) (\S+)(?: HTTP/\d(?:\.\d)?)?")
_CLF_TIME: Final = re.compile(r"(?P<day>\d+)/(?P<month>\w+)/(?P<year>\d{4})[: ](?P<time>[\d:]{8})")
_ISO_TIME: Final = re.compile(r"(?P<date>[\d-]{10})[T ](?P<time>[\d:]{8})")
_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ESCAPE: Final = re.compile(r"\\(x[0-9A-Fa-f]{2}|.)", re.DOTALL)
_ESCAPED: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "v": "\v", "f": "\f"}
_REFUSED_BY_SERVERS: Final = (400, 408, 414, 421, 431, 494, 495, 496, 497, 501, 505)
"""Statuses of servers for input that is not an HTTP request; nginx adds 494 to 497."""
_ADDRESS: Final = re.compile(r"\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*|\[[^\]]*\](?::\d+)?")
_NAMED_PORT: Final = re.compile(r"[^:\s]*[A-Za-z][^:\s]*:\d+|\[[^\]]*\]:\d+")
_VIRTUAL_HOST: Final = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::\d+)?")

_PREFIXES: Final = (
    # RFC 5424, 6: <PRI>1 TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA MSG
    rb'<\d{1,3}>1 \S+ \S+ \S+ \S+ \S+ (?:-|(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*")*\])+) ?(?:\xef\xbb\xbf)?',
    # RFC 3164, 4.1: <PRI>Mmm dd hh:mm:ss HOSTNAME TAG[PID]: MSG. Days below 10 have two spaces, in some logs one.
    rb"(?:<\d{1,3}>)?[A-Z][a-z]{2} {1,2}\d{1,2} (?:\d{4} )?\d{2}:\d{2}:\d{2}(?:\.\d+)? "
    rb"(?:\S+ )?[^\s:\[]+(?:\[[^\]\s]*\])?: ",
    # rsyslog's and journalctl's ISO form of the same
    rb"(?:<\d{1,3}>)?\d{4}-\d{2}-\d{2}T\S+ (?:\S+ )?[^\s:\[]+(?:\[[^\]\s]*\])?: ",
    # Kubernetes: CRI's files, and `kubectl logs --timestamps`
    rb"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2}) (?:std(?:out|err) [FP] )?",
    # docker compose logs
    rb"[A-Za-z0-9._-]+ +\| ",
    # Caddy's format `console`
    rb"[^\t{]*\t[^\t{]*\t[^\t{]*\thandled request\t(?=\{)",
)
_PREFIX: Final = re.compile(rb"|".join(_PREFIXES))


def without_prefix(line: bytes) -> bytes:
    """Return the line without the prefix of syslog or of a container runtime."""
    match = _PREFIX.match(line)
    return line[match.end() :] if match else line


def read_combined(number: int, line: bytes) -> Recorded:
    """Return the request of one line of a combined or common log. Raises NotReadable."""
    text = line.decode("latin-1")  # keeps all bytes; UTF-8 is decoded after the escapes are undone
    match = _COMBINED.fullmatch(text)
    if match is None:
        raise NotReadable(_what_is_wrong(text))
    _read_time(match[2])
    status = read_status(match[4])
    host, user = _host_and_user(match[1] or "")
    user = unescaped(user)
    identity = None if user in ("-", "", '""') else user
    return read_request_line(number, unescaped(match[3]), identity, status, host=host)


def read_request_line(
    number: int, request: str, identity: str | None, status: int | None, *, host: str = ""
) -> Recorded:
    """Return the request of a request line ("GET /x HTTP/1.1"). Raises NotReadable.

    host: of another field of the line, used if the target contains none.
    """
    match = _REQUEST.fullmatch(request)
    try:
        if match is None:
            raise NotReadable("its request line is not HTTP")
        return read_request(number, match[1], match[2], identity=identity, status=status, host=host)
    except NotReadable:
        closed = status is None and not request.strip("- ")  # the client closed the connection without a request
        if closed or status in _REFUSED_BY_SERVERS:
            return Recorded(number, "", "", identity=identity, status=status, no_http=True)
        raise


def _host_and_user(text: str) -> tuple[str, str]:
    """Return the virtual host, "" if there is none, and the user: the fields before the timestamp.

    Combined: ADDRESS IDENT USER. With a virtual host: HOST ADDRESS IDENT USER. The address can be empty (gunicorn on a
    Unix socket) or a list (X-Forwarded-For), and the user can contain spaces. Raises NotReadable for another prefix.
    """
    first, rest = _next(text)
    ident, user = _next(rest)
    if user.startswith("- ") and (ident != "-" or _NAMED_PORT.fullmatch(first)):
        if not _VIRTUAL_HOST.fullmatch(first) and not _ADDRESS.fullmatch(first.partition(",")[0]) and first != "-":
            raise NotReadable("it begins with an unknown prefix")
        # An address is not a virtual host, but that of another proxy. A name without dot or port can be a machine.
        named = _VIRTUAL_HOST.fullmatch(first) and re.search(r"[.:]", first) and not _ADDRESS.fullmatch(first)
        return first if named else "", user[2:]
    if ident != "-" and user and (" - " in f" {user}" or not ident):
        raise NotReadable("it begins with an unknown prefix")
    return "", user


def _next(text: str) -> tuple[str, str]:
    """Return the first field, which is a list if commas join it, and the rest."""
    if text.startswith('"') and (end := text.find('" ', 1)) > 0:
        return text[1:end], text[end + 2 :]
    first, _, rest = text.partition(" ")
    while first.endswith(",") and rest:
        more, _, rest = rest.partition(" ")
        first += more
    return first, rest


def unescaped(text: str) -> str:
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


def _read_time(text: str) -> None:
    """Raise NotReadable if the timestamp of a line ("10/Oct/2000:13:55:36 -0700") is no valid time."""
    try:
        if iso := _ISO_TIME.match(text):
            datetime.date.fromisoformat(iso["date"])
        clf = iso or _CLF_TIME.match(text)
        assert clf is not None  # the pattern of the line matches nothing else
        if iso is None:
            datetime.date(int(clf["year"]), _MONTHS.index(clf["month"].capitalize()) + 1, int(clf["day"]))
        hour, minute, second = map(int, clf["time"].split(":"))
        datetime.time(hour, minute, min(second, 59))  # 60 is a leap second
    except ValueError:
        raise NotReadable("its timestamp is not a valid time") from None


def _what_is_wrong(text: str) -> str:
    if not re.search(_TIME, text):
        return "it has no timestamp like [10/Oct/2000:13:55:36 -0700]"
    if text.count('"') < 2:
        return "it has no request in quotes"
    return "it is not in the combined format"
