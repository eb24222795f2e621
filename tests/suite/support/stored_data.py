"""The stored data of both systems of a pair, read directly from their stores, and targets to change it."""

import contextlib
import sqlite3
import time
from collections.abc import Generator
from pathlib import Path
from typing import Any

import boto3
import psycopg

from cutover.client.http import Client, new_run_id
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.embedded.state import PairState
from cutover.systems.target import Target


def stored_counts(found: PairState) -> dict[str, int]:
    """Return the numbers of accounts, rows of files, objects and files on disk of both systems."""
    with (
        contextlib.closing(sqlite3.connect(f"file:{found.d1_file}?mode=ro", uri=True)) as d1,
        psycopg.connect(found.pg_dsn) as postgres,
    ):
        return {
            "worker users": d1.execute("SELECT count(*) FROM users").fetchone()[0],
            "worker files": d1.execute("SELECT count(*) FROM files").fetchone()[0],
            "objects": _listed_objects(found)["KeyCount"],
            "legacy users": row_count(postgres, "auth_user"),
            "legacy files": row_count(postgres, "list_cutter_savedfile"),
            "media": sum(file.is_file() for file in Path(found.media_root).rglob("*")),
        }


def _listed_objects(found: PairState) -> dict[str, Any]:
    store = boto3.client(
        "s3",
        endpoint_url=found.s3_url,
        aws_access_key_id=found.s3_access_key,
        aws_secret_access_key=found.s3_secret_key,
        region_name="auto",
    )
    listed: dict[str, Any] = {"Contents": [], **store.list_objects_v2(Bucket=found.s3_bucket)}
    return listed


def row_count(postgres: psycopg.Connection, table: str) -> int:
    """Return the number of rows of a table of the legacy system."""
    row = postgres.execute(psycopg.sql.SQL("SELECT count(*) FROM {}").format(psycopg.sql.Identifier(table))).fetchone()
    assert row is not None
    return int(row[0])


def all_stored_data(found: PairState) -> dict[str, list[Any]]:
    """Return every row of every table of both databases, and every object and file with its size."""
    with (
        contextlib.closing(sqlite3.connect(f"file:{found.d1_file}?mode=ro", uri=True)) as d1,
        psycopg.connect(found.pg_dsn) as postgres,
    ):
        # _cf_: tables of the runtime, which also change when the database is read.
        query = r"SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\_cf\_%' ESCAPE '\'"
        names = [name for (name,) in d1.execute(query)]
        seen = {f"d1 {name}": d1.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}  # noqa: S608 - its own names
        tables = postgres.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
        for (name,) in tables:
            query = psycopg.sql.SQL("SELECT * FROM {}").format(psycopg.sql.Identifier(name))
            seen[f"postgres {name}"] = sorted(postgres.execute(query).fetchall(), key=repr)
    media = Path(found.media_root)
    seen["objects"] = [(row["Key"], row["Size"], row["ETag"]) for row in _listed_objects(found)["Contents"]]
    seen["media"] = sorted((str(file), file.stat().st_size) for file in media.rglob("*") if file.is_file())
    return seen


def wait_until_settled(found: PairState) -> None:
    """Wait until no write is pending: processing and audit rows are written after the response."""
    deadline, before = time.monotonic() + 10, all_stored_data(found)
    while time.monotonic() < deadline:
        time.sleep(0.5)
        if (now := all_stored_data(found)) == before:
            return
        before = now
    raise AssertionError("the stored data of the pair still changes after 10 s")


@contextlib.contextmanager
def direct_targets(found: PairState) -> Generator[dict[str, Target]]:
    """Yield both systems of a pair as targets, for requests that are not part of a gate run."""
    environment, recorder = load_environment(root(), "embedded", pair=found), Recorder()
    client = Client(environment, recorder=recorder, rate_limiter=None, kill_switch=KillSwitch(root()), run=new_run_id())
    try:
        yield {system: Target(system, environment, client, recorder) for system in environment.systems}
    finally:
        client.close()
