"""What a check did and measured while it ran: exchanges, measurements, notes. Written by the clients.

Not for what follows from it: evidence.py turns it into a record, verdict.py decides.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Exchange:
    """One request and its answer. Times in milliseconds; path without its query."""

    request_id: str
    system: str
    operation: str
    method: str
    path: str
    status: int | None
    ms: float
    version: str | None = None
    connect_retries: int = 0
    error: str | None = None


@dataclass(frozen=True)
class Measurement:
    """One figure against its limit, with the size of the sample that it rests on."""

    name: str
    value: float | int | str | None
    limit: str
    sample: int = 1


@dataclass
class Recorder:
    """The open pages of the check that is running. One a process."""

    exchanges: list[Exchange] = field(default_factory=list)
    measurements: list[Measurement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    could_not_detect: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    unshown: str = ""  # why a check that found something is also not whole: what it did not come to
    attachments: dict[str, Any] = field(default_factory=dict)
    rate_limited: int = 0
    paced_s: float = 0.0

    def measure(self, name: str, value: float | str | None, limit: str, *, sample: int = 1) -> None:
        """Write down what was measured against which limit."""
        self.measurements.append(Measurement(name, value, limit, sample))

    def note_undetectable(self, what: str) -> None:
        """Write down what this check cannot detect here."""
        if what not in self.could_not_detect:
            self.could_not_detect.append(what)

    def page(self) -> dict[str, Any]:
        """All of it as plain JSON data; the pages are blank afterwards."""
        page = {
            "exchanges": [dict(vars(exchange)) for exchange in self.exchanges],
            "measured": [dict(vars(measurement)) for measurement in self.measurements],
            "notes": self.notes,
            "could_not_detect": self.could_not_detect,
            "leftovers": self.leftovers,
            "unshown": self.unshown,
            "attachments": self.attachments,
            "rate_limited": self.rate_limited,
            "paced_s": round(self.paced_s, 3),
        }
        self.__dict__.update(vars(Recorder()))  # every list anew, none forgotten
        return page
