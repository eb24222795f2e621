"""`cutover parity explore`: generated journeys without end, other ones each time, until the time is over.

Not the gate, which draws the same ones in each run: tests/parity/test_generated_journeys.py. With
--against-itself Django is compared with itself: whatever differs then is no doing of the Worker.
"""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable
from typing import Final

from cutover.config.environment_option import named_environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.evidence import Status
from cutover.core.safety import SafetyLevel
from cutover.parity.assembly import parity_run
from cutover.parity.command_run import CommandRun
from cutover.parity.parity_run import ATTACHMENT, ParityRun, failure, show_drawn
from cutover.parity.played import PlayedJourney
from cutover.parity.player import Player
from cutover.parity.totals import ParityTotals

_BATCH: Final = 10
"""Journeys drawn from one seed, after which the clock is looked at."""
_DEFAULT_MINUTES: Final = 10.0


def run(options: argparse.Namespace) -> int:
    """The command. Raises ConfigurationError, with nothing sent."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    if environment.safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(
            project / "environments.toml", f"{environment.name}.safety", "allows no test data", "Explore elsewhere."
        )
    minutes, wanted = options.minutes, options.journeys
    if minutes is None and wanted is None:
        minutes = _DEFAULT_MINUTES
    if not (minutes is None or 0 < minutes <= 1440) or not (wanted is None or wanted >= 1):
        raise ConfigurationError("--minutes", "", "no time, or more than a day", "Give a number above 0, up to 1440.")
    seed = options.seed if options.seed is not None else secrets.randbelow(10**6)
    show, reports = options.show_values, options.reports
    command = CommandRun(project, environment, "parity explore", planted=planted, reports=reports, show_values=show)
    candidate = "legacy" if options.against_itself else "worker"
    totals, rules, interrupted = ParityTotals(), None, False
    try:
        command.become_ready({"legacy", candidate})
        with parity_run(
            project, environment, command.client, command.recorder, run=command.run_id, ledger=command.ledger,
            candidate=candidate, show_values=options.show_values,
        ) as parity:  # fmt: skip
            rules = parity.rules
            status, reason = _explored(parity, command, totals, minutes, wanted, seed)
    except KeyboardInterrupt:
        interrupted, status, reason = True, Status.NOT_VERIFIED, "interrupted"
    except Exception as error:  # noqa: BLE001 - what is no outcome is raised again
        status, reason = command.failed(error)
    done = len(totals.journeys)
    line = f"{done} journeys, {sum(totals.compared.values())} pairs of answers compared; --seed {seed} draws them again"
    return command.conclude(
        status, reason, totals, rules, systems=("legacy", candidate), details=[line], interrupted=interrupted
    )


def _explored(
    parity: ParityRun, command: CommandRun, totals: ParityTotals, minutes: float | None, wanted: int | None, seed: int
) -> tuple[Status, str]:
    from cutover.parity.journeys.generated import generate

    deadline = time.monotonic() + (minutes * 60 if minutes is not None else float("inf"))
    problem = ""
    while time.monotonic() < deadline and (wanted is None or len(totals.journeys) < wanted):
        count = _BATCH if wanted is None else min(_BATCH, wanted - len(totals.journeys))

        def draw(player: Player, take: Callable[[PlayedJourney], None], count: int = count, seed: int = seed) -> None:
            generate(player, take, journeys=count, seed=seed)

        show_drawn(parity, draw, f"seed {seed}", fails=False)
        totals.merge(parity.totals)
        seed += 1
        undeclared = [seen.difference for seen in totals.seen.values() if seen.decision == "undeclared"]
        command.progress(f"{len(totals.journeys)} journeys, {len(undeclared)} undeclared differences")
        if undeclared:
            problem = str(failure(totals, undeclared))
    command.recorder.attachments.pop(ATTACHMENT, None)
    if problem:
        return Status.FAILED, problem
    return (Status.PASSED, "") if totals.journeys else (Status.NOT_VERIFIED, "no journey was played")
