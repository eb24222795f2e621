"""The thresholds that each load profile requires: the denominator of a load run, as manifest.toml is for the gates.

It is part of the package, because a run whose gates.toml lacks a threshold must not be GO. A limit may be changed in
gates.toml; one that is wider than here is named in the last line of the verdict. A test compares both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cutover.load.profiles import Profile
from cutover.load.thresholds import AFTER_WARM_UP, COMPARED, EACH_STEP, Threshold


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

COMMITTED: Final[Mapping[str, tuple[float, float, str]]] = {
    "smoke": (65, 15, "list account download cut new_list large fresh health login register"),
    "baseline": (315, 20, "list account download cut new_list large fresh health login register"),
    "stress": (315, 47, "list account download cut new_list"),
    "spike": (190, 28, "list account download cut new_list"),
    "soak": (3630, 21, "list account download cut new_list large fresh health login register"),
    "compare": (210, 11, "list account download cut"),
    "availability": (605, 11, "fresh kept write"),
}
"""The committed profiles of load.toml: seconds, seconds of the short form, journeys."""


def narrower_profile(profile: Profile) -> list[str]:
    """Return in what a profile proves less than the committed one of its name, as text for the verdict."""
    if profile.name not in COMMITTED:
        return []
    long, short, journeys = COMMITTED[profile.name]
    seconds = short if profile.short else long
    absent = [name for name in journeys.split() if name not in profile.journeys]
    switched = profile.name == "availability"
    timeout_s = 5.0 if switched else 10.0
    return [
        *([f"{profile.duration_s:g} s instead of {seconds:g} s"] if profile.duration_s < seconds else []),
        *([f"load.toml leaves out {', '.join(absent)}"] if absent else []),
        *([f"timeout_s {profile.timeout_s:g} instead of {timeout_s:g}"] if profile.timeout_s > timeout_s else []),
        *(["any_version"] if profile.any_version and not switched else []),
    ]


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
