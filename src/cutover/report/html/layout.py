"""Parts of a page that a report fills: banner, headlines and sections."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from cutover.report.html.figures import Tone

_TONES: Final = {"GO": Tone.GOOD, "NO-GO": Tone.BAD, "INCONCLUSIVE": Tone.WARN, "INVALID": Tone.BAD}
# An anchor, or an HTML file in this folder or in one next to it. Never a scheme, a host or an absolute path.
_LINK: Final = re.compile(
    r"(?!.*%2[eE])(?:#[A-Za-z][A-Za-z0-9_-]*|(?:\.\./)?(?:[A-Za-z0-9_~%-][A-Za-z0-9._~%-]*/)*[A-Za-z0-9_-]+\.html)"
)


@dataclass(frozen=True)
class Headline:
    """A number under the verdict. anchor: the section that contains the details."""

    number: int | str
    label: str
    tone: Tone
    anchor: str


@dataclass(frozen=True)
class Banner:
    """The top of a page. subject: the text after the verdict's word."""

    verdict: str
    exit_code: Any
    subject: str
    reasons: Sequence[str]
    headlines: Sequence[Headline] = ()


@dataclass(frozen=True)
class Section:
    """A section's title and its entry in the navigation. count: the number next to the title there."""

    title: str
    count: int | None = None
    tone: Tone = Tone.PLAIN


def verdict_tone(verdict: str) -> Tone:
    """Return the tone of a verdict's word. An unknown word is bad."""
    return _TONES.get(verdict, Tone.BAD)


def page_link(folder: str, page: str) -> str | None:
    """Return a link to a page in another run's folder, or None if the folder's name cannot be linked."""
    try:
        link = f"../{quote(folder, safe='')}/{page}"
    except UnicodeEncodeError:  # half of a surrogate pair
        return None
    return link if is_link(link) else None


def is_link(value: str) -> bool:
    """Return True if the link stays within this page or leads to an HTML file in this folder or in one next to it."""
    return _LINK.fullmatch(value) is not None
