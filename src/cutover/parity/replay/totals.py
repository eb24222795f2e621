"""Count the outcomes of a recording's lines. Each line has one record in JSON.

A resumed replay reads the records again, so its totals are the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.parity.accepted_differences import AcceptedDifferences
from cutover.parity.differences import SAMPLES, Difference
from cutover.parity.played import PlayedStep
from cutover.parity.steps import Ref, Step
from cutover.parity.totals import ParityTotals

COMPARED: Final = "compared"
BROKEN: Final = "broken"
UNCOVERED: Final = "not coverage"
METHOD: Final = "not replayed"
ELSEWHERE: Final = "not on both"
UNKNOWN: Final = "unknown path"
HOST: Final = "other host"
NO_HTTP: Final = "no HTTP"
COLLAPSED: Final = "collapsed"
_FIRST: Final = 20
_PATHS_LIMIT: Final = 1000


@dataclass
class Uncovered:
    """Lines that could not be replayed for one reason. first: numbers of the first ones."""

    count: int = 0
    first: list[int] = field(default_factory=list)


@dataclass
class ReplayTotals:
    """Totals over the records of a replay.

    done: number of the last line; outcomes: outcome -> lines; broken: the first broken lines with the reason; methods:
    method -> lines that were not replayed; elsewhere: (operation, reason) -> lines; unknown: normalized path -> lines;
    gaps: those that had a successful response. uncovered: (reason, operation) -> lines. unmapped: identity without a
    mapping -> lines. bound: recorded id -> (number of the identity, position in its list).
    """

    source: str
    decisions: AcceptedDifferences
    totals: ParityTotals = field(default_factory=ParityTotals)
    done: int = 0
    digest: str = ""
    outcomes: Counter[str] = field(default_factory=Counter)
    broken: list[tuple[int, str]] = field(default_factory=list)
    reasons: Counter[str] = field(default_factory=Counter)
    methods: Counter[str] = field(default_factory=Counter)
    elsewhere: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    gaps: Counter[str] = field(default_factory=Counter)
    uncovered: dict[tuple[str, str], Uncovered] = field(default_factory=dict)
    unmapped: dict[str, Uncovered] = field(default_factory=dict)
    bound: dict[str, tuple[int, int]] = field(default_factory=dict)
    requests: int = 0
    connect_retries: int = 0
    rate_limited: int = 0
    paced_s: float = 0.0
    versions: set[str] = field(default_factory=set)
    undeclared: int = 0
    _known: list[Difference] = field(default_factory=list, repr=False)
    _numbers: dict[tuple[str, ...], int] = field(default_factory=dict, repr=False)
    _shown: Counter[int] = field(default_factory=Counter, repr=False)

    def add(self, record: Mapping[str, Any]) -> None:
        """Add one record."""
        traffic = record.get("x")
        if traffic:
            self.requests += traffic["requests"]
            self.connect_retries += traffic.get("retries", 0)
            self.rate_limited += traffic.get("limited", 0)
            self.paced_s += traffic.get("paced_s", 0.0)
            self.versions.update(traffic.get("versions", ()))
        if "n" not in record:
            return
        number, outcome = record["n"], record["o"]
        self.done, self.digest = number, record["d"]
        if "bind" in record:
            recorded, number_of, place = record["bind"]
            self.bound[recorded] = (number_of, place)
        self.outcomes[outcome] += 1
        if outcome == COMPARED:
            self._add_answers(record)
        elif outcome == BROKEN:
            self.reasons[record["why"]] += 1
            if len(self.broken) < _FIRST:
                self.broken.append((number, record["why"]))
        elif outcome == METHOD:
            self.methods[record["m"]] += 1
        elif outcome == ELSEWHERE:
            self.elsewhere[record["op"], record["why"]] += 1
        elif outcome == UNKNOWN:
            path = record["p"] if record["p"] in self.unknown or len(self.unknown) < _PATHS_LIMIT else "others"
            self.unknown[path] += 1
            self.gaps[path] += record["gap"]
        elif outcome == UNCOVERED:
            groups = [self.uncovered.setdefault((record["why"], record["op"]), Uncovered())]
            if "who" in record:
                groups.append(self.unmapped.setdefault(record["who"], Uncovered()))
            for group in groups:
                group.count += 1
                group.first += [number] * (len(group.first) < _FIRST)

    def differences(self, found: Sequence[Difference]) -> dict[str, Any]:
        """Return the part of a record with these differences: new ones completely, others by number and count."""
        new: list[dict[str, Any]] = []
        counts: dict[int, int] = {}
        samples: list[list[Any]] = []
        known = dict(self._numbers)
        for difference in found:
            number = known.get(difference.key)
            if number is None:
                number = known[difference.key] = len(known)
                new.append({**difference.as_json(), "sample": {}})
            counts[number] = counts.get(number, 0) + 1
            if difference.sample and self._shown[number] + counts[number] <= SAMPLES:
                samples.append([number, counts[number] - 1, dict(difference.sample)])
        part: dict[str, Any] = {"df": list(counts.items())}
        return part | ({"new": new} if new else {}) | ({"samples": samples} if samples else {})

    def _add_answers(self, record: Mapping[str, Any]) -> None:
        for row in record.get("new", ()):
            difference = Difference.from_json(row)
            self._numbers[difference.key] = len(self._known)
            self._known.append(difference)
        samples = {(number, place): sample for number, place, sample in record.get("samples", ())}
        found = []
        for number, count in record["df"]:
            known = self._known[number]
            self._shown[number] += count
            for place in range(count):
                sample = samples.get((number, place))
                found.append(known if sample is None else Difference.from_json({**known.as_json(), "sample": sample}))
        baseline, candidate = record["st"]
        answered = PlayedStep(
            step_of(record),
            (baseline, candidate),
            (record["rq"][0], record["rq"][1]),
            tuple(found),
            record["role"],
            record["s"],
        )
        undeclared = self.totals.add_answer(answered, self.decisions, self.source, record["n"])
        self.undeclared += bool(undeclared)
        for difference in undeclared:
            seen = self.totals.seen[difference.key]
            if seen.reproduction is None:
                seen.reproduction = {"record": {key: record[key] for key in ("op", "case", "role", "n")}}


def step_of(record: Mapping[str, Any]) -> Step:
    """Return the request of a compared line, without names and ids."""
    actor = "" if record["role"] == "anonymous" else "user"
    path = {"file_id": Ref("file", "id")} if record.get("file") else {}
    return Step(record["op"], actor, path=path, method="HEAD" if record["case"] == "HEAD" else "", case=record["case"])
