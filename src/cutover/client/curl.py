"""Write a request as one curl command that can be pasted into a shell: secrets and tokens become shell variables."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from cutover.client.http import Request
from cutover.core.secrets import MASK, redact

_INLINE: Final = 4000
_BEARER: Final = "Bearer "


class Variable(str):
    """The name of a shell variable."""

    __slots__ = ()


Parts = list[str]
"""A text in pieces: literal text and variables."""


def curl_command(request: Request, *, variables: Mapping[str, str] | None = None) -> str:
    """Return the request as one curl command.

    variables: secret value -> name of the shell variable that replaces it. A bearer token without a variable becomes
    $ACCESS_TOKEN, any other secret $SECRET. A body of more than 4,000 bytes is described, not quoted.
    """
    known = variables or {}
    parts = ["curl", "-i"]
    if request.method == "HEAD":
        parts.append("--head")
    elif request.method != "GET":
        parts += ["-X", shlex.quote(request.method)]
    # Without these options curl removes dot segments and expands [1-3] and {a,b}.
    if any(segment in (".", "..") for segment in urlsplit(request.url).path.split("/")):
        parts.append("--path-as-is")
    if re.search(r"[\[\]{}]", request.url):
        parts.append("--globoff")
    parts.append(quoted(_pieces(request.url, known)))
    for name, value in request.headers.items():
        parts += ["-H", quoted(_header(name, value, known))]
    parts += _body(request, known)
    return " ".join(parts)


def _header(name: str, value: str, known: Mapping[str, str]) -> Parts:
    if not value:
        return [f"{name};"]  # curl's way to send an empty one
    if name.lower() == "authorization" and value.startswith(_BEARER) and value.removeprefix(_BEARER) not in known:
        token = value.removeprefix(_BEARER)
        if redact(value) != value:
            return [f"{name}: {_BEARER}", Variable("ACCESS_TOKEN")]
        return [f"{name}: {_BEARER}{token}"]
    return [f"{name}: ", *_pieces(value, known)]


def _body(request: Request, known: Mapping[str, str]) -> list[str]:
    if request.parts:
        shown = []
        for part, (name, content, media) in request.parts.items():
            escaped = name.replace("\\", "\\\\").replace('"', "%22")
            if len(content) > _INLINE:
                shown += ["-F", shlex.quote(f'{part}=@FILE-OF-{len(content)}-BYTES;filename="{escaped}";type={media}')]
            else:
                form = f'{part}=@/dev/fd/3;filename="{escaped}";type={media}'
                shown += ["-F", shlex.quote(form), "3<", printed(content)]
        return shown
    if request.json is not None:
        text = json.dumps(request.json, ensure_ascii=False, separators=(",", ":"))
        return ["-H", "'Content-Type: application/json'", *_data(text.encode("utf-8", "surrogatepass"), known)]
    return _data(request.content, known) if request.content else []


def _data(content: bytes, known: Mapping[str, str]) -> list[str]:
    if len(content) > _INLINE:
        return ["--data-raw", shlex.quote(f"<{len(content)} bytes>")]
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:  # an argument cannot contain NUL
        return ["--data-binary", "@-", "<", printed(content)]
    return ["--data-raw", quoted(_pieces(text, known))]  # --data-binary would send the file behind an @


def _pieces(text: str, known: Mapping[str, str]) -> Parts:
    """Return the text with each secret replaced by a variable."""
    for value, name in known.items():
        if value and value in text:
            before, _, after = text.partition(value)
            return [*_pieces(before, known), Variable(name), *_pieces(after, known)]
    pieces: Parts = []
    for index, part in enumerate(redact(text).split(MASK)):
        if index:
            pieces.append(Variable("SECRET"))
        pieces.append(part)
    return pieces


def printed(content: bytes) -> str:
    """Return a bash process substitution that yields these bytes.

    Octal escapes always have three digits: printf's %b reads at most three, so a following digit stays content.
    """
    escaped = "".join(chr(b) if 32 <= b < 127 and b not in b"\\%" else f"\\0{b:03o}" for b in content)
    return f"<(printf '%b' {shlex.quote(escaped)})"


def quoted(parts: Parts) -> str:
    """Return one shell word in which only the variables are expanded, never text from a user or a server."""
    text = "".join(
        f"${{{part}}}" if isinstance(part, Variable) else re.sub(r'([\\"`$])', r"\\\1", part) for part in parts
    )
    # An interactive bash expands ! between double quotes and would keep a backslash before it.
    return '"' + re.sub(r"(!+)", "\"'\\1'\"", text) + '"'
