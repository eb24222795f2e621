"""What the parity run exercised: operations by role and pair of statuses, and what was required and not shown.

Not for deciding what is required: the data say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any, Final

from cutover.report.html.markup import Content, Html, element
from cutover.report.html.tables import NOT_GIVEN, Tone, any_text, code, figure, headings, notice, scrolling, table, told
from cutover.report.run_data import order_by, whole, word

COLUMNS_LIMIT: Final = 60
"""Pairs of statuses that a matrix can hold and still be read; beyond it the matrix is left out, the table stays."""

_OPERATIONS_LIMIT: Final = 300


def not_shown(coverage: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What was required and never seen. A figure that is missing, or is none, was not seen."""
    return [entry for entry in coverage if entry.get("required") is not False and (whole(entry, "seen") or 0) <= 0]


def coverage_section(coverage: Sequence[Mapping[str, Any]], not_exercised: Sequence[Mapping[str, Any]] | None) -> Html:
    """What is required and not shown first, then the matrix, then the operations that were left out."""
    missing = not_shown(coverage)
    columns = headings("Operation", "Role", "Legacy status", "Worker status", "Seen")
    return Html(
        table(
            "not-shown",
            "Required but not seen",
            columns,
            (
                [
                    code(word(entry, "operation")),
                    word(entry, "role"),
                    word(entry, "legacy"),
                    word(entry, "worker"),
                    told(Tone.BAD, "not seen"),
                ]
                for entry in missing
            ),
            nothing="Every required combination was seen."
            if coverage
            else "The data contain no coverage: nothing was verified.",
        ),
        _matrix(coverage) if coverage else None,
        _not_exercised(not_exercised),
    )


def _matrix(coverage: Sequence[Mapping[str, Any]]) -> Html:
    pairs = sorted({_pair(entry): _order(entry) for entry in coverage}.items(), key=lambda item: item[1])
    if len(pairs) > COLUMNS_LIMIT:
        return notice(
            Tone.WARN,
            f"{len(pairs):,} combinations of role and statuses are too many for a matrix. The run's data contain them.",
        )
    columns = [pair for pair, _ in pairs]
    cells: dict[str, dict[tuple[str, str, str], list[Mapping[str, Any]]]] = {}
    for entry in coverage:
        cells.setdefault(word(entry, "operation"), {}).setdefault(_pair(entry), []).append(entry)
    roles = [(role, len(list(group))) for role, group in groupby(columns, key=lambda pair: pair[0])]
    operations = sorted(cells)
    head = element(
        "thead",
        element(
            "tr",
            element("th", "Role", scope="row"),
            [element("th", role, scope="colgroup", colspan=width) for role, width in roles],
        ),
        element(
            "tr",
            element("th", "Legacy / Worker", scope="row"),
            [element("th", f"{legacy} / {worker}", scope="col") for _, legacy, worker in columns],
        ),
    )
    body = element(
        "tbody",
        [
            element(
                "tr",
                element("th", code(operation), scope="row"),
                [_cell(cells[operation].get(pair, [])) for pair in columns],
            )
            for operation in operations[:_OPERATIONS_LIMIT]
        ],
    )
    caption = element(
        "caption",
        "Responses seen, by operation, role and the statuses of both systems. ",
        element("small", "A dash: not required and not seen. “extra”: seen but not required."),
        id="coverage-matrix-caption",
    )
    left_out = len(operations) - _OPERATIONS_LIMIT
    return Html(
        scrolling("coverage-matrix", element("table", caption, head, body, id="coverage-matrix", class_="matrix")),
        notice(Tone.WARN, f"{left_out:,} more operations are not shown. The run's data contain them.")
        if left_out > 0
        else None,
    )


def _cell(entries: Sequence[Mapping[str, Any]]) -> Html:
    if not entries:
        return element("td", NOT_GIVEN, class_="nothing")
    if not_shown(entries):
        return element("td", told(Tone.BAD, "not seen"), class_="missing")
    written: list[Content] = []
    for entry in entries[:3]:
        written += [" " if written else None, figure(entry.get("seen")).content]
        written.append(element("small", " extra") if entry.get("required") is False else None)
    return element("td", written)


def _not_exercised(entries: Sequence[Mapping[str, Any]] | None) -> Html:
    if entries is None:
        return notice(Tone.WARN, "The data do not list the operations that were not exercised.")
    return table(
        "not-exercised",
        "Operations that were not exercised",
        headings("Operation", "Reason"),
        ([code(word(entry, "operation")), word(entry, "why")] for entry in entries),
        nothing="Every operation was exercised.",
    )


def _pair(entry: Mapping[str, Any]) -> tuple[str, str, str]:
    return word(entry, "role"), any_text(entry.get("legacy")), any_text(entry.get("worker"))


def _order(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    # By role as text first, so that columns of one role stand together under its heading.
    return (word(entry, "role"), *order_by(entry.get("legacy"), entry.get("worker")))
