"""Accepted findings that a verdict line counts: waivers, accepted differences, known violations."""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final

from cutover.core.evidence import Record, Status
from cutover.core.requirements import Waiver, base_of
from cutover.core.verdict import GateVerdict

EXPIRES_SOON_DAYS: Final = 14
"""Days before its last day in which an acceptance is named in the verdict line: two weeks to fix it or renew it."""
WAIVER: Final = "waiver"
ACCEPTED_DIFFERENCE: Final = "accepted difference"
KNOWN_VIOLATION: Final = "known violation"
_NAMED: Final = 3


@dataclass(frozen=True)
class Acceptance:
    """One accepted finding that occurred in a run.

    kind: WAIVER, ACCEPTED_DIFFERENCE or KNOWN_VIOLATION. name: check or place in its file. expires: its last valid day
    (UTC), None if it has none.
    """

    kind: str
    name: str
    expires: datetime.date | None = None


def with_acceptances(verdict: GateVerdict, used: Iterable[Acceptance], today: datetime.date) -> GateVerdict:
    """Return the verdict with the number of acceptances that it depends on, and the names of those that expire soon.

    Waivers are not counted here: the verdict counts the waived checks itself.
    """
    found = list(dict.fromkeys(used))
    counts = Counter(each.kind for each in found if each.kind != WAIVER)
    return replace(verdict, accepted=dict(counts), expiring=_expiring(found, today))


def used_waivers(records: Iterable[Record], waivers: Iterable[Waiver]) -> list[Acceptance]:
    """Return the waivers that cover a finding of these records."""
    found = {
        (name, fingerprint)
        for record in records
        if record.status is Status.FAILED
        for name in (record.check, base_of(record.check))
        for fingerprint in (record.fingerprint, *record.findings)
    }
    return [
        Acceptance(WAIVER, f"{waiver.check} ({waiver.fingerprint})", waiver.expires)
        for waiver in waivers
        if (waiver.check, waiver.fingerprint) in found
    ]


def _expiring(found: Iterable[Acceptance], today: datetime.date) -> tuple[str, ...]:
    """Return the acceptances that expire soon, first those with the fewest days."""
    soon = [
        (each.expires, f"{each.kind} {each.name}")
        for each in found
        if each.expires is not None and (each.expires - today).days <= EXPIRES_SOON_DAYS
    ]
    lines = [f"{name} on {day}" for day, name in sorted(soon)]
    more = [f"{len(lines) - _NAMED} more"] if len(lines) > _NAMED else []
    return (*lines[:_NAMED], *more)
