"""Plant one fault at a time in a migrated pair, and remove it.

Faults are context managers, registered under their names of ../migration.toml. They change the
pair, yield the key at which the change must be detected, and restore everything. With planted=False
they are the controls, which do the same work and change nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import httpx
import psycopg
from botocore.config import Config
from botocore.handlers import add_expect_header

LIST = Path(__file__).resolve().parents[1] / "migration.toml"
Fault = Callable[["Pair", bool], AbstractContextManager[str]]
FAULTS: dict[str, Fault] = {}


@dataclass(frozen=True)
class Shows:
    """The place at which a reconciliation must report the fault. None: not reported.

    part, table, column and kind are terms of src/cutover/migration/findings.py; for an object, column is the property
    as the mapping names it. thorough: only the form that reads every byte can detect it.
    """

    part: str | None
    table: str | None
    column: str | None
    kind: str | None
    key: str | None
    thorough: bool = False


class Pair:
    """The four stores of a migrated pair. d1_url: up to and including the database's id."""

    def __init__(
        self, pg_dsn: str, d1_url: str, s3_url: str, bucket: str, keys: tuple[str, str], media_root: Path
    ) -> None:
        """Connect to the stores. keys: S3's access key id and secret access key."""
        self.pg_dsn, self.d1_url, self.bucket, self.media_root = pg_dsn, d1_url, bucket, media_root
        self.postgres = psycopg.connect(pg_dsn, autocommit=True, options="-c timezone=UTC")
        self._d1 = httpx.Client(trust_env=False, timeout=30)
        self.s3 = boto3.client(
            "s3",
            endpoint_url=s3_url,
            aws_access_key_id=keys[0],
            aws_secret_access_key=keys[1],
            region_name="auto",
            config=Config(request_checksum_calculation="when_required", s3={"addressing_style": "path"}),
        )
        # Otherwise botocore waits one second for an interim response that Miniflare does not send.
        self.s3.meta.events.unregister("before-call.s3", add_expect_header)

    def close(self) -> None:
        self.postgres.close()
        self._d1.close()
        self.s3.close()

    def d1(self, sql: str) -> list[list[Any]]:
        """Return the rows of the last statement. Raise PlantingError if D1 refuses: no fault was planted then."""
        answer = self._d1.post(f"{self.d1_url}/raw", json={"sql": sql, "params": []})
        if answer.status_code != 200:
            raise PlantingError(f"D1 refused: {answer.text[:300]}")
        return answer.json()["result"][-1]["results"]["rows"]  # type: ignore[no-any-return]

    def one(self, sql: str) -> Any:
        """Return the only value. Raise PlantingError if no row matches: the data has no place for this fault."""
        rows = self.d1(sql)
        if not rows:
            raise PlantingError(f"the data has no place for this fault: {sql}")
        return rows[0][0]

    def literals(self, table: str, key: int) -> dict[str, str]:
        """Return the row's columns as SQL literals, exactly as they are stored."""
        columns = [row[0] for row in self.d1(f"SELECT name FROM pragma_table_info('{table}')")]
        quoted = ", ".join(f"quote({name})" for name in columns)
        return dict(zip(columns, self.d1(f"SELECT {quoted} FROM {table} WHERE id = {key}")[0], strict=True))

    def put_row(self, table: str, row: dict[str, str]) -> None:
        """Write a row from its literals. An existing row is updated column by column, so that nothing cascades."""
        updates = ", ".join(f"{name} = excluded.{name}" for name in row if name != "id")
        self.d1(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"
            f" ON CONFLICT (id) DO UPDATE SET {updates}"
        )


class PlantingError(Exception):
    """A fault that could not be planted, or that has no effect."""


@dataclass(frozen=True)
class Entry:
    """A fault of ../migration.toml."""

    name: str
    promise: str
    shows: dict[str, Any] = field(hash=False)
    verdict: str


def entries() -> list[Entry]:
    """Return all faults. Raise PlantingError if list and modules disagree."""
    found = [
        Entry(entry["name"], entry["promise"], entry.get("shows", {}), entry.get("verdict", "NO-GO"))
        for entry in tomllib.loads(LIST.read_text(encoding="utf-8"))["fault"]
    ]
    names = [entry.name for entry in found]
    if sorted(names) != sorted(FAULTS):
        raise PlantingError(f"{LIST.name} and the modules disagree: {sorted(set(names) ^ set(FAULTS))}")
    return found


def fault(name: str) -> Callable[[Callable[[Pair, bool], Iterator[str]]], Fault]:
    """Register a function under its name."""

    def register(function: Callable[[Pair, bool], Iterator[str]]) -> Fault:
        made = contextmanager(function)
        FAULTS[name] = made
        return made

    return register


@contextmanager
def planted(pair: Pair, name: str, *, control: bool = False) -> Iterator[Shows]:
    """Plant the fault, or its control, while the block runs; then everything is restored."""
    entry = next(entry for entry in entries() if entry.name == name)
    with FAULTS[name](pair, not control) as key:
        told = {word: entry.shows.get(word) for word in ("part", "table", "column", "kind")}
        yield Shows(**told, key=key or None, thorough=bool(entry.shows.get("thorough")))


@contextmanager
def restored(pair: Pair, table: str, *keys: int) -> Iterator[None]:
    """Restore rows of D1 and the table's sequence afterwards."""
    rows = [pair.literals(table, key) for key in keys]
    with sequence_kept(pair, table):
        try:
            yield
        finally:
            for row in rows:
                pair.put_row(table, row)


@contextmanager
def sequence_kept(pair: Pair, table: str) -> Iterator[None]:
    found = pair.d1(f"SELECT CAST(seq AS TEXT) FROM sqlite_sequence WHERE name = '{table}'")
    try:
        yield
    finally:
        insert = f"; INSERT INTO sqlite_sequence (name, seq) VALUES ('{table}', {found[0][0]})" if found else ""
        pair.d1(f"DELETE FROM sqlite_sequence WHERE name = '{table}'{insert}")


@contextmanager
def update(pair: Pair, table: str, key: int, sets: dict[str, str], *, planted: bool) -> Iterator[str]:
    """Set columns of one row of D1 to SQL expressions. Raise PlantingError if SQLite reverted the change."""
    with restored(pair, table, key):
        before = pair.literals(table, key)
        pair.d1(f"UPDATE {table} SET {', '.join(f'{name} = {value}' for name, value in sets.items())} WHERE id = {key}")
        after = pair.literals(table, key)
        touched = {name for name in before if before[name] != after[name]}
        if touched != (set(sets) if planted else set()):
            raise PlantingError(
                f"{table} {key}: changed {sorted(touched)}, meant {sorted(sets) if planted else 'nothing'}"
            )
        yield str(key)


def literal(text: str) -> str:
    """Return a text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"
