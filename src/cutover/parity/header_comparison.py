"""Compare response headers by meaning: directives as sets, decoded file names, cookies without values.

All headers are compared except those that contracts/parity.toml lists with a reason. The client itself checks which
system answered.
"""

from __future__ import annotations

import datetime
import email.utils
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final
from urllib.parse import unquote_to_bytes, urljoin, urlsplit

from cutover.parity.differences import Kind

_ABSENT: Final = "absent"
_TOKEN_LISTS: Final = (
    "vary", "cache-control", "access-control-allow-headers", "access-control-expose-headers", "accept-ranges",
    "content-language", "clear-site-data",
)  # fmt: skip
_METHOD_LISTS: Final = ("allow", "access-control-allow-methods")  # methods are case-sensitive (RFC 9110, 9.1)
_ENTITY_TAG: Final = re.compile(r'(W/)?"[!#-~\x80-\xff]*"')  # RFC 9110, 8.8.3
_CHARSETS: Final = ("utf-8", "iso-8859-1")  # RFC 8187, 3.2.1; the second is from RFC 5987
_MALFORMED: Final = "malformed"
_POLICIES: Final = ("content-security-policy", "content-security-policy-report-only")
_NONCE: Final = re.compile(r"'nonce-[A-Za-z0-9+/_-]+={0,2}'", re.IGNORECASE)
# RFC 6266 and RFC 9110, 5.6.6: name, optional star, and a token or a quoted string.
_PARAMETER: Final = re.compile(r';\s*(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s",]+)\s*)?')

Pairs = Iterable[tuple[str, str]]
"""Names and values of headers as received. A name may occur several times."""
Report = Callable[[str, Kind, str, str, str | None, str | None], None]
"""Called with path, class, the two words, and the two texts if they are a user's data."""


def compare_headers(
    baseline: Pairs,
    candidate: Pairs,
    ignored: Mapping[str, str],
    report: Report,
    *,
    urls: tuple[str, str] = ("", ""),
) -> None:
    """Report each header that is in one response only, or has another meaning in the other.

    urls: the requested URL of each side; a location on the same host as the request is compared by its path.
    """
    ours, theirs = _meanings(baseline, ignored, urls[0]), _meanings(candidate, ignored, urls[1])
    for name in sorted(ours.keys() | theirs.keys()):
        path = f"header:{name}"
        if name not in theirs:
            report(path, Kind.MISSING, _shown(ours[name]), _ABSENT, None, None)
        elif name not in ours:
            report(path, Kind.EXTRA, _ABSENT, _shown(theirs[name]), None, None)
        elif ours[name] != theirs[name]:
            _parts(path, ours[name], theirs[name], report)


def sent_headers(headers: Pairs, url: str) -> set[str]:
    """Return the path of each header of a response, and of each of its parts. url: the requested URL."""
    return {
        f"header:{name}/{part}" if part else f"header:{name}"
        for name, parts in _meanings(headers, {}, url).items()
        for part in parts
    }


def meaning(name: str, values: Iterable[str], *, url: str = "", response_date: str = "") -> dict[str, str]:
    """Return the meaning of a header in parts. The part "" contains no user's data.

    content-disposition has the parts filename and fallback besides its type, and location has query and fragment;
    these are users' texts. A malformed header has the part text, with the whole value. url: the requested URL.
    response_date: the response's Date header; times are past or future relative to it.
    """
    lines = [value.strip() for value in values]
    text = ", ".join(lines)
    if name == "set-cookie":
        return {"": "; ".join(sorted(_cookie(line, response_date) for line in lines))}
    if name in _TOKEN_LISTS:
        return {"": ", ".join(sorted({token.strip().lower() for token in text.split(",") if token.strip()}))}
    if name in _METHOD_LISTS:
        return {"": ", ".join(sorted({token.strip() for token in text.split(",") if token.strip()}))}
    if name == "content-type":
        return {"": _media_type(text)}
    if name == "content-disposition":
        return _disposition(text)
    if name == "www-authenticate":
        scheme, _, rest = text.partition(" ")
        return {"": " ".join((scheme.lower(), *sorted(part.strip() for part in rest.split(",") if part.strip())))}
    if name == "etag":
        tag = _ENTITY_TAG.fullmatch(text)
        return {"": _MALFORMED if tag is None else "weak" if tag[1] else "strong"}
    if name == "last-modified":
        return {"": "a date" if _date(text) else _MALFORMED}
    if name == "expires":  # RFC 9111, 5.3: an invalid date, especially "0", is past
        return {"": "a future date" if _is_future(text, response_date) else "past"}
    if name == "retry-after":
        return {"": "seconds" if text.isdecimal() else "a date" if _date(text) else _MALFORMED}
    if name in _POLICIES:  # CSP 3, 7.1: the server generates a nonce for each response
        return {"": _NONCE.sub("'nonce-…'", text)}
    return _location(text, url) if name == "location" else {"": text}


def _meanings(headers: Pairs, ignored: Mapping[str, str], url: str) -> dict[str, dict[str, str]]:
    by_name: dict[str, list[str]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(value)
    response_date = by_name.get("date", [""])[0]
    return {
        name: meaning(name, values, url=url, response_date=response_date)
        for name, values in by_name.items()
        if name not in ignored
    }


def _parts(path: str, ours: Mapping[str, str], theirs: Mapping[str, str], report: Report) -> None:
    for part in sorted(ours.keys() | theirs.keys()):
        where, one, other = f"{path}/{part}" if part else path, ours.get(part), theirs.get(part)
        if one == other:
            continue
        if other is None:
            report(where, Kind.MISSING, "text", _ABSENT, one, None)
        elif one is None:
            report(where, Kind.EXTRA, _ABSENT, "text", None, other)
        elif part:
            report(where, Kind.HEADER, "text", "another text", one, other)
        else:
            report(where, Kind.HEADER, one or "empty", other or "empty", None, None)


def _shown(parts: Mapping[str, str]) -> str:
    return parts[""] or "empty"


def _split(text: str) -> tuple[str, list[tuple[str, str]], str]:
    """Return a value, its parameters, and the rest that is no parameter."""
    end = text.find(";") if ";" in text else len(text)
    found, at = [], end
    while match := _PARAMETER.match(text, at):
        if match[1]:
            found.append((match[1].lower(), match[2]))
        at = match.end()
    return text[:end].strip(), found, text[at:].strip()


def _unquoted(raw: str) -> str:
    return re.sub(r"\\(.)", r"\1", raw[1:-1]) if raw.startswith('"') else raw


def _media_type(text: str) -> str:
    media, parameters, rest = _split(text)
    named = sorted((key, _unquoted(raw)) for key, raw in parameters)
    inner = "".join(f"; {key}={value.lower() if key == 'charset' else value}" for key, value in named)
    return f"{media.lower()}{inner}{f' {rest} ({_MALFORMED})' if rest else ''}"


def _disposition(text: str) -> dict[str, str]:
    """Return the parts of a Content-Disposition. If filename* exists, filename is the fallback (RFC 6266, 4.3)."""
    kind, parameters, rest = _split(text)
    named = dict(parameters)
    parts = {"": kind.lower()}
    unknown = sorted(name for name in named if name not in ("filename", "filename*"))
    if unknown:
        parts[""] += "; " + "; ".join(unknown)
        parts |= {name: _unquoted(named[name]) for name in unknown}
    extended = _extended(named["filename*"]) if "filename*" in named else ""
    # RFC 6266, 4.1: no parameter twice. Browsers interpret that, and a malformed rest, differently.
    if rest or extended is None or len(named) < len(parameters):
        return {**parts, "": f"{parts['']}; {_MALFORMED}", "text": text}
    if "filename*" in named:
        parts["filename"] = extended
        if "filename" in named:
            parts["fallback"] = _unquoted(named["filename"])
    elif "filename" in named:
        parts["filename"] = _unquoted(named["filename"])
    return parts


def _extended(raw: str) -> str | None:
    """Return the text of an extended value: charset'language'percent-encoded (RFC 8187, 3.2). None if malformed."""
    charset, language, encoded = raw.split("'", 2) if raw.count("'") >= 2 else ("", "", "")
    if charset.lower() not in _CHARSETS or not re.fullmatch(r"[A-Za-z0-9-]*", language):
        return None
    if re.search(r"%(?![0-9A-Fa-f]{2})", encoded):
        return None
    try:
        return unquote_to_bytes(encoded).decode(charset)
    except UnicodeDecodeError:
        return None


def _cookie(text: str, response_date: str) -> str:
    """Return a cookie's name and attributes, without its value and expiry date, which differ in each session."""
    pair, *attributes = (part.strip() for part in text.split(";"))
    name, _, value = pair.partition("=")
    kept = []
    for attribute in filter(None, attributes):
        word, equals, setting = (part.strip() for part in attribute.partition("="))
        word = word.lower()
        if word == "expires":
            kept.append("expires" if _is_future(setting, response_date) else "expires in the past")
        else:
            kept.append(f"{word}{equals}{setting if word == 'path' else setting.lower()}")
    return ", ".join((name if value else f"{name} without a value", *sorted(kept)))


def _location(text: str, url: str) -> dict[str, str]:
    """Return the path of a location, and its host if it is not the requested one."""
    try:
        there, here = urlsplit(urljoin(url, text)), urlsplit(url)
        elsewhere = (there.scheme, there.hostname, there.port) != (here.scheme, here.hostname, here.port)
        port = f":{there.port}" if there.port else ""
    except ValueError:
        return {"": _MALFORMED, "text": text}
    parts = {"": (there.path or "/") + (f" elsewhere: {there.scheme}://{there.hostname}{port}" if elsewhere else "")}
    return parts | {key: text for key, text in (("query", there.query), ("fragment", there.fragment)) if text}


def _date(text: str) -> datetime.datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _is_future(text: str, response_date: str) -> bool:
    """Return True if the date is after the response's own date, or after our clock if the response has none."""
    found = _date(text)
    return found is not None and found > (_date(response_date) or datetime.datetime.now(datetime.UTC))
