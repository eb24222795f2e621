"""Coverage of a parity run: required combinations that were not seen, and the matrix of all combinations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final, TypeAlias

from cutover.report.html.figures import figure
from cutover.report.run_data import order_by, whole, word

COLUMNS_LIMIT: Final = 60
"""Columns (role and pair of statuses) of a readable matrix. With more columns the matrix is left out."""

ROWS_LIMIT: Final = 300
"""Operations in the matrix. The others are counted."""

_Column: TypeAlias = tuple[str, str, str]


@dataclass(frozen=True)
class Matrix:
    """Combinations by operation and column.

    columns: role, legacy status, Worker status; roles: (role, its number of columns); rows: operation -> cells, where
    a cell is "missing" (required and not seen), or a list of (count, is not required), empty without an entry.
    left_out: operations beyond ROWS_LIMIT.
    """

    columns: Sequence[_Column]
    roles: Sequence[tuple[str, int]]
    rows: Mapping[str, Sequence[str | Sequence[tuple[str, bool]]]]
    left_out: int

    @property
    def too_wide(self) -> bool:
        """Return True if the matrix has too many columns to be readable. Then it has no rows."""
        return len(self.columns) > COLUMNS_LIMIT


def not_seen(coverage: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the required combinations that were never seen. A combination without a count was not seen."""
    return [entry for entry in coverage if entry.get("required") is not False and (whole(entry, "seen") or 0) <= 0]


def coverage_matrix(coverage: Sequence[Mapping[str, Any]]) -> Matrix:
    """Return the matrix of all combinations."""
    order = {_column(entry): _order(entry) for entry in coverage}
    columns = sorted(order, key=lambda column: order[column])
    roles = [(role, len(list(group))) for role, group in groupby(columns, key=lambda column: column[0])]
    if len(columns) > COLUMNS_LIMIT:
        return Matrix(columns, roles, {}, 0)
    entries: dict[str, dict[_Column, list[Mapping[str, Any]]]] = {}
    for entry in coverage:
        entries.setdefault(word(entry, "operation"), {}).setdefault(_column(entry), []).append(entry)
    operations = sorted(entries)
    rows = {
        operation: [_cell(entries[operation].get(column, [])) for column in columns]
        for operation in operations[:ROWS_LIMIT]
    }
    return Matrix(columns, roles, rows, max(len(operations) - ROWS_LIMIT, 0))


def _cell(entries: Sequence[Mapping[str, Any]]) -> str | list[tuple[str, bool]]:
    if not_seen(entries):
        return "missing"
    return [(figure(entry.get("seen")).text, entry.get("required") is False) for entry in entries[:3]]


def _column(entry: Mapping[str, Any]) -> _Column:
    return word(entry, "role"), word(entry, "legacy"), word(entry, "worker")


def _order(entry: Mapping[str, Any]) -> tuple[Any, ...]:
    # By role as text first, so that the columns of one role are next to each other under its heading.
    return (word(entry, "role"), *order_by(entry.get("legacy"), entry.get("worker")))
