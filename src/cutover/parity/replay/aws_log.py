"""Read the access logs of AWS: Application and Classic Load Balancer, and CloudFront's standard log.

No format contains a user, so the identities file names one for all lines.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from cutover.parity.replay.access_log import QUOTED, read_request_line, unescaped
from cutover.parity.replay.recorded import WEBSOCKET, NotReadable, Recorded, read_request, read_status

# https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-access-logs.html
_APPLICATION: Final = re.compile(
    r"(?P<kind>https?|h2|grpcs?|wss?) \S+ \S+ \S+ \S+ (?:-?[\d.]+ ){3}(?P<status>\d{3}|-) (?:\d{3}|-) \d+ \d+ "
    rf"{QUOTED}(?: .*)?"
)
# https://docs.aws.amazon.com/elasticloadbalancing/latest/classic/access-log-collection.html
_CLASSIC: Final = re.compile(
    r"\d{4}-\d{2}-\d{2}T\S+ \S+ \S+ \S+ (?:-?[\d.]+ ){3}(?P<status>\d{3}|-|0) (?:\d{3}|-|0) \d+ \d+ "
    rf"{QUOTED}(?: .*)?"
)
FIELDS: Final = b"#Fields:"
"""Begins the line that names CloudFront's fields."""


def is_load_balancer_line(line: bytes) -> bool:
    """Return True if the line is of an Application or Classic Load Balancer."""
    text = line.decode("latin-1")
    return bool(_APPLICATION.fullmatch(text) or _CLASSIC.fullmatch(text))


def read_load_balancer(number: int, line: bytes) -> Recorded:
    """Return the request of one line of a load balancer. Raises NotReadable."""
    text = line.decode("latin-1")
    match = _APPLICATION.fullmatch(text) or _CLASSIC.fullmatch(text)
    if match is None:
        raise NotReadable("it is not in the format of an AWS load balancer")
    status = read_status(match["status"])
    request = unescaped(match[match.re.groups]).rstrip()
    if not request.replace("-", "").strip() or request.startswith("- "):
        # "- http://HOST:80- -": the connection ended before a request was complete
        return Recorded(number, "", "", status=status, no_http=True)
    found = read_request_line(number, request, None, status)
    if match.groupdict().get("kind") in ("ws", "wss"):
        return Recorded(number, WEBSOCKET, found.path, found.query, None, status, found.host)
    return found


def read_fields(line: bytes) -> tuple[str, ...]:
    """Return the names in a line `#Fields: date time …`."""
    return tuple(line.removeprefix(FIELDS).decode("latin-1").split())


def read_cloudfront(number: int, line: bytes, fields: Sequence[str]) -> Recorded | None:
    """Return the request of one line, None for a directive. fields: of the latest line #Fields. Raises NotReadable.

    https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logs-reference.html
    """
    if line.startswith(b"#"):
        return None
    values = line.decode("latin-1").split("\t")
    if not fields:
        raise NotReadable("no line #Fields precedes it")
    if len(values) != len(fields):
        raise NotReadable(f"it has {len(values)} fields, but #Fields names {len(fields)}")
    row = dict(zip(fields, values, strict=True))
    if "cs-method" not in row or "cs-uri-stem" not in row:
        raise NotReadable("it has no method or no path")
    if "cs-uri-query" not in row:
        raise NotReadable("#Fields names no cs-uri-query, so its query is unknown")
    status = read_status(row.get("sc-status"))
    query = "" if row["cs-uri-query"] == "-" else row["cs-uri-query"]
    host = "" if row.get("x-host-header", "-") == "-" else row["x-host-header"]
    method = WEBSOCKET if row.get("cs-protocol") in ("ws", "wss") else row["cs-method"]
    return read_request(number, method, row["cs-uri-stem"], status=status, host=host, query=query)
