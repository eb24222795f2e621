"""What a reconciliation found: exact counts of everything, and samples of some of it.

Not for finding, and not for deciding: the gate's checks do that.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

SAMPLES: Final = 5
"""So many findings of each place and kind are kept with their values; all of them are counted."""


class Part(StrEnum):
    """What was reconciled."""

    SCHEMA = "schema"
    ROWS = "rows"
    KEYS = "keys"
    OBJECTS = "objects"
    LOGINS = "logins"


class Kind(StrEnum):
    """What is wrong, in the field's terms. Sides are source and target of the direction that was proven."""

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
    """One thing that is not as the mapping says.

    table: of the target, or of the source where the target has none; key: of the row or object, as text; column:
    the target's, None when the whole row or object is meant. expected, got: values as JSON text (None: there is
    none), in the clear; whoever shows them masks them.
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
        """Part, table, column and kind: what is counted together."""
        return (self.part, self.table, self.column, self.kind)


@dataclass
class Findings:
    """Counts of all findings by place, the first of each, and whatever wants to see every one (the CSV for repair).

    keep: so many of each place and kind with their values.
    """

    sink: Callable[[Finding], None] | None = None
    keep: int = SAMPLES
    counts: dict[tuple[Part, str, str | None, Kind], int] = field(default_factory=dict)
    samples: dict[tuple[Part, str, str | None, Kind], list[Finding]] = field(default_factory=dict)

    def add(self, finding: Finding) -> None:
        """Count it, and keep it if it is among the first of its place."""
        place = finding.place
        self.counts[place] = self.counts.get(place, 0) + 1
        kept = self.samples.setdefault(place, [])
        if len(kept) < self.keep:
            kept.append(finding)
        if self.sink is not None:
            self.sink(finding)

    @property
    def total(self) -> int:
        """How many findings in all."""
        return sum(self.counts.values())

    def of(self, part: Part) -> Iterator[tuple[tuple[Part, str, str | None, Kind], int]]:
        """Places of one part and their counts, in the order in which they were first found."""
        return ((place, count) for place, count in self.counts.items() if place[0] is part)
