"""A whole reconciliation in one direction: schema, rows, relations between rows, objects, logins.

The gate's checks judge its findings, which they get as reconciliation_result.py defines.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.environments import Environment
from cutover.core.errors import NotVerified
from cutover.migration.database_side import Dialect, Reader, Side
from cutover.migration.findings import Findings, Part
from cutover.migration.keys import KeyChecks
from cutover.migration.mapping import MigrationMapping, TableMapping
from cutover.migration.reconciliation_result import Reconciliation
from cutover.migration.resume import Proven, RangeJournal
from cutover.migration.row_queries import Owner, owner_counts, queries_of
from cutover.migration.schemas import Schema, compare_schemas, d1_schema, legacy_schema
from cutover.migration.table_comparison import WORKERS, TableComparison
from cutover.migration.value_kinds import count_kinds
from cutover.run.progress import Progress

DIRECTIONS: Final = ("forward", "reverse")
Rest = Callable[["Reconciled", Findings, Progress], None]
"""A part after rows and keys. It adds its numbers and findings."""


@dataclass
class Reconciled:
    """The input of the parts after rows and keys. tables: those that can be read. result: the parts add to it."""

    mapping: MigrationMapping
    environment: Environment
    legacy: Reader
    d1: Reader
    d1_schema: Schema
    tables: tuple[TableMapping, ...]
    reverse: bool
    thorough: bool
    result: Reconciliation


@dataclass
class Run:
    """One reconciliation.

    folder: of the journal of proven ranges. head: facts that must be equal to resume the run.
    """

    mapping: MigrationMapping
    environment: Environment
    legacy: Side
    d1: Side
    folder: Path
    head: dict[str, Any]
    reverse: bool = False
    thorough: bool = False
    proven: Proven = field(default_factory=Proven)
    progress: Progress = field(default_factory=Progress)
    findings: Findings = field(default_factory=Findings)
    rest: tuple[Rest, ...] = ()
    workers: int = WORKERS
    _compared: list[TableComparison] = field(default_factory=list)

    def run(self) -> Reconciliation:
        """Reconcile. Raises MeasurementError if a side cannot be read to the end, NotVerified, CheckFailed."""
        started = time.monotonic()
        result = Reconciliation(
            self.environment.name, DIRECTIONS[self.reverse], thorough=self.thorough, findings=self.findings
        )
        with ExitStack() as stack:
            # Marks before the first row, so that no row that is read is older.
            marks = {side.label: side.mark(self._names(side)) for side in (self.legacy, self.d1)}
            readers = [self._pair(stack) for _ in range(self.workers)]
            self.progress.begin("schema")
            legacy, d1 = self._by_dialect(readers[0])
            schemas = legacy_schema(legacy), d1_schema(d1)
            tables = compare_schemas(self.mapping, *schemas, self.findings)
            valid = self._still_valid(result)
            journal = RangeJournal(self.folder, {**self.head, "marks": marks})
            stack.callback(journal.close)
            for table in tables:
                self._rows(table, schemas[0], readers, valid, journal, result)
                self._kinds(table, schemas[0], legacy, result)
            self.progress.begin("keys")
            checks = KeyChecks(self.mapping, tables, legacy, d1, *schemas, self.findings, reverse=self.reverse)
            result.keys = vars(checks.run())
            self._owners(tables, readers, result)
            whole = Reconciled(
                self.mapping, self.environment, legacy, d1, schemas[1], tables, self.reverse, self.thorough, result
            )
            for part in self.rest:
                part(whole, self.findings, self.progress)
            self.progress.begin("writes during the run")
            for side, reader in ((self.legacy, legacy), (self.d1, d1)):
                with self._not_verified(result, f"quiet {side.label}"):
                    result.written[side.label] = self._written(side, reader, result)
            journal.end()
        if tables and not any(numbers["source_rows"] for numbers in result.tables.values()):
            result.unverified["rows"] = (
                f"the source ({self._source.label}) holds no row of {', '.join(table.target for table in tables)}: "
                "an empty source proves nothing. Is it the right database?"
            )
        result.seconds = time.monotonic() - started
        self.progress.end()
        return result

    @property
    def _source(self) -> Side:
        return self.d1 if self.reverse else self.legacy

    @property
    def _target(self) -> Side:
        return self.legacy if self.reverse else self.d1

    def _names(self, side: Side) -> list[str]:
        """Return the tables of a side that are compared."""
        return [table.source if side is self.legacy else table.target for table in self.mapping.tables]

    def _pair(self, stack: ExitStack) -> tuple[Reader, Reader]:
        pair = self._source.reader(), self._target.reader()
        for reader in pair:
            stack.callback(reader.close)
        return pair

    def _by_dialect(self, pair: tuple[Reader, Reader]) -> tuple[Reader, Reader]:
        one, other = pair
        return (one, other) if one.dialect is Dialect.POSTGRES else (other, one)

    def _still_valid(self, result: Reconciliation) -> dict[str, list[tuple[int, int, int]]]:
        """Return the ranges of an interrupted run if both sides prove that nothing was written since."""
        if not self.proven.count:
            return {}
        for side in (self.legacy, self.d1):
            mark = self.proven.marks.get(side.label)
            written = "it has no mark to compare" if mark is None else side.written_since(mark, self._names(side))
            if written:
                result.notes.append(f"{self.proven.count} proven ranges are read again: {side.label}: {written}")
                return {}
        result.notes.append(
            f"{self.proven.count} ranges were compared by the interrupted run, and nothing was written since"
        )
        return self.proven.ranges

    def _written(self, side: Side, reader: Reader, result: Reconciliation) -> str | None:
        """Return what was written to a side during the run. If the side cannot tell, its rows are read again."""
        try:
            written = side.written_meanwhile(self._names(side))
        except NotVerified as error:
            if side.tells_writes:
                raise
            written = str(error)
        if written is None or side.tells_writes:
            return written
        self.progress.begin(f"rows of {side.label} again")
        changed = next(filter(None, (comparison.changed_since(reader) for comparison in self._compared)), None)
        if changed is None:
            result.notes.append(f"{side.label}: {written}; its rows were read again and have not changed")
        return changed

    def _rows(
        self,
        table: TableMapping,
        schema: Schema,
        readers: list[tuple[Reader, Reader]],
        valid: dict[str, list[tuple[int, int, int]]],
        journal: RangeJournal,
        result: Reconciliation,
    ) -> None:
        proven = valid.get(table.target, [])
        for first, last, rows in proven:
            journal.proven(table.target, first, last, rows)
        comparison = TableComparison(
            queries_of(table, reverse=self.reverse, nullable=schema.nullable(table.source)),
            self._source,
            self._target,
            self.findings,
            proven=proven,
            on_range=lambda first, last, rows: journal.proven(table.target, first, last, rows),
            on_bounds=lambda total, done: self.progress.begin(f"rows of {table.target}", total, done),
            on_rows=self.progress.add,
            remembered=None if self.d1.tells_writes else Owner.D1,
        )
        self._compared.append(comparison)
        result.tables[table.target] = comparison.run(readers).as_json()

    def _kinds(self, table: TableMapping, schema: Schema, legacy: Reader, result: Reconciliation) -> None:
        """Count the kinds of values that Django's rows have: the comparison cannot detect faults in others."""
        try:
            result.kinds[table.target] = count_kinds(legacy, self.mapping, table, schema)
        except NotVerified as error:
            result.notes.append(str(error))

    def _owners(
        self, tables: tuple[TableMapping, ...], readers: list[tuple[Reader, Reader]], result: Reconciliation
    ) -> None:
        size = self.mapping.objects.size
        for table in tables:
            for column in table.references:
                if table.column(column).source is None:
                    continue
                counted = owner_counts(table, column, size if table.target == self.mapping.objects.table else None)
                comparison = TableComparison(counted, self._source, self._target, self.findings, part=Part.KEYS)
                result.owners[counted.name] = comparison.run(readers[:1]).as_json()

    @contextmanager
    def _not_verified(self, result: Reconciliation, part: str) -> Iterator[None]:
        try:
            yield
        except NotVerified as error:
            result.unverified[part] = str(error)
