"""A migrated pair, and how one defect at a time is put into it and taken out again.

Defects are context managers `defect(pair, planted)`, registered under their names of ../migration.toml: they spoil the
pair, yield the key at which it must be seen, and put everything back. With planted=False they are their neutral twins,
which do the same work and change nothing. Not for judging.
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
Defect = Callable[["Pair", bool], AbstractContextManager[str]]
DEFECTS: dict[str, Defect] = {}


@dataclass(frozen=True)
class Shows:
    """Where a reconciliation has to tell it, in the words of src/cutover/migration/findings.py; None: not told.

    thorough: only the form that reads every byte can. column of an object: the mapping's word for what differs.
    """

    part: str | None
    table: str | None
    column: str | None
    kind: str | None
    key: str | None
    thorough: bool = False


class Pair:
    """A migrated pair's four stores. d1_url: up to and with the database's id."""

    def __init__(
        self, pg_dsn: str, d1_url: str, s3_url: str, bucket: str, keys: tuple[str, str], media_root: Path
    ) -> None:
        """keys: S3's access key id and secret access key."""
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
        # Else botocore waits a second for an answer that Miniflare does not give.
        self.s3.meta.events.unregister("before-call.s3", add_expect_header)

    def close(self) -> None:
        self.postgres.close()
        self._d1.close()
        self.s3.close()

    def d1(self, sql: str) -> list[list[Any]]:
        """The rows of the last statement. Raises PlantingError when D1 refuses: no defect has been planted then."""
        answer = self._d1.post(f"{self.d1_url}/raw", json={"sql": sql, "params": []})
        if answer.status_code != 200:
            raise PlantingError(f"D1 refused: {answer.text[:300]}")
        return answer.json()["result"][-1]["results"]["rows"]  # type: ignore[no-any-return]

    def one(self, sql: str) -> Any:
        """The one value. Raises PlantingError when nothing fits: the data holds no place for this defect."""
        rows = self.d1(sql)
        if not rows:
            raise PlantingError(f"the data holds no place for this defect: {sql}")
        return rows[0][0]

    def literals(self, table: str, key: int) -> dict[str, str]:
        """The row's columns as SQL literals, exactly as they are stored."""
        columns = [row[0] for row in self.d1(f"SELECT name FROM pragma_table_info('{table}')")]
        quoted = ", ".join(f"quote({name})" for name in columns)
        return dict(zip(columns, self.d1(f"SELECT {quoted} FROM {table} WHERE id = {key}")[0], strict=True))

    def put_row(self, table: str, row: dict[str, str]) -> None:
        """A row by its literals; one that is there is replaced column by column, so that nothing cascades."""
        updates = ", ".join(f"{name} = excluded.{name}" for name in row if name != "id")
        self.d1(
            f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})"
            f" ON CONFLICT (id) DO UPDATE SET {updates}"
        )


class PlantingError(Exception):
    """It could not be planted, or what was planted is no defect."""


@dataclass(frozen=True)
class Entry:
    """One defect of ../migration.toml."""

    name: str
    promise: str
    shows: dict[str, Any] = field(hash=False)
    verdict: str


def entries() -> list[Entry]:
    """All of them. Raises PlantingError when list and modules disagree."""
    found = [
        Entry(entry["name"], entry["promise"], entry.get("shows", {}), entry.get("verdict", "NO-GO"))
        for entry in tomllib.loads(LIST.read_text(encoding="utf-8"))["fault"]
    ]
    names = [entry.name for entry in found]
    if sorted(names) != sorted(DEFECTS):
        raise PlantingError(f"{LIST.name} and the modules disagree: {sorted(set(names) ^ set(DEFECTS))}")
    return found


def defect(name: str) -> Callable[[Callable[[Pair, bool], Iterator[str]]], Defect]:
    """Register it under its name."""

    def register(function: Callable[[Pair, bool], Iterator[str]]) -> Defect:
        made = contextmanager(function)
        DEFECTS[name] = made
        return made

    return register


@contextmanager
def planted(pair: Pair, name: str, *, neutral: bool = False) -> Iterator[Shows]:
    """Plant it, or its neutral twin, for as long as the block lasts; then everything is as it was."""
    entry = next(entry for entry in entries() if entry.name == name)
    with DEFECTS[name](pair, not neutral) as key:
        told = {word: entry.shows.get(word) for word in ("part", "table", "column", "kind")}
        yield Shows(**told, key=key or None, thorough=bool(entry.shows.get("thorough")))


@contextmanager
def restored(pair: Pair, table: str, *keys: int) -> Iterator[None]:
    """Rows of D1 are as they were afterwards, and so is the table's sequence."""
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
    """Columns of one row of D1 set to SQL expressions. Raises PlantingError when SQLite undid it."""
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
    """A text as SQL."""
    return "'" + text.replace("'", "''") + "'"
