"""Count the results of journeys: differences by key, coverage by cell, accepted differences by entry.

Each process counts its own journeys. The totals are part of the record of a check, and the reporting process adds
them up. The result does not depend on the order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from cutover.parity.accepted_differences import AcceptedDifference, AcceptedDifferences
from cutover.parity.differences import SAMPLES, Difference
from cutover.parity.played import PlayedJourney, PlayedStep


@dataclass
class Seen:
    """The responses that have one key of difference, with their journeys and a few samples.

    line: of the entry that accepts it, None if there is none. answers: responses with it; count: its occurrences,
    several in one response with lists; behind_status: responses in which an undeclared status differs as well.
    """

    difference: Difference
    line: int | None
    noise: bool = False
    answers: int = 0
    count: int = 0
    behind_status: int = 0
    journeys: list[str] = field(default_factory=list)
    samples: list[dict[str, Any]] = field(default_factory=list)
    reproduction: dict[str, Any] | None = None

    @property
    def decision(self) -> str:
        """Return "undeclared", "accepted" or "noise"."""
        return "undeclared" if self.line is None else "noise" if self.noise else "accepted"

    def renamed(self, *, baseline: str, candidate: str) -> Self:
        """Return the same with these words for the two sides."""
        return replace(self, difference=replace(self.difference, baseline=baseline, candidate=candidate))

    def add(self, other: Self) -> None:
        """Add what is known about the same difference."""
        if (self.line, self.noise) != (other.line, other.noise):
            self.line, self.noise = None, False  # different decisions: treat it as undeclared
        self.answers += other.answers
        self.count += other.count
        self.behind_status += other.behind_status
        self.journeys = sorted({*self.journeys, *other.journeys})
        self.samples = _first([*self.samples, *other.samples])
        self.reproduction = min(
            (found for found in (self.reproduction, other.reproduction) if found),
            key=lambda found: (
                not found["steps"],
                len(found["steps"]),
                found["steps"],
            ),  # without steps: not seen again
            default=None,
        )


@dataclass
class ParityTotals:
    """Totals over journeys.

    cells: (operation, role, baseline's status, candidate's status); compared: operation -> pairs of responses;
    accepted: (line, operation, path) -> differences; cases: (operation, case); filled: (operation, path) of the lists
    that had elements on both sides.
    """

    seen: dict[tuple[str, ...], Seen] = field(default_factory=dict)
    cells: Counter[tuple[str, str, int, int]] = field(default_factory=Counter)
    compared: Counter[str] = field(default_factory=Counter)
    equal: int = 0
    accepted: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    cases: set[tuple[str, str]] = field(default_factory=set)
    filled: set[tuple[str, str]] = field(default_factory=set)
    journeys: list[dict[str, Any]] = field(default_factory=list)

    def add(self, played: PlayedJourney, decisions: AcceptedDifferences, check: str) -> list[Difference]:
        """Count a journey. Return its undeclared differences, each key once, in the order they were found."""
        undeclared: dict[tuple[str, ...], Difference] = {}
        self.filled |= played.filled
        for number, answered in enumerate(played.steps, 1):
            for difference in self.add_answer(answered, decisions, played.journey.name, number):
                undeclared.setdefault(difference.key, difference)
        if played.state is not None:
            self.compared["state"] += 1
            for difference in self._count(played.state, decisions, played.journey.name, len(played.steps), None):
                undeclared.setdefault(difference.key, difference)
        self.journeys.append(
            {
                "name": played.journey.name,
                "story": played.journey.story,
                "steps": len(played.steps),
                "differences": len(played.differences),
                "undeclared": len(undeclared),
                "cut_short": played.cut_short,
                "check": check,
            }
        )
        return list(undeclared.values())

    def add_answer(
        self, answered: PlayedStep, decisions: AcceptedDifferences, journey: str, number: int
    ) -> list[Difference]:
        """Count one pair of responses. number: of its step, from 1. Return its undeclared differences."""
        self._count_answer(answered)
        return self._count(answered.differences, decisions, journey, number, answered)

    def _count_answer(self, answered: PlayedStep) -> None:
        name, (baseline, candidate) = answered.step.operation, answered.statuses
        self.compared[name] += 1
        self.cases.add((name, answered.step.case))
        self.equal += not answered.differences
        if baseline is not None and candidate is not None:
            self.cells[name, answered.role, baseline, candidate] += 1

    def _count(
        self,
        found: Iterable[Difference],
        decisions: AcceptedDifferences,
        journey: str,
        number: int,
        answered: PlayedStep | None,
    ) -> list[Difference]:
        undeclared = []
        counted: set[tuple[str, ...]] = set()
        found = list(found)
        other_status = any(each.path == "status" and decisions.matching(each) is None for each in found)
        for difference in found:
            rule: AcceptedDifference | None = decisions.matching(difference)
            seen = self.seen.get(difference.key)
            if seen is None:
                line, noise = (rule.line, rule.noise) if rule else (None, False)
                seen = self.seen[difference.key] = Seen(replace(difference, sample={}), line, noise)
            seen.count += 1
            if difference.key not in counted:
                counted.add(difference.key)
                seen.answers += 1
                seen.behind_status += other_status
            seen.journeys = sorted({*seen.journeys, journey})
            seen.samples = _first([*seen.samples, _sample(difference, journey, number, answered)])
            if rule is None:
                undeclared.append(difference)
            else:
                self.accepted[rule.line, difference.operation, difference.path] += 1
        return undeclared

    def merge(self, other: Self) -> None:
        """Add other totals. The order of merging affects only the order of the journeys."""
        for theirs in other.seen.values():
            add_seen(self.seen, theirs)
        self.cells += other.cells
        self.compared += other.compared
        self.equal += other.equal
        self.accepted += other.accepted
        self.cases |= other.cases
        self.filled |= other.filled
        self.journeys += other.journeys

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "seen": [{**vars(seen), "difference": seen.difference.as_json()} for seen in self.seen.values()],
            "cells": [[*cell, count] for cell, count in self.cells.items()],
            "compared": dict(self.compared),
            "equal": self.equal,
            "accepted": [[*key, count] for key, count in self.accepted.items()],
            "cases": sorted(map(list, self.cases)),
            "filled": sorted(map(list, self.filled)),
            "journeys": self.journeys,
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """Return the totals that `as_json` gave. Raises ValueError for anything else.

        Keys that became equal because the values that distinguished them were masked are added up.
        """
        try:
            return cls._read(data)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"not the totals of a parity check: {type(error).__name__}: {error}") from None

    @classmethod
    def _read(cls, data: Mapping[str, Any]) -> Self:
        totals = cls(
            compared=Counter({_text(name): _count(count) for name, count in data["compared"].items()}),
            equal=_count(data["equal"]),
            cases={(_text(operation), _text(case)) for operation, case in data["cases"]},
            filled={(_text(operation), _text(path)) for operation, path in data["filled"]},
            journeys=[dict(journey) for journey in data["journeys"]],
        )
        for row in data["seen"]:
            seen = Seen(**{**row, "difference": Difference.from_json(row["difference"])})
            if type(seen.noise) is not bool or (seen.line is not None and not _count(seen.line)):
                raise ValueError("a difference has no decision")
            for number in (seen.count, seen.answers, seen.behind_status):
                _count(number)
            alone = cls()
            alone.seen[seen.difference.key] = seen
            totals.merge(alone)
        for operation, role, baseline, candidate, count in data["cells"]:
            cell = _text(operation), _text(role), _count(baseline), _count(candidate)
            totals.cells[cell] += _count(count)
        for line, operation, path, count in data["accepted"]:
            totals.accepted[_count(line), _text(operation), _text(path)] += _count(count)
        return totals


def add_seen(table: dict[tuple[str, ...], Seen], found: Seen) -> None:
    """Add a difference to a table by its key."""
    known = table.get(found.difference.key)
    if known is None:
        table[found.difference.key] = replace(found)
    else:
        known.add(found)


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"expected a count, got {value!r}")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, got {value!r}")
    return value


def _first(samples: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first samples by journey and step, so that the selection does not depend on the order of merging."""
    return sorted(samples, key=lambda sample: (sample["journey"], sample["step"]))[:SAMPLES]


def _sample(difference: Difference, journey: str, number: int, answered: PlayedStep | None) -> dict[str, Any]:
    requests = answered.requests if answered else ("", "")
    return {
        "journey": journey,
        "step": number,
        "requests": {"legacy": requests[0], "worker": requests[1]},
        "baseline": difference.sample.get("baseline", difference.baseline),
        "candidate": difference.sample.get("candidate", difference.candidate),
        "parts_at": difference.sample.get("parts_at"),
    }
