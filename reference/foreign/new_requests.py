"""Reading of requests by Roster's new system: JSON bodies and uploads."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from itertools import pairwise
from typing import Any, Final

LIMIT: Final = 4_000_000
"""The largest list, in bytes."""
_JSON_LIMIT: Final = 1_000_000


class Problem(Exception):  # noqa: N818 - it is an answer, not a defect
    """A refusal: a status, a reason and perhaps headers."""

    def __init__(self, status: int, reason: str, headers: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__(reason)
        self.status, self.reason, self.headers = status, reason, list(headers)


class Number(str):
    """A JSON number with the spelling of the request."""

    __slots__ = ()


def _read(environ: dict[str, Any], limit: int) -> bytes:
    """Return the body. Raises Problem if it is larger than the limit or was cut off."""
    declared = environ.get("CONTENT_LENGTH") or ""
    body: bytes = environ["wsgi.input"].read(min(int(declared), limit + 1) if declared else limit + 1)
    if len(body) > limit:
        raise Problem(413, "Too large")
    if declared and len(body) < int(declared):
        raise Problem(400, "The body was cut off")
    return body


def body_of(environ: dict[str, Any], **fields: type) -> dict[str, Any]:
    """Return the JSON object of the request with these fields. Raises Problem."""
    if environ.get("CONTENT_TYPE", "").partition(";")[0].strip().lower() != "application/json":
        raise Problem(415, "Send application/json")
    try:
        sent = json.loads(_read(environ, _JSON_LIMIT).decode(), parse_int=Number, parse_float=Number,
                          parse_constant=_refuse)  # fmt: skip
    except (ValueError, RecursionError):
        raise Problem(400, "Not JSON") from None
    if not isinstance(sent, dict):
        raise Problem(422, "Send an object")
    for name, kind in fields.items():
        value = sent.get(name)
        if not isinstance(value, kind) or isinstance(value, Number):
            raise Problem(422, f"{name}: missing or of the wrong type")
    left: list[Any] = [sent]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left += [*value, *value.values()]
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and re.search("[\0\ud800-\udfff]", value):
            raise Problem(422, "A text has a character that cannot be stored")
    return sent


def _refuse(text: str) -> None:
    raise ValueError(text)


def part_of(environ: dict[str, Any], wanted: bytes) -> tuple[str, bytes]:
    """Return file name and bytes of the only file part (RFC 7578). Raises Problem."""
    media, _, rest = environ.get("CONTENT_TYPE", "").partition(";")
    boundary = re.search(r'boundary="?([^";]{1,70})"?', rest)
    if media.strip().lower() != "multipart/form-data":
        raise Problem(415, "Send multipart/form-data")
    if boundary is None:
        raise Problem(422, "No boundary")
    body = b"\r\n" + _read(environ, LIMIT + 10_000)
    line = rb"\r\n--" + re.escape(boundary[1].encode("latin-1")) + rb"(--)?[ \t]*(?=\r\n|\Z)"
    marks = list(re.finditer(line, body))
    end = next((number for number, mark in enumerate(marks) if mark[1]), 0)
    if end == 0:
        raise Problem(422, "The form is incomplete")
    found = []
    for one, other in pairwise(marks[: end + 1]):
        head, blank, content = body[one.end() : other.start()].partition(b"\r\n\r\n")
        names = dict(re.findall(rb';\s*(name|filename)="([^"\r\n]*)"', head))
        if blank and names.get(b"name") == wanted and b"filename" in names:
            found.append((names[b"filename"], content))
    if len(found) != 1:
        raise Problem(422, "Send one file")
    try:
        title = re.split(r"[/\\]", found[0][0].decode().replace("%22", '"'))[-1]
    except UnicodeDecodeError:
        raise Problem(422, "The name is not UTF-8") from None
    if not 1 <= len(title) <= 255 or "\0" in title:
        raise Problem(422, "The name has 1 to 255 characters")
    if not title.lower().endswith((".csv", ".tsv", ".txt")):
        raise Problem(415, "Send a .csv, .tsv or .txt file")
    if not found[0][1]:
        raise Problem(422, "The file is empty")
    if len(found[0][1]) > LIMIT:
        raise Problem(413, "Too large")
    return title, found[0][1]
