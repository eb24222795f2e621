"""Goes through a recording line by line: what can be replayed is sent to both systems and compared, the rest is told.

Sends GET and HEAD only. Not for sums (sums.py) nor for what follows from them (conclusion.py).
"""

from __future__ import annotations

import functools
import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from cutover.core.errors import MeasurementError
from cutover.core.recorder import Recorder
from cutover.parity.clocks import Clock, read_clock
from cutover.parity.differences import Difference
from cutover.parity.id_mapping import IdMapping, Timeline
from cutover.parity.journey_in_progress import answer_or_failure, compare_answers
from cutover.parity.replay import totals as words
from cutover.parity.replay.identities import Identities
from cutover.parity.replay.recorded import Broken, Recorded, holds_a_secret
from cutover.parity.replay.recording import Recording
from cutover.parity.replay.replay_accounts import People, Person
from cutover.parity.replay.replay_state import State
from cutover.parity.replay.routes import SIDES, UUID, Match, Routes, normalised
from cutover.parity.replay.totals import ReplayTotals
from cutover.parity.response_comparison import ResponseComparison
from cutover.parity.rules import Rules
from cutover.systems.target import Result, Target

REPLAYED: Final = ("GET", "HEAD")
_HEADERS: Final = {"accept-encoding": "identity"}  # what a body is, not how it was packed on the way


class Replay:
    """One recording on one environment."""

    def __init__(
        self,
        recording: Recording,
        identities: Identities,
        targets: Mapping[str, Target],
        people: People,
        rules: Rules,
        *,
        recorder: Recorder,
        state: State,
        sums: ReplayTotals,
        collapse: bool = False,
        show_values: bool = False,
    ) -> None:
        """state, sums: with what an earlier part of the same replay has done."""
        environment = targets["worker"].environment
        self._recording, self._identities, self._targets = recording, identities, targets
        self._people, self._journal, self._state, self._sums = people, recorder, state, sums
        self._collapse, self._show = collapse, show_values
        self._names = list(identities.people)  # a name is a user's value, and is written down as its place here
        self._operations = environment.operations
        self._routes = Routes(environment)
        self._hosts = {
            target.url.partition("://")[2].partition("/")[0].lower(): side for side, target in targets.items()
        }
        # What anybody may ask: the coverage that the contract wants of nobody in particular says so.
        self._public = {cell.operation for cell in rules.cells if cell.role == "anonymous" and cell.candidate != 401}
        self._clocks: dict[str, Clock] = {}
        self._timelines = {side: Timeline() for side in SIDES}
        self._id_mapping = IdMapping(self._timelines["legacy"], self._timelines["worker"])
        self._comparison = ResponseComparison(rules, self._id_mapping, show_values=show_values, user_content=True)
        self._sent: set[bytes] = set()
        self._digest = ""

    def begin(self) -> None:
        """Ask the clocks, and bind what the identities file and the earlier part say."""
        for side, target in self._targets.items():
            self._timelines[side].tolerance_us = read_clock(target).tolerance_us
            self._clocks[side] = read_clock(target)
        for legacy, worker in self._people.names():
            self._id_mapping.map_text(legacy, worker)
        for mapped in self._identities.files.values():
            self._id_mapping.bind("file", mapped.ids["legacy"], mapped.ids["worker"])
        for number, place in self._sums.bound.values():
            self._bind(number, place)

    def lines(self, limit: int | None, progress: Callable[[int], None]) -> bool:
        """Replay every line behind the last one that was done; whether the recording was read to its end.

        Raises MeasurementError and what Target.call raises; the line that was under way then counts as not done.
        """
        for number, raw in self._recording.raw():
            if limit is not None and number > limit:
                return False
            if number <= self._sums.done:
                self._pass(number, raw)
                continue
            self._digest = self._recording.digest()
            read = self._recording.read(number, raw)
            if read is not None:
                self._write(number, self._told(read))
            progress(number)
        return True

    def note_traffic(self) -> None:
        """Count what was sent for no line: logins, readiness."""
        traffic = self._traffic()
        if traffic["requests"]:
            self._append({"x": traffic})

    def note_end(self) -> None:
        """Record that the recording was replayed to its end. Raises MeasurementError."""
        self._append({"ended": True})

    # --- one line ----------------------------------------------------------------------------------

    def _pass(self, number: int, raw: bytes | None) -> None:
        """A line that the earlier part has done. Raises MeasurementError when it is not the same any more."""
        if number == self._sums.done and self._recording.digest() != self._sums.digest:
            raise MeasurementError(
                f"{self._recording.file.name} is not what it was: its first {number} "
                f"{self._recording.unit}s have changed since they were replayed. Replay anew, without --resume."
            )
        read = self._recording.read(number, raw) if self._collapse else None
        if isinstance(read, Recorded):
            self._sent.add(_print(read, self._who(read)))

    def _told(self, read: Recorded | Broken) -> dict[str, Any]:
        """What becomes of it: sent and compared, or why not."""
        if isinstance(read, Broken):
            return {"o": words.BROKEN, "why": read.reason}
        if read.no_http:
            return {"o": words.NO_HTTP}
        if read.host and self._identities.hosts and read.host not in {*self._identities.hosts, *self._hosts}:
            return {"o": words.HOST}
        if read.method not in REPLAYED:
            return {"o": words.METHOD, "m": read.method}
        match = self._routes.find(read.method, read.path, self._hosts.get(read.host, self._identities.on))
        if match is None:
            gap = read.status is None or read.status < 400
            return {"o": words.UNKNOWN, "p": f"{read.method} {normalised(read.path)}", "gap": gap}
        for side in SIDES:
            why = self._operations[side][match.operation].absent
            if why is not None:
                return {"o": words.ELSEWHERE, "op": match.operation, "why": f"{side}: {why}"}
        return self._requested(read, match)

    def _requested(self, read: Recorded, match: Match) -> dict[str, Any]:
        uncovered = {"o": words.UNCOVERED, "op": match.operation}
        who = self._who(read)
        person = self._people.people.get(who) if who is not None else None
        if match.operation in self._public:
            person = None
        elif who is None:
            return {**uncovered, "why": "nobody asked, by the recording, and the operation needs somebody"}
        elif person is None:
            return {**uncovered, "why": "its identity is not mapped", "who": self._shown_identity(who)}
        if holds_a_secret(read.query):
            return {**uncovered, "why": "its query holds a secret, which is not sent again"}
        if self._collapse:
            seen = _print(read, who)
            if seen in self._sent:
                return {"o": words.COLLAPSED}
            self._sent.add(seen)
        paths: dict[str, dict[str, str]] = {side: {} for side in SIDES}
        role, bind = "anonymous" if person is None else "owner", None
        for name, recorded in match.parameters.items():
            mapped = self._file(recorded, person, read) if name == "file_id" else None
            if mapped is None:
                return {**uncovered, "why": f"nothing says which {name.removesuffix('_id')} its {name} is"}
            ids, owner, bind = mapped
            role = "other" if person is not None and owner not in ("", person.mapped.name) else role
            for side in SIDES:
                paths[side][name] = ids[side]
        queries = self._queries(read.query, person, read)
        if queries is None:
            return {**uncovered, "why": "nothing says what an id in its query is"}
        told = self._compare(match.operation, read, person, paths, queries, role)
        if person is not None and told.get("st") == [401, 401]:
            told = {**uncovered, "why": "both answered 401, although its identity had logged in"}
        return {**told, "bind": bind} if bind else told

    def _compare(
        self,
        operation: str,
        read: Recorded,
        person: Person | None,
        paths: Mapping[str, Mapping[str, str]],
        queries: Mapping[str, str],
        role: str,
    ) -> dict[str, Any]:
        started = time.time()
        if person is not None:
            self._people.renew(person)
        answers: dict[str, Result | str] = {}
        compared_so_far = self._sums.outcomes[words.COMPARED]
        for side in SIDES if compared_so_far % 2 == 0 else reversed(SIDES):  # neither is always the first
            before = int(time.time() * 1e6) + self._clocks[side].ahead_us
            send = functools.partial(
                self._targets[side].call,
                operation,
                token=person.accounts[side].access_token if person is not None else None,
                path=paths[side],
                query=queries[side],
                headers=_HEADERS,
                method=read.method,
            )
            answers[side] = answer_or_failure(send)
            # This request alone: whatever else an answer dates was before the replay, and stays as it is.
            self._timelines[side].begin_at((before, int(time.time() * 1e6) + self._clocks[side].ahead_us))
        case = "HEAD" if read.method == "HEAD" else ""
        pair = answers["legacy"], answers["worker"]
        found = compare_answers(self._comparison, operation, case, pair)
        if why := self._shows_nothing(read, pair, found):
            return {"o": words.UNCOVERED, "op": operation, "why": why}
        return {
            "o": words.COMPARED,
            "op": operation,
            "case": case,
            "role": role,
            "st": [answer.status if isinstance(answer, Result) else None for answer in pair],
            "rq": [answer.answer.request_id if isinstance(answer, Result) else "" for answer in pair],
            "s": round(time.time() - started, 4),
            **({"file": True} if paths["legacy"] else {}),
            **self._sums.differences(found),
        }

    def _shows_nothing(
        self, read: Recorded, pair: tuple[Result | str, Result | str], found: Sequence[Difference]
    ) -> str:
        """Why two answers that agree are no proof: both refuse what the recording was given. "" for any others.

        A mapping that is wrong, or a file that is on neither system, is refused alike by both.
        """
        statuses = [answer.status for answer in pair if isinstance(answer, Result)]
        refused = len(statuses) == len(pair) and min(statuses) >= 400
        if not refused or (read.status is not None and read.status >= 400):
            return ""
        if not all(self._sums.decisions.matching(each) for each in found):
            return ""  # a finding, whatever was recorded
        was = "without a status" if read.status is None else str(read.status)
        return f"recorded {was}, answered {' and '.join(map(str, dict.fromkeys(statuses)))} now"

    # --- whose and which ---------------------------------------------------------------------------

    def _who(self, read: Recorded) -> str | None:
        return self._identities.everyone if self._identities.everyone is not None else read.identity

    def _shown_identity(self, who: str) -> str:
        """A name that nobody maps is a user's value: it is shown by the line in which it is found."""
        return who if self._show else hashlib.sha256(f"{self._state.head['run']} {who}".encode()).hexdigest()[:12]

    def _file(
        self, recorded: str, person: Person | None, read: Recorded
    ) -> tuple[Mapping[str, str], str, list[Any] | None] | None:
        """The ids that a recorded one stands for, whose the file is, and what was bound just now."""
        explicit = self._identities.files.get(recorded)
        if explicit is not None:
            return explicit.ids, explicit.owner, None
        if recorded in self._sums.bound:
            number, place = self._sums.bound[recorded]
            return self._ids(number, place), self._names[number], None
        if person is None or (read.status is not None and read.status >= 400):
            return None  # by such an answer nobody knows whose it was
        if person.mapped.files == "same":
            return dict.fromkeys(SIDES, recorded), "", None
        if person.mapped.files != "in order":
            return None
        number = self._names.index(person.mapped.name)
        place = sum(1 for of, _ in self._sums.bound.values() if of == number)
        if any(place >= len(person.files[side]) for side in SIDES):
            return None
        self._bind(number, place)
        return self._ids(number, place), person.mapped.name, [recorded, number, place]

    def _ids(self, number: int, place: int) -> dict[str, str]:
        return {side: self._people.people[self._names[number]].files[side][place] for side in SIDES}

    def _bind(self, number: int, place: int) -> None:
        ids = self._ids(number, place)
        self._id_mapping.bind("file", ids["legacy"], ids["worker"])

    def _queries(self, query: str, person: Person | None, read: Recorded) -> dict[str, str] | None:
        """The query for each system, with every id in it as that system has it; None for one that nobody knows."""
        queries = dict.fromkeys(SIDES, query)
        for recorded in set(UUID.findall(query)):
            mapped = self._file(recorded, person, read)
            if mapped is None or mapped[2] is not None:
                return None  # an id that is only seen in a query may be anything's
            queries = {side: text.replace(recorded, mapped[0][side]) for side, text in queries.items()}
        return queries

    # --- writing down ------------------------------------------------------------------------------

    def _write(self, number: int, told: dict[str, Any]) -> None:
        traffic = self._traffic()
        record = {"n": number, "d": self._digest, **told}
        self._append(record | ({"x": traffic} if traffic["requests"] else {}))

    def _append(self, record: dict[str, Any]) -> None:
        try:
            self._state.append(record)
        except OSError as error:
            raise MeasurementError(f"the replay's state could not be written: {error}. Free the disk.") from None
        self._sums.add(record)

    def _traffic(self) -> dict[str, Any]:
        recorder = self._journal
        exchanges, recorder.exchanges = recorder.exchanges, []
        versions = {exchange.version for exchange in exchanges if exchange.version is not None} - self._sums.versions
        told: dict[str, Any] = {"requests": len(exchanges)}
        if retries := sum(exchange.connect_retries for exchange in exchanges):
            told["retries"] = retries
        if recorder.rate_limited:
            told["limited"], recorder.rate_limited = recorder.rate_limited, 0
        if recorder.paced_s:
            told["paced_s"], recorder.paced_s = round(recorder.paced_s, 3), 0.0
        if versions:
            told["versions"] = sorted(versions)
        return told


def _print(read: Recorded, who: str | None) -> bytes:
    """16 bytes that tell one request of one identity from another."""
    text = "\0".join((read.method, read.path, read.query, who or ""))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
