"""The thresholds of gates.toml: metric, limit, endpoints and phase, checked and matched with the plan of a run.

A threshold that nothing uses, or that matches nothing in the run, ends the run before it starts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, known_keys, number_of, read_toml, table_of, typed, whole_of
from cutover.load.compare import NEW, OLD
from cutover.load.metrics import Metric, metric_named, metric_names
from cutover.load.profiles import OWN_ENDPOINTS, known_profiles
from cutover.traffic.arrivals import WARM_UP

FILE: Final = "gates.toml"
STEP: Final = "step-"
"""Prefix of the phases of a stress run, which are evaluated one by one."""

_ALL: Final = "all"
AFTER_WARM_UP: Final = "judged"
EACH_STEP: Final = "step"
COMPARED: Final = "compared"

_KEYS: Final = {
    "name", "plan", "metric", "operator", "limit", "endpoints", "phase", "minimum", "abort_after", "floor", "profiles",
}  # fmt: skip
_OPERATORS: Final = ("<", "<=")


@dataclass(frozen=True)
class Threshold:
    """One threshold. limit: in the metric's unit; endpoints: name of a class or "all"; members: the endpoints of that
    class, None for all; minimum: requests required for a result; needs_network_latency: the key `floor` of gates.toml;
    abort_after_s: see gates.toml."""

    name: str
    plan: str
    metric: Metric
    operator: str
    limit: float
    endpoints: str
    members: frozenset[str] | None
    phase: str
    minimum: int
    abort_after_s: float | None
    needs_network_latency: bool
    profiles: tuple[str, ...]

    @property
    def condition(self) -> str:
        """Return the condition as text: "p95_ms < 100"."""
        return f"{self.metric.name} {self.operator} {self.limit:g}"

    def is_kept_by(self, value: float) -> bool:
        """Return True if a value keeps the limit. NaN keeps none."""
        return value < self.limit if self.operator == "<" else value <= self.limit

    def phases_of(self, phases: Iterable[str]) -> frozenset[str]:
        """Return the phases of a run that the threshold covers."""
        known = set(phases)
        if self.phase == AFTER_WARM_UP:
            return frozenset(known - {WARM_UP})
        if self.phase == EACH_STEP:
            return frozenset(phase for phase in known if phase.startswith(STEP))
        return frozenset(known & ({OLD, NEW} if self.phase == COMPARED else {self.phase}))

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "name": self.name, "plan": self.plan, "metric": self.metric.name, "unit": self.metric.unit,
            "operator": self.operator, "limit": self.limit, "endpoints": self.endpoints, "phase": self.phase,
            "minimum": self.minimum,
        }  # fmt: skip


def load_thresholds(project: Path) -> tuple[Threshold, ...]:
    """Return every threshold of gates.toml. Raises ConfigurationError."""
    file = project / FILE
    table = table_of(file, "load", read_toml(file).get("load", {}), {"classes", "gate"})
    endpoints = {*read_toml(project / "contracts" / "operations.toml"), *OWN_ENDPOINTS}
    classes = _classes(file, table_of(file, "load.classes", table.get("classes", {})), endpoints)
    rows = typed(file, "load.gate", table.get("gate", []), list, "a list of thresholds")
    profiles = known_profiles(project)
    thresholds = [_threshold(file, number, row, classes, profiles) for number, row in enumerate(rows, 1)]
    names = [threshold.name for threshold in thresholds]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(
                file, f"load.gate {name!r}", "two thresholds have this name", "Rename one of them."
            )
    return tuple(thresholds)


def thresholds_of(
    thresholds: Sequence[Threshold], project: Path, profile: str, phases: Sequence[str], endpoints: Iterable[str]
) -> tuple[Threshold, ...]:
    """Return the thresholds of a profile. Each of them matches something that the run plans.

    phases: the profile's; endpoints: those that it sends requests to. Raises ConfigurationError for a profile without a
    threshold, and for a threshold that matches nothing: it could not break.
    """
    file, planned = project / FILE, frozenset(endpoints)
    mine = tuple(threshold for threshold in thresholds if profile in threshold.profiles)
    if not mine:
        raise ConfigurationError(
            file, "load.gate", f"no threshold names the profile {profile!r}",
            "Add one: a run without thresholds proves nothing.",
        )  # fmt: skip
    for threshold in mine:
        key = f"load.gate {threshold.name!r}"
        if not threshold.phases_of(phases):
            known = ", ".join((AFTER_WARM_UP, *phases))
            raise ConfigurationError(
                file,
                f"{key}.phase",
                f"{threshold.phase!r} matches no phase of the profile {profile}",
                f"One of: {known}.",
            )
        if threshold.phase == COMPARED and not {OLD, NEW} <= set(phases):
            raise ConfigurationError(
                file, f"{key}.phase", f"the profile {profile} compares nothing", "Remove the profile from its profiles."
            )
        if threshold.members is not None and not threshold.members & planned:
            raise ConfigurationError(
                file,
                f"{key}.endpoints",
                f"{threshold.endpoints!r} matches no endpoint of the profile {profile}",
                f"It sends to: {', '.join(sorted(planned)) or 'none'}. Add such a journey to its mix in load.toml, or "
                "correct load.classes.",
            )
    return mine


def _classes(file: Path, table: Mapping[str, Any], endpoints: Collection[str]) -> dict[str, frozenset[str] | None]:
    classes: dict[str, frozenset[str] | None] = {_ALL: None}
    for name, members in table.items():
        key = f"load.classes.{name}"
        if name == _ALL:
            raise ConfigurationError(file, key, "this name means every endpoint", "Use another name for the class.")
        listed = typed(file, key, members, list, "a list of endpoints")
        classes[name] = frozenset(_one_of(file, key, member, sorted(endpoints)) for member in listed)
        if not listed:
            raise ConfigurationError(file, key, "the class is empty", "Name its endpoints, or remove it.")
    return classes


def _threshold(
    file: Path, number: int, row: Any, classes: Mapping[str, frozenset[str] | None], known: Sequence[str]
) -> Threshold:
    key = f"load.gate {number}"
    table = table_of(file, key, row)
    if isinstance(table.get("name"), str) and table["name"]:
        key = f"load.gate {table['name']!r}"
    known_keys(file, key, table, _KEYS)
    for needed in sorted(_KEYS - {"abort_after", "floor"}):
        if needed not in table:
            raise ConfigurationError(
                file, f"{key}.{needed}", "missing", "Add it. The comment at the top of the file explains it."
            )
    metric = metric_named(_text(file, f"{key}.metric", table["metric"]))
    if metric is None:
        raise ConfigurationError(
            file, f"{key}.metric", f"unknown metric {table['metric']!r}", f"One of: {', '.join(metric_names())}."
        )
    operator = _one_of(file, f"{key}.operator", table["operator"], _OPERATORS)
    limit = number_of(file, f"{key}.limit", table["limit"], most=metric.most)
    if limit == 0 and operator == "<":
        raise ConfigurationError(file, f"{key}.limit", "no value is below zero", 'Write operator = "<=".')
    endpoints = _one_of(file, f"{key}.endpoints", table["endpoints"], tuple(classes))
    phase = _text(file, f"{key}.phase", table["phase"])
    if metric.compares != (phase == COMPARED):
        fix = f'Write phase = "{COMPARED}".' if metric.compares else "Name another phase, or a metric that compares."
        raise ConfigurationError(file, f"{key}.phase", f"{phase!r} cannot be used with {metric.name}", fix)
    needs_network_latency = typed(file, f"{key}.floor", table.get("floor", False), bool, "true or false")
    if needs_network_latency and (not metric.is_latency or limit <= 0):
        raise ConfigurationError(file, f"{key}.floor", f"{metric.name} is no latency above zero", "Remove it.")
    profiles = [
        _one_of(file, f"{key}.profiles", name, known)
        for name in typed(file, f"{key}.profiles", table["profiles"], list, "a list of profiles")
    ]
    if not profiles:
        raise ConfigurationError(
            file, f"{key}.profiles", "the threshold has no profile", "Name one, or remove the threshold."
        )
    abort_after = table.get("abort_after")
    return Threshold(
        name=_text(file, f"{key}.name", table["name"]),
        plan=_text(file, f"{key}.plan", table["plan"]),
        metric=metric,
        operator=operator,
        limit=limit,
        endpoints=endpoints,
        members=classes[endpoints],
        phase=phase,
        minimum=_minimum(file, key, table["minimum"], metric, limit),
        abort_after_s=None if abort_after is None else number_of(file, f"{key}.abort_after", abort_after, least=1),
        needs_network_latency=needs_network_latency,
        profiles=tuple(profiles),
    )


def _minimum(file: Path, key: str, value: Any, metric: Metric, limit: float) -> int:
    minimum = whole_of(file, f"{key}.minimum", value, least=1, most=10**9)
    if minimum < (needed := metric.min_samples(limit)):
        raise ConfigurationError(
            file, f"{key}.minimum", f"{minimum} requests cannot prove {metric.name} at {limit:g}",
            f"Write {needed} or more.",
        )  # fmt: skip
    return minimum


def _text(file: Path, key: str, value: Any) -> str:
    text: str = typed(file, key, value, str, "a text")
    if not text:
        raise ConfigurationError(file, key, "empty", "Write a text.")
    return text


def _one_of(file: Path, key: str, value: Any, allowed: Sequence[str]) -> str:
    text = _text(file, key, value)
    if text not in allowed:
        raise ConfigurationError(file, key, f"unknown value {text!r}", f"One of: {', '.join(allowed)}.")
    return text
