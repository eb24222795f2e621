"""What a load run was meant to do and did, as far as the ledger does not say: for its judgement and its report.

Not for deciding anything: validity.py, judgement.py.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class RunFacts:
    """One run, over all its processes.

    phases, endpoints: all that the profile plans, phases in order. rates: phase -> arrivals a second that it plans.
    planned: arrivals of the schedule; begun: those of which the first request was sent. planned_s, duration_s: as
    planned, as it was. workers_planned, workers_reported: generating processes, and those whose last sums arrived.
    cut_short: why the run ended early, None when it did not. broke: the gate for which it was ended on purpose
    (abort_after, or the first limit of a stress run). clock_step_s: how far the wall clock moved against the monotonic
    one. network_floor_ms: the median time of a bare round trip, None when it was not measured. marks: why the run
    shows less than the profile's own form ("--short"), whatever its figures. maintenance: the
    seconds of the run, from and to, in which writes might be refused. local: the deployment is the suite's own pair,
    on which shortened runs are judged.
    """

    profile: str
    environment: str
    run: str
    phases: tuple[str, ...]
    endpoints: tuple[str, ...]
    planned: int
    begun: int
    planned_s: float
    duration_s: float
    workers_planned: int = 1
    workers_reported: int = 1
    cut_short: str | None = None
    broke: str | None = None
    clock_step_s: float = 0.0
    network_floor_ms: float | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    marks: tuple[str, ...] = ()
    local: bool = False
    seed: int | None = None
    nonce: str | None = None
    started: float = 0.0
    url: str = ""
    versions: Mapping[str, Sequence[str]] = field(default_factory=dict)
    clock: str = ""
    planted: str | None = None
    maintenance: tuple[float, float] | None = None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            **vars(self),
            "phases": list(self.phases),
            "endpoints": list(self.endpoints),
            "rates": dict(self.rates),
            "marks": list(self.marks),
            "maintenance": None if self.maintenance is None else list(self.maintenance),
            "versions": {system: list(told) for system, told in self.versions.items()},
        }
