"""HTML that text from a server cannot break out of: `Html`, and `element`, the one way to make tags.

Not for pages or tables: shell.py, tables.py. Markup is never parsed or taken from a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from html import escape
from typing import Final, TypeAlias

from cutover.core.secrets import redact

TEXT_LIMIT: Final = 400
"""Characters of one text that are shown where nothing else is said: a report of hostile answers stays readable."""

Content: TypeAlias = "Html | str | int | Iterable[Content] | None"

# What may be written. Left out on purpose: whatever loads, runs, frames, submits or styles.
_TAGS: Final = frozenset({
    "a", "article", "caption", "code", "dd", "details", "div", "dl", "dt", "em", "footer", "h1", "h2", "h3", "h4",
    "header", "li", "main", "mark", "nav", "ol", "p", "path", "pre", "rect", "section", "small", "span", "strong",
    "summary", "svg", "table", "tbody", "td", "text", "th", "thead", "time", "tr", "ul",
})  # fmt: skip
_ATTRIBUTES: Final = frozenset({
    "class", "colspan", "d", "datetime", "dir", "height", "href", "id", "open", "role", "scope", "tabindex", "viewBox",
    "width", "x", "y",
})  # fmt: skip
_ATTRIBUTE_FAMILIES: Final = ("aria-", "data-")
# A place on this page, or a file beside it. Never a scheme, a host or an absolute path.
_LINK: Final = re.compile(
    r"(?!.*%2[eE])(?:#[A-Za-z][A-Za-z0-9_-]*|(?:\.\./)?(?:[A-Za-z0-9_~%-][A-Za-z0-9._~%-]*/)*[A-Za-z0-9_-]+\.html)"
)
# Moves and lines at places in digits: nothing that could be markup.
_PATH: Final = re.compile(r"[MLHh0-9. -]*")

# Invisible, although Unicode does not count them among controls, formats and separators.
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
# A window longer than any secret: a cut must not leave the beginning of one that `redact` no longer recognises.
_SECRET_WINDOW: Final = 2048
_WIDEST_WINDOW: Final = 32768


class Html:
    """A piece of markup. `Html("a < b")` is the text "a < b": what is given as a string is always escaped.

    No method takes markup from a string, and it is no string itself, so that joining it to one fails at once.
    Content: Html, text, whole numbers, None (nothing), or any nesting of these.
    """

    __slots__ = ("_markup",)

    def __init__(self, *content: Content) -> None:
        self._markup = "".join(_pieces(content))

    def __str__(self) -> str:
        """The markup, for writing it. Given back as content it is a string like any other, and escaped."""
        return self._markup

    def __repr__(self) -> str:
        return f"Html({self._markup!r})"

    def __bool__(self) -> bool:
        return bool(self._markup)


def element(tag: str, *content: Content, **attributes: str | int | bool | None) -> Html:
    """One element. class_ is class, aria_label is aria-label; an attribute that is True stands alone, None is left out.

    Raises ValueError for a tag or attribute that loads, runs or styles anything (script, src, style, onclick)
    and for a link that leaves the folder of reports.
    """
    if tag not in _TAGS:
        raise ValueError(f"<{tag}> is not among the tags of a report")
    written = "".join(_attribute(name, value) for name, value in attributes.items())
    return _markup(f"<{tag}{written}>{''.join(_pieces(content))}</{tag}>")


def text(value: str, limit: int = TEXT_LIMIT) -> Html:
    """A text of another limit than the usual one. limit: characters as they are shown; the rest is counted."""
    return _markup(_shown(value, limit))


def plain(value: str, limit: int = TEXT_LIMIT) -> str:
    """The text as it may stand where no element can (an attribute, the title): redacted, cut, unseen characters named.

    Not escaped yet: `element` and the page do that.
    """
    characters, left_out = _readable(value, limit)
    return "".join(characters) + (f"… (+{left_out:,})" if left_out else "")


def is_whole(value: str, limit: int) -> bool:
    """Whether `text` shows the value exactly as it is: nothing cut, masked or named instead of shown."""
    characters, left_out = _readable(value, limit)
    return not left_out and "".join(characters) == value


def _markup(markup: str) -> Html:
    made = Html()
    made._markup = markup  # noqa: SLF001 - the one place where markup comes from a string: this module's own
    return made


def _pieces(content: Iterable[Content]) -> Iterable[str]:
    for piece in content:
        if isinstance(piece, Html):
            yield str(piece)
        elif isinstance(piece, str):
            yield _shown(piece, TEXT_LIMIT)
        elif isinstance(piece, int):
            yield str(int(piece))
        elif piece is not None:
            yield from _pieces(piece)


def _attribute(name: str, value: str | int | bool | None) -> str:
    name = name.rstrip("_").replace("_", "-")
    if name not in _ATTRIBUTES and not name.startswith(_ATTRIBUTE_FAMILIES):
        raise ValueError(f"{name}= is not among the attributes of a report")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    if name == "d":
        if not _PATH.fullmatch(str(value)):
            raise ValueError(f"{str(value)[:40]!r} is no path of a chart")
        return f' d="{value}"'  # whole, however many points: cut off it would show other figures
    if name == "href" and not _LINK.fullmatch(str(value)):
        raise ValueError(f"a report does not link to {value!r}")
    return f' {name}="{escape(plain(str(value)))}"'


def _shown(value: str, limit: int) -> str:
    characters, left_out = _readable(value, limit)
    shown = escape(characters[0]) + "".join(
        f"<mark>{piece}</mark>" if len(piece) > 1 else escape(piece) for piece in characters[1:]
    )
    return shown + (f'<span class="cut">… {left_out:,} more characters</span>' if left_out else "")


def _readable(value: str, limit: int) -> tuple[list[str], int]:
    """The text in pieces, the first one always plain text, each further one a character or the name of one (U+202E),
    and how many characters are left out."""
    taken_in = limit + _SECRET_WINDOW
    shown, behind = redact(value[:taken_in]), 0
    # Masks are short: where secrets stood, more of the text fits.
    while len(shown) < limit + _SECRET_WINDOW and taken_in < min(len(value), _WIDEST_WINDOW):
        taken_in *= 2
        shown = redact(value[:taken_in])
    if taken_in < len(value):
        shown, behind = shown[:-_SECRET_WINDOW][:limit], len(value) - limit
    # Nearly every text is short and printable; JSON Pointers and identifiers come by the thousand.
    elif len(shown) <= limit and shown.isprintable() and _BLANK.isdisjoint(shown):
        return [shown], 0
    pieces, room = [""], limit
    for taken, character in enumerate(shown):
        seen = (character.isprintable() and character not in _BLANK) or character in "\n\t"
        piece = character if seen else f"U+{ord(character):04X}"
        if len(piece) > room:
            return pieces, len(shown) - taken + behind
        room -= len(piece)
        pieces.append(piece)
    return pieces, behind
