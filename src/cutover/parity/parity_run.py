"""A parity run in one process: plays journeys, counts differences, and shortens the journeys with undeclared ones.

The checks of tests/parity and the command `cutover parity` use it. pytest_plugin/parity_conclusion.py adds up the
totals of all processes.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts
from cutover.config.environments import Environment
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.parity.accepted_differences import STATE, AcceptedDifferences
from cutover.parity.accepted_differences_file import load_accepted_differences
from cutover.parity.difference_causes import group_of, importance
from cutover.parity.differences import Difference
from cutover.parity.journey_in_progress import PlayerOptions
from cutover.parity.journey_script import command, script
from cutover.parity.parity_failure import failure, record_measurements
from cutover.parity.played import PlayedJourney
from cutover.parity.player import Player
from cutover.parity.rules import Rules, load_rules
from cutover.parity.shortening import shorten
from cutover.parity.steps import Journey
from cutover.parity.totals import ParityTotals
from cutover.systems.target import Target

ATTACHMENT: Final = "parity"
_SHORTENED_MOST: Final = 3
SHORTENING_S: Final = 25.0
"""Number of seconds per process for shortening. The other differences are reported as found."""


class ParityRun:
    """Plays journeys on two targets of an environment and keeps the totals of this process."""

    def __init__(
        self,
        project: Path,
        environment: Environment,
        baseline: Target,
        candidate: Target,
        *,
        run: str,
        ledger: Path | None,
        recorder: Recorder,
        show_values: bool = False,
        seed: int = 0,
        make_admin: Callable[[Target, Account], None] | None = None,
        read_state: Callable[[Target, Sequence[Account]], Any] | None = None,
        shortening_s: float = SHORTENING_S,
    ) -> None:
        """Raises ConfigurationError for the contracts, NotVerified if a system cannot prove its identity."""
        for target in (baseline, candidate):
            if environment.systems[target.system].identity is None:
                raise NotVerified(
                    f"environments.toml [{environment.name}.{target.system}].identity is missing: "
                    "without it, responses of another system could be compared"
                )
        self.rules: Rules = load_rules(project, environment.operations, environment.files.get("parity"))
        today = datetime.datetime.now(datetime.UTC).date()
        declared = load_accepted_differences(
            project, environment.operations["worker"], today, environment.files.get("accepted_differences")
        )
        # Differences that are accepted for the Worker are not accepted if a system is compared with itself.
        self.decisions: AcceptedDifferences = declared.only_noise() if baseline.system == candidate.system else declared
        self.recorder, self.totals = recorder, ParityTotals()
        self._run, self._ledger, self._open = run, ledger, list[Accounts]()
        self._targets = (baseline, candidate)
        self._shortening_s = shortening_s
        options = PlayerOptions(
            self.rules,
            self.decisions,
            settled=lambda step, found: self.decisions.is_settled(step.operation, step.case, found),
            seed=seed,
            show_values=show_values,
            make_admin=make_admin,
            read_state=read_state,
        )
        self.player = Player(baseline, candidate, self._accounts, options)

    def play(self, journey: Journey, check: str) -> list[Difference]:
        """Play one journey, count it and remove its accounts. Return the undeclared differences, each key once."""
        try:
            played = self.player.play(journey)
            return self.count(played, check)
        finally:
            self.remove_accounts()

    def count(self, played: PlayedJourney, check: str) -> list[Difference]:
        """Count a journey that was played. Return its undeclared differences."""
        undeclared = self.totals.add(played, self.decisions, check)
        for reason in dict.fromkeys(played.left_out.values()):
            steps = sorted(step for step, why in played.left_out.items() if why == reason)
            self.recorder.note_undetectable(
                f"differences of steps that are left out ({reason}): {', '.join(steps[:4])}"
            )
        if played.cut_short and not undeclared:
            raise CheckFailed(
                "parity:cut-short",
                expected="all steps of the journey are played",
                got=played.cut_short,
                contract="contracts/operations.toml",
                do_next="fix the journey: both systems gave equal responses, and it could not continue",
            )
        return undeclared

    def remove_accounts(self) -> None:
        """Remove the accounts of the last journeys."""
        while self._open:
            self._open.pop().close(self.recorder)

    def reproduction(self, journey: Journey, wanted: Difference) -> dict[str, Any] | None:
        """Return the shortest journey with that difference, as data for the report. None if no time is left."""
        if self._shortening_s <= 0:
            return None
        started = time.monotonic()
        try:
            return self._shortest(journey, wanted, self._shortening_s)
        except (CheckFailed, MeasurementError, NotVerified):
            return None  # the difference stays, with the journey as it was played
        finally:
            self._shortening_s -= time.monotonic() - started

    def _shortest(self, journey: Journey, wanted: Difference, seconds: float) -> dict[str, Any]:
        played = self._found_in(journey, wanted)
        if played is None:
            return {"steps": [], "legacy": "", "worker": "", "tried": 1, "complete": False,
                    "note": "not seen again when the journey was repeated"}  # fmt: skip
        shortest = shorten(played, lambda fewer: self._shows(fewer, wanted), seconds=seconds)
        legacy, worker = self._targets
        return {
            "steps": [str(step) for step in shortest.steps],
            "legacy": command(legacy, shortest.steps[-1]),
            "worker": command(worker, shortest.steps[-1]),
            "legacy_script": script(legacy, journey, shortest.steps),
            "worker_script": script(worker, journey, shortest.steps),
            "tried": shortest.tried,
            "complete": shortest.complete,
        }

    def _found_in(self, journey: Journey, wanted: Difference) -> Journey | None:
        """Return the journey up to the first response with the difference, None if it was not found again."""
        try:
            played = self.player.play(journey)
        finally:
            self.remove_accounts()
        steps = [answered.step for answered in played.steps[len(journey.actors) :]]
        if wanted.operation == STATE:
            return journey if journey.steps else None
        for number, answered in enumerate(played.steps):
            if any(difference.key == wanted.key for difference in answered.differences):
                kept = steps[: max(0, number + 1 - len(journey.actors))]
                return journey.only(tuple(kept or [answered.step]))
        return None

    def _shows(self, journey: Journey, wanted: Difference) -> bool:
        try:
            playing = self.player.begin(journey)
            for step in journey.steps:
                if not playing.step(step):
                    return False
            if wanted.operation == STATE:
                playing.read_back()
                return any(difference.key == wanted.key for difference in playing.played.state or ())
            return any(difference.key == wanted.key for difference in playing.played.steps[-1].differences)
        finally:
            self.remove_accounts()

    def _accounts(self, target: Target, label: str) -> Accounts:
        accounts = Accounts(target, self._run, self._ledger, label=label)
        self._open.append(accounts)
        return accounts


def check_journeys(run: ParityRun, journeys: Sequence[Journey], check: str) -> None:
    """Play these journeys as one check: attach the totals to its record, fail for undeclared differences."""
    run.totals = ParityTotals()
    undeclared: dict[tuple[str, ...], tuple[Journey, Difference]] = {}

    def play() -> None:
        for journey in journeys:
            for difference in run.play(journey, check):
                undeclared.setdefault(difference.key, (journey, difference))

    _check(run, undeclared, play)


def _check(
    run: ParityRun,
    undeclared: dict[tuple[str, ...], tuple[Journey, Difference]],
    play: Callable[[], None],
    *,
    fails: bool = True,
    shortened: int = _SHORTENED_MOST,
) -> None:
    try:
        play()
        record_measurements(run.recorder, run.totals)
        for journey, difference in _most_important(undeclared.values())[:shortened]:
            run.totals.seen[difference.key].reproduction = run.reproduction(journey, difference)
    finally:
        run.recorder.attachments[ATTACHMENT] = run.totals.as_json()
    if undeclared and fails:
        raise failure(run.totals)


def _most_important(undeclared: Iterable[tuple[Journey, Difference]]) -> list[tuple[Journey, Difference]]:
    """Return the first difference of each cause with its journey, most important first."""
    first: dict[tuple[str, ...], tuple[Journey, Difference]] = {}
    for journey, difference in undeclared:
        first.setdefault(group_of(difference), (journey, difference))
    return sorted(first.values(), key=lambda pair: importance(pair[1]))


def check_generated_journeys(
    run: ParityRun, play: Callable[[Player, Callable[[PlayedJourney], None]], None], check: str, *, fails: bool = True
) -> None:
    """Do the same for journeys that are generated while they are played.

    fails: False if the caller reads the totals instead.
    """
    run.totals = ParityTotals()
    undeclared: dict[tuple[str, ...], tuple[Journey, Difference]] = {}

    def take(played: PlayedJourney) -> None:
        try:
            for difference in run.count(played, check):
                steps = tuple(answered.step for answered in played.steps[len(played.journey.actors) :])
                undeclared.setdefault(difference.key, (played.journey.only(steps), difference))
        finally:
            run.remove_accounts()

    def play_all() -> None:
        try:
            play(run.player, take)
        finally:
            run.remove_accounts()  # of an interrupted journey

    _check(run, undeclared, play_all, fails=fails)


def check_migrated_journeys(
    run: ParityRun, play: Callable[[Player, Callable[[PlayedJourney], None]], None], check: str
) -> None:
    """Do the same for journeys of migrated accounts. They are not shortened: that needs new accounts."""
    run.totals = ParityTotals()
    undeclared: dict[tuple[str, ...], tuple[Journey, Difference]] = {}

    def take(played: PlayedJourney) -> None:
        for difference in run.count(played, check):
            undeclared.setdefault(difference.key, (played.journey, difference))

    def play_all() -> None:
        try:
            play(run.player, take)
        finally:
            run.remove_accounts()

    _check(run, undeclared, play_all, shortened=0)
