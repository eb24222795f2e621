"""The end of a replay: its three checks, the verdict, and what is written and said of it.

Not for how a verdict follows from checks: verdict.py; nor for the page: report/parity_page.py.
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from cutover.config.environments import Environment
from cutover.core.evidence import Record, Status
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import GateVerdict, Run, decide
from cutover.parity.accepted_differences import DeclarationResult
from cutover.parity.journey_script import command
from cutover.parity.parity_run import failure
from cutover.parity.replay import totals as words
from cutover.parity.replay.totals import ReplayTotals, Uncovered, step_of
from cutover.parity.rules import Rules
from cutover.parity.summary import Summary
from cutover.systems.target import Target

GATE: Final = "parity replay"
READ: Final = "replay::every_line_is_read"
COVERED: Final = "replay::every_request_is_covered"
DECLARED: Final = "replay::answers_differ_only_as_declared"
_TEXTS: Final = {
    READ: "Every line of the recording could be read, to its end.",
    COVERED: "Every safe request that both systems serve was sent, as an account that exists on both.",
    DECLARED: "Every answer is equal, or differs as it is declared.",
}
_LINES_SHOWN: Final = 5
_GROUPS_SHOWN: Final = 12


@dataclasses.dataclass(frozen=True)
class End:
    """How a replay ended. complete: read to the recording's end; limit: why it was not, "" when it was meant to.

    invalid: why it cannot be trusted; failed: what both systems' preparation was answered, "" when well; error: the
    tool's own exit code and reason.
    """

    complete: bool
    limit: str = ""
    invalid: Sequence[str] = ()
    failed: str = ""
    error: tuple[int, str] | None = None


def records_of(sums: ReplayTotals, end: End, environment: Environment, unit: str) -> list[Record]:
    """The replay's checks."""
    return [
        _record(READ, environment, *_read(sums, end, unit)),
        _record(COVERED, environment, *_covered(sums, unit)),
        _record(DECLARED, environment, *_declared(sums, end)),
    ]


def verdict_of(records: Sequence[Record], sums: ReplayTotals, end: End, environment: Environment) -> GateVerdict:
    """The verdict, by the rules of every gate."""
    invalid = list(end.invalid)
    if len(sums.versions) > 1:
        invalid.append(
            f"{len(sums.versions)} versions of the Worker answered in one replay ({', '.join(sorted(sums.versions))}): "
            "a deployment was going on, traffic is split, or it was resumed on another. Replay anew."
        )
    entries = [RequiredCheck(GATE, check, None, SafetyLevel.READ_ONLY) for check in _TEXTS]
    run = Run(
        environment.name,
        environment.safety,
        invalid=invalid,
        tool_error=end.error,
        requests=sums.requests,
        rate_limited=sums.rate_limited,
    )
    return decide(GATE, run, entries, records, ())


def summary_of(sums: ReplayTotals, rules: Rules, targets: Mapping[str, Target], source: str, unit: str) -> Summary:
    """What a gate run's report shows, of a replay: it has to cover no cell, and shows no acceptance to be stale."""
    totals = sums.totals
    totals.journeys = [
        {
            "name": source,
            "story": f"A recording of {sums.done:,} {unit}s, replayed in its order.",
            "steps": sums.outcomes[words.COMPARED],
            "differences": sum(seen.count for seen in totals.seen.values()),
            "undeclared": sum(seen.decision == "undeclared" for seen in totals.seen.values()),
            "cut_short": "",
            "check": DECLARED,
        }
    ]
    for seen in totals.seen.values():
        if seen.reproduction and "record" in seen.reproduction:
            step = step_of(seen.reproduction["record"])
            seen.reproduction = {
                "steps": [f"{unit} {seen.reproduction['record']['n']}: {step}"],
                **{side: command(target, step) for side, target in targets.items()},
                "tried": 1,
                "complete": True,
            }
    by_line: Counter[int] = Counter()
    for (line, _, _), count in totals.accepted.items():
        by_line[line] += count
    judged = [
        DeclarationResult(rule, "seen" if by_line[rule.line] else "not seen this time", by_line[rule.line])
        for rule in sums.decisions.acceptances
    ]
    return Summary(totals, dataclasses.replace(rules, cells=()), tuple(judged), complete=False, spared={})


def unseen(sums: ReplayTotals, unit: str) -> list[str]:
    """What this replay could not have seen, for the report: every line that was not sent, by why."""
    lines = [f"{count:,} {unit}s not replayed: {method}" for method, count in sums.methods.most_common()]
    lines += [
        f"{count:,} {unit}s of {name}, not on both ({why})" for (name, why), count in sums.elsewhere.most_common()
    ]
    lines += [f"{count:,} {unit}s of an unknown path: {path}" for path, count in sums.unknown.most_common(50)]
    for word in (words.HOST, words.NO_HTTP, words.COLLAPSED):
        if sums.outcomes[word]:
            lines.append(f"{sums.outcomes[word]:,} {unit}s not replayed: {word}")
    return [
        *lines,
        "requests that write: no other method than GET and HEAD is replayed",
        "headers of the recorded requests: none is sent (conditions, ranges, languages)",
    ]


def as_json(sums: ReplayTotals, total: int, form: str) -> dict[str, Any]:
    """The table "replay" of parity.json and verdict.json."""
    return {
        "format": form,
        "lines": total,
        "done": sums.done,
        "outcomes": dict(sums.outcomes),
        "broken": [{"line": number, "reason": reason} for number, reason in sums.broken],
        "broken_reasons": dict(sums.reasons),
        "not_coverage": [
            {"operation": name, "reason": why, "count": group.count, "first": group.first}
            for (why, name), group in sums.uncovered.items()
        ],
        "identities_not_mapped": [
            {"identity": who, "count": group.count, "first": group.first[:1]} for who, group in _most(sums.people)
        ],
        "methods": dict(sums.methods),
        "not_on_both": [{"operation": name, "why": why, "count": n} for (name, why), n in sums.elsewhere.items()],
        "unknown_paths": [
            {"path": path, "count": count, "answered_well": sums.gaps[path]}
            for path, count in sums.unknown.most_common()
        ],
    }


def told(sums: ReplayTotals, total: int, unit: str) -> list[str]:
    """The sums, for the terminal."""
    lines = [f"{sums.done:,} of {total:,} {unit}s: {sums.outcomes[words.COMPARED]:,} compared"]
    lines += [f"  {count:,} {word}" for word, count in sums.outcomes.most_common() if word != words.COMPARED]
    lines += [f"  broken: {unit} {number}: {reason}" for number, reason in sums.broken]
    if sums.outcomes[words.BROKEN] > len(sums.broken):
        lines.append(f"  broken: and {sums.outcomes[words.BROKEN] - len(sums.broken):,} more")
    for (why, name), group in list(sums.uncovered.items())[:_GROUPS_SHOWN]:
        lines.append(f"  not coverage: {group.count:,} of {name}: {why} ({_lines(group, unit)})")
    for who, group in _most(sums.people)[:_GROUPS_SHOWN]:
        lines.append(f"  not mapped: identity {who}, {group.count:,} {unit}s, first in {unit} {group.first[0]}")
    lines += [f"  {line}" for line in unseen(sums, unit)[:-2]]
    for seen in sums.totals.seen.values():
        if seen.decision == "undeclared":
            where = ", ".join(str(sample["step"]) for sample in seen.samples[:_LINES_SHOWN])
            lines.append(f"  undeclared: {seen.difference}: {seen.answers:,} answers, {unit} {where}")
    return lines


def _read(sums: ReplayTotals, end: End, unit: str) -> tuple[Status, str, str | None]:
    reasons = []
    if broken := sums.outcomes[words.BROKEN]:
        first = ", ".join(f"{unit} {number} ({reason})" for number, reason in sums.broken[:_LINES_SHOWN])
        reasons.append(f"{broken:,} {unit}s are broken: {first}{', …' if broken > _LINES_SHOWN else ''}")
    if not end.complete:
        reasons.append(end.limit or f"the recording was not read to its end, only to {unit} {sums.done}")
    return (Status.NOT_VERIFIED, "; ".join(reasons), None) if reasons else (Status.PASSED, "", None)


def _covered(sums: ReplayTotals, unit: str) -> tuple[Status, str, str | None]:
    reasons = []
    if count := sums.outcomes[words.UNCOVERED]:
        groups = [
            f"{group.count:,} of {name}: {why} ({_lines(group, unit)})"
            for (why, name), group in list(sums.uncovered.items())[:_GROUPS_SHOWN]
        ]
        reasons.append(f"{count:,} {unit}s are not coverage: {'; '.join(groups)}")
    if count := sum(sums.gaps.values()):
        paths = [f"{path} ({number:,})" for path, number in sums.gaps.most_common(_GROUPS_SHOWN) if number]
        reasons.append(
            f"{count:,} {unit}s were answered well then, on paths of no operation: {', '.join(paths)}. Add them to "
            'operations.toml; if they are the front end\'s, say recording.on = "worker" in the identities file'
        )
    if not sums.outcomes[words.COMPARED]:
        reasons.append("nothing was compared")
    return (Status.NOT_VERIFIED, "; ".join(reasons), None) if reasons else (Status.PASSED, "", None)


def _declared(sums: ReplayTotals, end: End) -> tuple[Status, str, str | None]:
    if end.failed:
        return Status.FAILED, end.failed, "replay:preparation"
    undeclared = [seen.difference for seen in sums.totals.seen.values() if seen.decision == "undeclared"]
    if not undeclared:
        return Status.PASSED, "", None
    found = failure(sums.totals, undeclared)
    return Status.FAILED, str(found), found.finding


def _record(check: str, environment: Environment, status: Status, reason: str, finding: str | None) -> Record:
    return Record(
        check, (GATE,), environment.name, status, time.time(), 0.0, None, reason, finding, None, _TEXTS[check]
    )


def _lines(group: Uncovered, unit: str) -> str:
    shown = ", ".join(map(str, group.first[:_LINES_SHOWN]))
    return f"{unit} {shown}{', …' if group.count > _LINES_SHOWN else ''}"


def _most(groups: Mapping[str, Uncovered]) -> list[tuple[str, Uncovered]]:
    rows: Iterable[tuple[str, Uncovered]] = groups.items()
    return sorted(rows, key=lambda row: -row[1].count)
