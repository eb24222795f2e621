"""Records of one check while it runs: exchanges, measurements and notes. The clients write them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class Exchange:
    """One request and its response. Times in milliseconds; path without its query."""

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
    """One figure with its limit and the size of its sample."""

    name: str
    value: float | int | str | None
    limit: str
    sample: int = 1


@dataclass
class Observations:
    """Everything that one check observed.

    could_not_detect: faults that the check cannot detect in this environment. leftovers: test data that was not
    removed. warnings: what does not fail the check and needs an action soon; the verdict counts and shows them.
    not_judged: house rules that the profile of the environment leaves out of the check. incomplete: why a
    check that found something did not finish, "" if it did. attachments: plain data of a feature, by name.
    rule: the rule of core/rule_table.py that the check judges, or that its finding breaks; "" if it names none.
    rate_limited: responses with 429. paced_s: seconds spent waiting for the request budget.
    """

    exchanges: list[Exchange] = field(default_factory=list)
    measured: list[Measurement] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    could_not_detect: list[str] = field(default_factory=list)
    leftovers: list[str] = field(default_factory=list)
    incomplete: str = ""
    not_judged: list[str] = field(default_factory=list)
    rule: str = ""
    attachments: dict[str, Any] = field(default_factory=dict)
    rate_limited: int = 0
    paced_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {**asdict(self), "paced_s": round(self.paced_s, 3)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the observations that `as_json` gave."""
        rows = {
            "exchanges": [Exchange(**row) for row in data.get("exchanges", ())],
            "measured": [Measurement(**row) for row in data.get("measured", ())],
        }
        return cls(**{**data, **rows})


@dataclass
class Recorder(Observations):
    """The observations of the check that is running. Each process has one recorder."""

    def measure(self, name: str, value: float | str | None, limit: str, *, sample: int = 1) -> None:
        """Record a measured value with its limit."""
        self.measured.append(Measurement(name, value, limit, sample))

    def warn(self, text: str) -> None:
        """Record a warning: it does not fail the check, and the verdict counts and shows it."""
        if text not in self.warnings:
            self.warnings.append(text)

    def note_undetectable(self, text: str) -> None:
        """Record a fault that this check cannot detect here."""
        if text not in self.could_not_detect:
            self.could_not_detect.append(text)

    def take(self) -> Observations:
        """Return all observations and start again with none."""
        taken = Observations(**vars(self))
        self.__dict__.update(vars(Recorder()))
        return taken
