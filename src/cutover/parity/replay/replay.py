"""Read a recording line by line, send each request that can be replayed to both systems, and compare the responses.

Sends GET and HEAD only. totals.py adds up the results, conclusion.py decides the outcome.
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
from cutover.parity.replay import totals as outcomes
from cutover.parity.replay.hosts import normalized_host
from cutover.parity.replay.identities import Identities
from cutover.parity.replay.recorded import REPLAYED, BrokenLine, Recorded, holds_a_secret
from cutover.parity.replay.recording import Recording, plural
from cutover.parity.replay.replay_accounts import ReplayAccount, ReplayAccounts
from cutover.parity.replay.replay_state import ReplayState
from cutover.parity.replay.routes import SIDES, UUID, Match, Routes, normalized
from cutover.parity.replay.totals import ReplayTotals
from cutover.parity.response_comparison import ResponseComparison
from cutover.parity.rules import Rules
from cutover.systems.target import Result, Target

_HEADERS: Final = {"accept-encoding": "identity"}  # compare bodies, not their compression


class Replay:
    """One recording on one environment."""

    def __init__(
        self,
        recording: Recording,
        identities: Identities,
        targets: Mapping[str, Target],
        accounts: ReplayAccounts,
        rules: Rules,
        *,
        recorder: Recorder,
        state: ReplayState,
        totals: ReplayTotals,
        collapse: bool = False,
        show_values: bool = False,
    ) -> None:
        """Prepare the replay. state, totals: with the lines that earlier parts of the replay have done."""
        environment = targets["worker"].environment
        self._recording, self._identities, self._targets = recording, identities, targets
        self._accounts, self._recorder, self._state, self._totals = accounts, recorder, state, totals
        self._collapse, self._show = collapse, show_values
        self._names = list(identities.mapped)  # records contain a number instead of the name, which is a user's data
        self._operations = environment.operations
        self._routes = Routes(environment)
        self._hosts = {
            normalized_host(target.url.partition("://")[2].partition("/")[0]): side for side, target in targets.items()
        }
        # Anonymous operations, according to the required coverage.
        self._public = {cell.operation for cell in rules.cells if cell.role == "anonymous" and cell.candidate != 401}
        self._clocks: dict[str, Clock] = {}
        self._timelines = {side: Timeline() for side in SIDES}
        self._id_mapping = IdMapping(self._timelines["legacy"], self._timelines["worker"])
        self._comparison = ResponseComparison(
            rules, self._id_mapping, declared=totals.decisions, show_values=show_values, user_content=True
        )
        self._sent: set[bytes] = set()
        self._digest = ""

    def begin(self) -> None:
        """Read the systems' clocks, and bind the ids of the identities file and of earlier parts."""
        for side, target in self._targets.items():
            self._timelines[side].tolerance_us = read_clock(target).tolerance_us
            self._clocks[side] = read_clock(target)
        for legacy, worker in self._accounts.names():
            self._id_mapping.map_text(legacy, worker)
        for mapped in self._identities.files.values():
            self._id_mapping.bind("file", mapped.ids["legacy"], mapped.ids["worker"])
        for number, place in self._totals.bound.values():
            self._bind(number, place)

    def lines(self, limit: int | None, progress: Callable[[int], None]) -> bool:
        """Replay every line after the last one that was done. Return True if the end of the recording was reached.

        Raises MeasurementError and what Target.call raises; the current line then counts as not done.
        """
        for number, raw in self._recording.raw():
            if limit is not None and number > limit:
                return False
            if number <= self._totals.done:
                self._pass(number, raw)
                continue
            self._digest = self._recording.digest()
            read = self._recording.read(number, raw)
            if read is not None:
                self._write(number, self._outcome_of(read))
            progress(number)
        return True

    def note_traffic(self) -> None:
        """Record requests that belong to no line: logins, readiness."""
        traffic = self._traffic()
        if traffic["requests"]:
            self._append({"x": traffic})

    def note_end(self) -> None:
        """Record that the recording was replayed to its end. Raises MeasurementError."""
        self._append({"ended": True})

    # --- one line ----------------------------------------------------------------------------------

    def _pass(self, number: int, raw: bytes | None) -> None:
        """Check a line of an earlier part. Raises MeasurementError if it has changed."""
        if number == self._totals.done and self._recording.digest() != self._totals.digest:
            raise MeasurementError(
                f"{self._recording.file.name}: the first {number} {plural(self._recording.unit)} have changed "
                "since they were replayed. Replay again, without --resume."
            )
        read = self._recording.read(number, raw) if self._collapse else None
        if isinstance(read, Recorded):
            self._sent.add(_fingerprint(read, self._identity_of(read)))

    def _outcome_of(self, read: Recorded | BrokenLine) -> dict[str, Any]:
        """Return the record of a line: sent and compared, or the reason why not."""
        if isinstance(read, BrokenLine):
            return {"o": outcomes.BROKEN, "why": read.reason}
        if read.no_http:
            return {"o": outcomes.NO_HTTP}
        if read.host and self._identities.hosts and read.host not in {*self._identities.hosts, *self._hosts}:
            return {"o": outcomes.HOST}
        if read.method not in REPLAYED:
            return {"o": outcomes.METHOD, "m": read.method}
        if read.problem:
            return {"o": outcomes.BROKEN, "why": read.problem}
        match = self._routes.find(read.method, read.path, self._hosts.get(read.host, self._identities.on))
        if match is None:
            gap = read.status is None or read.status < 400
            return {"o": outcomes.UNKNOWN, "p": f"{read.method} {normalized(read.path)}", "gap": gap}
        for side in SIDES:
            why = self._operations[side][match.operation].absent
            if why is not None:
                return {"o": outcomes.ELSEWHERE, "op": match.operation, "why": f"{side}: {why}"}
        return self._requested(read, match)

    def _requested(self, read: Recorded, match: Match) -> dict[str, Any]:
        uncovered = {"o": outcomes.UNCOVERED, "op": match.operation}
        identity = self._identity_of(read)
        account = self._accounts.by_identity.get(identity) if identity is not None else None
        if match.operation in self._public:
            account = None
        elif identity is None:
            return {**uncovered, "why": "the request is anonymous, but the operation needs an account"}
        elif account is None:
            return {**uncovered, "why": "the identity is not mapped", "who": self._shown_identity(identity)}
        if holds_a_secret(read.query):
            return {**uncovered, "why": "the query contains a secret, which is not sent again"}
        if self._collapse:
            seen = _fingerprint(read, identity)
            if seen in self._sent:
                return {"o": outcomes.COLLAPSED}
            self._sent.add(seen)
        paths: dict[str, dict[str, str]] = {side: {} for side in SIDES}
        role, bind = "anonymous" if account is None else "owner", None
        of_a_file = {"file_id"}.union(*(target.known.names for target in self._targets.values()))
        for name, recorded in match.parameters.items():
            mapped = self._file(recorded, account, read) if name in of_a_file else None
            if mapped is None:
                return {**uncovered, "why": f"the {name} is not mapped"}
            ids, owner, bind = mapped
            role = "other" if account is not None and owner not in ("", account.mapped.name) else role
            for side in SIDES:
                paths[side]["file_id"] = ids[side]
        queries = self._queries(read.query, account, read)
        if queries is None:
            return {**uncovered, "why": "an id in the query is not mapped"}
        outcome = self._compare(match.operation, read, account, paths, queries, role)
        if account is not None and outcome.get("st") == [401, 401]:
            outcome = {**uncovered, "why": "both systems returned 401, although the identity had logged in"}
        return {**outcome, "bind": bind} if bind else outcome

    def _compare(
        self,
        operation: str,
        read: Recorded,
        account: ReplayAccount | None,
        paths: Mapping[str, Mapping[str, str]],
        queries: Mapping[str, str],
        role: str,
    ) -> dict[str, Any]:
        started = time.time()
        if account is not None:
            self._accounts.renew(account)
        answers: dict[str, Result | str] = {}
        compared_so_far = self._totals.outcomes[outcomes.COMPARED]
        for side in SIDES if compared_so_far % 2 == 0 else reversed(SIDES):  # alternate which system is first
            before = int(time.time() * 1e6) + self._clocks[side].ahead_us
            send = functools.partial(
                self._targets[side].call,
                operation,
                token=account.accounts[side].access_token if account is not None else None,
                path=paths[side],
                query=queries[side],
                headers=_HEADERS,
                method=read.method,
            )
            answers[side] = answer_or_failure(send)
            # Only this request counts as a step: all other instants are older than the replay.
            self._timelines[side].begin_at((before, int(time.time() * 1e6) + self._clocks[side].ahead_us))
        case = "HEAD" if read.method == "HEAD" else ""
        pair = answers["legacy"], answers["worker"]
        found = compare_answers(self._comparison, operation, case, pair)
        if why := self._reason_without_evidence(read, pair, found):
            return {"o": outcomes.UNCOVERED, "op": operation, "why": why}
        return {
            "o": outcomes.COMPARED,
            "op": operation,
            "case": case,
            "role": role,
            "st": [answer.status if isinstance(answer, Result) else None for answer in pair],
            "rq": [answer.answer.request_id if isinstance(answer, Result) else "" for answer in pair],
            "s": round(time.time() - started, 4),
            **({"file": True} if paths["legacy"] else {}),
            **self._totals.differences(found),
        }

    def _reason_without_evidence(
        self, read: Recorded, pair: tuple[Result | str, Result | str], found: Sequence[Difference]
    ) -> str:
        """Return why two equal responses prove nothing: neither has what was recorded. "" otherwise."""
        statuses = [answer.status for answer in pair if isinstance(answer, Result)]
        if len(statuses) < len(pair) or has_recorded_outcome(read.status, statuses):
            return ""
        if not all(self._totals.decisions.matching(each) for each in found):
            return ""  # a finding, regardless of the recording
        was = "without a status" if read.status is None else str(read.status)
        return f"recorded {was}, now {' and '.join(map(str, dict.fromkeys(statuses)))}"

    # --- identities and ids ---------------------------------------------------------------------------

    def _identity_of(self, read: Recorded) -> str | None:
        return self._identities.everyone if self._identities.everyone is not None else read.identity

    def _shown_identity(self, identity: str) -> str:
        """Return a pseudonym. An identity without a mapping is a user's data; the report refers to it by line."""
        return (
            identity
            if self._show
            else hashlib.sha256(f"{self._state.head['run']} {identity}".encode()).hexdigest()[:12]
        )

    def _file(
        self, recorded: str, account: ReplayAccount | None, read: Recorded
    ) -> tuple[Mapping[str, str], str, list[Any] | None] | None:
        """Return the ids of a recorded id, the owner of the file, and a new binding if one was made."""
        explicit = self._identities.files.get(recorded)
        if explicit is not None:
            return explicit.ids, explicit.owner, None
        if recorded in self._totals.bound:
            number, place = self._totals.bound[recorded]
            return self._ids(number, place), self._names[number], None
        if account is None or (read.status is not None and read.status >= 400):
            return None  # after a refusal the owner of the file is unknown
        if account.mapped.files == "same":
            return dict.fromkeys(SIDES, recorded), "", None
        if account.mapped.files != "in order":
            return None
        number = self._names.index(account.mapped.name)
        place = sum(1 for of, _ in self._totals.bound.values() if of == number)
        if any(place >= len(account.files[side]) for side in SIDES):
            return None
        self._bind(number, place)
        return self._ids(number, place), account.mapped.name, [recorded, number, place]

    def _ids(self, number: int, place: int) -> dict[str, str]:
        return {side: self._accounts.by_identity[self._names[number]].files[side][place] for side in SIDES}

    def _bind(self, number: int, place: int) -> None:
        ids = self._ids(number, place)
        self._id_mapping.bind("file", ids["legacy"], ids["worker"])

    def _queries(self, query: str, account: ReplayAccount | None, read: Recorded) -> dict[str, str] | None:
        """Return the query for each system with that system's ids, None if an id is unknown."""
        queries = dict.fromkeys(SIDES, query)
        for recorded in set(UUID.findall(query)):
            mapped = self._file(recorded, account, read)
            if mapped is None or mapped[2] is not None:
                return None  # an id that occurs only in a query may be the id of anything
            queries = {side: text.replace(recorded, mapped[0][side]) for side, text in queries.items()}
        return queries

    # --- state file ------------------------------------------------------------------------------

    def _write(self, number: int, outcome: dict[str, Any]) -> None:
        traffic = self._traffic()
        record = {"n": number, "d": self._digest, **outcome}
        self._append(record | ({"x": traffic} if traffic["requests"] else {}))

    def _append(self, record: dict[str, Any]) -> None:
        try:
            self._state.append(record)
        except OSError as error:
            raise MeasurementError(f"the replay's state could not be written: {error}. Free some disk space.") from None
        self._totals.add(record)

    def _traffic(self) -> dict[str, Any]:
        recorder = self._recorder
        exchanges, recorder.exchanges = recorder.exchanges, []
        versions = {exchange.version for exchange in exchanges if exchange.version is not None} - self._totals.versions
        outcome: dict[str, Any] = {"requests": len(exchanges)}
        if retries := sum(exchange.connect_retries for exchange in exchanges):
            outcome["retries"] = retries
        if recorder.rate_limited:
            outcome["limited"], recorder.rate_limited = recorder.rate_limited, 0
        if recorder.paced_s:
            outcome["paced_s"], recorder.paced_s = round(recorder.paced_s, 3), 0.0
        if versions:
            outcome["versions"] = sorted(versions)
        return outcome


def has_recorded_outcome(recorded: int | None, now: Sequence[int]) -> bool:
    """Return True if one of the statuses is content, or the outcome that was recorded: a redirect or a refusal.

    A wrong mapping, or a file that exists on neither system, is refused by both. A front end that redirects to its
    login page, or to another host, does so for both. recorded: None if the recording has no status.
    """
    proving = {"content"} if recorded is None else {"content", _outcome(recorded)}
    return any(_outcome(status) in proving for status in now)


def _outcome(status: int) -> str:
    return "content" if status < 300 or status == 304 else "redirect" if status < 400 else "refusal"


def _fingerprint(read: Recorded, identity: str | None) -> bytes:
    """Return 16 bytes that identify a request of an identity."""
    text = "\0".join((read.method, read.path, read.query, identity or ""))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:16]
