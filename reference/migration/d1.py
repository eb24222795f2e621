"""D1 by Cloudflare's REST interface: read rows by key, write rows; each call is atomic and safe to
repeat.

Parameters are texts there, so rows are sent as one JSON text. The file of a local D1 is never
accessed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from typing import Any

import httpx

from migration.mapping import Table

TRIES = 8
CALL_BYTES = 900_000
"""Size of one parameter: a text in D1 holds 2 MB."""


class D1Error(Exception):
    """D1 refused a call, or could not be reached in TRIES tries."""


class D1:
    """A D1 database. url: of the database, without /raw. batch: rows per page."""

    def __init__(self, url: str, token: str, batch: int) -> None:
        headers = {"authorization": f"Bearer {token}"} if token else {}
        self._client = httpx.Client(trust_env=False, headers=headers, timeout=60)
        self._url, self._batch = url.rstrip("/") + "/raw", batch

    def run(self, sql: str, *parameters: str) -> list[list[Any]]:
        """Return the rows of the last statement. Several statements are one transaction. Raise D1Error."""
        told = ""
        for attempt in range(TRIES):
            if attempt:
                time.sleep(min(2.0, 0.05 * 2**attempt))
            try:
                answer = self._client.post(self._url, json={"sql": sql, "params": list(parameters)})
            except httpx.TransportError as error:
                told = type(error).__name__
                continue
            if answer.status_code == 200:
                try:
                    return answer.json()["result"][-1]["results"]["rows"]  # type: ignore[no-any-return]
                except (ValueError, LookupError, TypeError):
                    raise D1Error("D1 returned 200 without a result") from None
            told = f"{answer.status_code} {_message(answer)}"
            # An error of SQLite itself is permanent; other 429 and 5xx are temporary.
            if "SQLITE_" in told or (answer.status_code != 429 and answer.status_code < 500):
                break
        raise D1Error(f"D1: {told}")

    def count(self, table: str) -> int:
        return int(self.run(f"SELECT CAST(count(*) AS TEXT) FROM {table}")[0][0])  # noqa: S608 - names of the mapping

    def columns(self, table: str) -> list[str]:
        """Return the columns in the table's order; empty if the table does not exist."""
        return [row[0] for row in self.run("SELECT name FROM pragma_table_info(?1) ORDER BY cid", table)]

    def references(self, table: str) -> list[tuple[str, str, str, str]]:
        """Return (column, referenced table, referenced column, ON DELETE action)."""
        query = 'SELECT "from", "table", "to", on_delete FROM pragma_foreign_key_list(?1)'
        return [(row[0], row[1], row[2], row[3]) for row in self.run(query, table)]

    def rows(self, table: Table) -> Iterator[dict[str, Any]]:
        """Yield all rows in the order of their key, page by page."""
        last = "-9223372036854775808"
        while True:
            page = self.run(
                f"SELECT CAST(id AS TEXT), {_as_array(table.names)} FROM {table.target}"  # noqa: S608 - names of the mapping
                f" WHERE id > CAST(?1 AS INTEGER) ORDER BY id LIMIT {self._batch}",
                last,
            )
            for _, text in page:
                yield dict(zip(table.names, json.loads(text), strict=True))
            if len(page) < self._batch:
                return
            last = page[-1][0]

    def by_key(self, table: str, names: Sequence[str], keys: Sequence[int]) -> dict[int, str]:
        """Return id -> the row's columns as a JSON array."""
        return self._images(table, names, "id IN (SELECT value FROM json_each(?1))", keys)

    def naming(
        self, table: str, names: Sequence[str], column: str, named: tuple[str, str], keys: Sequence[int]
    ) -> dict[int, str]:
        """Return the same for the rows whose column references (table, column) of one of the rows with these keys."""
        other, there = named
        of_those = f"SELECT {there} FROM {other} WHERE id IN (SELECT value FROM json_each(?1))"  # noqa: S608 - D1's own names
        return self._images(table, names, f"{column} IN ({of_those})", keys)

    def _images(self, table: str, names: Sequence[str], condition: str, keys: Sequence[int]) -> dict[int, str]:
        query = f"SELECT CAST(id AS TEXT), {_as_array(names)} FROM {table} WHERE {condition} ORDER BY id"  # noqa: S608 - the same
        return {int(key): text for key, text in self.run(query, json.dumps(list(keys)))}

    def put(self, table: str, names: Sequence[str], rows: Sequence[str]) -> None:
        """Insert or replace rows, each a JSON array of the columns. Rows above CALL_BYTES are split
        into several calls.
        """
        values = ", ".join(f"json_extract(value, '$[{place}]')" for place in range(len(names)))
        updates = ", ".join(f"{name} = excluded.{name}" for name in names if name != "id")
        sql = (
            f"INSERT INTO {table} ({', '.join(names)}) SELECT {values} FROM json_each(?1) WHERE true"  # noqa: S608 - the same
            f" ON CONFLICT (id) DO UPDATE SET {updates}"
        )
        for call in calls(rows):
            self.run(sql, f"[{','.join(call)}]")

    def delete(self, table: str, keys: Sequence[int]) -> None:
        self.run(f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?1))", json.dumps(list(keys)))  # noqa: S608 - the same

    def release(self, table: Table, keys: Sequence[int]) -> None:
        """Clear the rows' unique values, so that two rows may swap theirs."""
        nullable = {column.name for column in table.columns if column.nullable}
        freed = ", ".join(
            f"{name} = {'NULL' if name in nullable else repr('moving-') + ' || id'}" for name in table.unique
        )
        self.run(f"UPDATE {table.target} SET {freed} WHERE id IN (SELECT value FROM json_each(?1))", json.dumps(keys))  # noqa: S608 - the same

    def sequence(self, table: str) -> int | None:
        found = self.run("SELECT CAST(seq AS TEXT) FROM sqlite_sequence WHERE name = ?1", table)
        return int(found[0][0]) if found else None

    def set_sequence(self, table: str, value: int | None) -> None:
        """Set the sequence. None: as if the table had never had a row."""
        if value is None:
            self.run("DELETE FROM sqlite_sequence WHERE name = ?1", table)
            return
        # Of several statements in one call only the last may have parameters.
        self.run(
            f"DELETE FROM sqlite_sequence WHERE name = '{table}';"  # noqa: S608 - names of the mapping
            f" INSERT INTO sqlite_sequence (name, seq) VALUES ('{table}', {int(value)})"
        )


def calls(rows: Sequence[str]) -> Iterator[list[str]]:
    """Yield the rows in groups of at most CALL_BYTES bytes, at least one row each."""
    group: list[str] = []
    size = 0
    for row in rows:
        bytes_of_row = len(row.encode())
        if group and size + bytes_of_row > CALL_BYTES:
            yield group
            group, size = [], 0
        group.append(row)
        size += bytes_of_row + 1
    if group:
        yield group


def _as_array(names: Sequence[str]) -> str:
    # As JSON text, integers above 2^53 keep their digits. JSON cannot contain a BLOB: it is marked,
    # so that it is found.
    marked = (f"iif(typeof({name}) = 'blob', 'blob:' || hex({name}), {name})" for name in names)
    return f"json_array({', '.join(marked)})"


def _message(answer: httpx.Response) -> str:
    try:
        return "; ".join(str(error["message"]) for error in answer.json()["errors"])
    except (ValueError, LookupError, TypeError):
        return "(no message)"
