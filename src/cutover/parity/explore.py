"""`cutover parity explore`: play newly generated journeys until the time is over.

The gate plays the same generated journeys in every run (tests/parity/test_generated_journeys.py). With
--against-itself Django is compared with itself: the Worker causes none of the differences then.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.evidence import Status
from cutover.parity.journey_command import JourneyCommand
from cutover.parity.parity_failure import failure
from cutover.parity.parity_run import ATTACHMENT, ParityRun, check_generated_journeys
from cutover.parity.played import PlayedJourney
from cutover.parity.player import Player
from cutover.run.lifecycle import Outcome

NAME: Final = "parity explore"
_BATCH: Final = 10
"""Number of journeys that are generated from one seed. The time is checked after each batch."""
_DEFAULT_MINUTES: Final = 10.0


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit code. Raises ConfigurationError before anything is sent."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    return Explore(project, environment, planted, options).execute()


class Explore(JourneyCommand):
    """The command, for a time or for a number of journeys."""

    def __init__(
        self, project: Path, environment: Environment, planted: str | None, options: argparse.Namespace
    ) -> None:
        """Raises ConfigurationError for options that are out of range."""
        minutes, wanted = options.minutes, options.journeys
        if minutes is None and wanted is None:
            minutes = _DEFAULT_MINUTES
        if minutes is not None and not 0 < minutes <= 1440:
            raise ConfigurationError("--minutes", "", f"expected 0 < minutes <= 1440, got {minutes:g}", "Change it.")
        if wanted is not None and wanted < 1:
            raise ConfigurationError("--journeys", "", f"expected at least 1, got {wanted}", "Change it.")
        if options.worker_version and options.against_itself:
            raise ConfigurationError(
                "--worker-version", "", "--against-itself asks no Worker", "Leave out one of the two options."
            )
        super().__init__(
            project,
            NAME,
            environment,
            candidate="legacy" if options.against_itself else "worker",
            planted=planted,
            reports=options.reports,
            show_values=options.show_values,
            asked_version=options.worker_version,
        )
        self._seconds = minutes * 60 if minutes is not None else float("inf")
        self._wanted = wanted
        self._seed = options.seed if options.seed is not None else secrets.randbelow(10**6)

    def work(self) -> Outcome:
        """Play batches of journeys until the time is over or all requested journeys are played."""
        with self.parity_run() as parity:
            return self._explore(parity)

    def closing_lines(self) -> list[str]:
        """Return the counts and the seed that generates the same journeys again."""
        totals = self.totals
        return [
            f"{len(totals.journeys)} journeys, {sum(totals.compared.values())} pairs of responses compared; "
            f"repeat with --seed {self._seed}"
        ]

    def _explore(self, parity: ParityRun) -> Outcome:
        from cutover.parity.journeys.generated import generate  # imports hypothesis

        totals = self.totals
        deadline = time.monotonic() + self._seconds
        seed, problem = self._seed, ""
        while time.monotonic() < deadline and (self._wanted is None or len(totals.journeys) < self._wanted):
            count = _BATCH if self._wanted is None else min(_BATCH, self._wanted - len(totals.journeys))

            def play(
                player: Player, take: Callable[[PlayedJourney], None], count: int = count, seed: int = seed
            ) -> None:
                generate(player, take, journeys=count, seed=seed)

            check_generated_journeys(parity, play, f"seed {seed}", fails=False)
            totals.merge(parity.totals)
            seed += 1
            undeclared = [seen.difference for seen in totals.seen.values() if seen.decision == "undeclared"]
            self.progress(f"{len(totals.journeys)} journeys, {len(undeclared)} undeclared differences")
            if undeclared:
                problem = str(failure(totals))
        self.recorder.attachments.pop(ATTACHMENT, None)
        if problem:
            return Outcome(Status.FAILED, problem)
        return Outcome(Status.PASSED) if totals.journeys else Outcome(Status.NOT_VERIFIED, "no journey was played")
