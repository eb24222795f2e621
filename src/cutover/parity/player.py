"""Plays a journey on both systems, step by step, and compares each pair of answers.

Each journey has its own accounts and its own id_mapping of ids. Not for what to think of a
difference: acceptances.py; nor for shortening a journey: shortening.py.
"""

from __future__ import annotations

import contextlib
import functools
import random
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.accounts.registered import Account, Accounts
from cutover.core.errors import CheckFailed, IdentityMismatch, NotVerified
from cutover.core.secrets import Secret
from cutover.parity.differences import Difference, Kind
from cutover.parity.id_mapping import IdMapping, Timeline, read_instant
from cutover.parity.response_comparison import AnswerComparison
from cutover.parity.rules import Rules
from cutover.parity.steps import ANONYMOUS, Journey, Own, Ref, Step
from cutover.systems.target import Result, Target

_NO_BEARER: Final = ("register", "login", "refresh")
_POLL_S: Final = 0.05
_UNKNOWN_CLOCK_US: Final = 2_000_000
_CLOCK_SLACK_US: Final = 20_000
_HEADERS: Final = {"accept-encoding": "identity"}  # what a body is, not how it was packed on the way


class Unresolved(Exception):  # noqa: N818 - a step that cannot be played, since an earlier one was answered otherwise
    """A step refers to what an earlier one was not answered."""


@dataclass(frozen=True)
class Answered:
    """One step, played. statuses: baseline's and candidate's; requests: either request's id; None where a side
    broke the connection. started: Unix time in seconds."""

    step: Step
    statuses: tuple[int | None, int | None]
    requests: tuple[str, str]
    differences: tuple[Difference, ...]
    role: str
    elapsed_s: float


@dataclass
class Played:
    """A journey that was played. cut_short: why it ended before its last step, "" when it did not."""

    journey: Journey
    answered: list[Answered] = field(default_factory=list)
    cut_short: str = ""
    state: list[Difference] | None = None

    @property
    def differences(self) -> list[Difference]:
        """All of them, in the order in which they were found."""
        return [difference for answered in self.answered for difference in answered.differences] + (self.state or [])


class Side:
    """One system in one journey: its accounts and what its steps were answered."""

    def __init__(self, target: Target, accounts: Accounts) -> None:
        self.target, self.accounts = target, accounts
        self.people: dict[str, Account] = {}
        self.old_tokens: dict[str, Secret] = {}
        self.saved: dict[str, Result] = {}
        self.logged_out: set[str] = set()

    def value(self, value: Any, actor: str) -> Any:
        """The value with every reference in it resolved for this system. Raises Unresolved."""
        if isinstance(value, Ref):
            if value.saved not in self.saved:
                raise Unresolved(f"{value.saved} was never answered")
            result = self.saved[value.saved]
            try:
                return _told(result, value.field)
            except (CheckFailed, IndexError, KeyError, ValueError):
                raise Unresolved(f"{value.saved} was answered without {value.field}") from None
        if isinstance(value, Own):
            own = getattr(self._person(value.actor or actor), value.field)
            return _written(own, value) if value.before or value.after or value.change else own
        if isinstance(value, Mapping):
            return {key: self.value(inner, actor) for key, inner in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.value(inner, actor) for inner in value]
        return value

    def send(self, step: Step) -> Result:
        """Send the step to this system. Raises Unresolved, and what Target.call raises."""
        result = self.target.call(
            step.operation,
            token=self._bearer(step),
            path={key: str(value) for key, value in self.value(step.path, step.actor).items()},
            fields=self.value(step.fields, step.actor) if step.fields is not None else None,
            file=(step.file.name, step.file.content, step.file.media_type) if step.file else None,
            content=step.content,
            headers={**_HEADERS, **step.headers},
            method=step.method or None,
        )
        self._keep(step, result)
        return result

    def _person(self, actor: str) -> Account:
        if actor not in self.people:
            raise Unresolved(f"{actor} has no account")
        return self.people[actor]

    def _bearer(self, step: Step) -> Secret | str | None:
        if step.operation in _NO_BEARER or step.actor == ANONYMOUS or step.bearer is None:
            return None
        person = self._person(step.actor)
        if step.bearer == "access":
            return person.access_token
        if step.bearer == "refresh":
            return person.refresh_token
        if step.bearer == "old access":
            if step.actor not in self.old_tokens:
                raise Unresolved(f"{step.actor} has no older token")
            return self.old_tokens[step.actor]
        resolved = self.value(step.bearer, step.actor)
        return resolved if isinstance(resolved, Secret) else str(resolved)

    def _keep(self, step: Step, result: Result) -> None:
        if result.status not in result.operation.statuses:
            return
        if step.saves:
            self.saved[step.saves] = result
        person = self.people.get(step.actor)
        if person is None:
            return
        if step.operation == "register":
            person.user_id = result.field("user_id")
            person.refresh_token = result.secret("refresh_token")
            person.access_token = result.secret("access_token")
        elif step.operation == "refresh" and step.actor in self.logged_out:
            return  # until a logout is seen everywhere, it may still be given a token, which is none of the journey's
        elif step.operation in ("login", "refresh"):
            self.old_tokens[step.actor] = person.access_token
            person.access_token = result.secret("access_token")
            if step.operation == "login":
                person.refresh_token = result.secret("refresh_token")
            self.logged_out.discard(step.actor)
        elif step.operation == "logout":
            self.logged_out.add(step.actor)
        elif step.operation == "delete_account":
            person.access_token = Secret("")


@dataclass(frozen=True)
class Clock:
    """A system's clock beside ours: how far it is ahead, and how sure that is, in microseconds."""

    ahead_us: int
    tolerance_us: int


@dataclass(frozen=True)
class Means:
    """What a player plays with.

    settled: whether what was found at a step that may take time is as declared: nothing else, and all that its case is
    declared to show. make_admin: makes an account an
    administrator, None where that cannot be done. held: what a system holds of these accounts (state.py),
    None where nobody can look.
    """

    rules: Rules
    settled: Callable[[Step, Sequence[Difference]], bool]
    seed: int = 0
    show_values: bool = False
    make_admin: Callable[[Target, Account], None] | None = None
    held: Callable[[Target, Sequence[Account]], Any] | None = None


class Player:
    """Plays journeys on a baseline and a candidate."""

    def __init__(
        self, baseline: Target, candidate: Target, accounts: Callable[[Target, str], Accounts], means: Means
    ) -> None:
        """accounts: makes the accounts of one journey on a target, both sides' under the label that it is
        given, so that they have the same names; the caller removes them."""
        self._targets, self._accounts, self._means = (baseline, candidate), accounts, means
        self._clocks: tuple[Clock, Clock] | None = None
        self._proven = False

    @property
    def noise(self) -> bool:
        """Whether both sides are the same system, to see what differs by itself."""
        return self._targets[0].system == self._targets[1].system

    def begin(self, journey: Journey) -> Playing:
        """Register the journey's accounts on both systems; steps are then played one by one.

        Raises IdentityMismatch when both addresses lead to one system.
        """
        playing = self._playing(journey)
        for actor in journey.actors:
            playing.name(actor, "")
        for actor, ending in journey.spares.items():
            playing.name(actor, ending)
        for actor in journey.actors:
            playing.register(actor)
        self._prove(playing)
        for actor in journey.admins:
            if self._means.make_admin is None:
                raise NotVerified("nobody can be made an administrator here: it takes postgres and d1")
            for side in playing.sides:
                self._means.make_admin(side.target, side.people[actor])
        return playing

    def begin_migrated(self, journey: Journey, people: Mapping[str, tuple[Secret, Secret]]) -> Playing:
        """The journey of accounts that both systems hold already: nobody is registered, and nobody is removed.

        people: actor -> name and password. Ids and instants of what was migrated must be the same on both sides.
        Raises IdentityMismatch when both addresses lead to one system.
        """
        playing = self._playing(journey, migrated=True)
        for side in playing.sides:
            for actor, (username, password) in people.items():
                side.people[actor] = Account(username.reveal(), "", password)
        self._prove(playing)
        return playing

    def play(self, journey: Journey) -> Played:
        """The whole journey, and then what both sides hold. A step that cannot be played ends it, saying so."""
        playing = self.begin(journey)
        for step in journey.steps:
            if not playing.step(step):
                return playing.played
        playing.read_back()
        return playing.played

    def _playing(self, journey: Journey, *, migrated: bool = False) -> Playing:
        if self._clocks is None:
            self._clocks = clock_of(self._targets[0]), clock_of(self._targets[1])
        labels = [secrets.token_hex(3)] * 2 if not self.noise else [secrets.token_hex(3) for _ in self._targets]
        sides = [
            Side(target, self._accounts(target, label)) for target, label in zip(self._targets, labels, strict=True)
        ]
        return Playing(journey, (sides[0], sides[1]), self._clocks, self._means, migrated=migrated)

    def _prove(self, playing: Playing) -> None:
        """Once a run, that there are two systems."""
        if self.noise or self._proven:
            return
        if "registration" in self._targets[0].environment.absent:
            one = self._token_is_honoured(playing)
        else:
            one = self._stranger_is_known(playing)
        if one is None:
            return  # with the next account
        baseline, candidate = (side.target for side in playing.sides)
        if one:
            raise IdentityMismatch(
                f"{candidate.url} {one} {baseline.url} alone: both addresses lead to one system, which would be "
                f"compared with itself. Mend [worker] or [legacy] in environments.toml [{candidate.environment.name}], "
                "or the route in front of them."
            )
        self._proven = True

    def _stranger_is_known(self, playing: Playing) -> str:
        """An account of the baseline is unknown to the candidate, or both are one system: then a word of it."""
        baseline, candidate = playing.sides
        stranger = baseline.accounts.new()
        fields = {"username": stranger.username, "password": stranger.password}
        known = candidate.target.call("login", fields=fields).status in candidate.target.operation("login").statuses
        return "knows an account that was made on" if known else ""

    def _token_is_honoured(self, playing: Playing) -> str | None:
        """The same where nobody may register: a token of the baseline is refused by the candidate. None when the
        account, a disabled one, is given none."""
        baseline, candidate = playing.sides
        for person in baseline.people.values():
            fields = {"username": person.username, "password": person.password}
            login = baseline.target.call("login", fields=fields)
            if login.status not in login.operation.statuses:
                continue  # one who is disabled
            answer = candidate.target.call("user", token=login.secret("access_token"))
            return "honours a token of" if answer.status in answer.operation.statuses else ""
        return None


class Playing:
    """A journey that is under way."""

    def __init__(
        self,
        journey: Journey,
        sides: tuple[Side, Side],
        clocks: tuple[Clock, Clock],
        means: Means,
        *,
        migrated: bool = False,
    ) -> None:
        """migrated: the accounts came by the migration, with their ids (id_mapping.py)."""
        self.played, self.sides = Played(journey), sides
        self._clocks, self._means = clocks, means
        self._order = random.Random(f"{means.seed} {journey.name}")  # noqa: S311 - which side is asked first
        self._timelines = (Timeline(clocks[0].tolerance_us), Timeline(clocks[1].tolerance_us))
        self._known = IdMapping(*self._timelines, migrated)
        self._comparison = AnswerComparison(means.rules, self._known, show_values=means.show_values, of_users=migrated)

    def name(self, actor: str, ending: str) -> None:
        """A new account on both sides, whose name ends with that text; nothing is sent."""
        for side in self.sides:
            side.people[actor] = side.accounts.name(ending)
        first, second = (side.people[actor] for side in self.sides)
        for ours, theirs in ((first.username, second.username), (first.email, second.email)):
            if ours != theirs:
                self._known.stand_for(ours, theirs)

    def register(self, actor: str) -> None:
        """Register that account on both sides, compared like any step."""
        own = {"username": "username", "email": "email", "password": "password", "password_again": "password"}
        step = Step("register", actor, fields={name: Own(of) for name, of in own.items()})
        self.step(step)

    def step(self, step: Step) -> bool:
        """Play one step on both sides and compare; False when it cannot be played, and the journey is over."""
        started = time.time()
        deadline = time.monotonic()
        self._let_names_stand(step)
        if step.eventually:
            deadline += max(side.target.environment.kv_propagation_s for side in self.sides)
        while True:
            try:
                answers = self._both(step)
            except Unresolved as error:
                self.played.cut_short = f"{step}: {error}"
                return False
            found = compared(self._comparison, step.operation, step.case, answers)
            if time.monotonic() >= deadline or self._means.settled(step, found):
                break
            time.sleep(_POLL_S)
        statuses = [answer.status if isinstance(answer, Result) else None for answer in answers]
        requests = [answer.answer.request_id if isinstance(answer, Result) else "" for answer in answers]
        self.played.answered.append(
            Answered(
                step,
                (statuses[0], statuses[1]),
                (requests[0], requests[1]),
                tuple(found),
                self._role(step),
                time.time() - started,
            )
        )
        return True

    def _let_names_stand(self, step: Step) -> None:
        """A name that is written otherwise in a step stands for the other side's, written in the same way."""
        for value in (step.fields or {}).values():
            if isinstance(value, Own) and value.field in ("username", "email"):
                with contextlib.suppress(Unresolved):  # the step itself will say so
                    ours, theirs = (side.value(value, step.actor) for side in self.sides)
                    if ours != theirs:
                        self._known.stand_for(ours, theirs)

    def read_back(self) -> None:
        """Compare what both sides show and hold of every account, after the last step."""
        for actor in (*self.played.journey.actors, *self.played.journey.spares):
            if not all(side.people[actor].access_token.reveal() for side in self.sides):
                continue  # never registered, or the journey removed it
            if any(actor in side.logged_out for side in self.sides):
                own = {"username": Own("username"), "password": Own("password")}
                self.step(Step("login", actor, fields=own))
            listed = f"the files of {actor}, at the end"
            self.step(Step("list_files", actor, saves=listed))
            saved = [side.saved.get(listed) for side in self.sides]
            numbers = {len(result.entries("files")) for result in saved if result is not None}
            for index in range(min(numbers, default=0)):
                file = {"file_id": Ref(listed, f"files/{index}/file_id")}
                self.step(Step("columns", actor, path=file))
                self.step(Step("download", actor, path=file))
        if self._means.held is not None:
            documents = [self._means.held(side.target, list(side.people.values())) for side in self.sides]
            self.played.state = self._comparison.documents(documents[0], documents[1], operation="state")

    def _both(self, step: Step) -> tuple[Result | str, Result | str]:
        """Both answers; a text in place of one says how the connection broke. Either side may come first."""
        answers: list[Result | str] = ["", ""]
        windows = [(0, 0), (0, 0)]
        order = [0, 1]
        self._order.shuffle(order)
        for index in order:
            ahead = self._clocks[index].ahead_us
            before = int(time.time() * 1e6) + ahead
            answers[index] = answer_or_word(functools.partial(self.sides[index].send, step))
            windows[index] = (before, int(time.time() * 1e6) + ahead)
        for timeline, window in zip(self._timelines, windows, strict=True):
            timeline.add(window)
        return answers[0], answers[1]

    def _role(self, step: Step) -> str:
        if step.actor == ANONYMOUS or step.operation in _NO_BEARER or step.bearer is None:
            return "anonymous"
        if step.actor in self.played.journey.admins:
            return "admin"
        return "other" if step.owner not in ("", step.actor) else "owner"


def answer_or_word(send: Callable[[], Result]) -> Result | str:
    """The answer; where the connection was made and broke, or stayed silent, a word for that."""
    try:
        return send()
    except CheckFailed as error:
        if not error.finding.startswith(("broken-answer", "no-answer")):
            raise
        return error.finding.partition(":")[0].replace("-", " ")


def compared(
    comparison: AnswerComparison, operation: str, case: str, answers: tuple[Result | str, Result | str]
) -> list[Difference]:
    """Everything in which two answers differ; a word stands for one that did not come."""
    baseline, candidate = answers
    if isinstance(baseline, Result) and isinstance(candidate, Result):
        return comparison.compare(baseline, candidate, case=case)
    words = [str(answer.status) if isinstance(answer, Result) else answer for answer in answers]
    kind = Kind.SEMANTICS if words[0] == words[1] else Kind.STATUS
    return [Difference(operation, "status", kind, words[0], words[1], case)]


def clock_of(target: Target) -> Clock:
    """The system's clock, by the time stamp of its health between two readings of ours.

    Where health tells none, it is held to be right within two seconds.
    """
    before = time.time()
    answer = target.call("health")
    after = time.time()
    try:
        told = read_instant(answer.field("timestamp"))
    except (CheckFailed, NotVerified):
        told = None
    if told is None:
        return Clock(0, _UNKNOWN_CLOCK_US)
    half = int((after - before) * 5e5)
    ahead = told.us - int(before * 1e6) - half
    if abs(ahead) <= half + 10 ** (6 - min(told.digits, 6)):
        ahead = 0  # no difference that could be seen
    return Clock(ahead, half + _CLOCK_SLACK_US)


def _written(own: Any, value: Own) -> str:
    text = own.reveal() if isinstance(own, Secret) else str(own)
    text = {"upper": text.upper(), "capital": text.capitalize()}.get(value.change, text)
    return f"{value.before}{text}{value.after}"


def _told(result: Result, name: str) -> Any:
    """A field of an answer; LIST/INDEX/FIELD is a field of that element of the list."""
    if "/" not in name:
        return result.field(name)
    listed, index, inner = name.split("/")
    return result.entries(listed)[int(index)][inner]
