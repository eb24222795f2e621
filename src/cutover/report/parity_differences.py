"""Differences of a parity run, sorted, grouped and limited for its page."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from cutover.report.html.figures import Figure, Tone, any_text, figure
from cutover.report.run_data import inner, order_by, whole, word

SHOWN_IN_FULL: Final = 100
"""Undeclared differences that are shown with samples and commands. The table above them names the others, too."""

EXPIRES_SOON_DAYS: Final = 14
"""An accepted difference with fewer days left is a warning: two weeks to fix it or to accept it again."""


@dataclass(frozen=True)
class Sides:
    """The names of the two compared systems."""

    baseline: str
    candidate: str

    @property
    def columns(self) -> tuple[str, str]:
        """Return the headings of the two sides."""
        return f"Baseline ({self.baseline})", f"Candidate ({self.candidate})"

    @property
    def both(self) -> str:
        """Return the heading of a column that contains both sides."""
        return f"{self.baseline} → {self.candidate}"


@dataclass(frozen=True)
class Numbered:
    """A difference and its place in the data's list, which identifies it on the page."""

    place: int
    data: Mapping[str, Any]

    @property
    def anchor(self) -> str:
        """Return the id of the difference on the page."""
        return f"difference-{self.place}"

    @property
    def group(self) -> tuple[str, str]:
        """Return the operation and the class of the difference."""
        return word(self.data, "operation"), word(self.data, "kind")

    @property
    def unknown_decision(self) -> str | None:
        """Return the decision if it is none of the known ones, else None."""
        decision = self.data.get("decision")
        return None if decision == "undeclared" else any_text(decision)


@dataclass(frozen=True)
class Command:
    """A command that reproduces a difference on one system."""

    system: str
    text: str


def by_decision(differences: Sequence[Mapping[str, Any]]) -> tuple[list[Numbered], list[Numbered], list[Numbered]]:
    """Return the undeclared, the accepted and the noise differences, each sorted, the most important ones first.

    A difference with an unknown decision counts as undeclared.
    """
    numbered = [Numbered(place, data) for place, data in enumerate(differences)]
    numbered.sort(
        key=lambda each: order_by(
            each.data.get("rank"),
            each.data.get("operation"),
            each.data.get("kind"),
            -(whole(each.data, "count") or 0),
            each.data.get("path"),
        )
    )
    accepted = [each for each in numbered if each.data.get("decision") == "accepted"]
    noise = [each for each in numbered if each.data.get("decision") == "noise"]
    return [each for each in numbered if each.data.get("decision") not in ("accepted", "noise")], accepted, noise


def shown_in_full(differences: Sequence[Numbered]) -> list[Numbered]:
    """Return the differences that are shown with samples and commands, in their order.

    The first one of each operation and class is chosen before the second one of any: a thousand differences in one
    operation must not push the only one of another operation off the page.
    """
    seen: dict[tuple[str, str], int] = {}
    ranked: list[tuple[int, int, int]] = []
    for difference in differences:
        seen[difference.group] = seen.get(difference.group, 0) + 1
        ranked.append((seen[difference.group], len(ranked), difference.place))
    places = {place for _, _, place in sorted(ranked)[:SHOWN_IN_FULL]}
    return [difference for difference in differences if difference.place in places]


def grouped(differences: Iterable[Numbered]) -> list[tuple[tuple[str, str], list[Numbered]]]:
    """Return sorted differences in groups of one operation and class."""
    return [(group, list(members)) for group, members in groupby(differences, key=lambda each: each.group)]


def days_left(data: Mapping[str, Any]) -> Figure:
    """Return the days until an accepted difference expires, marked if they are few or none."""
    days = data.get("days_left")
    if isinstance(days, bool) or not isinstance(days, (int, float)):
        return Figure(any_text(days))
    if days < 0:
        return Figure(f"expired {figure(-days).text} days ago", figure(days).order, Tone.BAD)
    return figure(days, tone=Tone.WARN if days < EXPIRES_SOON_DAYS else Tone.PLAIN)


def expires_soon(data: Mapping[str, Any]) -> bool:
    """Return True if `days_left` marks the accepted difference with a warning."""
    return days_left(data).tone is Tone.WARN


def commands(reproduction: Mapping[str, Any], sides: Sides) -> list[Command]:
    """Return the commands of a reproduction, one for each system that has one.

    In a run of legacy against itself both sides have the same name, and so one command.
    """
    systems = dict.fromkeys((sides.baseline, sides.candidate, "legacy", "worker"))
    return [Command(system, text) for system in systems if isinstance(text := reproduction.get(system), str)]


def sample_requests(sample: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the system and the request id of each request of a sample."""
    requests = inner(sample, "requests") or {}
    return [(str(system), any_text(request)) for system, request in list(requests.items())[:4]]
