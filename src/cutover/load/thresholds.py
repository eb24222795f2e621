"""The load gates of gates.toml: metric, limit, endpoints, phase; read, checked, and matched with what a run plans.

A limit that nothing reads, and one that matches nothing of the run, end it before it starts. Not for judging:
judgement.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, known_keys, number_of, read_toml, table_of, typed, whole_of
from cutover.load.compare import NEW, OLD
from cutover.load.metrics import Metric, metric_named, metric_names
from cutover.load.profiles import STREAMS, known_profiles
from cutover.traffic.arrivals import WARM_UP

FILE: Final = "gates.toml"
STEP: Final = "step-"
"""With this begin the phases of a stress run that are judged one by one."""

ALL: Final = "all"
JUDGED: Final = "judged"
EACH_STEP: Final = "step"
COMPARED: Final = "compared"

_KEYS: Final = {
    "name", "plan", "metric", "operator", "limit", "endpoints", "phase", "minimum", "abort_after", "floor", "profiles",
}  # fmt: skip
_OPERATORS: Final = ("<", "<=")


@dataclass(frozen=True)
class Gate:
    """One limit. limit in the metric's unit; endpoints: a class's name or "all"; members: what the class holds,
    None for all; minimum: requests below which nothing is said; abort_after_s: see gates.toml."""

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
    floor: bool
    profiles: tuple[str, ...]

    @property
    def written(self) -> str:
        """The limit as a reader says it."""
        return f"{self.metric.name} {self.operator} {self.limit:g}"

    def kept_by(self, value: float) -> bool:
        """Whether a value keeps the limit. What is no number keeps none."""
        return value < self.limit if self.operator == "<" else value <= self.limit

    def phases_of(self, phases: Iterable[str]) -> frozenset[str]:
        """Which of a run's phases the gate looks at."""
        known = set(phases)
        if self.phase == JUDGED:
            return frozenset(known - {WARM_UP})
        if self.phase == EACH_STEP:
            return frozenset(phase for phase in known if phase.startswith(STEP))
        return frozenset(known & ({OLD, NEW} if self.phase == COMPARED else {self.phase}))

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "name": self.name, "plan": self.plan, "metric": self.metric.name, "unit": self.metric.unit,
            "operator": self.operator, "limit": self.limit, "endpoints": self.endpoints, "phase": self.phase,
            "minimum": self.minimum,
        }  # fmt: skip


def load_gates(project: Path) -> tuple[Gate, ...]:
    """Every load gate of gates.toml. Raises ConfigurationError that names file, key and fix."""
    file = project / FILE
    table = table_of(file, "load", read_toml(file).get("load", {}), {"classes", "gate"})
    endpoints = {*read_toml(project / "contracts" / "operations.toml"), *(f"{stream}:user" for stream in STREAMS)}
    classes = _classes(file, table_of(file, "load.classes", table.get("classes", {})), endpoints)
    rows = typed(file, "load.gate", table.get("gate", []), list, "a list of gates")
    profiles = known_profiles(project)
    gates = [_gate(file, number, row, classes, profiles) for number, row in enumerate(rows, 1)]
    names = [gate.name for gate in gates]
    for name in names:
        if names.count(name) > 1:
            raise ConfigurationError(file, f"load.gate {name!r}", "two gates have this name", "Rename one of them.")
    return tuple(gates)


def gates_of(
    gates: Sequence[Gate], project: Path, profile: str, phases: Sequence[str], endpoints: Iterable[str]
) -> tuple[Gate, ...]:
    """The gates of a profile, each of which matches something that the run plans.

    phases: the profile's; endpoints: those that it sends requests to. Raises ConfigurationError for a profile
    without a gate, and for a gate that would look at nothing: it could not fail.
    """
    file, planned = project / FILE, frozenset(endpoints)
    mine = tuple(gate for gate in gates if profile in gate.profiles)
    if not mine:
        raise ConfigurationError(
            file, "load.gate", f"no gate names the profile {profile!r}", "A run without a limit shows nothing: add one."
        )  # fmt: skip
    for gate in mine:
        key = f"load.gate {gate.name!r}"
        if not gate.phases_of(phases):
            known = ", ".join((JUDGED, *phases))
            raise ConfigurationError(
                file, f"{key}.phase", f"{gate.phase!r} matches no phase of the profile {profile}", f"One of: {known}."
            )
        if gate.phase == COMPARED and not {OLD, NEW} <= set(phases):
            raise ConfigurationError(
                file, f"{key}.phase", f"the profile {profile} compares nothing", "Take the profile out of its profiles."
            )
        if gate.members is not None and not gate.members & planned:
            raise ConfigurationError(
                file,
                f"{key}.endpoints",
                f"{gate.endpoints!r} matches no endpoint of the profile {profile}",
                f"It sends to: {', '.join(sorted(planned)) or 'none'}. Mend load.classes or the gate's profiles.",
            )
    return mine


def _classes(file: Path, table: Mapping[str, Any], endpoints: Collection[str]) -> dict[str, frozenset[str] | None]:
    classes: dict[str, frozenset[str] | None] = {ALL: None}
    for name, members in table.items():
        key = f"load.classes.{name}"
        if name == ALL:
            raise ConfigurationError(file, key, "this name stands for every endpoint", "Name the class otherwise.")
        listed = typed(file, key, members, list, "a list of endpoints")
        classes[name] = frozenset(_one_of(file, key, member, sorted(endpoints)) for member in listed)
        if not listed:
            raise ConfigurationError(file, key, "the class is empty", "Name its endpoints, or remove it.")
    return classes


def _gate(
    file: Path, number: int, row: Any, classes: Mapping[str, frozenset[str] | None], known: Sequence[str]
) -> Gate:
    key = f"load.gate {number}"
    table = table_of(file, key, row)
    if isinstance(table.get("name"), str) and table["name"]:
        key = f"load.gate {table['name']!r}"
    known_keys(file, key, table, _KEYS)
    for needed in sorted(_KEYS - {"abort_after", "floor"}):
        if needed not in table:
            raise ConfigurationError(file, f"{key}.{needed}", "missing", "Add it; the top of the file explains it.")
    metric = metric_named(_text(file, f"{key}.metric", table["metric"]))
    if metric is None:
        raise ConfigurationError(
            file, f"{key}.metric", f"{table['metric']!r} is no metric", f"One of: {', '.join(metric_names())}."
        )
    operator = _one_of(file, f"{key}.operator", table["operator"], _OPERATORS)
    limit = number_of(file, f"{key}.limit", table["limit"])
    if limit == 0 and operator == "<":
        raise ConfigurationError(file, f"{key}.limit", "nothing is below zero", 'Write operator = "<=".')
    endpoints = _one_of(file, f"{key}.endpoints", table["endpoints"], tuple(classes))
    phase = _text(file, f"{key}.phase", table["phase"])
    if metric.compares != (phase == COMPARED):
        fix = f'Write phase = "{COMPARED}".' if metric.compares else "Name another phase, or a metric that compares."
        raise ConfigurationError(file, f"{key}.phase", f"{phase!r} does not go with {metric.name}", fix)
    floor = typed(file, f"{key}.floor", table.get("floor", False), bool, "true or false")
    if floor and (not metric.is_latency or limit <= 0):
        raise ConfigurationError(file, f"{key}.floor", f"{metric.name} has no floor", "Remove it.")
    profiles = [
        _one_of(file, f"{key}.profiles", name, known)
        for name in typed(file, f"{key}.profiles", table["profiles"], list, "a list of profiles")
    ]
    if not profiles:
        raise ConfigurationError(file, f"{key}.profiles", "no profile is judged by it", "Name one, or remove the gate.")
    abort_after = table.get("abort_after")
    return Gate(
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
        floor=floor,
        profiles=tuple(profiles),
    )


def _minimum(file: Path, key: str, value: Any, metric: Metric, limit: float) -> int:
    minimum = whole_of(file, f"{key}.minimum", value, least=1, most=10**9)
    if minimum < (least := metric.least(limit)):
        raise ConfigurationError(
            file, f"{key}.minimum", f"{minimum} requests cannot show {metric.name} at {limit:g}",
            f"Write {least} or more.",
        )  # fmt: skip
    return minimum


def _text(file: Path, key: str, value: Any) -> str:
    text: str = typed(file, key, value, str, "a text")
    if not text:
        raise ConfigurationError(file, key, "it is empty", "Fill it in.")
    return text


def _one_of(file: Path, key: str, value: Any, allowed: Sequence[str]) -> str:
    text = _text(file, key, value)
    if text not in allowed:
        raise ConfigurationError(file, key, f"{text!r} is not known", f"One of: {', '.join(allowed)}.")
    return text
