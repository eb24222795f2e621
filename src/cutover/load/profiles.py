"""The load profiles of load.toml, and the check of a profile against the caps of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutover.config.environments import Environment
from cutover.config.operations import SYSTEMS
from cutover.config.validation import ConfigurationError, number_of, read_toml, table_of, typed, whole_of
from cutover.core.safety import SafetyLevel
from cutover.traffic.arrivals import SHAPES, Schedule, Shape, generate_schedule

FILE: Final = "load.toml"
PROFILES: Final = ("smoke", "baseline", "stress", "spike", "soak", "compare", "availability")
JOURNEYS: Final = (
    "list", "account", "download", "cut", "login", "register", "health", "new_list", "large", "fresh", "kept", "write",
)  # fmt: skip
OWN_ENDPOINTS: Final = ("fresh:user", "kept:user", "large:upload", "large:download")
"""Endpoints that the ledger lists under the name of their journey and that of their operation."""

REQUESTS: Final = {"new_list": 2, "large": 3}
"""Requests of an arrival, if it is not one."""

_KEYS: Final = {
    "description", "phases", "short", "mix", "systems", "accounts", "timeout_s", "any_version",
}  # fmt: skip
_SHAPE_KEYS: Final = {"name", "shape", "seconds", "rate", "to_rate", "steps"}


@dataclass(frozen=True)
class Profile:
    """One profile, in its full or its short form. timeout_s in seconds."""

    name: str
    description: str
    shapes: tuple[Shape, ...]
    mix: tuple[tuple[str, float], ...]
    systems: tuple[str, ...]
    accounts: int
    timeout_s: float
    any_version: bool
    short: bool

    @property
    def peak(self) -> float:
        """Return the highest rate of arrivals per second."""
        return max(shape.peak for shape in self.shapes)

    @property
    def duration_s(self) -> float:
        """Return the planned duration in s."""
        return sum(shape.seconds for shape in self.shapes)

    @property
    def journeys(self) -> tuple[str, ...]:
        """Return the journeys with a weight."""
        return tuple(name for name, weight in self.mix if weight)

    @property
    def needs_accounts(self) -> bool:
        """Return True if any journey needs an account."""
        return any(name != "health" for name, _ in self.mix)

    @property
    def writes(self) -> bool:
        """Return True if any journey changes data of a system."""
        return self.needs_accounts

    @property
    def rates(self) -> dict[str, float]:
        """Return the mean rate of each phase in arrivals/s."""
        return {phase.name: (phase.rate + phase.end_rate) / 2 for shape in self.shapes for phase in shape.phases()}

    def schedule(self, seed: int) -> Schedule:
        """Return the schedule of a run with that seed; its journeys are named "JOURNEY SYSTEM"."""
        return generate_schedule(self.shapes, self.mix, seed, sides=self.systems)


def load_profile(project: Path, name: str, *, short: bool) -> Profile:
    """Return the profile of that name. Raises ConfigurationError."""
    file = project / FILE
    tables = read_toml(file)
    if name not in tables:
        raise ConfigurationError(file, "", f"no profile {name!r}", f"One of: {', '.join(tables)}.")
    row = table_of(file, name, tables[name], _KEYS)
    key = "short" if short else "phases"
    shapes = _shapes(file, f"{name}.{key}", row.get(key))
    mix = table_of(file, f"{name}.mix", row.get("mix"), set(JOURNEYS))
    weights = tuple((kind, number_of(file, f"{name}.mix.{kind}", weight, most=1e6)) for kind, weight in mix.items())
    if not sum(weight for _, weight in weights) > 0:
        raise ConfigurationError(
            file, f"{name}.mix", "no journey has a weight above zero", "Give at least one a weight."
        )
    systems = typed(file, f"{name}.systems", row.get("systems", ["worker"]), list, "a list of systems")
    if not systems or not all(system in SYSTEMS and systems.count(system) == 1 for system in systems):
        raise ConfigurationError(
            file, f"{name}.systems", f"got {systems!r}", f"Name one or both of {', '.join(SYSTEMS)}."
        )
    return Profile(
        name=name,
        description=typed(file, f"{name}.description", row.get("description", ""), str, "a text"),
        shapes=shapes,
        mix=weights,
        systems=tuple(systems),
        accounts=whole_of(file, f"{name}.accounts", row.get("accounts", 4), least=1, most=1000),
        timeout_s=number_of(file, f"{name}.timeout_s", row.get("timeout_s", 10), least=0.1, most=600),
        any_version=typed(file, f"{name}.any_version", row.get("any_version", False), bool, "true or false"),
        short=short,
    )


def known_profiles(project: Path) -> tuple[str, ...]:
    """Return the names of the suite's own profiles and of further ones in load.toml. Raises ConfigurationError."""
    return tuple(dict.fromkeys([*PROFILES, *read_toml(project / FILE)]))


def _shapes(file: Path, key: str, value: object) -> tuple[Shape, ...]:
    shapes: list[Shape] = []
    for number, row in enumerate(typed(file, key, value, list, "a list of phases"), 1):
        where = f"{key} {number}"
        table = table_of(file, where, row, _SHAPE_KEYS)
        shape = typed(file, f"{where}.shape", table.get("shape"), str, "a shape")
        if shape not in SHAPES:
            raise ConfigurationError(
                file, f"{where}.shape", f"unknown shape {shape!r}", f"One of: {', '.join(SHAPES)}."
            )
        rising = shape in ("ramp", "step", "spike")
        rate = number_of(file, f"{where}.rate", table.get("rate"), least=0 if rising else 0.001, most=1e5)
        if ("to_rate" in table) != rising:
            problem = "missing" if rising else f"not allowed for a {shape} shape"
            raise ConfigurationError(file, f"{where}.to_rate", problem, "Correct the phase.")
        shapes.append(
            Shape(
                typed(file, f"{where}.name", table.get("name"), str, "a text"),
                shape,
                number_of(file, f"{where}.seconds", table.get("seconds"), least=0.1, most=86_400),
                rate,
                number_of(file, f"{where}.to_rate", table.get("to_rate", 0), least=0.001 if rising else 0, most=1e5),
                whole_of(file, f"{where}.steps", table.get("steps", 1), least=1, most=100),
            )
        )
    names = [phase.name for shape in shapes for phase in shape.phases()]
    if len(set(names)) < len(names) or not names:
        raise ConfigurationError(
            file, key, f"got the phases {names}", "Use at least one phase, each with a unique name."
        )
    return tuple(shapes)


def check_caps(
    project: Path, environment: Environment, profile: Profile, plan: Schedule, *, confirmed: str | None
) -> None:
    """Raise ConfigurationError if the environment's caps do not allow this run. Nothing has been sent yet.

    confirmed: the value of --load-on.
    """
    file, name, caps = project / "environments.toml", environment.name, environment.load
    key = f"{name}.load"
    if caps is None:
        raise ConfigurationError(
            file,
            key,
            "missing: an environment without caps gets no load",
            "Add rate, seconds, accounts, connections and bytes.",
        )
    if not caps.unattended and confirmed != name:
        raise ConfigurationError(
            file,
            f"{key}.unattended",
            f"false: load on {name} must be confirmed",
            f"Add --load-on {name} to --env {name}.",
        )
    for system in profile.systems:
        if system not in environment.systems:
            raise ConfigurationError(
                file, f"{name}.{system}", f"absent: {environment.absent[system]}", f"{profile.name} needs it."
            )
    if profile.writes and environment.safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(
            file,
            f"{name}.safety",
            f"{environment.safety.label}, but {profile.name} creates accounts and lists",
            "Use an environment that allows test data.",
        )
    if profile.needs_accounts and "registration" in environment.absent:
        raise ConfigurationError(
            file,
            f"{name}.absent.registration",
            f"{profile.name} registers accounts, but this environment has no registration",
            "Use another environment.",
        )
    for cap, asked, granted, unit in (
        ("rate", profile.peak, caps.rate, "arrivals/s"),
        ("seconds", profile.duration_s, caps.seconds, "s"),
        ("accounts", _accounts(profile, plan), caps.accounts, "accounts"),
    ):
        if asked > granted:
            raise ConfigurationError(
                file,
                f"{key}.{cap}",
                f"{profile.name} needs {asked:g} {unit}, the cap is {granted:g}",
                "Lower the profile in load.toml, or raise the cap.",
            )
    check_request_budget(file, environment, profile, plan)


def _accounts(profile: Profile, plan: Schedule) -> int:
    """Return the number of accounts on a system: created before the run, and registered by arrivals."""
    registered = max((plan.count(f"register {system}") for system in profile.systems), default=0)
    return profile.accounts + registered if profile.needs_accounts else 0


def check_request_budget(file: Path, environment: Environment, profile: Profile, plan: Schedule) -> None:
    """Raise ConfigurationError if the run exceeds the request budget: the rate limiter would then answer it."""
    if environment.poses_as_clients or "limiter_bypass" in environment.secrets:
        return
    requests = max(REQUESTS.get(name, 1) for name in profile.journeys)
    budget = environment.budget
    peak = plan.max_in_window(budget.window_s) * requests
    if peak > budget.requests:
        raise ConfigurationError(
            file,
            f"{environment.name}.budget",
            f"{profile.name} sends up to {peak} requests in {budget.window_s:g} s, the request budget is "
            f"{budget.requests}: the rate limiter would answer",
            "Set secrets.limiter_bypass, or lower the profile in load.toml.",
        )


def processes_needed(profile: Profile, clean_rate: float) -> int:
    """Return the number of processes that send the profile's peak without being late.

    clean_rate: requests per second of one process (calibration.py).
    """
    return max(1, int(-(-profile.peak // clean_rate)))


def describe_plan(profile: Profile, plan: Schedule) -> str:
    """Return the plan in one line, printed before anything is sent."""
    mix = ", ".join(f"{plan.count(name)} {name}" for name in plan.journeys if plan.count(name))
    return f"{profile.name}: {len(plan)} arrivals in {profile.duration_s:g} s, at most {profile.peak:g}/s: {mix}"
