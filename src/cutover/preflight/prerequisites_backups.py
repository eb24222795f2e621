"""Backups of both databases: their age, and a trial to restore them into an empty database."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from cutover.config.environment import Environment
from cutover.config.postgres_uri import PostgresAddress
from cutover.config.preflight_prerequisites import Backup, PrerequisiteSettings
from cutover.core.errors import CheckFailed, NotVerified, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact
from cutover.preflight.findings import Finding
from cutover.preflight.prerequisites_plan import BACKUPS, PLAN_TABLES, row_counts
from cutover.preflight.storage_migrations import statements
from cutover.stores import LegacyRows, RowStore
from cutover.stores.legacy_rows import message_of

LEAST_SHARE: Final = 0.5
"""Share of the live rows of a table that its backup must contain. Rows are added between a backup and the check."""
_FUTURE_S: Final = 300.0
_TIMEOUT_S: Final = 600.0
_CUSTOM: Final = b"PGDMP"
_PREFIX: Final = "cutover_restore_"


def age_findings(store: str, backup: Backup | None, recorder: Recorder) -> Iterator[Finding]:
    """Yield a finding if there is no backup, or it is older than its limit, empty, or from the future."""
    if backup is None:
        yield _finding(
            f"backup-undeclared:{store}", f"preflight.prerequisites.backups.{store}", "the file of the newest backup",
            "no such key", "declare the backup; without one a failed cutover cannot be undone",
        )  # fmt: skip
        return
    place = str(backup.file.name)
    try:
        status = backup.file.stat()
    except OSError as error:
        yield _finding(
            f"backup-missing:{store}", place, "a file that can be read", error.strerror or str(error),
            "correct the path, or make the backup",
        )  # fmt: skip
        return
    hours = (time.time() - status.st_mtime) / 3600
    recorder.measure(f"age of the backup of {store} (h)", round(hours, 2), f"<= {backup.max_age_h:g}")
    if backup.max_age_h > Backup.max_age_h:
        recorder.warn(
            f"the backup of {store} may be {backup.max_age_h:g} h old (max_age_h), more than the gate's "
            f"{Backup.max_age_h:g} h: what was written since is lost with the database"
        )
    if status.st_size == 0:
        yield _finding(f"backup-empty:{store}", place, "a backup", "an empty file", "make the backup again")
    if hours > backup.max_age_h:
        yield _finding(
            f"backup-old:{store}", place, f"at most {backup.max_age_h:g} h old", f"{hours:.1f} h",
            "make a new backup, and find out why the regular one was not made",
        )  # fmt: skip
    if hours * 3600 < -_FUTURE_S:
        yield _finding(
            f"backup-future:{store}", place, "a time in the past", f"{-hours:.1f} h in the future",
            "correct the clock of the machine that makes the backups",
        )  # fmt: skip


def d1_restore_findings(backup: Backup, rows: RowStore, recorder: Recorder) -> Iterator[Finding]:
    """Yield a finding if the export of D1 (`wrangler d1 export`) cannot be restored into an empty SQLite.

    The database is a temporary file of SQLite, so its size does not matter. Then integrity, foreign keys and the number
    of rows of the plan's tables are compared with the live database.
    """
    place = backup.file.name
    with closing(sqlite3.connect("", isolation_level=None)) as database:
        try:
            executed = _execute_export(database, backup.file)
        except (OSError, UnicodeDecodeError, sqlite3.Error, sqlite3.Warning) as error:
            yield _finding(
                "backup-not-restorable:d1", place, "an SQL export that SQLite executes", redact(str(error))[:200],
                "make the backup again, and restore it once by hand",
            )  # fmt: skip
            return
        recorder.measure("statements restored into SQLite", executed, "all")
        problems = [row[0] for row in database.execute("PRAGMA integrity_check(5)") if row[0] != "ok"]
        problems += [f"{row[0]} row {row[1]} refers to a missing row of {row[2]}" for row in
                     database.execute("PRAGMA foreign_key_check").fetchmany(5)]  # fmt: skip
        if problems:
            yield _finding(
                "backup-inconsistent:d1", place, "no broken row or reference", "; ".join(problems)[:300],
                "make the backup again while nothing is written",
            )  # fmt: skip
        restored = {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]  # noqa: S608 - a constant
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
            if name in PLAN_TABLES
        }
    yield from _row_findings("d1", place, row_counts(rows), restored, recorder)


def legacy_restore_findings(
    environment: Environment, settings: PrerequisiteSettings, backup: Backup, tables: Collection[str],
    rows: LegacyRows, recorder: Recorder,
) -> Iterator[Finding]:  # fmt: skip
    """Yield a finding if pg_restore cannot restore the backup of the legacy database into a new database.

    The new database is removed afterwards. tables: whose rows are counted. Raises NotVerified where no server may be
    written to: below the level disposable, or without secrets.restore_dsn.
    """
    with backup.file.open("rb") as file:
        if file.read(len(_CUSTOM)) != _CUSTOM:
            yield _finding(
                "backup-format:legacy", backup.file.name, "an archive of pg_dump --format=custom", "another format",
                "make the backup with --format=custom; a script could execute commands of psql on this machine",
            )  # fmt: skip
            return
    if environment.restore is None or environment.safety < SafetyLevel.DISPOSABLE:
        raise NotVerified(
            "the backup of the legacy database was not restored: that needs a disposable environment with "
            "secrets.restore_dsn, a server on which a database may be created"
        )
    program = shutil.which("pg_restore", path=str(settings.restore_programs) if settings.restore_programs else None)
    if program is None:
        raise NotVerified("pg_restore is not installed on this machine (preflight.prerequisites.restore_programs)")
    environment.allowed.permit_server(environment.restore.host, environment.restore.port)
    with _new_database(environment.restore, recorder) as database:
        problem = _pg_restore(program, environment.restore, database, backup.file)
        if problem:
            yield _finding(
                "backup-not-restorable:legacy", backup.file.name, "an archive that pg_restore restores", problem,
                "make the backup again, and restore it once by hand",
            )  # fmt: skip
            return
        restored = _counts(environment.restore, database, tables)
    live = {}
    for table in tables:
        count = f'SELECT count(*) AS n FROM "{table}"'  # noqa: S608 - names of the mapping
        live[table] = rows.rows(count)[0]["n"]
    yield from _row_findings("legacy", backup.file.name, live, restored, recorder)


def _row_findings(
    store: str, place: str, live: Mapping[str, Any], restored: Mapping[str, int], recorder: Recorder
) -> Iterator[Finding]:
    for table, count in live.items():
        kept = restored.get(table)
        recorder.measure(f"{store}: rows of {table} in the backup", kept, f">= {LEAST_SHARE:.0%} of {count}")
        if kept is None or kept < LEAST_SHARE * count:
            yield _finding(
                f"backup-incomplete:{store}.{table}", place, f"at least half of the {count} rows of {table}",
                "no such table" if kept is None else f"{kept} rows",
                "make the backup again: it is truncated, or older than its file says",
            )  # fmt: skip


def _execute_export(database: sqlite3.Connection, file: Path) -> int:
    """Execute an SQL export statement by statement, and return their number. Raises the errors of SQLite."""

    def authorize(action: int, *_: object) -> int:
        reaches_files = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH)
        return sqlite3.SQLITE_DENY if reaches_files else sqlite3.SQLITE_OK

    database.set_authorizer(authorize)
    count, parts = 0, list[str]()
    try:
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                parts.append(line)
                if line.rstrip().endswith(";") and sqlite3.complete_statement("".join(parts)):
                    count += _execute_all(database, "".join(parts))
                    parts.clear()
        rest = "".join(parts)  # may be a comment, or a statement with a comment behind it
        if any(statements(rest)) and not sqlite3.complete_statement(rest):
            raise sqlite3.Warning("the file ends within a statement: it is truncated")
        count += _execute_all(database, rest)
    finally:
        database.set_authorizer(None)
    return count


def _execute_all(database: sqlite3.Connection, sql: str) -> int:
    """Execute complete statements, and return their number."""
    found = [statement for _, statement in statements(sql)]
    for statement in found:
        database.execute(statement)
    return len(found)


@contextlib.contextmanager
def _new_database(address: PostgresAddress, recorder: Recorder) -> Iterator[str]:
    """Create a database with a random name, and remove it afterwards. Raises Unreachable, CheckFailed."""
    import psycopg
    from psycopg import sql

    name = _PREFIX + secrets.token_hex(6)
    try:
        with _connect(address, address.database) as session:
            session.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    except psycopg.OperationalError as error:
        raise Unreachable(f"the server of secrets.restore_dsn ({address.shown}): {message_of(error)}") from None
    except psycopg.Error as error:
        raise CheckFailed(
            "prerequisites:restore-server", expected="CREATE DATABASE on the server of secrets.restore_dsn",
            got=message_of(error), source=address.shown, do_next="give its role CREATEDB",
        ) from None  # fmt: skip
    try:
        yield name
    finally:
        try:
            with _connect(address, address.database) as session:
                session.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        except psycopg.Error as error:
            recorder.leftovers.append(f"database {name} on {address.shown}: {message_of(error)}")


def _connect(address: PostgresAddress, database: str) -> Any:
    import psycopg

    return psycopg.connect(
        host=address.host, port=address.port, user=address.user, password=address.password.reveal(), dbname=database,
        sslmode=address.sslmode, connect_timeout=10, application_name="cutover", autocommit=True,
    )  # fmt: skip


def _pg_restore(program: str, address: PostgresAddress, database: str, archive: Path) -> str:
    """Return the last message of pg_restore, "" if it succeeded."""
    command = [program, "--exit-on-error", "--no-owner", "--no-privileges", "--no-password",
               f"--dbname={database}", f"--host={address.host}", f"--port={address.port}",
               f"--username={address.user}", str(archive)]  # fmt: skip
    variables = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    variables |= {"PGPASSWORD": address.password.reveal(), "PGSSLMODE": address.sslmode, "LC_MESSAGES": "C"}
    try:
        done = subprocess.run(
            command, env=variables, capture_output=True, text=True, errors="replace", timeout=_TIMEOUT_S, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"it was ended after {_TIMEOUT_S:g} s"
    if done.returncode == 0:
        return ""
    lines = [line for line in done.stderr.splitlines() if "error" in line.lower()] or done.stderr.splitlines()
    return redact(lines[0] if lines else f"exit code {done.returncode}")[:300]


def _counts(address: PostgresAddress, database: str, tables: Collection[str]) -> dict[str, int]:
    """Return the number of rows of each of the tables that exists in the restored database."""
    from psycopg import sql

    found = {}
    with _connect(address, database) as session:
        names = {row[0] for row in session.execute("SELECT relname FROM pg_class WHERE relkind IN ('r', 'p')")}
        for table in sorted(names & set(tables)):
            count = session.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
            found[table] = int(count[0])
    return found


def _finding(name: str, place: str, expected: str, got: str, do_next: str) -> Finding:
    return Finding(f"prerequisites:{name}", place, expected, got, BACKUPS.promised, do_next)
