"""Summarize a whole run: missing coverage, results of the accepted differences, and parity.json."""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.core.evidence import Record, Status
from cutover.parity.accepted_differences import FILE as ACCEPTANCES
from cutover.parity.accepted_differences import AcceptedDifferences, DeclarationResult
from cutover.parity.difference_causes import Cause, causes_of, importance, with_per_response_values
from cutover.parity.parity_run import ATTACHMENT
from cutover.parity.rules import FILE as RULES
from cutover.parity.rules import Cell, Rules
from cutover.parity.totals import ParityTotals, Seen

SCHEMA: Final = 1
COVERAGE: Final = f"{RULES}::coverage"
DECLARED: Final = f"{ACCEPTANCES}::every_line_holds"
_LISTED: Final = 12


@dataclass(frozen=True)
class Summary:
    """The totals of a run. complete: all required checks ran. not_required: role -> why its coverage is not
    required.
    """

    totals: ParityTotals
    rules: Rules
    results: tuple[DeclarationResult, ...]
    complete: bool
    not_required: Mapping[str, str]

    @property
    def differences(self) -> list[Seen]:
        """Return all differences, with per-response values merged."""
        return list(with_per_response_values(self.totals.seen).values())

    @property
    def causes(self) -> list[Cause]:
        """Return the causes of the undeclared differences, most important first."""
        return causes_of(self.differences, self.totals.compared)

    @property
    def uncovered(self) -> list[Cell]:
        """Return the required combinations that no pair of responses covered."""
        return [
            cell
            for cell in self.rules.cells
            if not any(self.totals.cells[cell.operation, cell.role, *pair] for pair in cell.covering)
            and cell.role not in self.not_required
        ]


def summarize(records: Iterable[Record], rules: Rules, decisions: AcceptedDifferences, *, complete: bool,
           not_required: Mapping[str, str]) -> Summary:  # fmt: skip
    """Add up the totals of the records. not_required: role -> why its coverage is not required.

    Raises ValueError for a record whose totals cannot be read.
    """
    totals = ParityTotals()
    for record in records:
        attached = record.observations.attachments.get(ATTACHMENT)
        if attached is not None:
            totals.merge(ParityTotals.from_json(attached))
    sides = {(seen.line, seen.difference.baseline, seen.difference.candidate)
             for seen in totals.seen.values() if seen.line is not None}  # fmt: skip
    undeclared = [
        (seen.difference.operation, seen.difference.path)
        for seen in totals.seen.values()
        if seen.decision == "undeclared"
    ]
    results = decisions.results(
        totals.accepted,
        set(totals.compared),
        cases=totals.cases,
        sides=sides,
        filled=totals.filled,
        undeclared=undeclared,
    )
    return Summary(totals, rules, tuple(results), complete, not_required)


def closing_records(summary: Summary, environment: str, gate: str) -> list[Record]:
    """Return the two checks that need the totals of all journeys: coverage, and accepted differences."""
    return [
        _record(COVERAGE, environment, gate, "Every required combination of operation, role and status is compared.",
                *_coverage(summary)),
        _record(DECLARED, environment, gate, "Every accepted difference is seen, and names no more than was seen.",
                *_declared(summary)),
    ]  # fmt: skip


def _coverage(summary: Summary) -> tuple[Status, str, str | None]:
    missing = [
        f"{cell.operation} {cell.role} {cell.baseline}"
        + (f"/{cell.candidate}" if cell.candidate != cell.baseline else "")
        for cell in summary.uncovered
    ]
    if not missing:
        return Status.PASSED, "", None
    return (
        Status.NOT_VERIFIED,
        f"{len(missing)} required combinations were not covered: {_list(missing)} ({RULES})",
        None,
    )


def _declared(summary: Summary) -> tuple[Status, str, str | None]:
    if not summary.complete:
        return (
            Status.NOT_VERIFIED,
            "not all journeys were played, so an entry without a match may still be needed",
            None,
        )
    failing = [result for result in summary.results if result.fails]
    if not failing:
        return Status.PASSED, "", None
    lines = [f"{result.entry.where} is {result.state}: {result.detail}" for result in failing]
    finding = "acceptances:" + "|".join(f"{result.entry.paths[0]} {result.state}" for result in failing)
    return Status.FAILED, f"{_list(lines)}. Remove stale entries, and narrow entries that are too broad.", finding


def _list(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - _LISTED} more" if len(texts) > _LISTED else ""
    return ", ".join(texts[:_LISTED]) + more


def _record(
    check: str, environment: str, gate: str, text: str, status: Status, reason: str, finding: str | None
) -> Record:
    return Record(check, (gate,), environment, status, time.time(), 0.0, None, reason, finding, None, text)


def as_json(
    summary: Summary,
    facts: Mapping[str, Any],
    *,
    verdict: str,
    exit_code: int,
    reasons: Sequence[str],
    systems: tuple[str, str],
    statuses: Mapping[str, str],
    absent: Mapping[str, str],
    show_values: bool,
) -> dict[str, Any]:
    """Return parity.json (schema 1).

    facts: those of verdict.json; statuses: check -> status; absent: operation -> why a system does not have it.
    """
    totals = summary.totals
    today = datetime.datetime.now(datetime.UTC).date()
    differences = summary.differences
    rows = [_difference(summary, seen, today) for seen in differences]
    rows.sort(
        key=lambda row: (row["decision"] != "undeclared", row["rank"], row["operation"], row["path"], row["kind"])
    )
    decided = {name: sum(seen.count for seen in totals.seen.values() if seen.decision == name)
               for name in ("accepted", "noise", "undeclared")}  # fmt: skip
    exercised = set(totals.compared)
    return {
        "schema": SCHEMA,
        **{key: facts[key] for key in ("run", "environment", "started", "duration_s", "urls", "planted")},
        "versions": {"worker": list(facts["answered_versions"]), "legacy": []},
        "baseline": systems[0],
        "candidate": systems[1],
        "verdict": verdict,
        "exit_code": exit_code,
        "reasons": list(reasons),
        "show_values": show_values,
        "totals": {
            "journeys": len(totals.journeys),
            "steps": sum(journey["steps"] for journey in totals.journeys),
            "requests": facts["requests"],
            "answers_compared": sum(totals.compared.values()),
            "answers_equal": totals.equal,
            "differences": sum(seen.count for seen in totals.seen.values()),
            **decided,
        },
        "coverage": _cells(summary),
        "not_exercised": [{"operation": name, "why": why} for name, why in absent.items() if name not in exercised],
        "causes": [cause.as_json() for cause in summary.causes],
        "differences": rows,
        "acceptances": [_acceptance(result, today) for result in summary.results if not result.entry.noise],
        "noise": [_acceptance(result, today) for result in summary.results if result.entry.noise],
        "proposals": [],
        "journeys": [{**journey, "status": statuses.get(journey["check"], "?")} for journey in totals.journeys],
        "could_not_detect": list(facts["could_not_detect"]),
        "leftovers": list(facts["leftovers"]),
    }


def _cells(summary: Summary) -> list[dict[str, Any]]:
    required = {(cell.operation, cell.role, cell.baseline, cell.candidate) for cell in summary.rules.cells}
    not_required = {cell for cell in required if cell[1] in summary.not_required}
    return [
        {
            "operation": cell[0],
            "role": cell[1],
            "legacy": cell[2],
            "worker": cell[3],
            "seen": summary.totals.cells[cell],
            "required": cell in required and cell not in not_required,
        }
        for cell in sorted(required | set(summary.totals.cells))
    ]


def _difference(summary: Summary, seen: Seen, today: datetime.date) -> dict[str, Any]:
    difference = seen.difference
    rule = next((result for result in summary.results if result.entry.line == seen.line), None)
    row = difference.as_json()
    del row["sample"]
    return {
        **row,
        "rank": importance(difference),
        "decision": seen.decision,
        "count": seen.answers,
        "of": summary.totals.compared[difference.operation],
        "journeys": seen.journeys,
        "samples": seen.samples,
        "acceptance": _acceptance(rule, today) if rule else None,
        "reproduction": seen.reproduction,
    }


def _acceptance(result: DeclarationResult, today: datetime.date) -> dict[str, Any]:
    rule = result.entry
    return {
        "line": rule.line,
        "operations": list(rule.operations),
        "path": ", ".join(rule.paths),
        "kind": rule.kind.value,
        "baseline": " or ".join(rule.legacy) if rule.legacy else "anything",
        "candidate": " or ".join(rule.worker) if rule.worker else "anything",
        "case": rule.case,
        "reason": rule.reason,
        "owner": rule.owner,
        "expires": rule.expires.isoformat(),
        "days_left": (rule.expires - today).days,
        "seen": result.seen,
        "state": result.state,
        "detail": result.detail,
    }
