"""A journey in progress: sends each step to both systems and compares the two responses."""

from __future__ import annotations

import contextlib
import functools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.accounts.registered import Account
from cutover.core.errors import CheckFailed, NotApplicable
from cutover.parity.accepted_differences import AcceptedDifferences
from cutover.parity.clocks import Clock
from cutover.parity.differences import Difference, Kind
from cutover.parity.id_mapping import IdMapping, Timeline
from cutover.parity.played import PlayedJourney, PlayedStep
from cutover.parity.response_comparison import ResponseComparison
from cutover.parity.rules import Rules
from cutover.parity.shared_losses import UploadedFiles, file_ids
from cutover.parity.side import WITHOUT_BEARER, Side, UnresolvedReference
from cutover.parity.steps import ANONYMOUS, Journey, Own, Ref, Step
from cutover.systems.target import Result, Target

_POLL_S: Final = 0.05


@dataclass(frozen=True)
class PlayerOptions:
    """Settings of a player.

    declared: the accepted differences. settled: returns True if the differences of a step that may take time are
    exactly the declared ones. make_admin: makes an account an administrator, None if the environment cannot do that.
    read_state: reads the state that a system stores for these accounts (stored_state.py), None if the environment
    names no stores.
    """

    rules: Rules
    declared: AcceptedDifferences
    settled: Callable[[Step, Sequence[Difference]], bool]
    seed: int = 0
    show_values: bool = False
    make_admin: Callable[[Target, Account], None] | None = None
    read_state: Callable[[Target, Sequence[Account]], Any] | None = None


class JourneyInProgress:
    """A journey whose steps are being played."""

    def __init__(
        self,
        journey: Journey,
        sides: tuple[Side, Side],
        clocks: tuple[Clock, Clock],
        options: PlayerOptions,
        *,
        migrated: bool = False,
    ) -> None:
        """Prepare the comparison. migrated: the accounts were migrated with their ids (id_mapping.py)."""
        self.sides = sides
        self._clocks, self._options = clocks, options
        self._order = random.Random(f"{options.seed} {journey.name}")  # noqa: S311 - which side is asked first
        self._timelines = (Timeline(clocks[0].tolerance_us), Timeline(clocks[1].tolerance_us))
        self._id_mapping = IdMapping(*self._timelines, migrated)
        self._comparison = ResponseComparison(
            options.rules,
            self._id_mapping,
            declared=options.declared,
            show_values=options.show_values,
            user_content=migrated,
        )
        self.played = PlayedJourney(journey, filled=self._comparison.filled)
        self._uploaded = UploadedFiles()
        self._without: set[str] = set()

    def name_account(self, actor: str, ending: str) -> None:
        """Add an account on both sides whose name ends with that text. Nothing is sent."""
        for side in self.sides:
            side.actors[actor] = side.accounts.name(ending)
        first, second = (side.actors[actor] for side in self.sides)
        for baseline, candidate in ((first.username, second.username), (first.email, second.email)):
            if baseline != candidate:
                self._id_mapping.map_text(baseline, candidate)

    def register(self, actor: str) -> None:
        """Register that account on both sides. The responses are compared like those of any step."""
        own = {"username": "username", "email": "email", "password": "password", "password_again": "password"}
        step = Step("register", actor, fields={name: Own(field) for name, field in own.items()})
        self.step(step)

    def step(self, step: Step) -> bool:
        """Play one step on both sides and compare. Return False if it cannot be played: the journey then ends."""
        started = time.time()
        deadline = time.monotonic()
        try:
            if self._is_left_out(step):
                return True
        except UnresolvedReference as error:
            self.played.cut_short = f"{step}: {error}"
            return False
        self._map_spelled_names(step)
        if step.eventually:
            deadline += max(side.target.environment.kv_propagation_s for side in self.sides)
        while True:
            try:
                answers = self._send_to_both(step)
            except UnresolvedReference as error:
                self.played.cut_short = f"{step}: {error}"
                return False
            found = compare_answers(self._comparison, step.operation, step.case, answers)
            found += self._shared_losses(step, answers)
            if time.monotonic() >= deadline or self._options.settled(step, found):
                break
            time.sleep(_POLL_S)
        self._note_files(step, answers)
        statuses = [answer.status if isinstance(answer, Result) else None for answer in answers]
        requests = [answer.answer.request_id if isinstance(answer, Result) else "" for answer in answers]
        self.played.steps.append(
            PlayedStep(
                step,
                (statuses[0], statuses[1]),
                (requests[0], requests[1]),
                tuple(found),
                self._role(step),
                time.time() - started,
            )
        )
        return True

    def _is_left_out(self, step: Step) -> bool:
        """Return True if a system does not have what the step needs, as the configuration says.

        It is then sent to neither, and neither are later steps that refer to its response.
        """
        if step.needs() & self._without:
            reason = "an earlier step that it refers to is left out"
        else:
            try:
                for side in self.sides:
                    side.expect_applicable(step)
                return False
            except NotApplicable as error:
                reason = str(error)
        if step.saves:
            self._without.add(step.saves)
        self.played.left_out[str(step)] = reason
        return True

    def read_back(self) -> None:
        """Compare the responses and the stored state of every account after the last step."""
        for actor in (*self.played.journey.actors, *self.played.journey.spares):
            if not all(side.actors[actor].access_token.reveal() for side in self.sides):
                continue  # never registered, or removed by the journey
            if any(actor in side.logged_out for side in self.sides):
                own = {"username": Own("username"), "password": Own("password")}
                self.step(Step("login", actor, fields=own))
            list_name = f"the files of {actor}, at the end"
            self.step(Step("list_files", actor, saves=list_name))
            saved = [side.saved.get(list_name) for side in self.sides]
            numbers = {len(result.entries("files")) for result in saved if result is not None}
            for index in range(min(numbers, default=0)):
                file = {"file_id": Ref(list_name, f"files/{index}/file_id")}
                self.step(Step("columns", actor, path=file))
                self.step(Step("download", actor, path=file))
        if self._options.read_state is not None:
            documents = [self._options.read_state(side.target, list(side.actors.values())) for side in self.sides]
            self.played.state = self._comparison.compare_documents(documents[0], documents[1], operation="state")

    def _map_spelled_names(self, step: Step) -> None:
        """Map a name with another spelling in this step to the other side's name with the same spelling."""
        for value in (step.fields or {}).values():
            if isinstance(value, Own) and value.field in ("username", "email"):
                with contextlib.suppress(UnresolvedReference):  # reported by the step itself
                    baseline, candidate = (side.resolve(value, step.actor) for side in self.sides)
                    if baseline != candidate:
                        self._id_mapping.map_text(baseline, candidate)

    def _send_to_both(self, step: Step) -> tuple[Result | str, Result | str]:
        """Return both responses, or a text if the connection broke. Either side may be asked first."""
        answers: list[Result | str] = ["", ""]
        windows = [(0, 0), (0, 0)]
        order = [0, 1]
        self._order.shuffle(order)
        for index in order:
            ahead = self._clocks[index].ahead_us
            before = int(time.time() * 1e6) + ahead
            answers[index] = answer_or_failure(functools.partial(self.sides[index].send, step))
            windows[index] = (before, int(time.time() * 1e6) + ahead)
        for timeline, window in zip(self._timelines, windows, strict=True):
            timeline.add(window)
        return answers[0], answers[1]

    def _shared_losses(self, step: Step, answers: tuple[Result | str, Result | str]) -> list[Difference]:
        baseline, candidate = answers
        if isinstance(baseline, Result) and isinstance(candidate, Result):
            return self._uploaded.losses(step, (baseline, candidate), file_ids(self.sides, step))
        return []

    def _note_files(self, step: Step, answers: tuple[Result | str, Result | str]) -> None:
        baseline, candidate = answers
        if isinstance(baseline, Result) and isinstance(candidate, Result):
            self._uploaded.note(step, (baseline, candidate), file_ids(self.sides, step))

    def _role(self, step: Step) -> str:
        if step.actor == ANONYMOUS or step.operation in WITHOUT_BEARER or step.bearer is None:
            return "anonymous"
        if step.actor in self.played.journey.admins:
            return "admin"
        return "other" if step.owner not in ("", step.actor) else "owner"


def answer_or_failure(send: Callable[[], Result]) -> Result | str:
    """Return the response. Return a text if the connection was made and then broke or timed out."""
    try:
        return send()
    except CheckFailed as error:
        if not error.finding.startswith(("broken-answer", "no-answer")):
            raise
        return error.finding.partition(":")[0].replace("-", " ")


def compare_answers(
    comparison: ResponseComparison, operation: str, case: str, answers: tuple[Result | str, Result | str]
) -> list[Difference]:
    """Return all differences of two responses. A text replaces a response that was not received."""
    baseline, candidate = answers
    if isinstance(baseline, Result) and isinstance(candidate, Result):
        return comparison.compare(baseline, candidate, case=case)
    words = [str(answer.status) if isinstance(answer, Result) else answer for answer in answers]
    kind = Kind.SEMANTICS if words[0] == words[1] else Kind.STATUS
    return [Difference(operation, "status", kind, words[0], words[1], case)]
