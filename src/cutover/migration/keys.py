"""Check the relations between rows: references, uniqueness by SQLite's rules, sequences, tables that must be empty.

table_comparison.py compares the rows, and also the number of rows per owner (row_queries.py).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field

from cutover.core.errors import NotVerified
from cutover.migration.database_side import Dialect, Reader, text_of, whole
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping import ColumnMapping, Form, MigrationMapping, OneSided, Origin, TableMapping
from cutover.migration.ranges import RangePlan
from cutover.migration.schemas import Schema
from cutover.migration.sequences import check_sequence

_ROW_BYTES = 20
"""Size of a row that is only counted, for the size of ranges: a range of keys only can be long."""


@dataclass
class KeyNumbers:
    """The amount that was checked: rows per reference, unique columns, sequences, rows of one-sided tables.

    sequences: table -> the target's last id (-1: it has no sequence) and the least that it must be.
    unread_sequences: table -> why its sequence could not be compared.
    """

    references: dict[str, int] = field(default_factory=dict)
    unique: list[str] = field(default_factory=list)
    sequences: dict[str, list[int]] = field(default_factory=dict)
    unread_sequences: dict[str, str] = field(default_factory=dict)
    one_sided: dict[str, int] = field(default_factory=dict)


@dataclass
class KeyChecks:
    """The checks for one direction. tables: those that can be read."""

    mapping: MigrationMapping
    tables: tuple[TableMapping, ...]
    legacy: Reader
    d1: Reader
    legacy_schema: Schema
    d1_schema: Schema
    findings: Findings
    reverse: bool = False
    numbers: KeyNumbers = field(default_factory=KeyNumbers)

    def run(self) -> KeyNumbers:
        """Perform all checks. Raises as the readers do."""
        for table in self.tables:
            for column, (referred, name) in table.references.items():
                self._references(table, column, referred, name)
            for unique in table.unique:
                self._unique(table, table.column(unique))
            self._sequence(table)
        for side, reader, schema in (
            (self.mapping.source_tables, self.legacy, self.legacy_schema),
            (self.mapping.target_tables, self.d1, self.d1_schema),
        ):
            self._one_sided([one for one in side if one.name in schema.columns], reader, schema)
        return self.numbers

    def _references(self, table: TableMapping, column: str, referred: str, name: str) -> None:
        """Find rows of the target that refer to no row, range by range."""
        known = {each.target: each for each in self.tables}
        if referred not in known:
            return  # the missing table is a finding already
        if self.reverse:
            reader, place, key = self.legacy, table.source, table.source_key
            field_name, other = table.source_of(column) or "", known[referred].source
            other_name = known[referred].source_of(name) or ""
        else:
            reader, place, key, field_name, other, other_name = (
                self.d1, table.target, table.target_key, column, referred, name,
            )  # fmt: skip
        orphan = (
            f'FROM "{place}" c WHERE c."{key}" BETWEEN {{}} AND {{}} AND c."{field_name}" IS NOT NULL '  # noqa: S608
            f'AND NOT EXISTS (SELECT 1 FROM "{other}" p WHERE p."{other_name}" = c."{field_name}")'
        )
        first, last, rows = reader.query(
            f'SELECT CAST(min("{key}") AS text), CAST(max("{key}") AS text), count(*) FROM "{place}"'  # noqa: S608
        )[0]
        followed = f"{table.target}.{column} → {referred}.{name}"
        self.numbers.references[followed] = whole(rows)
        if first is None or last is None:
            return
        plan = RangePlan(whole(first), whole(last), whole(rows), reader.batch_bytes)
        while (keys := plan.take()) is not None:
            began = time.monotonic()
            within = orphan.format(keys.first, keys.last)
            count = whole(reader.query(f"SELECT count(*) {within}")[0][0])
            rows_held = keys.limit or keys.last - keys.first + 1
            plan.learn(keys, rows_held, rows_held * _ROW_BYTES, time.monotonic() - began)
            if count:
                shown = reader.query(
                    f'SELECT CAST(c."{key}" AS text), CAST(c."{field_name}" AS text) {within} '
                    f'ORDER BY c."{key}" LIMIT {self._shown(count)}'
                )
                for number in range(count):
                    row, value = shown[number] if number < len(shown) else (b"", None)
                    self.findings.add(
                        Finding(
                            Part.KEYS, table.target, Kind.BROKEN_REFERENCE, text_of(row), column,
                            f"a row of {referred}",
                            None if value is None else text_of(value),
                        )
                    )  # fmt: skip

    def _shown(self, count: int) -> int:
        """Return how many findings are queried with their keys: all if every finding is written to a file."""
        return count if self.findings.sink is not None else min(count, self.findings.keep)

    def _unique(self, table: TableMapping, column: ColumnMapping) -> None:
        """Find source values that UNIQUE of the target would refuse, and duplicates in a target without an index."""
        place = f"{table.target}.{column.name}"
        self.numbers.unique.append(place)
        no_case = (table.target, column.name) in self.d1_schema.no_case
        guarded = (table.source, column.source or "") in self.legacy_schema.unique
        plain = column.form in (Form.TEXT, Form.UUID, Form.INTEGER)
        if not self.reverse and column.origin is Origin.COLUMN and not (guarded and plain and not no_case):
            raw = f'"{column.source}"::text'
            value = f"nullif({raw}, '')" if column.form is Form.EMPTY_IS_NULL else raw
            self._collisions(self.legacy, table, table.source, table.source_key, column, _folded(value, no_case))
        if (table.target, column.name) not in self.d1_schema.unique:
            self._collisions(self.d1, table, table.target, table.target_key, column, f'"{column.name}"')

    def _collisions(
        self, reader: Reader, table: TableMapping, place: str, key: str, column: ColumnMapping, value: str
    ) -> None:
        groups = (
            f'SELECT {value} AS v, count(*) AS n, min("{key}") AS k FROM "{place}" '  # noqa: S608 - names of the mapping
            f"WHERE {value} IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
        )
        more = whole(reader.query(f"SELECT coalesce(sum(n - 1), 0)::bigint FROM ({groups}) g"  # noqa: S608
                                  if reader.dialect is Dialect.POSTGRES
                                  else f"SELECT coalesce(sum(n - 1), 0) FROM ({groups}) g")[0][0])  # fmt: skip # noqa: S608
        if not more:
            return
        shown = reader.query(f"SELECT v::text, k::text FROM ({groups}) g ORDER BY k LIMIT {self.findings.keep}"  # noqa: S608
                             if reader.dialect is Dialect.POSTGRES
                             else f"SELECT v, CAST(k AS text) FROM ({groups}) g "  # noqa: S608
                                  f"ORDER BY k LIMIT {self.findings.keep}")  # fmt: skip
        for number in range(more):
            got, row = shown[number] if number < len(shown) else (None, b"")
            self.findings.add(
                Finding(
                    Part.KEYS, table.target, Kind.COLLISION, text_of(row), column.name, "a value that no other row has",
                    None if got is None else json.dumps(text_of(got)),
                    "SQLite's UNIQUE would refuse the second" if reader is self.legacy else "",
                )
            )  # fmt: skip

    def _sequence(self, table: TableMapping) -> None:
        source, target = (self.d1, self.legacy) if self.reverse else (self.legacy, self.d1)
        try:
            found = check_sequence(table, source, target, self.d1_schema.autoincrement, self.findings)
        except NotVerified as error:
            self.numbers.unread_sequences[table.target] = str(error)
        else:
            self.numbers.sequences[table.target] = [-1 if found.last is None else found.last, found.required]

    def _one_sided(self, tables: Iterable[OneSided], reader: Reader, schema: Schema) -> None:
        for table in tables:
            if not schema.columns[table.name]:
                continue  # a table of D1 itself, which cannot be queried
            rows = whole(reader.query(f'SELECT count(*) FROM "{table.name}"')[0][0])  # noqa: S608
            self.numbers.one_sided[table.name] = rows
            if table.must_be_empty and rows:
                key = next(iter(schema.columns[table.name]))
                first = reader.query(
                    f'SELECT CAST("{key}" AS text) FROM "{table.name}" ORDER BY "{key}" LIMIT {self.findings.keep}'  # noqa: S608
                )
                for number in range(rows):
                    shown = text_of(first[number][0]) if number < len(first) else ""
                    self.findings.add(
                        Finding(Part.ROWS, table.name, Kind.NOT_CARRIED, shown, None, "no row", "a row", table.why)
                    )
            for column, (referred, name) in table.references.items():
                self._orphans_of(table, column, referred, name, reader, schema)

    def _orphans_of(
        self, table: OneSided, column: str, referred: str, name: str, reader: Reader, schema: Schema
    ) -> None:
        if column not in schema.columns[table.name] or name not in schema.columns.get(referred, ()):
            return  # the missing table or column is a finding already
        key = next(iter(schema.columns[table.name]))
        orphan = (
            f'FROM "{table.name}" c WHERE c."{column}" IS NOT NULL AND NOT EXISTS '  # noqa: S608
            f'(SELECT 1 FROM "{referred}" p WHERE p."{name}" = c."{column}")'
        )
        self.numbers.references[f"{table.name}.{column} → {referred}.{name}"] = self.numbers.one_sided[table.name]
        orphans = whole(reader.query(f"SELECT count(*) {orphan}")[0][0])
        if not orphans:
            return
        first = reader.query(f'SELECT CAST(c."{key}" AS text) {orphan} ORDER BY c."{key}" LIMIT {self._shown(orphans)}')
        for number in range(orphans):
            shown = text_of(first[number][0]) if number < len(first) else ""
            self.findings.add(
                Finding(Part.KEYS, table.name, Kind.BROKEN_REFERENCE, shown, column, f"a row of {referred}", None)
            )


def _folded(value: str, no_case: bool) -> str:
    """Return SQL for a value as NOCASE compares it: only the 26 letters of ASCII are folded.

    https://www.sqlite.org/datatype3.html#collation
    """
    upper, lower = "ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz"
    return f"translate({value}, '{upper}', '{lower}')" if no_case else value
