"""The findings of a reconciliation: exact counts of all, and samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SAMPLES: Final = 5
"""Findings of each place and kind that are kept with their values. All are counted."""


class Part(StrEnum):
    """A part of a reconciliation."""

    SCHEMA = "schema"
    ROWS = "rows"
    KEYS = "keys"
    OWN = "own tables"
    OBJECTS = "objects"
    LOGINS = "logins"


class Kind(StrEnum):
    """A kind of finding. Source and target are those of the direction of the reconciliation."""

    MISSING = "missing"
    EXTRA = "extra"
    CHANGED = "changed"
    DUPLICATED = "duplicated"
    STORAGE_CLASS = "storage class"
    NOT_CARRIED = "not carried"
    ORPHAN = "orphan"
    BROKEN_REFERENCE = "broken reference"
    COLLISION = "collision"
    SEQUENCE = "sequence behind"
    UNMAPPED = "unmapped"
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference from the mapping.

    table: of the target, or of the source if the target has none; key: of the row or object, as text; column: of the
    target, None for a whole row or object. expected, got: values as JSON text (None: there is none), not masked:
    masking.py masks them for reports.
    """

    part: Part
    table: str
    kind: Kind
    key: str
    column: str | None = None
    expected: str | None = None
    got: str | None = None
    note: str = ""

    @property
    def place(self) -> tuple[Part, str, str | None, Kind]:
        """Return part, table, column and kind: findings with the same place are counted together."""
        return (self.part, self.table, self.column, self.kind)


@dataclass
class Findings:
    """Counts of all findings by place, and the first ones of each place.

    sink: receives every finding (differences_file.py). keep: number of findings of each place kept with their values.
    """

    sink: Callable[[Finding], None] | None = None
    keep: int = SAMPLES
    counts: dict[tuple[Part, str, str | None, Kind], int] = field(default_factory=dict)
    samples: dict[tuple[Part, str, str | None, Kind], list[Finding]] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Count a finding, and keep it if it is among the first of its place."""
        place = finding.place
        self.counts[place] = self.counts.get(place, 0) + 1
        kept = self.samples.setdefault(place, [])
        if len(kept) < self.keep:
            kept.append(finding)
        if self.sink is not None:
            self.sink(finding)

    @property
    def total(self) -> int:
        """Return the number of all findings."""
        return sum(self.counts.values())

    def of(self, part: Part) -> Iterator[tuple[tuple[Part, str, str | None, Kind], int]]:
        """Return the places of one part with their counts, ordered by their first finding."""
        return ((place, count) for place, count in self.counts.items() if place[0] is part)
