"""The migrations of D1: SQL files in a folder, applied in order to an empty database in memory."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutover.preflight.storage_schema import Schema, schema_of

D1_PRAGMAS: Final = frozenset({
    "case_sensitive_like", "data_version", "defer_foreign_keys", "foreign_key_check", "foreign_key_list",
    "foreign_keys", "ignore_check_constraints", "index_info", "index_list", "index_xinfo", "legacy_alter_table",
    "optimize", "quick_check", "recursive_triggers", "reverse_unordered_selects", "table_info", "table_list",
    "table_xinfo",
})  # fmt: skip
"""The PRAGMAs that D1 accepts; it refuses every other, and with it the whole migration.

https://developers.cloudflare.com/d1/sql-api/sql-statements/ and workerd's list (src/workerd/util/sqlite.c++).
"""

_LEADING: Final = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?(?:\*/|\Z))+", re.DOTALL)
_NUMBER: Final = re.compile(r"\d+")
_NOT_APPLIED: Final = "D1 rolls this migration back and applies none after it"


@dataclass(frozen=True)
class MigrationProblem:
    """A statement that D1 refuses. place: file and line; problem: what is wrong with it."""

    place: str
    problem: str

    def __str__(self) -> str:
        """Return both."""
        return f"{self.place}: {self.problem}"


@dataclass(frozen=True)
class Migrated:
    """The schema after all migrations, and the statements that D1 refuses.

    failure: the first statement that SQLite cannot run, None if there is none. D1 rolls its migration back and applies
    no later one, so the schema is then that of no deployment.
    """

    schema: Schema
    problems: tuple[MigrationProblem, ...]
    failure: MigrationProblem | None = None


def migration_files(folder: Path) -> list[Path]:
    """Return the .sql files of a folder in the order in which Wrangler applies them: by the number in front."""

    def order(file: Path) -> tuple[int, str]:
        number = _NUMBER.match(file.name)
        return (int(number[0]) if number and len(number[0]) < 20 else 1 << 63, file.name)

    return sorted((file for file in folder.iterdir() if file.suffix == ".sql" and file.is_file()), key=order)


def migrated(files: Sequence[Path], *, without: Sequence[str] = ()) -> Migrated:
    """Apply the files to an empty database in memory, as D1 would.

    A statement that D1 refuses by its kind is skipped and listed with its line. Of the statements that cannot run only
    the first is listed, because later ones can fail for the same reason. without: tables to leave out of the schema.
    Raises OSError and UnicodeDecodeError for a file that cannot be read.
    """
    problems: list[MigrationProblem] = []
    failure: MigrationProblem | None = None
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        refusals: list[str] = []

        def authorize(action: int, first: str | None, second: str | None, *_: object) -> int:
            refused = _refusal(action, (first or "").lower(), second)
            if refused:
                refusals.append(refused)
            return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK

        for file in files:
            for line, statement in statements(file.read_text(encoding="utf-8")):
                refusals.clear()
                database.set_authorizer(authorize)
                try:
                    database.execute(statement).fetchall()
                except (sqlite3.Error, sqlite3.Warning) as error:
                    place = f"{file.name}:{line}"
                    if refusals:
                        problems.append(MigrationProblem(place, refusals[-1]))
                    elif failure is None:
                        failure = MigrationProblem(place, f"{error}. {_NOT_APPLIED}")
                        problems.append(failure)
        database.set_authorizer(None)
        return Migrated(schema_of(database, without=without), tuple(problems), failure)


def statements(sql: str) -> Iterator[tuple[int, str]]:
    """Yield each statement with the line of its first word, comments in front left out."""
    start = line = 0
    while start < len(sql):
        leading = _LEADING.match(sql, start)
        if leading:
            start = leading.end()
        if start >= len(sql):
            return
        line = sql.count("\n", 0, start) + 1
        end = start
        while True:
            end = sql.find(";", end) + 1
            if end == 0:
                end = len(sql)
                break
            if sqlite3.complete_statement(sql[start:end]):
                break
        statement = sql[start:end]
        if statement.strip(" \t\r\n;"):
            yield line, statement
        start = end


def _refusal(action: int, name: str, argument: str | None) -> str:
    """Return why D1 refuses the action, "" if it accepts it."""
    if action == sqlite3.SQLITE_PRAGMA and name not in D1_PRAGMAS:
        value = f" = {argument}" if argument else ""
        return (
            f"D1 refuses PRAGMA {name}{value} (not authorized: SQLITE_AUTH), and with it the whole migration. Remove it"
        )
    if action in (sqlite3.SQLITE_TRANSACTION, sqlite3.SQLITE_SAVEPOINT):
        return "D1 refuses BEGIN, COMMIT and SAVEPOINT; a migration is one transaction already. Remove it"
    if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH):
        return "D1 refuses ATTACH, DETACH and VACUUM. Remove it"
    return ""
