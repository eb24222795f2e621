"""The objects as a part of a reconciliation: read the rows that name them on both sides, and locate their bytes.

object_reconciliation.py compares files with objects.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from cutover.migration.bulk_media import BulkMedia
from cutover.migration.checks import UNREAD
from cutover.migration.database_side import Cell, Dialect, Reader, text_of, whole
from cutover.migration.file_index import file_columns
from cutover.migration.findings import Findings
from cutover.migration.object_reconciliation import reconcile_objects
from cutover.migration.ranges import RangePlan
from cutover.migration.rendered_range import MismatchedError
from cutover.run.progress import Progress
from cutover.stores.bulk_objects import BulkObjects

if TYPE_CHECKING:
    from collections.abc import Callable

    from cutover.migration.reconciliation import Reconciled

_DOUBLE: Final = 2**53
"""D1's REST API rounds integers from here on, like JavaScript."""


def objects_part(stop: Callable[[], None]) -> Callable[[Reconciled, Findings, Progress], None]:
    """Return the part. stop: called before each request, raises if the run must end."""

    def part(run: Reconciled, findings: Findings, progress: Progress) -> None:
        environment, mapping = run.environment, run.mapping
        missing = [name for name, place in (("media", environment.media), ("r2", environment.bucket)) if place is None]
        table = mapping.table(mapping.objects.table)
        if missing:
            run.result.unverified["objects"] = (
                f"environments.toml [{environment.name}] names no {' and no '.join(missing)}"
            )
            return
        if table not in run.tables:
            run.result.unverified["objects"] = UNREAD
            return
        assert environment.media is not None and environment.bucket is not None  # noqa: PT018 - checked above
        columns = file_columns(mapping)
        bucket = BulkObjects(
            environment.bucket, environment.allowed, timeout_s=environment.timeout_s, ca_file=environment.ca_file,
            stop=stop,
        )  # fmt: skip
        try:
            numbers = reconcile_objects(
                mapping,
                rows_of(run.legacy, table.source, table.source_key, columns.legacy),
                rows_of(run.d1, table.target, table.target_key, columns.worker),
                BulkMedia(environment.media),
                bucket,
                findings,
                reverse=run.reverse,
                thorough=run.thorough,
                progress=progress,
            )
        finally:
            bucket.close()
        run.result.objects = numbers.as_json()
        if numbers.not_verified:
            run.result.unverified["objects in the thorough form"] = (
                f"not compared: {'; '.join(numbers.not_verified)}. --thorough reads every byte"
            )
        if numbers.unsettled:
            run.result.unverified["quiet objects"] = f"changed while they were read: {'; '.join(numbers.unsettled[:5])}"

    return part


def rows_of(reader: Reader, table: str, key: str, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """Yield the columns of every row, ordered by key, texts as str. Reads ranges of limited size."""
    first, last, count = reader.query(
        f'SELECT CAST(min("{key}") AS text), CAST(max("{key}") AS text), count(*) FROM "{table}"'  # noqa: S608
    )[0]
    if first is None or last is None:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    at = columns.index(key)
    plan = RangePlan(whole(first), whole(last), whole(count), reader.batch_bytes)
    while (keys := plan.take()) is not None:
        begin = keys.first
        while begin <= keys.last:
            began = time.monotonic()
            limit = f" LIMIT {keys.limit}" if keys.limit else ""
            selection = f'FROM "{table}" WHERE "{key}" BETWEEN {begin} AND {keys.last} ORDER BY "{key}"{limit}'
            rows = reader.query(f"SELECT {names} {selection}")
            if reader.dialect is Dialect.SQLITE and any(map(_may_be_rounded, rows)):
                rows = _with_all_digits(reader, rows, columns, selection)
            size = sum(len(cell) if isinstance(cell, bytes) else 8 for row in rows for cell in row)
            plan.learn(keys, len(rows), size, time.monotonic() - began)
            for row in rows:
                yield tuple(map(_value, row))
            if not keys.limit or len(rows) < keys.limit:
                break
            begin = whole(rows[-1][at]) + 1


def _may_be_rounded(row: Sequence[Cell]) -> bool:
    return any(isinstance(cell, (int, float)) and abs(cell) >= _DOUBLE for cell in row)


def _with_all_digits(
    reader: Reader, rows: Sequence[Sequence[Cell]], columns: Sequence[str], selection: str
) -> list[Sequence[Cell]]:
    """Return the rows with their integers as they are stored, requested as texts. Raises MismatchedError."""
    integers = ", ".join(f"""CASE typeof("{name}") WHEN 'integer' THEN "{name}" END""" for name in columns)
    exact = [json.loads(text_of(row[0])) for row in reader.query(f"SELECT json_array({integers}) {selection}")]
    if len(exact) != len(rows):
        raise MismatchedError(
            f"{reader.where} returned {len(rows)} rows, then {len(exact)} of the same range. Run it again"
        )
    return [
        tuple(cell if number is None else number for cell, number in zip(row, numbers, strict=True))
        for row, numbers in zip(rows, exact, strict=True)
    ]


def _value(cell: Cell) -> Any:
    return text_of(cell) if isinstance(cell, bytes) else cell
