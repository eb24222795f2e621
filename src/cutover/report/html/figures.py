"""Numbers, shares and times as text, with the number by which a table sorts them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

NOT_GIVEN: Final = "—"
"""Text for a value that the data do not contain."""


class Tone(StrEnum):
    """The meaning of a value for the reader. Never shown by color alone: each tone has a sign and words next to it."""

    GOOD = "good"
    BAD = "bad"
    WARN = "warn"
    PLAIN = "plain"


SIGNS: Final = {Tone.GOOD: "✓", Tone.BAD: "✗", Tone.WARN: "!", Tone.PLAIN: ""}


@dataclass(frozen=True)
class Figure:
    """A value as text. order: the number by which a column sorts it, None to sort by text."""

    text: str
    order: float | None = None
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True)
class Moment(Figure):
    """A time. machine: the same time in the form of the HTML datetime attribute, None if it is not a time."""

    machine: str | None = None


def any_text(value: Any) -> str:
    """Return any value of a run's data as text: NOT_GIVEN for None, "a list" or "an object" for nested values."""
    if value is None:
        return NOT_GIVEN
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (str, int, float)):
        return str(value)
    return "a list" if isinstance(value, (list, tuple)) else "an object"


def figure(value: Any, unit: str = "", tone: Tone = Tone.PLAIN) -> Figure:
    """Return a number with thousands separators, and any other value as its text."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return Figure(any_text(value), tone=tone)
    written = f"{value:,}" if isinstance(value, int) else f"{value:,.1f}" if abs(value) < 1e15 else f"{value:g}"
    return Figure(f"{written} {unit}".rstrip(), float(value) if abs(value) < 1e300 else None, tone)


def share(part: Any, whole: Any) -> Figure:
    """Return part of whole in per cent. It is 100 % only if the parts are equal, and 0 % only if part is 0."""
    numbers = all(isinstance(number, (int, float)) and not isinstance(number, bool) for number in (part, whole))
    if not numbers or not 0 <= part <= whole < 1e300 or not whole:
        return Figure(NOT_GIVEN)
    per_cent = 100 * part / whole
    return Figure("< 1 %" if 0 < per_cent < 1 else "> 99 %" if 99 < per_cent < 100 else f"{per_cent:.0f} %", per_cent)


def moment(unix_s: Any) -> Moment:
    """Return a time in UTC. unix_s: seconds since 1970."""
    try:
        at = time.gmtime(unix_s)
        written = time.strftime("%Y-%m-%d %H:%M:%S UTC", at)
        return Moment(written, float(unix_s), machine=time.strftime("%Y-%m-%dT%H:%M:%SZ", at))
    except (TypeError, ValueError, OverflowError, OSError):
        return Moment(any_text(unix_s))
