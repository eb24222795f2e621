"""Compare the tables that only the Worker has before and after a migration run, which must not change them.

Django has no rows for them, so nothing else would find a filter that an import made private, or a log that it emptied.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.core.errors import NotVerified
from cutover.migration.database_side import Reader, Unrenderable, text_of, whole
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping import MigrationMapping, OneSided
from cutover.migration.schemas import Schema

_INTERNAL: Final = frozenset({"sqlite_sequence", "d1_migrations"})
"""Tables of SQLite and Wrangler. keys.py and schemas.py check their content."""
_PAGE: Final = 500
"""Rows of the first query of a table. The others have as many rows as the reader's preferred size holds."""
_LARGEST_PAGE: Final = 10_000
_LOOKED_UP: Final = 200
"""Values of a reference that are looked up in one query, which D1 limits to 100 KB."""
_BY_IMPORT: Final = "the Worker owns this table: a migration run must not change it"
Row = dict[str, tuple[str, Any]]
"""Column -> storage class and value; a BLOB as hexadecimal digits, a REAL as digits."""


@dataclass
class OwnTableNumbers:
    """The rows of one table. went: rows of an owner or a file that no longer exists, which went or lost it."""

    before: int = 0
    after: int = 0
    went: int = 0
    added: int = 0


@dataclass
class OwnTables:
    """One comparison: before and after a run.

    strict: also rows that went or were added are findings. False if users may have written in between; then only rows
    that exist in both must be unchanged.
    """

    before: Reader
    after: Reader
    schemas: tuple[Schema, Schema]
    findings: Findings
    strict: bool = True
    numbers: dict[str, OwnTableNumbers] = field(default_factory=dict)

    def compare(self, mapping: MigrationMapping) -> dict[str, OwnTableNumbers]:
        """Compare every table that the mapping declares as D1's own. Raises NotVerified, and as the readers do."""
        for table in own_tables(mapping, self.schemas[0]):
            self._compare(table)
        return self.numbers

    def _compare(self, table: OneSided) -> None:
        before, after = (schema.columns.get(table.name, {}) for schema in self.schemas)
        if not after:
            self.findings.add(_finding(table, Kind.MISSING, "", None, "a table", None))
            return
        for column in before.keys() - after.keys():
            self.findings.add(_finding(table, Kind.MISSING, "", column, "a column", None))
        columns = [column for column in before if column in after]
        numbers = self.numbers.setdefault(table.name, OwnTableNumbers())
        key = key_of(table.name, self.schemas[0])
        doubtful: list[tuple[str, Row, str | None]] = []
        for row_key, held, now in _pairs(*(rows_of(each, table.name, key, columns) for each in self._readers)):
            numbers.before += held is not None
            numbers.after += now is not None
            if held is None:
                numbers.added += 1
                if self.strict and not table.grows:
                    self.findings.add(_finding(table, Kind.EXTRA, row_key, None, None, None))
            elif now is None:
                doubtful += [(row_key, held, None)] if self.strict else []
            else:
                for column in columns:
                    if held[column] == now[column]:
                        continue
                    if column in table.references and now[column][0] == "null":
                        doubtful.append((row_key, held, column))
                    else:
                        self.findings.add(_changed(table, row_key, column, held, now))
        numbers.went += self._judge_deleted(table, doubtful)

    @property
    def _readers(self) -> tuple[Reader, Reader]:
        return self.before, self.after

    def _judge_deleted(self, table: OneSided, doubtful: Sequence[tuple[str, Row, str | None]]) -> int:
        """Add a finding for each row that went, or lost a reference, although what it refers to still exists.

        Return the number of the others. column: the reference that is lost, None if the whole row went.
        """
        existing = {
            column: self._existing(referred, name, {held[column] for _, held, _ in doubtful if column in held})
            for column, (referred, name) in table.references.items()
        }
        excused = 0
        for row_key, held, column in doubtful:
            references = [column] if column is not None else [name for name in table.references if name in held]
            if any(held[name][0] != "null" and held[name] not in existing[name] for name in references):
                excused += 1
            elif column is None:
                self.findings.add(_finding(table, Kind.MISSING, row_key, None, None, None))
            else:
                self.findings.add(_changed(table, row_key, column, held, {column: ("null", None)}))
        return excused

    def _existing(self, table: str, column: str, values: set[tuple[str, Any]]) -> set[tuple[str, Any]]:
        """Return those of the values that the referred table holds after the run."""
        wanted = sorted(_literal(value) for value in values if value[0] in ("integer", "text"))
        found: set[tuple[str, Any]] = set()
        for begin in range(0, len(wanted), _LOOKED_UP):
            some = ", ".join(wanted[begin : begin + _LOOKED_UP])
            rows = self.after.query(f'SELECT {_typed([column])} AS v FROM "{table}" WHERE "{column}" IN ({some})')  # noqa: S608 - names of the mapping, and escaped values
            found |= {(kind, value) for (text,) in rows for kind, value in json.loads(text_of(text))}
        return found


def own_tables(mapping: MigrationMapping, schema: Schema) -> list[OneSided]:
    """Return the tables that only D1 has, without those of SQLite, Wrangler and Cloudflare."""
    return [table for table in mapping.target_tables if table.name not in _INTERNAL and schema.columns.get(table.name)]


def used_tables(reader: Reader, mapping: MigrationMapping, schema: Schema) -> list[str]:
    """Return those of them that have, or ever had, a row. Only a table that counts its ids proves that it had none."""
    used = []
    for table in own_tables(mapping, schema):
        rows = whole(reader.query(f'SELECT count(*) FROM "{table.name}"')[0][0])  # noqa: S608 - names of the mapping
        counts = table.name in schema.autoincrement
        name = f"name = '{table.name}' AND seq > 0"
        if rows or not counts or reader.query(f"SELECT 1 FROM sqlite_sequence WHERE {name}"):  # noqa: S608 - the same
            used.append(table.name)
    return used


def key_of(table: str, schema: Schema) -> str:
    """Return the integer key of a table. Raises NotVerified if it has none."""
    for column, (kind, _) in schema.columns[table].items():
        if kind == "INTEGER" and (table, column) in schema.unique:
            return column
    raise NotVerified(f"{table} has no integer key, so its rows before and after the migration run cannot be matched")


def rows_of(reader: Reader, table: str, key: str, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    """Yield the rows in the order of their key, page by page. Raises NotVerified for a row that is no JSON."""
    last: int | None = None
    limit = _PAGE
    while True:
        where = "" if last is None else f'WHERE "{key}" > {last}'
        try:
            page = reader.query(
                f'SELECT CAST("{key}" AS text) AS k, {_typed(columns)} AS v FROM "{table}" {where} '  # noqa: S608 - names of the mapping and of the schema
                f'ORDER BY "{key}" LIMIT {limit}'
            )
        except Unrenderable as error:
            if not error.too_big or limit == 1:
                raise NotVerified(f"{table} cannot be read: {error}") from None
            limit = max(1, limit // 4)
            continue
        size = 0
        for number, text in page:
            values = json.loads(text_of(text))
            size += len(text) if isinstance(text, bytes) else 0
            yield whole(number), {name: (kind, value) for name, (kind, value) in zip(columns, values, strict=True)}
        if len(page) < limit:
            return
        last = whole(page[-1][0])
        limit = max(1, min(_LARGEST_PAGE, reader.batch_bytes * len(page) // max(size, 1)))


def _typed(columns: Sequence[str]) -> str:
    """Return SQL for the columns as JSON pairs of storage class and value, so that 1 and '1' are different."""
    pairs = (
        f'''json_array(typeof("{name}"), CASE typeof("{name}") WHEN 'blob' THEN hex("{name}") '''
        f'''WHEN 'real' THEN printf('%!.17g', "{name}") ELSE "{name}" END)'''
        for name in columns
    )
    return f"json_array({', '.join(pairs)})"


def _pairs(
    before: Iterator[tuple[int, Row]], after: Iterator[tuple[int, Row]]
) -> Iterator[tuple[str, Row | None, Row | None]]:
    """Match the rows of two sorted sides by their key."""
    one, other = next(before, None), next(after, None)
    while one is not None or other is not None:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield str(one[0]), one[1], None
            one = next(before, None)
        elif one is None or other[0] < one[0]:
            yield str(other[0]), None, other[1]
            other = next(after, None)
        else:
            yield str(one[0]), one[1], other[1]
            one, other = next(before, None), next(after, None)


def _changed(table: OneSided, key: str, column: str, held: Row, now: Row) -> Finding:
    kind = Kind.CHANGED if "null" in (held[column][0], now[column][0]) or held[column][0] == now[column][0] else None
    return _finding(table, kind or Kind.STORAGE_CLASS, key, column, _shown(held[column]), _shown(now[column]))


def _finding(
    table: OneSided, kind: Kind, key: str, column: str | None, expected: str | None, got: str | None
) -> Finding:
    return Finding(Part.OWN, table.name, kind, key, column, expected, got, _BY_IMPORT)


def _shown(value: tuple[str, Any]) -> str:
    """Return a value as JSON text, a BLOB and a REAL with their storage class."""
    kind, content = value
    return f"{kind.upper()} {content}" if kind in ("blob", "real") else json.dumps(content)


def _literal(value: tuple[str, Any]) -> str:
    kind, content = value
    return str(content) if kind == "integer" else "'" + str(content).replace("'", "''") + "'"
