"""An SQLite file as a side of a migration: the file of a local D1, or a copy of it. Opened read-only.

export_side.py makes such a file from an export.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import quote

from cutover.core.errors import CheckFailed, Unreachable
from cutover.core.safety import KillSwitch
from cutover.migration.database_side import Cell, Dialect, Unrenderable

BATCH_BYTES: Final = 700_000
_BUSY_S: Final = 10.0
_NO_JSON: Final = ("JSON cannot hold BLOB", "malformed JSON")
_TOO_BIG: Final = ("string or blob too big", "out of memory")


class SqliteSide:
    """One file. A reader sees one state from its first query on, and several readers begin at the same time."""

    label = "D1"
    dialect = Dialect.SQLITE
    tells_writes = True

    def __init__(self, file: Path, kill_switch: KillSwitch) -> None:
        """Raises Unreachable for a file that cannot be read as a database."""
        self._file, self._kill_switch = file, kill_switch
        self._watch = SqliteReader(file, kill_switch, snapshot=False)
        self._watch.query("SELECT count(*) FROM sqlite_master")
        self._began = self._version()

    def reader(self) -> SqliteReader:
        """Return a new connection."""
        return SqliteReader(self._file, self._kill_switch)

    def mark(self, tables: Sequence[str]) -> str:
        """Return inode, size and time of the file and of its log: every write and every checkpoint changes one."""
        del tables  # the mark covers all
        found = []
        for file in (self._file, self._file.with_name(f"{self._file.name}-wal")):
            try:
                stat = file.stat()
                found.append(f"{stat.st_ino} {stat.st_size} {stat.st_mtime_ns}")
            except FileNotFoundError:
                found.append("none")
        return "; ".join(found)

    def written_since(self, mark: str, tables: Sequence[str]) -> str | None:
        """Return a sentence if the mark of the file differs, None otherwise."""
        return None if self.mark(tables) == mark else "the file was written, or its log was checkpointed"

    def written_meanwhile(self, tables: Sequence[str]) -> str | None:
        """Return a sentence if another connection has committed since this object was created, None otherwise."""
        del tables
        return None if self._version() == self._began else "another connection has written to the file"

    def _version(self) -> Cell:
        # Changes with every commit of another connection while this one is open: https://www.sqlite.org/pragma.html
        return self._watch.query("PRAGMA data_version")[0][0]

    def close(self) -> None:
        """Close the connection that detects writes."""
        self._watch.close()


class SqliteReader:
    """A connection to the file."""

    dialect = Dialect.SQLITE
    batch_bytes = BATCH_BYTES

    def __init__(self, file: Path, kill_switch: KillSwitch, *, snapshot: bool = True) -> None:
        """snapshot: True if all queries must see one state. Raises Unreachable."""
        self.where = str(file)
        self._kill_switch = kill_switch
        try:
            self._connection = sqlite3.connect(
                f"file:{quote(str(file))}?mode=ro", uri=True, timeout=_BUSY_S, isolation_level=None,
                check_same_thread=False,
            )  # fmt: skip
            self._connection.text_factory = bytes
            self._connection.execute("PRAGMA query_only = 1")
            if snapshot:
                self._connection.execute("BEGIN")
                self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.Error as error:
            raise Unreachable(f"{file} cannot be read as an SQLite database: {error}. Is it D1's file?") from None

    def query(self, sql: str) -> list[Sequence[Cell]]:
        """Return the rows. Raises Stopped, Unrenderable, CheckFailed for a refused query, Unreachable."""
        self._kill_switch.check()
        try:
            return self._connection.execute(sql).fetchall()
        except sqlite3.Error as error:
            problem = str(error)
            if any(text in problem for text in (*_NO_JSON, *_TOO_BIG)):
                raise Unrenderable(problem, too_big=any(text in problem for text in _TOO_BIG)) from None
            if isinstance(error, sqlite3.OperationalError) and ("no such" in problem or "syntax" in problem):
                raise CheckFailed(
                    "migration:sqlite:query", expected="an answer from SQLite", got=problem, source=self.where,
                    do_next="is this the database of the Worker, with all its migrations?",
                ) from None  # fmt: skip
            raise Unreachable(f"{self.where} cannot be read to its end: {problem}") from None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
