"""Map ids, tokens and instants of one system to those of the other, one to one over a whole journey.

An id is never ignored: the candidate's id must correspond to the baseline's everywhere, and to no other.
"""

from __future__ import annotations

import datetime
import functools
import re
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

# RFC 3339, section 5.6. ASCII digits only.
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})([Tt])([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MIGRATED: Final = ("user", "file")
"""Namespaces whose ids are migrated unchanged (contracts/migration.toml, id and file_id)."""
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
_QUARTER_US: Final = 900_000_000
_MILLISECOND_US: Final = 1_000
_NO_STEP: Final[frozenset[int]] = frozenset()


class Instant(NamedTuple):
    """A timestamp: microseconds since 1970, and the format in which it was written ("6 digits, Z")."""

    us: int
    form: str
    digits: int


def read_instant(text: Any) -> Instant | None:
    """Return the instant of an RFC 3339 timestamp, None if the text is not one."""
    match = _INSTANT.fullmatch(text) if isinstance(text, str) else None
    if match is None:
        return None
    date, letter, hour, minute, second, fraction, written = match.groups("")
    hours, minutes, seconds = int(hour), int(minute), int(second)
    if hours > 23 or minutes > 59 or seconds > 60:
        return None
    days = _days(date)
    if days is None:
        return None
    # A leap second (60) is the first second of the next minute.
    us = (days * 86_400 + hours * 3600 + minutes * 60 + seconds) * 1_000_000
    digits = len(fraction)
    us += int(fraction) if digits == 6 else int(fraction.ljust(6, "0")[:6])
    if written not in ("Z", "z"):
        if written[1:3] > "23" or written[4:] > "59":
            return None
        offset = (int(written[1:3]) * 60 + int(written[4:])) * 60_000_000
        us += offset if written[0] == "-" else -offset
    return Instant(us, _form(digits, written, letter), digits)


@functools.lru_cache(maxsize=256)  # systems use few formats, each of them often
def _form(digits: int, written: str, letter: str) -> str:
    return f"{digits} digits, {written}{'' if letter == 'T' else ', lower-case t'}"


@functools.lru_cache(maxsize=1024)  # lists contain many times of few days
def _days(date: str) -> int | None:
    """Return the days since 1970, None if the calendar has no such day."""
    try:
        return datetime.date(int(date[:4]), int(date[5:7]), int(date[8:])).toordinal() - _EPOCH
    except ValueError:
        return None


@dataclass
class Timeline:
    """The time windows of a journey's steps by one system's clock: (from, to) in microseconds since 1970.

    tolerance_us: measured maximum offset between the system's clock and ours.
    """

    tolerance_us: int = 0
    windows: list[tuple[int, int]] = field(default_factory=list)
    _first_us: float = field(default=float("inf"), init=False)

    def __post_init__(self) -> None:
        self._first_us = min((start for start, _ in self.windows), default=float("inf"))

    def add(self, window: tuple[int, int]) -> None:
        """Add the window of the next step."""
        self.windows.append(window)
        self._first_us = min(self._first_us, window[0])

    def begin_at(self, window: tuple[int, int]) -> None:
        """Keep only this window. Lines of a recording are independent of each other."""
        self.windows = [window]
        self._first_us = window[0]

    def steps_of(self, instant: Instant) -> frozenset[int]:
        """Return the steps during which the instant may have been, given its precision."""
        early = instant.us - self.tolerance_us
        # An instant that was truncated to fewer digits was up to one unit later.
        late = instant.us + self.tolerance_us + (10 ** (6 - instant.digits) if instant.digits < 6 else 1)
        if late < self._first_us:
            return _NO_STEP  # most instants of a long list: created before the journey began
        return frozenset([index for index, (start, end) in enumerate(self.windows) if start <= late and early <= end])


@dataclass
class IdMapping:
    """The pairs of ids, tokens and instants that one journey has found so far.

    migrated: both systems hold the same rows. IDs must then be identical on both systems, and so must instants that
    no step of the journey created, as far as their digits go.
    """

    baseline_times: Timeline = field(default_factory=Timeline)
    candidate_times: Timeline = field(default_factory=Timeline)
    migrated: bool = False
    _forward: dict[tuple[str, Any], Any] = field(default_factory=dict, init=False)
    _backward: dict[tuple[str, Any], Any] = field(default_factory=dict, init=False)
    _instants: dict[int, int] = field(default_factory=dict, init=False)
    _texts: dict[Any, Any] = field(default_factory=dict, init=False)

    def copy(self) -> IdMapping:
        """Return an independent copy."""
        other = IdMapping(self.baseline_times, self.candidate_times, self.migrated)
        other._forward, other._backward = dict(self._forward), dict(self._backward)
        other._instants, other._texts = dict(self._instants), dict(self._texts)
        return other

    def map_text(self, baseline: Any, candidate: Any) -> None:
        """Declare two texts as equal: an account that has different names on the two systems."""
        self._texts[baseline] = candidate

    def same_text(self, baseline: Any, candidate: Any) -> bool:
        """Return True if two unequal texts were declared as equal."""
        return baseline in self._texts and bool(self._texts[baseline] == candidate)

    def candidate_text(self, baseline: Any) -> Any:
        """Return the candidate's text for the baseline's: the same text, unless declared otherwise."""
        return self._texts.get(baseline, baseline)

    def candidate_id(self, namespace: str, baseline: Any) -> Any:
        """Return the candidate's id for the baseline's, None if it is not known yet."""
        return self._forward.get((namespace, baseline))

    def baseline_id(self, namespace: str, candidate: Any) -> Any:
        """Return the baseline's id for the candidate's, None if it is not known yet."""
        return self._backward.get((namespace, candidate))

    def bind(self, namespace: str, baseline: Any, candidate: Any) -> str | None:
        """Pair two ids. Return the objection if one of them is already paired with another, else None."""
        if self.migrated and namespace in _MIGRATED and str(baseline) != str(candidate):
            return "is not the migrated one"
        known_partner = self._forward.setdefault((namespace, baseline), candidate)
        known_origin = self._backward.setdefault((namespace, candidate), baseline)
        if known_partner != candidate:
            return "was paired with another one before" if known_origin == baseline else "belongs to another object"
        if known_origin != baseline:
            return "is paired with two"
        return None

    def bind_instants(self, baseline: Instant, candidate: Instant) -> str | None:
        """Pair two instants, which must also be in the same steps. Return the objection, else None."""
        known_partner = self._instants.setdefault(baseline.us, candidate.us)
        if known_partner != candidate.us:
            return "was paired with another one before"
        ours, theirs = self.baseline_times.steps_of(baseline), self.candidate_times.steps_of(candidate)
        if ours and not theirs:
            return "is not the time of its step"
        if theirs and not ours:
            return "is the time of a step, and the legacy's is not"
        if ours and not ours & theirs:
            return "is the time of another step"
        if ours:
            return None
        if self.migrated:
            unit = 10 ** max(0, 6 - min(baseline.digits, candidate.digits))
            return None if abs(candidate.us - baseline.us) < unit else "is not the migrated one"
        return self._shift(baseline, candidate)

    def _shift(self, baseline: Instant, candidate: Instant) -> str | None:
        """Return an objection if two instants outside of all steps differ by a time zone offset.

        Offsets are multiples of 15 minutes (IANA time zones of today). Two systems that created the object one after
        the other are that far apart by chance once in 900 s / unit, so timestamps below millisecond precision are not
        judged.
        """
        unit = 10 ** max(0, 6 - min(baseline.digits, candidate.digits))
        apart = candidate.us - baseline.us
        quarters = round(apart / _QUARTER_US)
        if not quarters or unit > _MILLISECOND_US or abs(apart - quarters * _QUARTER_US) >= unit:
            return None
        return f"is off by {quarters * 15} minutes"
