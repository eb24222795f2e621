"""The result of a replay: its three checks, its summary, and the lines for the terminal."""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cutover.config.environments import Environment
from cutover.core.evidence import Record, Status
from cutover.parity.accepted_differences import DeclarationResult
from cutover.parity.journey_script import command
from cutover.parity.parity_failure import failure
from cutover.parity.replay import totals as outcomes
from cutover.parity.replay.recording import plural
from cutover.parity.replay.totals import ReplayTotals, Uncovered, step_of
from cutover.parity.rules import Rules
from cutover.parity.summary import Summary
from cutover.run.lifecycle import Outcome
from cutover.systems.target import Target

GATE: Final = "parity replay"
READ: Final = "replay::every_line_is_read"
COVERED: Final = "replay::every_request_is_covered"
DECLARED: Final = "replay::answers_differ_only_as_declared"
CHECKS: Final = {
    READ: "Every line of the recording is read.",
    COVERED: "Every safe request that both systems serve is sent, by an account that exists on both.",
    DECLARED: "Every response is equal, or differs as declared.",
}
"""The checks of a replay, with their descriptions."""
_LINES_SHOWN: Final = 5
_GROUPS_SHOWN: Final = 12


def records_of(
    totals: ReplayTotals, outcome: Outcome, environment: Environment, unit: str, *, unread: str
) -> list[Record]:
    """Return the records of the three checks. unread: why the recording was not read to its end, "" if it was."""
    return [
        _record(READ, environment, *_read(totals, unit, unread)),
        _record(COVERED, environment, *_covered(totals, unit)),
        _record(DECLARED, environment, *_declared(totals, outcome)),
    ]


def summary_of(replayed: ReplayTotals, rules: Rules, targets: Mapping[str, Target], source: str, unit: str) -> Summary:
    """Return the summary for the report. A replay has no required coverage, and no declaration is stale."""
    totals = replayed.totals
    totals.journeys = [
        {
            "name": source,
            "story": f"A recording of {replayed.done:,} {plural(unit)}, replayed in its order.",
            "steps": replayed.outcomes[outcomes.COMPARED],
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
    results = [
        DeclarationResult(rule, "seen" if by_line[rule.line] else "not seen this time", by_line[rule.line])
        for rule in replayed.decisions.entries
    ]
    return Summary(totals, dataclasses.replace(rules, cells=()), tuple(results), complete=False, not_required={})


def could_not_detect(totals: ReplayTotals, unit: str) -> list[str]:
    """Return lines for the report about everything that the replay could not detect: lines not sent, by reason."""
    lines = [f"{count:,} {plural(unit)} not replayed: {method}" for method, count in totals.methods.most_common()]
    lines += [
        f"{count:,} {plural(unit)} of {name}, not on both systems ({why})"
        for (name, why), count in totals.elsewhere.most_common()
    ]
    lines += [f"{count:,} {plural(unit)} of an unknown path: {path}" for path, count in totals.unknown.most_common(50)]
    for word in (outcomes.HOST, outcomes.NO_HTTP, outcomes.COLLAPSED):
        if totals.outcomes[word]:
            lines.append(f"{totals.outcomes[word]:,} {plural(unit)} not replayed: {word}")
    return [
        *lines,
        "requests that write: only GET and HEAD are replayed",
        "headers of the recorded requests are not sent (conditions, ranges, languages)",
    ]


def as_json(totals: ReplayTotals, total: int, form: str) -> dict[str, Any]:
    """Return the table `replay` of parity.json and verdict.json."""
    return {
        "format": form,
        "lines": total,
        "done": totals.done,
        "outcomes": dict(totals.outcomes),
        "broken": [{"line": number, "reason": reason} for number, reason in totals.broken],
        "broken_reasons": dict(totals.reasons),
        "not_coverage": [
            {"operation": name, "reason": why, "count": group.count, "first": group.first}
            for (why, name), group in totals.uncovered.items()
        ],
        "identities_not_mapped": [
            {"identity": who, "count": group.count, "first": group.first[:1]} for who, group in _most(totals.unmapped)
        ],
        "methods": dict(totals.methods),
        "not_on_both": [{"operation": name, "why": why, "count": n} for (name, why), n in totals.elsewhere.items()],
        "unknown_paths": [
            {"path": path, "count": count, "answered_well": totals.gaps[path]}
            for path, count in totals.unknown.most_common()
        ],
    }


def summary_lines(totals: ReplayTotals, total: int, unit: str) -> list[str]:
    """Return the counts for the terminal."""
    lines = [f"{totals.done:,} of {total:,} {plural(unit)}: {totals.outcomes[outcomes.COMPARED]:,} compared"]
    lines += [f"  {count:,} {word}" for word, count in totals.outcomes.most_common() if word != outcomes.COMPARED]
    lines += [f"  broken: {unit} {number}: {reason}" for number, reason in totals.broken]
    if totals.outcomes[outcomes.BROKEN] > len(totals.broken):
        lines.append(f"  broken: and {totals.outcomes[outcomes.BROKEN] - len(totals.broken):,} more")
    for (why, name), group in list(totals.uncovered.items())[:_GROUPS_SHOWN]:
        lines.append(f"  not coverage: {group.count:,} of {name}: {why} ({_lines(group, unit)})")
    for who, group in _most(totals.unmapped)[:_GROUPS_SHOWN]:
        lines.append(f"  not mapped: identity {who}, {group.count:,} {plural(unit)}, first in {unit} {group.first[0]}")
    lines += [f"  {line}" for line in could_not_detect(totals, unit)[:-2]]
    return lines  # the reason of the failed check has the causes of the undeclared differences, each once


def _read(totals: ReplayTotals, unit: str, unread: str) -> tuple[Status, str, str | None]:
    reasons = []
    if broken := totals.outcomes[outcomes.BROKEN]:
        first = ", ".join(f"{unit} {number} ({reason})" for number, reason in totals.broken[:_LINES_SHOWN])
        more = ", …" if broken > _LINES_SHOWN else ""
        reasons.append(f"{broken:,} {plural(unit)} are broken: {first}{more}")
    if unread:
        reasons.append(unread)
    return (Status.NOT_VERIFIED, "; ".join(reasons), None) if reasons else (Status.PASSED, "", None)


def _covered(totals: ReplayTotals, unit: str) -> tuple[Status, str, str | None]:
    reasons = []
    if count := totals.outcomes[outcomes.UNCOVERED]:
        groups = [
            f"{group.count:,} of {name}: {why} ({_lines(group, unit)})"
            for (why, name), group in list(totals.uncovered.items())[:_GROUPS_SHOWN]
        ]
        reasons.append(f"{count:,} {plural(unit)} are not coverage: {'; '.join(groups)}")
    if count := sum(totals.gaps.values()):
        paths = [f"{path} ({number:,})" for path, number in totals.gaps.most_common(_GROUPS_SHOWN) if number]
        reasons.append(
            f"{count:,} {plural(unit)} had a successful response, but no operation has their paths: "
            f"{', '.join(paths)}. "
            "Add them to operations.toml. If they belong to the front end, "
            'set recording.on = "worker" in the identities file'
        )
    if not totals.outcomes[outcomes.COMPARED]:
        reasons.append("nothing was compared")
    return (Status.NOT_VERIFIED, "; ".join(reasons), None) if reasons else (Status.PASSED, "", None)


def _declared(totals: ReplayTotals, outcome: Outcome) -> tuple[Status, str, str | None]:
    if outcome.status not in (Status.PASSED, Status.FAILED, Status.NOT_VERIFIED):
        return outcome.status, outcome.reason, None
    undeclared = [seen.difference for seen in totals.totals.seen.values() if seen.decision == "undeclared"]
    found = failure(totals.totals) if undeclared else None
    if len(totals.versions) > 1:
        reason = (
            f"{len(totals.versions)} versions of the Worker answered in one replay "
            f"({', '.join(sorted(totals.versions))}): a deployment was in "
            "progress, traffic is split, or the replay was resumed on another version. "
            "Replay again, without --resume."
        )
        return Status.IDENTITY_MISMATCH, f"{reason}\n{found}" if found else reason, None
    if outcome.status is Status.FAILED:
        return Status.FAILED, outcome.reason, "replay:preparation"
    if found:
        return Status.FAILED, str(found), found.finding
    return outcome.status, outcome.reason, None


def _record(check: str, environment: Environment, status: Status, reason: str, finding: str | None) -> Record:
    return Record(
        check, (GATE,), environment.name, status, time.time(), 0.0, None, reason, finding, None, CHECKS[check]
    )


def _lines(group: Uncovered, unit: str) -> str:
    shown = ", ".join(map(str, group.first[:_LINES_SHOWN]))
    return f"{unit} {shown}{', …' if group.count > _LINES_SHOWN else ''}"


def _most(groups: Mapping[str, Uncovered]) -> list[tuple[str, Uncovered]]:
    rows: Iterable[tuple[str, Uncovered]] = groups.items()
    return sorted(rows, key=lambda row: -row[1].count)
