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

from cutover.configuration import ConfigurationError, root
from cutover.environment_option import named_environment
from cutover.evidence import Status
from cutover.parity.assembly import parity_run
from cutover.parity.command_run import CommandRun
from cutover.parity.player import Played, Player
from cutover.parity.run import ATTACHMENT, ParityRun, failure, show_drawn
from cutover.parity.tally import Tally
from cutover.safety import SafetyLevel

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
    tally, rules, interrupted = Tally(), None, False
    try:
        command.become_ready({"legacy", candidate})
        with parity_run(
            project, environment, command.client, command.journal, run=command.run_id, ledger=command.ledger,
            candidate=candidate, show_values=options.show_values,
        ) as parity:  # fmt: skip
            rules = parity.rules
            status, reason = _explored(parity, command, tally, minutes, wanted, seed)
    except KeyboardInterrupt:
        interrupted, status, reason = True, Status.NOT_VERIFIED, "interrupted"
    except Exception as error:  # noqa: BLE001 - what is no outcome is raised again
        status, reason = command.failed(error)
    done = len(tally.journeys)
    line = f"{done} journeys, {sum(tally.compared.values())} pairs of answers compared; --seed {seed} draws them again"
    return command.conclude(
        status, reason, tally, rules, systems=("legacy", candidate), details=[line], interrupted=interrupted
    )


def _explored(
    parity: ParityRun, command: CommandRun, tally: Tally, minutes: float | None, wanted: int | None, seed: int
) -> tuple[Status, str]:
    from cutover.parity.journeys.generated import generate

    deadline = time.monotonic() + (minutes * 60 if minutes is not None else float("inf"))
    problem = ""
    while time.monotonic() < deadline and (wanted is None or len(tally.journeys) < wanted):
        count = _BATCH if wanted is None else min(_BATCH, wanted - len(tally.journeys))

        def draw(player: Player, take: Callable[[Played], None], count: int = count, seed: int = seed) -> None:
            generate(player, take, journeys=count, seed=seed)

        show_drawn(parity, draw, f"seed {seed}", fails=False)
        tally.merge(parity.tally)
        seed += 1
        undeclared = [seen.difference for seen in tally.seen.values() if seen.decision == "undeclared"]
        command.progress(f"{len(tally.journeys)} journeys, {len(undeclared)} undeclared differences")
        if undeclared:
            problem = str(failure(tally, undeclared))
    command.journal.attachments.pop(ATTACHMENT, None)
    if problem:
        return Status.FAILED, problem
    return (Status.PASSED, "") if tally.journeys else (Status.NOT_VERIFIED, "no journey was played")
