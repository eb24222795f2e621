"""Text of a run as a report shows it: redacted, cut to a limit, with invisible characters named."""

from __future__ import annotations

from html import escape
from typing import Final

from cutover.core.secrets import redact

TEXT_LIMIT: Final = 400
"""Characters of one text that are shown by default, so that a report of hostile responses stays readable."""

# Invisible, although Unicode does not count them among controls, formats and separators.
_BLANK: Final = frozenset(
    "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
    + "".join(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
)
# Characters that are read beyond the limit. Longer than any secret: `redact` does not recognize a secret that is cut.
_SECRET_WINDOW: Final = 2048
_LARGEST_WINDOW: Final = 32768


def markup_of(value: str, limit: int = TEXT_LIMIT) -> str:
    """Return the text as escaped HTML, with <mark> around the names of invisible characters.

    limit: characters that are shown. The characters beyond it are counted instead.
    """
    pieces, left_out = _pieces(value, limit)
    shown = escape(pieces[0]) + "".join(
        f"<mark>{piece}</mark>" if len(piece) > 1 else escape(piece) for piece in pieces[1:]
    )
    return shown + (f'<span class="cut">… {left_out:,} more characters</span>' if left_out else "")


def plain(value: str, limit: int = TEXT_LIMIT) -> str:
    """Return the text for an attribute or the title, where no element is possible. It is not escaped yet."""
    pieces, left_out = _pieces(value, limit)
    return "".join(pieces) + (f"… (+{left_out:,})" if left_out else "")


def is_exact(value: str, limit: int) -> bool:
    """Return True if the text is shown exactly as it is: not cut, nothing masked, no character named instead."""
    pieces, left_out = _pieces(value, limit)
    return not left_out and "".join(pieces) == value


def _pieces(value: str, limit: int) -> tuple[list[str], int]:
    """Return the pieces of the text and the number of characters left out.

    The first piece is plain text. Each further piece is one character or the name of one (U+202E).
    """
    window = limit + _SECRET_WINDOW
    shown, unread = redact(value[:window]), 0
    # Masks are short: if secrets were masked, more of the text fits.
    while len(shown) < limit + _SECRET_WINDOW and window < min(len(value), _LARGEST_WINDOW):
        window *= 2
        shown = redact(value[:window])
    if window < len(value):
        shown, unread = shown[:-_SECRET_WINDOW][:limit], len(value) - limit
    # Nearly every text is short and printable, and a page contains thousands of them.
    elif len(shown) <= limit and shown.isprintable() and _BLANK.isdisjoint(shown):
        return [shown], 0
    pieces, room = [""], limit
    for number, character in enumerate(shown):
        visible = (character.isprintable() and character not in _BLANK) or character in "\n\t"
        piece = character if visible else f"U+{ord(character):04X}"
        if len(piece) > room:
            return pieces, len(shown) - number + unread
        room -= len(piece)
        pieces.append(piece)
    return pieces, unread
