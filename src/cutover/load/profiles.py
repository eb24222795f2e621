"""The load profiles of load.toml, and whether an environment grants what one of them asks for.

Not for drawing the arrivals: schedule.py; nor for what must hold: gates.toml.
"""

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
    "list", "account", "download", "cut", "login", "register", "health", "new_list", "fresh", "kept", "write",
)  # fmt: skip
STREAMS: Final = ("fresh", "kept")
"""Journeys that stand in the ledger under their own name and that of their operation, "fresh:user"."""

_KEYS: Final = {
    "description", "phases", "short", "mix", "systems", "accounts", "timeout_s", "any_version",
}  # fmt: skip
_SHAPE_KEYS: Final = {"name", "shape", "seconds", "rate", "to_rate", "steps"}


@dataclass(frozen=True)
class Profile:
    """One profile, whole or shortened. timeout_s in seconds."""

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
        """The highest rate of arrivals a second."""
        return max(shape.peak for shape in self.shapes)

    @property
    def duration_s(self) -> float:
        """How long arrivals are planned for, in s."""
        return sum(shape.seconds for shape in self.shapes)

    @property
    def needs_accounts(self) -> bool:
        """Whether any journey is a user's."""
        return any(name != "health" for name, _ in self.mix)

    @property
    def writes(self) -> bool:
        """Whether any journey changes what a system holds."""
        return self.needs_accounts

    def draw(self, seed: int) -> Schedule:
        """All arrivals of a run with that seed; its journeys are named "JOURNEY SYSTEM"."""
        return generate_schedule(self.shapes, self.mix, seed, sides=self.systems)


def load_profile(project: Path, name: str, *, short: bool) -> Profile:
    """The profile of that name. Raises ConfigurationError."""
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
        raise ConfigurationError(file, f"{name}.mix", "no journey has a weight", "Give at least one.")
    systems = typed(file, f"{name}.systems", row.get("systems", ["worker"]), list, "a list of systems")
    if not systems or not all(system in SYSTEMS and systems.count(system) == 1 for system in systems):
        raise ConfigurationError(file, f"{name}.systems", f"{systems!r}", f"Name one or both of {', '.join(SYSTEMS)}.")
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
    """The suite's own, and those that load.toml has beside them. Raises ConfigurationError."""
    return tuple(dict.fromkeys([*PROFILES, *read_toml(project / FILE)]))


def _shapes(file: Path, key: str, value: object) -> tuple[Shape, ...]:
    shapes: list[Shape] = []
    for number, row in enumerate(typed(file, key, value, list, "a list of phases"), 1):
        where = f"{key} {number}"
        table = table_of(file, where, row, _SHAPE_KEYS)
        shape = typed(file, f"{where}.shape", table.get("shape"), str, "a shape")
        if shape not in SHAPES:
            raise ConfigurationError(file, f"{where}.shape", f"{shape!r} is no shape", f"One of: {', '.join(SHAPES)}.")
        rising = shape in ("ramp", "step", "spike")
        rate = number_of(file, f"{where}.rate", table.get("rate"), least=0 if rising else 0.001, most=1e5)
        if ("to_rate" in table) != rising:
            word = "missing" if rising else f"a {shape} shape has none"
            raise ConfigurationError(file, f"{where}.to_rate", word, "Mend the phase.")
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
    names = [part.name for shape in shapes for part in shape.phases()]
    if len(set(names)) < len(names) or not names:
        raise ConfigurationError(file, key, f"phases {names}", "Name each phase once, and at least one.")
    return tuple(shapes)


def refuse_what_does_not_fit(
    project: Path, environment: Environment, profile: Profile, plan: Schedule, *, meant: str | None
) -> None:
    """Raise ConfigurationError when the environment's caps do not grant this run. Nothing has been sent.

    meant: what --load-on says.
    """
    file, name, caps = project / "environments.toml", environment.name, environment.load
    key = f"{name}.load"
    if caps is None:
        raise ConfigurationError(
            file, key, "missing: without caps there is no load", "Name rate, seconds, accounts, connections and bytes."
        )
    if not caps.unattended and meant != name:
        raise ConfigurationError(
            file,
            f"{key}.unattended",
            f"false: load on {name} is meant only when it is said twice",
            f"Say --load-on {name} beside --env {name}.",
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
            f"{environment.safety.label}, and {profile.name} makes accounts and lists",
            "Use an environment that may be written to.",
        )
    if profile.needs_accounts and "registration" in environment.absent:
        raise ConfigurationError(
            file,
            f"{name}.absent.registration",
            f"{profile.name} makes accounts of its own, and nobody may register here",
            "Use another environment.",
        )
    for what, asked, granted, unit in (
        ("rate", profile.peak, caps.rate, "arrivals/s"),
        ("seconds", profile.duration_s, caps.seconds, "s"),
        ("accounts", _accounts(profile, plan), caps.accounts, "accounts"),
    ):
        if asked > granted:
            raise ConfigurationError(
                file,
                f"{key}.{what}",
                f"{profile.name} asks for {asked:g} {unit}, {granted:g} are granted",
                "Lower the profile in load.toml, or raise the cap.",
            )
    refuse_what_the_limiter_would(file, environment, profile, plan)


def _accounts(profile: Profile, plan: Schedule) -> int:
    """How many accounts a system gets: those that arrivals take turns with, and those that arrivals register."""
    made = max((plan.count(f"register {system}") for system in profile.systems), default=0)
    return profile.accounts + made if profile.needs_accounts else 0


def refuse_what_the_limiter_would(file: Path, environment: Environment, profile: Profile, plan: Schedule) -> None:
    """Raise ConfigurationError when the run's own rate would meet the limiter: its figures would be the limiter's."""
    if environment.poses_as_clients or "limiter_bypass" in environment.secrets:
        return
    # Each arrival is one request, but for new_list, which is two.
    requests = 1 + (dict(profile.mix).get("new_list", 0) > 0)
    budget = environment.budget
    most = plan.max_in_window(budget.window_s) * requests
    if most > budget.requests:
        raise ConfigurationError(
            file,
            f"{environment.name}.budget",
            f"{profile.name} sends up to {most} requests in {budget.window_s:g} s, {budget.requests} are granted: the "
            "limiter would answer",
            "Name secrets.limiter_bypass, or lower the profile in load.toml.",
        )


def processes_needed(profile: Profile, clean_rate: float) -> int:
    """How many processes send the profile's peak without lagging. clean_rate: requests/s of one (calibration.py)."""
    return max(1, int(-(-profile.peak // clean_rate)))


def as_words(profile: Profile, plan: Schedule) -> str:
    """The plan in one line, said before anything is sent."""
    mix = ", ".join(f"{plan.count(name)} {name}" for name in plan.journeys if plan.count(name))
    return f"{profile.name}: {len(plan)} arrivals in {profile.duration_s:g} s, at most {profile.peak:g}/s: {mix}"
