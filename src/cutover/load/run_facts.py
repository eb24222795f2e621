"""The facts of a load run that are not in the ledger: the plan, and how the run went."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cutover.load.machine_load import BusySeconds


@dataclass(frozen=True)
class RunFacts:
    """One run, over all its processes.

    phases: all phases of the profile, in order. endpoints: those that the journeys of the run send requests to;
    blocked_endpoints: those of journeys that a broken precondition blocked. not_sent: journeys "JOURNEY SYSTEM" that
    were blocked, or absent: declared to be missing, journey -> reason. rates: phase -> planned arrivals per second.
    planned: arrivals of the schedule; begun: arrivals whose first request was sent. planned_s, duration_s: planned and
    actual length. workers_planned, workers_reported: generator processes, and those whose last report arrived.
    cut_short: why the run ended early, None if it did not. broken_threshold: the threshold for which the run was ended
    on purpose (abort_after, or the first one that broke in a stress run). clock_step_s: how far the wall clock moved
    against the monotonic one. network_latency_ms: the median time of a TCP handshake, None if it was not measured.
    marks: options that make the run prove less than the profile's own form ("--short"). maintenance: from and to, the
    seconds of the run in which writes may be refused. local: the deployment is the embedded pair, on which shortened
    runs are judged. closed_while_idle: evidence of requests whose kept connection was closed before they arrived.
    machine: the seconds in which other processes kept the embedded pair waiting, None if they were not measured.
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
    broken_threshold: str | None = None
    clock_step_s: float = 0.0
    network_latency_ms: float | None = None
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
    blocked_endpoints: tuple[str, ...] = ()
    not_sent: tuple[str, ...] = ()
    absent: Mapping[str, str] = field(default_factory=dict)
    closed_while_idle: Sequence[Mapping[str, Any]] = ()
    machine: BusySeconds | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        data = dict(vars(self))
        data["broke"] = data.pop("broken_threshold")
        data["network_floor_ms"] = data.pop("network_latency_ms")
        return {
            **data,
            "phases": list(self.phases),
            "endpoints": list(self.endpoints),
            "rates": dict(self.rates),
            "marks": list(self.marks),
            "maintenance": None if self.maintenance is None else list(self.maintenance),
            "blocked_endpoints": list(self.blocked_endpoints),
            "closed_while_idle": [dict(each) for each in self.closed_while_idle],
            "machine": None if self.machine is None else asdict(self.machine),
            "not_sent": list(self.not_sent),
            "absent": dict(self.absent),
            "versions": {system: list(seen) for system, seen in self.versions.items()},
        }
