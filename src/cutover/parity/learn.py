"""`cutover parity learn`: compare Django with itself, in random order, to find differences that are noise.

The command proposes noise with its evidence. A person decides, and writes it into accepted_differences.toml.
A different type, or something that is missing, is never proposed.
"""

from __future__ import annotations

import argparse
import random
import secrets
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.evidence import Status
from cutover.parity.accepted_differences import FILE, NOISY
from cutover.parity.journey_command import JourneyCommand
from cutover.parity.journeys import written
from cutover.parity.totals import ParityTotals
from cutover.run.lifecycle import Outcome

NAME: Final = "parity learn"


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit code. Raises ConfigurationError before anything is sent."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    return Learn(project, environment, planted, options).execute()


class Learn(JourneyCommand):
    """The command. Each journey is played several times, in an order that the seed decides."""

    def __init__(
        self, project: Path, environment: Environment, planted: str | None, options: argparse.Namespace
    ) -> None:
        """Raises ConfigurationError for options that are out of range."""
        self._journeys = {journey.name: journey for journey in written() if not journey.admins}
        unknown = sorted(set(options.journey or ()) - set(self._journeys))
        if unknown:
            raise ConfigurationError(
                "--journey", "", f"unknown journey {unknown[0]!r}", f"Use one of: {', '.join(self._journeys)}."
            )
        if not 1 <= options.rounds <= 1000:
            raise ConfigurationError("--rounds", "", f"expected 1 to 1000, got {options.rounds}", "Change it.")
        super().__init__(project, NAME, environment, candidate="legacy", planted=planted, reports=options.reports)
        self._seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
        self._order = list(options.journey or self._journeys) * options.rounds
        random.Random(self._seed).shuffle(self._order)  # noqa: S311 - the order of journeys

    def work(self) -> Outcome:
        """Play all journeys and propose the differences that may be noise."""
        with self.parity_run(seed=self._seed) as parity:
            for number, name in enumerate(self._order, 1):
                parity.play(self._journeys[name], "")
                if number % 10 == 0 or number == len(self._order):
                    self.progress(f"{number} of {len(self._order)} journeys")
            totals = self.totals = parity.totals
            self.declarations = parity.decisions.results(
                totals.accepted, set(totals.compared), cases=totals.cases, sides=(), filled=totals.filled
            )
        self.proposals = proposed(totals)
        return outcome_of(totals)

    def closing_lines(self) -> list[str]:
        """Return the proposals as TOML, and the seed that repeats the order."""
        return [*_as_toml(self.proposals), f"repeat this order with --seed {self._seed}"]


def proposed(totals: ParityTotals) -> list[dict[str, Any]]:
    """Return the differences that may be noise: operation, path, class, and in how many of how many responses."""
    found: dict[tuple[str, str, str], Counter[str]] = {}
    for seen in totals.seen.values():
        if seen.decision == "undeclared" and seen.difference.kind in NOISY:
            key = seen.difference.operation, seen.difference.path, seen.difference.kind.value
            evidence = found.setdefault(key, Counter())
            evidence[f"{seen.difference.baseline} / {seen.difference.candidate}"] += seen.answers
    return [
        {
            "operation": operation,
            "path": path,
            "kind": kind,
            "differed": sum(evidence.values()),
            "of": totals.compared[operation],
            "evidence": [f"{text} ({count})" for text, count in evidence.most_common(5)],
        }
        for (operation, path, kind), evidence in sorted(found.items())
    ]


def outcome_of(totals: ParityTotals) -> Outcome:
    """Return FAILED for differences that noise may not hide, NOT_VERIFIED for proposals, else PASSED."""
    undeclared = [seen.difference for seen in totals.seen.values() if seen.decision == "undeclared"]
    never_noise = [str(difference) for difference in undeclared if difference.kind not in NOISY]
    if never_noise:
        return Outcome(
            Status.FAILED,
            f"Django differs from itself where no noise is allowed: {'; '.join(never_noise[:5])}. Possible causes: two "
            "machines behind one address, a deployment in progress, or an error of the suite.",
        )
    if undeclared:
        return Outcome(
            Status.NOT_VERIFIED, f"{len(undeclared)} differences are proposed as noise. A person must decide"
        )
    return Outcome(Status.PASSED)


def _as_toml(proposals: Sequence[Mapping[str, Any]]) -> list[str]:
    lines = [f"proposed for {FILE}, for a person to decide:"] if proposals else ["nothing is proposed"]
    for row in proposals:
        lines += [
            "[[noise]]",
            f'operations = ["{row["operation"]}"]',
            f'path = "{row["path"]}"',
            f'class = "{row["kind"]}"',
            f'reason = "…" # differed in {row["differed"]} of {row["of"]} responses: {", ".join(row["evidence"])}',
            'owner = "…"',
            "expires = 20…-…-…",
            "",
        ]
    return lines
