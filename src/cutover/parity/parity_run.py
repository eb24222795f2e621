"""A parity run in one process: plays journeys, decides what differs, shortens what nobody declared, counts.

The checks of tests/parity and the command `cutover parity` both work through this. The sums of all
processes come together in conclusion.py.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts
from cutover.config.environments import Environment
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.parity.accepted_differences import STATE, AcceptedDifferences, load_accepted_differences
from cutover.parity.differences import Difference
from cutover.parity.journey_in_progress import PlayerOptions
from cutover.parity.journey_script import command, script
from cutover.parity.played import PlayedJourney
from cutover.parity.player import Player
from cutover.parity.rules import Rules, load_rules
from cutover.parity.shortening import shorten
from cutover.parity.steps import Journey
from cutover.parity.totals import ParityTotals
from cutover.systems.target import Target

ATTACHMENT: Final = "parity"
_SHORTENED: Final = 3
SHORTENING_S: Final = 25.0
"""At most so many differences of a check are shortened, and so many seconds of a process's run go into it: who waits
for a red gate wants to know soon. The others are told as they were found."""
_TOLD: Final = 8


class ParityRun:
    """Plays journeys on two targets of an environment and keeps the sums of this process."""

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
        """Raises ConfigurationError for the contracts, NotVerified where a system cannot prove who it is."""
        for target in (baseline, candidate):
            if environment.systems[target.system].identity is None:
                raise NotVerified(
                    f"environments.toml [{environment.name}.{target.system}] has no identity: whoever answers there, "
                    "it would be compared"
                )
        self.rules: Rules = load_rules(project, environment.operations)
        today = datetime.datetime.now(datetime.UTC).date()
        declared = load_accepted_differences(project, environment.operations["worker"], today)
        # What the Worker may do otherwise is no excuse for a system that is compared with itself.
        self.decisions: AcceptedDifferences = declared.only_noise() if baseline.system == candidate.system else declared
        self.recorder, self.totals = recorder, ParityTotals()
        self._run, self._ledger, self._open = run, ledger, list[Accounts]()
        self._targets = (baseline, candidate)
        self._shortening_s = shortening_s
        options = PlayerOptions(
            self.rules,
            settled=lambda step, found: self.decisions.is_settled(step.operation, step.case, found),
            seed=seed,
            show_values=show_values,
            make_admin=make_admin,
            read_state=read_state,
        )
        self.player = Player(baseline, candidate, self._accounts, options)

    def play(self, journey: Journey, check: str) -> list[Difference]:
        """Play one journey, count it, and remove its accounts. Returns what nobody declared, each key once."""
        try:
            played = self.player.play(journey)
            return self.count(played, check)
        finally:
            self.tidy()

    def count(self, played: PlayedJourney, check: str) -> list[Difference]:
        """Count a journey that was played. Returns what nobody declared."""
        undeclared = self.totals.add(played, self.decisions, check)
        if played.cut_short and not undeclared:
            raise CheckFailed(
                "parity:cut-short",
                expected="every step of the journey can be played",
                got=played.cut_short,
                contract="contracts/operations.toml",
                do_next="both systems answered alike and the journey could still not go on: mend the journey",
            )
        return undeclared

    def tidy(self) -> None:
        """Remove the accounts of the last journeys."""
        while self._open:
            self._open.pop().close(self.recorder)

    def shortened(self, journey: Journey, wanted: Difference) -> dict[str, Any] | None:
        """The shortest journey that still shows that difference, as the report wants it. None when no time is left."""
        if self._shortening_s <= 0:
            return None
        started = time.monotonic()
        try:
            return self._shortest(journey, wanted, self._shortening_s)
        except (CheckFailed, MeasurementError, NotVerified):
            return None  # what was found stands; the way to it is told as it was played
        finally:
            self._shortening_s -= time.monotonic() - started

    def _shortest(self, journey: Journey, wanted: Difference, seconds: float) -> dict[str, Any]:
        played = self._found_in(journey, wanted)
        if played is None:
            return {"steps": [], "legacy": "", "worker": "", "tried": 1, "complete": False,
                    "note": "not seen again when the journey was played a second time"}  # fmt: skip
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
        """The journey cut off behind the first answer that shows the difference."""
        try:
            played = self.player.play(journey)
        finally:
            self.tidy()
        steps = [answered.step for answered in played.steps[len(journey.actors) :]]
        if wanted.operation == STATE:
            return journey if journey.steps else None
        for number, answered in enumerate(played.steps):
            found = [*answered.differences]
            found += self.decisions.missing_always(answered.step.operation, answered.step.case, found)
            if any(difference.key == wanted.key for difference in found):
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
            last = playing.played.steps[-1]
            found = [*last.differences]
            found += self.decisions.missing_always(last.step.operation, last.step.case, found)
            return any(difference.key == wanted.key for difference in found)
        finally:
            self.tidy()

    def _accounts(self, target: Target, label: str) -> Accounts:
        accounts = Accounts(target, self._run, self._ledger, label=label)
        self._open.append(accounts)
        return accounts


def show(run: ParityRun, journeys: Sequence[Journey], check: str) -> None:
    """Play these journeys as one check: attach the sums to its record, fail for what nobody declared."""
    run.totals = ParityTotals()
    undeclared: dict[tuple[str, ...], tuple[Journey, Difference]] = {}

    def play() -> None:
        for journey in journeys:
            for difference in run.play(journey, check):
                undeclared.setdefault(difference.key, (journey, difference))

    _shown(run, undeclared, play)


def _shown(
    run: ParityRun,
    undeclared: dict[tuple[str, ...], tuple[Journey, Difference]],
    play: Callable[[], None],
    *,
    fails: bool = True,
    shortened: int = _SHORTENED,
) -> None:
    try:
        play()
        measured(run.recorder, run.totals)
        for journey, difference in list(undeclared.values())[:shortened]:
            run.totals.seen[difference.key].reproduction = run.shortened(journey, difference)
    finally:
        run.recorder.attachments[ATTACHMENT] = run.totals.as_json()
    if undeclared and fails:
        raise failure(run.totals, [difference for _, difference in undeclared.values()])


def check_generated_journeys(
    run: ParityRun, draw: Callable[[Player, Callable[[PlayedJourney], None]], None], check: str, *, fails: bool = True
) -> None:
    """The same for journeys that are drawn while they are played. fails: False for who looks at the totals instead."""
    run.totals = ParityTotals()
    undeclared: dict[tuple[str, ...], tuple[Journey, Difference]] = {}

    def take(played: PlayedJourney) -> None:
        try:
            for difference in run.count(played, check):
                steps = tuple(answered.step for answered in played.steps[len(played.journey.actors) :])
                undeclared.setdefault(difference.key, (played.journey.only(steps), difference))
        finally:
            run.tidy()

    def play_all() -> None:
        try:
            draw(run.player, take)
        finally:
            run.tidy()  # of a journey that did not come to its end

    _shown(run, undeclared, play_all, fails=fails)


def check_migrated_journeys(
    run: ParityRun, play: Callable[[Player, Callable[[PlayedJourney], None]], None], check: str
) -> None:
    """The same for journeys of accounts that came by the migration. They are not shortened: that would take others."""
    run.totals = ParityTotals()
    undeclared: dict[tuple[str, ...], tuple[Journey, Difference]] = {}

    def take(played: PlayedJourney) -> None:
        for difference in run.count(played, check):
            undeclared.setdefault(difference.key, (played.journey, difference))

    def play_all() -> None:
        try:
            play(run.player, take)
        finally:
            run.tidy()

    _shown(run, undeclared, play_all, shortened=0)


def measured(recorder: Recorder, totals: ParityTotals) -> None:
    """Write down what was compared."""
    compared = sum(totals.compared.values())
    undeclared = sum(seen.decision == "undeclared" for seen in totals.seen.values())
    recorder.measure("answers compared", compared, "reported", sample=compared)
    recorder.measure("undeclared differences", undeclared, "= 0", sample=compared)


def failure(totals: ParityTotals, undeclared: Sequence[Difference]) -> CheckFailed:
    """The failure that names every undeclared difference and shows the shortest way to the first ones."""
    lines = []
    for difference in undeclared[:_TOLD]:
        held = totals.seen[difference.key]
        lines.append(f"{difference} ({held.answers} of {totals.compared[difference.operation]} answers)")
        if held.samples:
            first = held.samples[0]
            lines.append(f"    legacy {first['baseline']} | Worker {first['candidate']}, in {first['journey']}")
        if held.reproduction and held.reproduction["steps"]:
            lines.append(f"    in {len(held.reproduction['steps'])} steps: {'; '.join(held.reproduction['steps'])}")
            lines.append(f"    {held.reproduction['legacy']}")
            lines.append(f"    {held.reproduction['worker']}")
    if len(undeclared) > _TOLD:
        lines.append(f"and {len(undeclared) - _TOLD} more, in parity.html")
    keys = sorted({f"{d.operation} {d.path} {d.kind.value} {d.baseline}>{d.candidate} {d.case}" for d in undeclared})
    return CheckFailed(
        "parity:" + "|".join(keys),
        expected="no difference that contracts/accepted_differences.toml does not declare",
        got=f"{len(undeclared)}:\n    " + "\n    ".join(lines),
        contract="contracts/api.md; contracts/operations.toml",
        do_next="mend the Worker; or declare what is meant so, with reason, owner and last day",
    )
