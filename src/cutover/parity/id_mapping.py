"""What stands for what: ids, tokens and times of the two systems, one to one over a whole journey.

An id is never ignored: the candidate's must stand for the baseline's everywhere, and for nothing else.
"""

from __future__ import annotations

import datetime
import functools
import re
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

# RFC 3339, section 5.6. Digits are ASCII's.
_INSTANT: Final = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})([Tt])([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_MIGRATED: Final = ("user", "file")
"""Whose ids are the rows' own and come over as they are: contracts/migration.toml, id and file_id."""
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
_QUARTER_US: Final = 900_000_000
_MILLISECOND_US: Final = 1_000
_NO_STEP: Final[frozenset[int]] = frozenset()


class Instant(NamedTuple):
    """A time stamp: microseconds since 1970, and the form in which it was written ("6 digits, Z")."""

    us: int
    form: str
    digits: int


def read_instant(text: Any) -> Instant | None:
    """The instant of an RFC 3339 time stamp; None for what is none."""
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
    # A leap second, 60, is the next minute's first.
    us = (days * 86_400 + hours * 3600 + minutes * 60 + seconds) * 1_000_000
    digits = len(fraction)
    us += int(fraction) if digits == 6 else int(fraction.ljust(6, "0")[:6])
    if written not in ("Z", "z"):
        if written[1:3] > "23" or written[4:] > "59":
            return None
        offset = (int(written[1:3]) * 60 + int(written[4:])) * 60_000_000
        us += offset if written[0] == "-" else -offset
    return Instant(us, _form(digits, written, letter), digits)


@functools.lru_cache(maxsize=256)  # systems write few forms, and each of them often
def _form(digits: int, written: str, letter: str) -> str:
    return f"{digits} digits, {written}{'' if letter == 'T' else ', lower-case t'}"


@functools.lru_cache(maxsize=1024)  # lists hold many times of few days
def _days(date: str) -> int | None:
    """Days since 1970; None where the calendar has no such day."""
    try:
        return datetime.date(int(date[:4]), int(date[5:7]), int(date[8:])).toordinal() - _EPOCH
    except ValueError:
        return None


@dataclass
class Timeline:
    """When each step of a journey was under way, by one system's clock: (from, to) in microseconds since 1970.

    tolerance_us: how far the system's clock may be from ours, as it was measured.
    """

    tolerance_us: int = 0
    windows: list[tuple[int, int]] = field(default_factory=list)
    _first_us: float = field(default=float("inf"), init=False)

    def __post_init__(self) -> None:
        self._first_us = min((start for start, _ in self.windows), default=float("inf"))

    def add(self, window: tuple[int, int]) -> None:
        """The next step's."""
        self.windows.append(window)
        self._first_us = min(self._first_us, window[0])

    def begin_at(self, window: tuple[int, int]) -> None:
        """Forget the steps before this one: a recording's lines have nothing to do with each other."""
        self.windows = [window]
        self._first_us = window[0]

    def steps_of(self, instant: Instant) -> frozenset[int]:
        """The steps during which that instant may have been, as far as its digits tell."""
        early = instant.us - self.tolerance_us
        # An instant that was cut to fewer digits lies up to one unit later.
        late = instant.us + self.tolerance_us + (10 ** (6 - instant.digits) if instant.digits < 6 else 1)
        if late < self._first_us:
            return _NO_STEP  # most instants of a long list: made before the journey began
        return frozenset([index for index, (start, end) in enumerate(self.windows) if start <= late and early <= end])


@dataclass
class IdMapping:
    """What the two systems' ids, tokens and instants were found to stand for, so far in one journey.

    migrated: both hold the same rows, so an id stands for itself alone, and instants that no step of the journey made
    are the same, as far as their digits tell.
    """

    baseline_times: Timeline = field(default_factory=Timeline)
    candidate_times: Timeline = field(default_factory=Timeline)
    migrated: bool = False
    _forward: dict[tuple[str, Any], Any] = field(default_factory=dict, init=False)
    _backward: dict[tuple[str, Any], Any] = field(default_factory=dict, init=False)
    _instants: dict[int, int] = field(default_factory=dict, init=False)
    _texts: dict[Any, Any] = field(default_factory=dict, init=False)

    def copy(self) -> IdMapping:
        """Another one that knows the same, and may learn what this one shall not."""
        other = IdMapping(self.baseline_times, self.candidate_times, self.migrated)
        other._forward, other._backward = dict(self._forward), dict(self._backward)
        other._instants, other._texts = dict(self._instants), dict(self._texts)
        return other

    def stand_for(self, baseline: Any, candidate: Any) -> None:
        """These two texts are known to mean the same: an account that is named otherwise on either system."""
        self._texts[baseline] = candidate

    def same(self, baseline: Any, candidate: Any) -> bool:
        """Whether two unequal texts are known to mean the same."""
        return baseline in self._texts and bool(self._texts[baseline] == candidate)

    def partner_of_text(self, baseline: Any) -> Any:
        """The candidate's text for the baseline's: itself, unless they are known to be named otherwise."""
        return self._texts.get(baseline, baseline)

    def partner(self, namespace: str, baseline: Any) -> Any:
        """The candidate's id for the baseline's; None while it is not known."""
        return self._forward.get((namespace, baseline))

    def origin(self, namespace: str, candidate: Any) -> Any:
        """The baseline's id for the candidate's; None while it is not known."""
        return self._backward.get((namespace, candidate))

    def bind(self, namespace: str, baseline: Any, candidate: Any) -> str | None:
        """These two stand for each other from now on. Says what speaks against it, None when nothing does."""
        if self.migrated and namespace in _MIGRATED and str(baseline) != str(candidate):
            return "is not the one that was migrated"
        held = self._forward.setdefault((namespace, baseline), candidate)
        back = self._backward.setdefault((namespace, candidate), baseline)
        if held != candidate:
            return "stood for another one before" if back == baseline else "is that of something else"
        if back != baseline:
            return "stands for two"
        return None

    def bind_instants(self, baseline: Instant, candidate: Instant) -> str | None:
        """The same for two instants, which must also lie in the same steps of the journey."""
        held = self._instants.setdefault(baseline.us, candidate.us)
        if held != candidate.us:
            return "is not the same as before"
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
            return None if abs(candidate.us - baseline.us) < unit else "is not the one that was migrated"
        return self._shift(baseline, candidate)

    def _shift(self, baseline: Instant, candidate: Instant) -> str | None:
        """Of two instants that no step made: whether one is the other in another time zone.

        Offsets are whole quarters of an hour (IANA time zones of today). Two systems that made the thing one after
        the other are so far apart by chance once in 900 s / unit; below milliseconds that is not told.
        """
        unit = 10 ** max(0, 6 - min(baseline.digits, candidate.digits))
        apart = candidate.us - baseline.us
        quarters = round(apart / _QUARTER_US)
        if not quarters or unit > _MILLISECOND_US or abs(apart - quarters * _QUARTER_US) >= unit:
            return None
        return f"is off by {quarters * 15} minutes"
