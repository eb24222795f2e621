"""The thresholds that each load profile requires: the denominator of a load run, as manifest.toml is for the gates.

It is part of the package, because a run whose gates.toml lacks a threshold must not be GO. A limit may be changed in
gates.toml; one that is wider than here is named in the last line of the verdict. A test compares both.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.load.journey_preconditions import JourneyCause
from cutover.load.profiles import Profile
from cutover.load.thresholds import AFTER_WARM_UP, COMPARED, EACH_STEP, Threshold
from cutover.traffic.arrivals import WARM_UP


@dataclass(frozen=True)
class RequiredThreshold:
    """One required threshold: metric, phase and endpoints identify it, `limit` is the committed one."""

    metric: str
    limit: float
    profiles: tuple[str, ...]
    phase: str = AFTER_WARM_UP
    endpoints: str = "all"
    needs_network_latency: bool = False

    @property
    def text(self) -> str:
        """Return it as text, for reasons."""
        return f"{self.metric} of {self.endpoints} endpoints in the phase {self.phase!r}"


_EACH: Final = ("smoke", "baseline", "stress", "spike", "soak", "compare", "availability")
_STEADY: Final = ("smoke", "baseline", "spike", "soak")
_LONG: Final = ("baseline", "soak")
_SPIKE: Final = ("spike",)
_SWITCH: Final = ("availability",)
_STRESS: Final = ("stress",)
_COMPARE: Final = ("compare",)

REQUIRED: Final = (
    RequiredThreshold("error_rate_percent", 5, ("smoke", "spike")),
    RequiredThreshold("error_rate_percent", 1, (*_LONG, *_SWITCH)),
    RequiredThreshold("error_rate_percent", 5, _SPIKE, "spike-after"),
    RequiredThreshold("error_rate_percent", 1, _STRESS, EACH_STEP),
    RequiredThreshold("worst_endpoint_errors_percent", 50, (*_STEADY, *_COMPARE, *_SWITCH)),
    RequiredThreshold("worst_endpoint_errors_percent", 50, _STRESS, EACH_STEP),
    RequiredThreshold("wrong_bodies", 0, _EACH),
    RequiredThreshold("truncated_responses", 0, _EACH),
    RequiredThreshold("closed_while_idle_percent", 1, _EACH),
    RequiredThreshold("p95_ms", 1000, (*_STEADY, *_SWITCH)),
    RequiredThreshold("p95_ms", 1000, _SPIKE, "spike-after"),
    RequiredThreshold("p95_ms", 1000, _STRESS, EACH_STEP),
    RequiredThreshold("p95_ms", 100, _LONG, endpoints="reads", needs_network_latency=True),
    RequiredThreshold("average_ms", 200, ("smoke", "baseline"), endpoints="health"),
    RequiredThreshold(
        "connection_setup_ms", 200, ("smoke", *_LONG), endpoints="connections", needs_network_latency=True
    ),
    RequiredThreshold("stalled_percent", 3, _LONG),
    RequiredThreshold("median_growth_ms_per_s", 0.5, _LONG),
    RequiredThreshold("longest_stall_ms", 1000, _LONG),
    RequiredThreshold("longest_silence_ms", 1000, (*_LONG, *_SWITCH)),
    RequiredThreshold("p95_growth_ratio", 1.5, ("soak",)),
    RequiredThreshold("dropped", 0, _SWITCH),
    RequiredThreshold("p95_ratio", 1.1, _COMPARE, COMPARED),
    RequiredThreshold("error_rate_increase_percent", 1, _COMPARE, COMPARED),
    RequiredThreshold("share_above_old_p99_percent", 2, _COMPARE, COMPARED),
)
"""The limits come from the plan; `plan` in gates.toml names the section of each."""

CLASSES: Final[Mapping[str, frozenset[str]]] = {
    "health": frozenset({"health"}),
    "connections": frozenset({"fresh:user", "user"}),
    "reads": frozenset(
        {"user", "fresh:user", "kept:user", "list_files", "file", "download", "columns", "export", "list_filters",
         "filter", "index", "front_end"}
    ),
}  # fmt: skip
"""The endpoints that a class must contain at least, if a required threshold uses it."""


@dataclass(frozen=True)
class CommittedProfile:
    """A profile of the project's load.toml. Each pair of figures is for the full and for the short form.

    seconds: duration. rate, peak: mean after the warm-up, and highest, in arrivals/s. mix: the weights.
    """

    seconds: tuple[float, float]
    rate: tuple[float, float]
    peak: tuple[float, float]
    mix: Mapping[str, float]
    systems: tuple[str, ...] = ("worker",)
    timeout_s: float = 10.0
    any_version: bool = False


_COMMON: Final = {"list": 32, "account": 20, "download": 22, "cut": 15, "new_list": 8}
_RISING: Final = {"list": 40, "account": 25, "download": 20, "cut": 10, "new_list": 5}

COMMITTED: Final[Mapping[str, CommittedProfile]] = {
    "smoke": CommittedProfile(
        (65, 15), (10, 30), (10, 30),
        {"list": 30, "account": 20, "download": 20, "cut": 15, "new_list": 10, "large": 1.2, "fresh": 10, "health": 10,
         "login": 1.5, "register": 0.5},
    ),
    "baseline": CommittedProfile(
        (315, 20), (50, 40), (50, 40),
        {**_COMMON, "large": 0.5, "fresh": 10, "health": 10, "login": 0.8, "register": 0.2},
    ),
    "stress": CommittedProfile((315, 47), (275, 100), (500, 160), _RISING),
    "spike": CommittedProfile((190, 28), (80, 60), (200, 120), _RISING),
    "soak": CommittedProfile(
        (3630, 21), (30, 52), (30, 52),
        {**_COMMON, "large": 0.1, "fresh": 5, "health": 5, "login": 0.8, "register": 0.02},
    ),
    "compare": CommittedProfile(
        (210, 11), (60, 40), (60, 40), {"list": 40, "account": 30, "download": 20, "cut": 10},
        systems=("worker", "legacy"),
    ),
    "availability": CommittedProfile(
        (605, 11), (500, 60), (500, 60), {"fresh": 49, "kept": 49, "write": 2}, timeout_s=5, any_version=True
    ),
}  # fmt: skip
"""The committed profiles. A test compares them with load.toml."""

_SMALLER_SHARE: Final = 0.5
"""A journey with less than this part of its committed share of the arrivals is named."""


def mean_rate(profile: Profile) -> float:
    """Return the mean rate that a profile plans after the warm-up, in arrivals/s."""
    phases = [phase for shape in profile.shapes for phase in shape.phases() if phase.name != WARM_UP]
    seconds = sum(phase.seconds for phase in phases)
    return sum((phase.rate + phase.end_rate) / 2 * phase.seconds for phase in phases) / seconds if seconds else 0.0


def narrower_profile(profile: Profile) -> list[str]:
    """Return in what a profile proves less than the committed one of its name, as text for the verdict."""
    committed = COMMITTED.get(profile.name)
    return [] if committed is None else list(_narrower(profile, committed))


def _narrower(profile: Profile, committed: CommittedProfile) -> Iterator[str]:
    form = int(profile.short)
    if profile.duration_s < committed.seconds[form]:
        yield f"{profile.duration_s:g} s instead of {committed.seconds[form]:g} s"
    if (rate := mean_rate(profile)) < committed.rate[form] * (1 - 1e-9):  # sums of fractions
        yield f"{rate:g} arrivals/s instead of {committed.rate[form]:g}"
    if profile.peak < committed.peak[form]:
        yield f"at most {profile.peak:g} arrivals/s instead of {committed.peak[form]:g}"
    if absent := [name for name in committed.mix if name not in profile.journeys]:
        yield f"load.toml leaves out {', '.join(absent)}"
    mix = dict(profile.mix)
    if rarer := [name for name in profile.journeys if _share(mix, name) < _SMALLER_SHARE * _share(committed.mix, name)]:
        yield f"smaller shares of {', '.join(rarer)}"
    if profile.timeout_s > committed.timeout_s:
        yield f"timeout_s {profile.timeout_s:g} instead of {committed.timeout_s:g}"
    if profile.any_version and not committed.any_version:
        yield "any_version"


def _share(mix: Mapping[str, float], journey: str) -> float:
    return mix.get(journey, 0.0) / sum(mix.values())


def unverified_parts(profile: Profile, not_sent: Collection[str]) -> list[JourneyCause]:
    """Return the parts of a committed profile without which its verdict means nothing: they are not verified.

    Its systems, and the acknowledged writes of availability. not_sent: journeys "JOURNEY SYSTEM" that were blocked or
    that the environment lacks.
    """
    committed = COMMITTED.get(profile.name)
    if committed is None:
        return []
    causes = [
        JourneyCause(
            f"load of {system}",
            f"load.toml [{profile.name}.systems]: expected {system} among them, got {', '.join(profile.systems)}. "
            f"The run says nothing about {system}. Restore it, or give the profile another name.",
            failed=False,
        )
        for system in committed.systems
        if system not in profile.systems
    ]
    written = [system for system in profile.systems if f"write {system}" not in not_sent]
    if "write" in committed.mix and ("write" not in profile.journeys or not written):
        causes.append(
            JourneyCause(
                "acknowledged writes",
                f"{profile.name}: no journey writes, so lost writes cannot be found. Restore `write` in load.toml, or "
                "declare the operation that it needs.",
                failed=False,
            )
        )
    return causes


def required_of(profile: str) -> tuple[RequiredThreshold, ...]:
    """Return the thresholds that a profile requires. A profile of one's own requires what every profile does."""
    known = any(profile in each.profiles for each in REQUIRED)
    return tuple(each for each in REQUIRED if (profile in each.profiles if known else each.profiles == _EACH))


def missing_thresholds(profile: str, thresholds: Sequence[Threshold]) -> dict[str, str]:
    """Return each required threshold that is missing or covers less than required, with the reason."""
    missing = {}
    for required in required_of(profile):
        found = _matching(required, thresholds)
        name = f"{required.metric} {required.endpoints} {required.phase}"
        if not found:
            missing[name] = f"gates.toml has no threshold on {required.text}, which {profile} requires. Restore it."
            continue
        wanted = CLASSES.get(required.endpoints, frozenset())
        absent = min((sorted(wanted - (each.members or wanted)) for each in found), key=len)
        if absent:
            missing[name] = (
                f"gates.toml, load.classes.{required.endpoints} does not contain {', '.join(absent)}, which {profile} "
                "requires. Restore it."
            )
        elif required.needs_network_latency and not any(each.needs_network_latency for each in found):
            missing[name] = f"gates.toml: the threshold on {required.text} needs `floor = true`. Restore it."
    return missing


def wider_limits(profile: str, thresholds: Sequence[Threshold]) -> list[str]:
    """Return each required threshold whose limit is wider than the committed one, as text for the verdict."""
    wider = []
    for required in required_of(profile):
        found = _matching(required, thresholds)
        if found and (limit := min(each.limit for each in found)) > required.limit:
            wider.append(f"{required.metric} limit {limit:g} instead of {required.limit:g}")
    return wider


def _matching(required: RequiredThreshold, thresholds: Sequence[Threshold]) -> list[Threshold]:
    return [
        each
        for each in thresholds
        if (each.metric.name, each.phase, each.endpoints) == (required.metric, required.phase, required.endpoints)
    ]
