"""The sums of a whole run, judged: what was not covered, which acceptances do not hold, and parity.json.

Works on the records that every process sent; sends nothing. Not for a single difference: acceptances.py.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.core.evidence import Record, Status
from cutover.parity.accepted_differences import FILE as ACCEPTANCES
from cutover.parity.accepted_differences import Decisions, DeclarationResult
from cutover.parity.parity_run import ATTACHMENT
from cutover.parity.rules import FILE as RULES
from cutover.parity.rules import Cell, Rules
from cutover.parity.totals import ParityTotals

SCHEMA: Final = 1
COVERAGE: Final = f"{RULES}::coverage"
DECLARED: Final = f"{ACCEPTANCES}::every_line_holds"
_TOLD: Final = 12


@dataclass(frozen=True)
class Summary:
    """All that a run showed. complete: whether all required checks ran, so that what was not seen is not there."""

    totals: ParityTotals
    rules: Rules
    judged: tuple[DeclarationResult, ...]
    complete: bool
    spared: Mapping[str, str]

    @property
    def uncovered(self) -> list[Cell]:
        """Required cells that no pair of answers showed."""
        return [
            cell
            for cell in self.rules.cells
            if not self.totals.cells[cell.operation, cell.role, cell.baseline, cell.candidate]
            and cell.role not in self.spared
        ]


def summed(records: Iterable[Record], rules: Rules, decisions: Decisions, *, complete: bool,
           spared: Mapping[str, str]) -> Summary:  # fmt: skip
    """Add up what the records carry. spared: role -> why no cell of it is required here.

    Raises ValueError for a record whose sums cannot be read.
    """
    totals = ParityTotals()
    for record in records:
        attached = record.observations.attachments.get(ATTACHMENT)
        if attached is not None:
            totals.merge(ParityTotals.from_json(attached))
    sides = {(seen.line, seen.difference.baseline, seen.difference.candidate)
             for seen in totals.seen.values() if seen.line is not None}  # fmt: skip
    judged = decisions.judge(totals.accepted, set(totals.compared), cases=totals.cases, sides=sides)
    return Summary(totals, rules, tuple(judged), complete, spared)


def closing_records(summary: Summary, environment: str, gate: str) -> list[Record]:
    """The two checks that only the sum of all journeys can show: coverage, and that every acceptance holds."""
    return [
        _record(COVERAGE, environment, gate, "Every required operation, role and status was compared.",
                *_coverage(summary)),
        _record(DECLARED, environment, gate, "Every accepted difference was seen, and accepts no more than that.",
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
    return Status.NOT_VERIFIED, f"{len(missing)} required combinations were not shown: {_list(missing)} ({RULES})", None


def _declared(summary: Summary) -> tuple[Status, str, str | None]:
    if not summary.complete:
        return Status.NOT_VERIFIED, "not all journeys were played, so what was not seen may still be there", None
    failing = [judged for judged in summary.judged if judged.fails]
    if not failing:
        return Status.PASSED, "", None
    lines = [f"{judged.acceptance.where} is {judged.state}: {judged.detail}" for judged in failing]
    finding = "acceptances:" + "|".join(f"{judged.acceptance.paths[0]} {judged.state}" for judged in failing)
    return Status.FAILED, f"{_list(lines)}. Remove what is no longer so, or name less.", finding


def _list(texts: Sequence[str]) -> str:
    more = f", and {len(texts) - _TOLD} more" if len(texts) > _TOLD else ""
    return ", ".join(texts[:_TOLD]) + more


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
    """parity.json (schema 1). facts: those of verdict.json; statuses: check -> status; absent: operation -> why a
    system has none, for what was not exercised."""
    totals = summary.totals
    today = datetime.datetime.now(datetime.UTC).date()
    rows = [_difference(summary, seen, today) for seen in totals.seen.values()]
    rows.sort(key=lambda row: (row["decision"] != "undeclared", row["operation"], row["path"], row["kind"]))
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
        "differences": rows,
        "acceptances": [_acceptance(judged, today) for judged in summary.judged if not judged.acceptance.noise],
        "noise": [_acceptance(judged, today) for judged in summary.judged if judged.acceptance.noise],
        "proposals": [],
        "journeys": [{**journey, "status": statuses.get(journey["check"], "?")} for journey in totals.journeys],
        "could_not_detect": list(facts["could_not_detect"]),
        "leftovers": list(facts["leftovers"]),
    }


def _cells(summary: Summary) -> list[dict[str, Any]]:
    required = {(cell.operation, cell.role, cell.baseline, cell.candidate) for cell in summary.rules.cells}
    spared = {cell for cell in required if cell[1] in summary.spared}
    return [
        {
            "operation": cell[0],
            "role": cell[1],
            "legacy": cell[2],
            "worker": cell[3],
            "seen": summary.totals.cells[cell],
            "required": cell in required and cell not in spared,
        }
        for cell in sorted(required | set(summary.totals.cells))
    ]


def _difference(summary: Summary, seen: Any, today: datetime.date) -> dict[str, Any]:
    difference = seen.difference
    rule = next((judged for judged in summary.judged if judged.acceptance.line == seen.line), None)
    row = difference.as_json()
    del row["sample"]
    return {
        **row,
        "decision": seen.decision,
        "count": seen.answers,
        "of": summary.totals.compared[difference.operation],
        "journeys": seen.journeys,
        "samples": seen.samples,
        "acceptance": _acceptance(rule, today) if rule else None,
        "reproduction": seen.reproduction,
    }


def _acceptance(judged: DeclarationResult, today: datetime.date) -> dict[str, Any]:
    rule = judged.acceptance
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
        "seen": judged.seen,
        "state": judged.state,
        "detail": judged.detail,
    }
