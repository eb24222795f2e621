"""Measure how fast rows are reconciled, compared with reading row by row and with only fetching them.

    .venv/bin/python benchmarks/reconcile.py [--rows N …] [--rounds N] [--large]

wall, cpu, rss   of the whole reconciliation of `users`: s, s with PostgreSQL's share, MB of this process at its peak
found, planted   differences in the SQLite file, one of each kind; exactly those must be found, or the exit code is 1
vs_naive         time of the naive comparison / ours: both sides row by row in Python, one query per side
vs_floor         time of the floor / ours: ordered COPY BINARY to nowhere, then every row fetched from SQLite
rss_mb           maximum over all sizes

One million and two million rows, with --large also ten million (about 3 GB in the temporary folder). Each figure is the
median of three rounds. Every round is a process, and the contenders take turns. The data is generated and written by
COPY and executemany into a temporary PostgreSQL server and an SQLite file.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import hashlib
import json
import multiprocessing
import os
import random
import resource
import shutil
import sqlite3
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import psycopg

from cutover.config.environments import Environment, load_environment
from cutover.config.postgres_uri import read_postgres_uri
from cutover.config.validation import root
from cutover.core.safety import AllowList, KillSwitch
from cutover.embedded import folders, postgres
from cutover.embedded.processes import clean_environment, spawn
from cutover.migration.findings import Findings
from cutover.migration.mapping import MigrationMapping
from cutover.migration.mapping_file import load_mapping
from cutover.migration.postgres_side import PostgresSide
from cutover.migration.row_queries import queries_of
from cutover.migration.sqlite_side import SqliteSide
from cutover.migration.table_comparison import WORKERS, TableComparison

LEGACY = """
CREATE TABLE auth_user (
  id integer PRIMARY KEY, password varchar(128) NOT NULL, last_login timestamptz, is_superuser boolean NOT NULL,
  username varchar(150) NOT NULL UNIQUE, first_name varchar(150) NOT NULL, last_name varchar(150) NOT NULL,
  email varchar(254) NOT NULL, is_staff boolean NOT NULL, is_active boolean NOT NULL, date_joined timestamptz NOT NULL)
"""
COLUMNS = (
    "id, password, last_login, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined"
)
EPOCH = datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC)
NAMES = ("ann", "bert", "Jürgen", "zoë", "名前", "olga", "o'neil", "d.", "Анна", "karl-heinz")
PLANTED = {
    "row missing": "DELETE FROM users WHERE id = {}",
    "row extra": "INSERT INTO users SELECT {} + 1000000000, username || '+', email || '+', password, full_name, "
    "is_active, is_admin, email_verified, created_at, updated_at, last_login FROM users WHERE id = {}",
    "trailing space": "UPDATE users SET username = username || ' ' WHERE id = {}",
    "case": "UPDATE users SET username = replace(username, 'user', 'User') WHERE id = {}",
    "normal form": "UPDATE users SET username = username || 'e' || char(769) WHERE id = {}",
    "1 microsecond": "UPDATE users SET created_at = substr(created_at, 1, 25) || "
    "((CAST(substr(created_at, 26, 1) AS INTEGER) + 1) % 10) || 'Z' WHERE id = {}",
    "an hour": "UPDATE users SET updated_at = strftime('%Y-%m-%dT%H:', updated_at, '-1 hour') || "
    "substr(updated_at, 15) WHERE id = {}",
    "NULL": "UPDATE users SET email = NULL WHERE id = {}",
    "empty text": "UPDATE users SET last_login = '' WHERE id = {}",
    "boolean": "UPDATE users SET is_active = 1 - is_active WHERE id = {}",
    "administrator": "UPDATE users SET is_admin = 1 - is_admin WHERE id = {}",
    "BLOB in text": "UPDATE users SET password = CAST(password AS BLOB) WHERE id = {}",
    "text in integer": "UPDATE users SET is_active = 'yes' WHERE id = {}",
    "hash cut": "UPDATE users SET password = substr(password, 1, length(password) - 1) WHERE id = {}",
    "constant": "UPDATE users SET email_verified = 1 WHERE id = {}",
    "a name": "UPDATE users SET full_name = '' WHERE id = {}",
}
"""The planted differences, each in another row, with one finding each."""


@dataclass(frozen=True)
class Data:
    """Both sides of one size. planted: number of planted differences."""

    rows: int
    dsn: str
    server: int
    file: Path
    planted: int


def users(rows: int) -> Iterator[tuple[Any, ...]]:
    """Yield rows of auth_user, the same in every run. Every 211th id is a gap, as after a deleted account."""
    generator = random.Random(5)  # noqa: S311 - the same data in each run
    number = 0
    for made in range(rows):
        number += 2 if made % 211 == 210 else 1
        joined = EPOCH + datetime.timedelta(microseconds=generator.randrange(180_000_000_000_000))
        seen = joined + datetime.timedelta(seconds=generator.randrange(9_000_000)) if made % 3 else None
        digest = hashlib.sha256(str(number).encode()).hexdigest()
        password = f"pbkdf2_sha256$100000${digest[:22]}${digest[20:63]}="
        name = f"{NAMES[made % len(NAMES)]}.user{number}"
        email = "" if made % 17 == 0 else f"{name}@example.invalid"
        staff = made % 997 == 0
        yield (number, password, seen, staff, name, "", "", email, staff, made % 13 != 0, joined)


def migrated(row: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the row of D1 for an account."""
    number, password, seen, _, name, _, _, email, staff, active, joined = row

    def instant(moment: datetime.datetime | None) -> str | None:
        return None if moment is None else f"{moment:%Y-%m-%dT%H:%M:%S.%f}Z"

    at = instant(joined)
    return (number, name, email or None, password, None, int(active), int(staff), 0, at, at, instant(seen))


def make(rows: int, dsn: str, server: int, folder: Path) -> Data:
    """Fill both sides and plant the differences."""
    file = folder / f"{rows}.sqlite"
    d1 = sqlite3.connect(file, isolation_level=None)
    for part in sorted((root() / "reference" / "worker" / "migrations").glob("*.sql")):
        d1.executescript(part.read_text())
    d1.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = OFF; BEGIN")
    with psycopg.connect(dsn, autocommit=True) as legacy:
        legacy.execute("DROP TABLE IF EXISTS auth_user")
        legacy.execute(LEGACY)
        with legacy.cursor().copy(f"COPY auth_user ({COLUMNS}) FROM STDIN") as copy:
            for row in users(rows):
                copy.write_row(row)
        legacy.execute("VACUUM (ANALYZE, FREEZE) auth_user")
    d1.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", map(migrated, users(rows)))
    # With an e-mail address and a last login, so that removing them is a change.
    places = [row[0] for row in d1.execute(
        "SELECT id FROM users WHERE email IS NOT NULL AND last_login IS NOT NULL AND id % ? = 7", (max(rows // 40, 50),)
    )]  # fmt: skip
    for place, statement in zip(places, PLANTED.values(), strict=False):
        if not d1.execute(statement.format(place, place)).rowcount:
            sys.exit(f"the benchmark planted nothing by: {statement}")
    d1.execute("COMMIT")
    d1.close()
    return Data(rows, dsn, server, file, min(len(places), len(PLANTED)))


def by_us(data: Data) -> int:
    """Compare with the reconciler. Return the number of findings."""
    environment, mapping = _environment(data), load_mapping(root())
    findings = Findings()
    stop = KillSwitch(root())
    assert environment.postgres is not None
    legacy, d1 = PostgresSide(environment.postgres, environment, stop), SqliteSide(data.file, stop)
    comparison = TableComparison(_users(mapping), legacy, d1, findings)
    comparison.run([(legacy.reader(), d1.reader()) for _ in range(WORKERS)])
    return findings.total


def naive(data: Data) -> int:
    """Compare row by row: both sides ordered by key, every value converted and compared in Python."""
    found = 0
    d1 = sqlite3.connect(f"file:{data.file}?mode=ro", uri=True)
    theirs = iter(d1.execute("SELECT *, typeof(password) FROM users ORDER BY id"))
    with psycopg.connect(data.dsn) as legacy, legacy.cursor("naive") as cursor:
        cursor.itersize = 10_000
        cursor.execute(f"SELECT {COLUMNS} FROM auth_user ORDER BY id")  # noqa: S608 - a constant
        ours = iter(cursor)
        one, other = next(ours, None), next(theirs, None)
        while one is not None or other is not None:
            if other is None or (one is not None and one[0] < other[0]):
                found, one = found + 1, next(ours, None)
            elif one is None or other[0] < one[0]:
                found, other = found + 1, next(theirs, None)
            else:
                found += sum(type(a) is not type(b) or a != b for a, b in zip(migrated(one), other, strict=False))
                one, other = next(ours, None), next(theirs, None)
    return found


def floor(data: Data) -> int:
    """Read everything from both sides without comparing it."""
    with (
        psycopg.connect(data.dsn) as legacy,
        legacy.cursor().copy("COPY (SELECT * FROM auth_user ORDER BY id) TO STDOUT (FORMAT binary)") as copy,
    ):
        for _ in copy:
            pass
    d1 = sqlite3.connect(f"file:{data.file}?mode=ro", uri=True)
    for _ in d1.execute("SELECT * FROM users ORDER BY id"):
        pass
    return 0


CONTENDERS: dict[str, Callable[[Data], int]] = {"ours": by_us, "naive": naive, "floor": floor}


@dataclass(frozen=True)
class Took:
    """One round of a contender. cpu_s: with PostgreSQL's share; rss_mb: of the contender's process."""

    wall_s: float
    cpu_s: float
    rss_mb: float
    found: int


def measured(name: str, data: Data) -> Took:
    """Run one round in a new process, so that its memory can be measured."""
    parent, child = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_round, args=(name, data, child))
    process.start()
    child.close()  # otherwise a crashed round would block recv()
    try:
        took: Took = parent.recv()
    except EOFError:
        sys.exit(f"{name} ended without a figure")
    process.join()
    return took


def _round(name: str, data: Data, out: Any) -> None:
    with _ServerTime(data.server) as server:
        before, began = time.process_time(), time.perf_counter()
        found = CONTENDERS[name](data)
        wall, own = time.perf_counter() - began, time.process_time() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    out.send(Took(wall, own + server.seconds, peak, found))


class _ServerTime:
    """CPU time of PostgreSQL's processes, sampled ten times a second, because each ends with its connection."""

    def __init__(self, pid: int) -> None:
        self._pid, self._ended = pid, threading.Event()
        self._seen: dict[str, float] = {}
        self._first: dict[str, float] = {}

    def __enter__(self) -> Self:
        self._first = self._look()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._seen |= self._look()
        self._ended.set()
        self._thread.join()

    @property
    def seconds(self) -> float:
        """Return the CPU time so far."""
        return sum(value - self._first.get(pid, 0.0) for pid, value in self._seen.items())

    def _watch(self) -> None:
        while not self._ended.wait(0.1):
            self._seen |= self._look()

    def _look(self) -> dict[str, float]:
        found = {}
        ticks = os.sysconf("SC_CLK_TCK")
        for pid in Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split():
            with contextlib.suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                found[pid] = (int(fields[11]) + int(fields[12])) / ticks
        return found


def _users(mapping: MigrationMapping) -> Any:
    return queries_of(mapping.table("users"), reverse=False)


def _environment(data: Data) -> Environment:
    import dataclasses

    address = read_postgres_uri(data.dsn)
    allowed = AllowList({}, {"postgres": (address.host, address.port)})
    return dataclasses.replace(load_environment(root(), "local"), postgres=address, allowed=allowed)


@contextlib.contextmanager
def server(folder: Path) -> Iterator[tuple[str, int]]:
    """Start a PostgreSQL server and yield its DSN and pid."""
    cache = folders.cache()
    programs = postgres.programs(cache)

    def nothing(port: int, password: str, log: Path) -> Any:
        del port, password
        return spawn("no schema", ["true"], log=log, cwd=folder, env=clean_environment())

    template = postgres.template(programs, cache, "benchmark", nothing, time.sleep)
    home = folder / "postgres"
    home.mkdir(mode=0o711)
    folder.chmod(0o711)
    postgres.copy(template, home / "data", time.sleep)
    with (home / "data" / "postgresql.conf").open("a") as file:
        file.write("shared_buffers = 256MB\nmax_wal_size = 4GB\nautovacuum = off\n")
    running = postgres.start(programs, home / "data", home / "log", time.sleep)
    try:
        password = running.password()
        yield (
            f"postgresql://{postgres.USER}:{password}@127.0.0.1:{running.port}/{postgres.DATABASE}",
            running.child.process.pid,
        )
    finally:
        running.child.kill()


def compared(sizes: list[int], rounds: int, folder: Path) -> dict[str, Any]:
    """Return the figures of all sizes."""
    figures: dict[str, Any] = {"vs_naive": 0.0, "vs_floor": 0.0, "rss_mb": 0.0, "found": 0, "planted": 0}
    print(f"{'rows':>12} {'':8} {'wall s':>8} {'cpu s':>8} {'rows/s':>10} {'RSS MB':>7} {'found':>6}")
    with server(folder) as (dsn, pid):
        for rows in sizes:
            data = make(rows, dsn, pid, folder)
            took: dict[str, list[Took]] = {name: [] for name in CONTENDERS}
            for _ in range(rounds):
                for name, done in took.items():
                    done.append(measured(name, data))
            middle = {name: statistics.median(each.wall_s for each in done) for name, done in took.items()}
            for name, done in took.items():
                cpu, rss = (statistics.median(getattr(each, key) for each in done) for key in ("cpu_s", "rss_mb"))
                print(
                    f"{rows:12,} {name:8} {middle[name]:8.2f} {cpu:8.2f} {rows / middle[name]:10,.0f} {rss:7.0f} "
                    f"{done[0].found:6}"
                )
            for name in ("ours", "naive"):
                if any(each.found != data.planted for each in took[name]):
                    sys.exit(f"{name} found {took[name][0].found} differences, {data.planted} were planted")
            figures["found"] += took["ours"][0].found
            figures["planted"] += data.planted
            for other in ("naive", "floor"):
                times = middle[other] / middle["ours"]
                figures[f"vs_{other}_{rows}"] = round(times, 2)
                known = figures[f"vs_{other}"]
                figures[f"vs_{other}"] = round(min(known or times, times), 2)
            figures[f"rows_per_s_{rows}"] = round(rows / middle["ours"])
            figures["rss_mb"] = max(figures["rss_mb"], round(max(each.rss_mb for each in took["ours"])))
            data.file.unlink()
    return figures


def main() -> int:
    """Measure, print the table and, as the last line, the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", default=[1_000_000, 2_000_000])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--large", action="store_true", help="also ten million rows")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="cutover-benchmark-"))
    try:
        figures = compared(options.rows + ([10_000_000] if options.large else []), options.rounds, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(json.dumps(figures))
    return 0


if __name__ == "__main__":
    sys.exit(main())
