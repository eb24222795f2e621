"""JourneyPreconditions of journeys: an account, a session, a list. A broken one blocks the journeys that need it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from cutover.config.operations import Operation
from cutover.core.errors import CheckFailed, NotVerified

ACCOUNT: Final = "account"  # a registered account
SESSION: Final = "session"  # its access token
LIST: Final = "list"  # a list that it uploaded
DOWNLOAD: Final = "download"  # the list is returned byte by byte
EXPORT: Final = "export"  # the export of its columns is the expected one

NEEDS: Final[Mapping[str, tuple[str, ...]]] = {
    "list": (ACCOUNT, SESSION, LIST), "account": (ACCOUNT, SESSION),
    "download": (ACCOUNT, SESSION, LIST, DOWNLOAD), "cut": (ACCOUNT, SESSION, LIST, EXPORT),
    "login": (ACCOUNT,), "register": (ACCOUNT,), "health": (), "new_list": (ACCOUNT, SESSION, LIST),
    "large": (ACCOUNT, SESSION, LIST), "fresh": (ACCOUNT, SESSION), "kept": (ACCOUNT, SESSION),
    "write": (ACCOUNT, SESSION, LIST),
}  # fmt: skip
"""The preconditions of each journey, in the order in which they are prepared."""

OPERATIONS: Final[Mapping[str, tuple[str, ...]]] = {
    "list": ("list_files",), "account": ("user",), "download": ("download",), "cut": ("export",), "login": ("login",),
    "register": ("register",), "health": ("health",), "new_list": ("upload", "delete"),
    "large": ("upload", "download", "delete"), "fresh": ("user",),
    "kept": ("user",), "write": ("upload",),
}  # fmt: skip
"""The operations of each journey."""

_GIVE_UP: Final = 2
"""A precondition that failed this often and never succeeded is not tried again."""

_Result = TypeVar("_Result")


@dataclass(frozen=True)
class JourneyCause:
    """A broken precondition of one system, or what its preparation found on the way.

    failed: True for a finding (NO-GO), False if it could not be verified. journeys: names "JOURNEY SYSTEM" that it
    blocks; none if the preparation found another way.
    """

    name: str
    reason: str
    failed: bool
    journeys: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """Return the finding with the journeys that it blocks."""
        if not self.journeys:
            return self.reason
        return f"{self.reason}\n  blocks    {len(self.journeys)} journeys, not sent: {', '.join(self.journeys)}"


class JourneyPreconditions:
    """The preconditions of one system, as far as the preparation has tried them."""

    def __init__(self, system: str) -> None:
        self._system = system
        self._passed: dict[str, int] = {}
        self._failures: dict[str, list[CheckFailed | NotVerified]] = {}

    def attempt(self, name: str, step: Callable[[], _Result]) -> _Result | None:
        """Return the result of a step, None if it failed or is not tried any more. Other errors are raised."""
        if self.given_up(name):
            return None
        try:
            result = step()
        except (CheckFailed, NotVerified) as error:
            self.note(name, error)
            return None
        self._passed[name] = self._passed.get(name, 0) + 1
        return result

    def note(self, name: str, error: CheckFailed | NotVerified) -> None:
        """Keep a failure."""
        self._failures.setdefault(name, []).append(error)

    def given_up(self, name: str) -> bool:
        """Return True if the precondition failed _GIVE_UP times and never succeeded."""
        return not self._passed.get(name) and len(self._failures.get(name, ())) >= _GIVE_UP

    def is_broken(self, name: str) -> bool:
        """Return True if the precondition was tried and never succeeded."""
        return name in self._failures and not self._passed.get(name)

    def causes(self, journeys: Iterable[str]) -> list[JourneyCause]:
        """Return one cause per precondition that failed. Each journey is blocked by the first one that it needs."""
        wanted, causes = list(journeys), []
        for name, failures in self._failures.items():
            error, tries = failures[0], len(failures) + self._passed.get(name, 0)
            blocked: list[str] = []
            if self.is_broken(name):
                blocked = [journey for journey in wanted if name in NEEDS.get(journey, ())]
                wanted = [journey for journey in wanted if journey not in blocked]
            times = f" ({len(failures)} of {tries} tries failed)" if tries > 1 else ""
            causes.append(
                JourneyCause(
                    f"preparation: {name}",
                    f"preparation of {self._system}, {name}{times}: {error}",
                    isinstance(error, CheckFailed),
                    tuple(f"{journey} {self._system}" for journey in blocked),
                )
            )
        return causes


def needed_by(journeys: Collection[str]) -> frozenset[str]:
    """Return the preconditions that these journeys need."""
    return frozenset(name for journey in journeys for name in NEEDS[journey])


def absent_journeys(
    journeys: Iterable[str], operations: Mapping[str, Mapping[str, Operation]], systems: Sequence[str]
) -> dict[str, str]:
    """Return the journeys with an operation that a system is declared not to have, each with the reason."""
    return {
        journey: f"{system} has no {name}: {operations[system][name].absent}"
        for journey in journeys
        for system in systems
        for name in OPERATIONS[journey]
        if operations[system][name].absent is not None
    }


def nothing_can_run(causes: Sequence[JourneyCause], absent: Mapping[str, str]) -> CheckFailed | NotVerified:
    """Return the error of a run in which no journey can be sent."""
    findings = [cause for cause in causes if cause.failed]
    text = "\n".join(cause.text for cause in findings or causes) or "; ".join(sorted(set(absent.values())))
    if not findings:
        return NotVerified(f"no journey of this profile can be sent: {text}")
    return CheckFailed("preparation", expected="a system on which at least one journey can run", got=text)
