"""Django's PostgreSQL: read rows by key in one snapshot, and write rows back."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any, LiteralString, cast

import psycopg
from psycopg.rows import dict_row, tuple_row

from migration.mapping import Table
from migration.values import NOT_AN_INSTANT

_TIMESTAMP = (
    "CASE WHEN NOT isfinite({0}) THEN {0}::text WHEN {0} >= '0001-01-01 00:00+00' AND {0} < '10000-01-01 00:00+00'"
    " THEN to_char({0} AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')"
    f" ELSE '{NOT_AN_INSTANT}' || {{0}}::text END"
)
_READ = {"timestamp": _TIMESTAMP, "uuid": "{0}::text", "json": "{0}::text"}
_WRITTEN = {"timestamp": "{0}::timestamptz", "uuid": "{0}::uuid", "json": "{0}::jsonb", "text_array": "{0}::text[]"}


class Django:
    """A connection to Django's database. All reads use one snapshot until `end_snapshot`."""

    def __init__(self, dsn: str, batch: int) -> None:
        self._batch = batch
        self.connection = psycopg.connect(dsn, options="-c timezone=UTC", application_name="migrate")
        self.connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ

    def all(self, query: str, *parameters: Any) -> list[Any]:
        return self.connection.cursor(row_factory=tuple_row).execute(_sql(query), parameters or None).fetchall()

    def columns(self, table: str) -> set[str]:
        return {
            row[0]
            for row in self.all(
                "SELECT column_name FROM information_schema.columns"
                " WHERE table_schema = current_schema() AND table_name = %s",
                table,
            )
        }

    def count(self, table: str, after: int | None = None) -> int:
        if after is None:
            return int(self.all(f"SELECT count(*) FROM {table}")[0][0])  # noqa: S608 - names of the mapping
        return int(self.all(f"SELECT count(*) FROM {table} WHERE id > %s", after)[0][0])  # noqa: S608 - the same

    def pages(self, table: Table, after: int | None = None) -> Iterator[list[dict[str, Any]]]:
        """Yield all rows in the order of their key."""
        last = -(2**63) if after is None else after
        while True:
            page = self._select(table, "id > %s ORDER BY id LIMIT %s", last, self._batch)
            if page:
                yield page
            if len(page) < self._batch:
                return
            last = page[-1]["id"]

    def by_key(self, table: Table, keys: Sequence[int]) -> dict[int, dict[str, Any]]:
        return {row["id"]: row for row in self._select(table, "id = ANY(%s) ORDER BY id", list(keys))}

    def _select(self, table: Table, condition: str, *parameters: Any) -> list[dict[str, Any]]:
        columns = ", ".join(
            f"{_READ.get(kind or '', '{0}').format(name)} AS {name}" for name, kind in table.source_kinds.items()
        )
        query = f"SELECT {columns} FROM {table.source} WHERE {condition}"  # noqa: S608 - names of the mapping
        return self.connection.cursor(row_factory=dict_row).execute(_sql(query), parameters).fetchall()

    def sequence(self, table: str) -> int:
        """Return the last number that PostgreSQL returned from the sequence; 0 if none."""
        ((name,),) = self.all("SELECT pg_get_serial_sequence(%s, 'id')", table)
        ((last, called),) = self.all(f"SELECT last_value, is_called FROM {name}")  # noqa: S608 - PostgreSQL's own answer
        return int(last) if called else int(last) - 1

    def images(self, table: str, keys: Sequence[int], column: str = "id") -> dict[int, str]:
        """Return id -> the whole row as JSON text, from which `restore` creates the same row."""
        query = f"SELECT id, row_to_json(t)::text FROM {table} AS t WHERE {column} = ANY(%s) ORDER BY id"  # noqa: S608 - names of the mapping or PostgreSQL's own
        return dict(self.all(query, list(keys)))

    def children(self, table: str) -> list[tuple[str, str]]:
        """Return (table, column) of every reference to this table's id."""
        return self.all(
            "SELECT c.conrelid::regclass::text, a.attname FROM pg_constraint c"
            " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
            " WHERE c.contype = 'f' AND c.confrelid = %s::regclass ORDER BY 1, 2",
            table,
        )

    def insert(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Insert rows, all with the same columns. A row that already exists (from an interrupted run) is updated."""
        names = list(rows[0])
        placeholders = ", ".join(_placeholder(table, name) for name in names)
        updates = ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")
        query = (
            f"INSERT INTO {table.source} ({', '.join(names)}) VALUES ({placeholders})"  # noqa: S608 - names of the mapping
            f" ON CONFLICT (id) DO UPDATE SET {updates}"
        )
        self.connection.cursor().executemany(_sql(query), [list(row.values()) for row in rows])

    def update(self, table: Table, rows: Sequence[dict[str, Any]]) -> None:
        """Update existing rows by their id. All have the same columns; other columns stay as they are."""
        names = [name for name in rows[0] if name != "id"]
        sets = ", ".join(f"{name} = {_placeholder(table, name)}" for name in names)
        query = f"UPDATE {table.source} SET {sets} WHERE id = %s"  # noqa: S608 - names of the mapping
        self.connection.cursor().executemany(_sql(query), [[*(row[name] for name in names), row["id"]] for row in rows])

    def restore(self, table: str, images: Sequence[str]) -> None:
        """Restore rows from their images."""
        names = [row[0] for row in self.all("SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass"
                                            " AND attnum > 0 AND NOT attisdropped ORDER BY attnum", table)]  # fmt: skip
        updates = ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")
        query = (
            f"INSERT INTO {table} SELECT * FROM json_populate_record(NULL::{table}, %s::json)"  # noqa: S608 - the same
            f" ON CONFLICT (id) DO UPDATE SET {updates}"
        )
        self.connection.cursor().executemany(_sql(query), [(image,) for image in images])

    def delete(self, table: str, keys: Sequence[int]) -> None:
        self.connection.execute(_sql(f"DELETE FROM {table} WHERE id = ANY(%s)"), (list(keys),))  # noqa: S608 - the same

    def release(self, table: Table, keys: Sequence[int]) -> None:
        """Clear the rows' unique values, so that two rows may swap theirs."""
        freed = {"text": "'moving-' || id", "uuid": "gen_random_uuid()", "empty_is_null": "''"}
        columns = [c for c in table.columns if c.name in table.unique and c.source is not None]
        sets = ", ".join(f"{column.source} = {freed[column.kind or '']}" for column in columns)
        self.connection.execute(_sql(f"UPDATE {table.source} SET {sets} WHERE id = ANY(%s)"), (list(keys),))  # noqa: S608 - the same

    def set_sequence(self, table: str, value: int | None) -> None:
        """Set the sequence. value: the last number that counts as used; 0 or None: no number was used."""
        last = value or 0
        self.all("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s, %s)", table, max(last, 1), last > 0)

    def commit(self) -> None:
        self.connection.commit()

    def end_snapshot(self) -> None:
        self.connection.rollback()


def _placeholder(table: Table, name: str) -> str:
    return _WRITTEN.get(table.source_kinds[name] or "", "{0}").format("%s")


def _sql(query: str) -> LiteralString:
    return cast(LiteralString, query)  # built from the mapping's names only; values are parameters


def dumps(value: Any) -> str:
    """Return JSON in the format that this program writes everywhere."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
