"""Response headers, compared by what they mean: directives as sets, file names decoded, cookies without values.

Every header counts but those that contracts/parity.toml names with a reason. Not for who answered: the
client proves that on each answer.
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
_CHARSETS: Final = ("utf-8", "iso-8859-1")  # RFC 8187, 3.2.1; the second was RFC 5987's
_MALFORMED: Final = "malformed"
# RFC 6266 and RFC 9110, 5.6.6: name, optional star, and a token or a quoted string.
_PARAMETER: Final = re.compile(r';\s*(?:([!#$%&\'*+.^_`|~0-9A-Za-z-]+?)\s*=\s*("(?:[^"\\]|\\.)*"|[^;\s",]+)\s*)?')

Pairs = Iterable[tuple[str, str]]
"""Names and values as they came, a name as often as it came."""
Report = Callable[[str, Kind, str, str, str | None, str | None], None]
"""Path, class, either meaning as it may be shown, either text where it is a user's."""


def compare_headers(
    baseline: Pairs,
    candidate: Pairs,
    ignored: Mapping[str, str],
    report: Report,
    *,
    urls: tuple[str, str] = ("", ""),
) -> None:
    """Report every header that is on one answer only, or means something else on the other.

    urls: what either side was asked for; an address that leads to the same host is no other one.
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


def meaning(name: str, values: Iterable[str], *, url: str = "", answered: str = "") -> dict[str, str]:
    """What a header says, in parts; the part "" is what may be shown to anybody.

    content-disposition has the parts filename and fallback beside its type, location query and fragment, which are
    users' texts; either has text, the whole of it, where it is malformed. url: what was asked for; answered: the
    answer's Date, by which a time is past or to come.
    """
    lines = [value.strip() for value in values]
    text = ", ".join(lines)
    if name == "set-cookie":
        return {"": "; ".join(sorted(_cookie(line, answered) for line in lines))}
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
    if name == "expires":  # RFC 9111, 5.3: what is no date, "0" above all, is past
        return {"": "a date to come" if _to_come(text, answered) else "past"}
    if name == "retry-after":
        return {"": "seconds" if text.isdecimal() else "a date" if _date(text) else _MALFORMED}
    return _location(text, url) if name == "location" else {"": text}


def _meanings(headers: Pairs, ignored: Mapping[str, str], url: str) -> dict[str, dict[str, str]]:
    by_name: dict[str, list[str]] = {}
    for name, value in headers:
        by_name.setdefault(name.lower(), []).append(value)
    answered = by_name.get("date", [""])[0]
    return {
        name: meaning(name, values, url=url, answered=answered)
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
    """A value, its parameters, and what is left where that is no parameter."""
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
    """RFC 6266, 4.3: filename* counts where there is one; filename is the fallback then."""
    kind, parameters, rest = _split(text)
    named = dict(parameters)
    parts = {"": kind.lower()}
    unknown = sorted(name for name in named if name not in ("filename", "filename*"))
    if unknown:
        parts[""] += "; " + "; ".join(unknown)
        parts |= {name: _unquoted(named[name]) for name in unknown}
    extended = _extended(named["filename*"]) if "filename*" in named else ""
    # RFC 6266, 4.1: no parameter twice. Browsers disagree about what they make of that, and of the rest here.
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
    """The text of an extended value: charset'language'percent-encoded (RFC 8187, 3.2); None for what is none."""
    charset, language, encoded = raw.split("'", 2) if raw.count("'") >= 2 else ("", "", "")
    if charset.lower() not in _CHARSETS or not re.fullmatch(r"[A-Za-z0-9-]*", language):
        return None
    if re.search(r"%(?![0-9A-Fa-f]{2})", encoded):
        return None
    try:
        return unquote_to_bytes(encoded).decode(charset)
    except UnicodeDecodeError:
        return None


def _cookie(text: str, answered: str) -> str:
    """A cookie's name and attributes; its value and the date on which it ends are the session's own."""
    pair, *attributes = (part.strip() for part in text.split(";"))
    name, _, value = pair.partition("=")
    kept = []
    for attribute in filter(None, attributes):
        word, equals, setting = (part.strip() for part in attribute.partition("="))
        word = word.lower()
        if word == "expires":
            kept.append("expires" if _to_come(setting, answered) else "expires in the past")
        else:
            kept.append(f"{word}{equals}{setting if word == 'path' else setting.lower()}")
    return ", ".join((name if value else f"{name} without a value", *sorted(kept)))


def _location(text: str, url: str) -> dict[str, str]:
    """Where it leads: the path, and the host where that is another one than was asked."""
    try:
        there, here = urlsplit(urljoin(url, text)), urlsplit(url)
        elsewhere = (there.scheme, there.hostname, there.port) != (here.scheme, here.hostname, here.port)
        port = f":{there.port}" if there.port else ""
    except ValueError:
        return {"": _MALFORMED, "text": text}
    parts = {"": (there.path or "/") + (f" elsewhere: {there.scheme}://{there.hostname}{port}" if elsewhere else "")}
    return parts | {key: told for key, told in (("query", there.query), ("fragment", there.fragment)) if told}


def _date(text: str) -> datetime.datetime | None:
    try:
        found = email.utils.parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    return found if found.tzinfo else found.replace(tzinfo=datetime.UTC)


def _to_come(text: str, answered: str) -> bool:
    """Whether that date lies behind the answer's own; our clock's where the answer has none."""
    found = _date(text)
    return found is not None and found > (_date(answered) or datetime.datetime.now(datetime.UTC))
