"""An export of D1 (`wrangler d1 export`) as a side of a migration: loaded into a new SQLite file, then read.

sqlite_side.py reads the file. An export blocks D1 until it is complete, so nothing is written meanwhile.
"""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from cutover.config.validation import ConfigurationError
from cutover.core.safety import KillSwitch
from cutover.migration.sqlite_side import SqliteSide


class ExportSide(SqliteSide):
    """The database that the statements of an export create. It is deleted at the end."""

    def __init__(self, file: Path, kill_switch: KillSwitch) -> None:
        """Raises ConfigurationError for a file that is not an export, with the line of the error."""
        self._folder = tempfile.TemporaryDirectory(prefix="cutover-export-")
        database = Path(self._folder.name) / "export.sqlite"
        try:
            load_export(file, database)
            super().__init__(database, kill_switch)
        except BaseException:
            self._folder.cleanup()
            raise
        self.label = "D1"

    def close(self) -> None:
        """Close and delete the database."""
        super().close()
        self._folder.cleanup()


def load_export(file: Path, database: Path) -> None:
    """Run the statements of an export on a new database, one by one, because it may be larger than memory.

    Raises ConfigurationError for a file that cannot be read, a refused or incomplete statement, and an export without a
    table.
    """
    database.touch(mode=0o600)
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")  # rows may precede those that they refer to
        connection.set_authorizer(_allowed)
        _run(file, connection)
        if not connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]:
            raise ConfigurationError(
                file, "", "expected at least one CREATE TABLE, got none", "Give the .sql file of `wrangler d1 export`."
            )
    finally:
        connection.close()


def _run(file: Path, connection: sqlite3.Connection) -> None:
    statement, number, began = "", 0, 0
    try:
        # Lines end with \n only: a text in a statement may contain other line ends.
        with file.open(encoding="utf-8", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                began = began if statement else number
                statement += line
                if line.rstrip().endswith(";") and sqlite3.complete_statement(statement):
                    connection.execute(statement)
                    statement = ""
        if statement.strip():
            connection.execute(statement)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(file, "", f"cannot be read: {error}", "Give the .sql file of an export.") from None
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise ConfigurationError(
            file, f"line {began}", f"SQLite refuses the statement: {error}", "Export again; the file may be incomplete."
        ) from None


def _allowed(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow a dump to define and fill tables, but not to open other files or load code."""
    refused = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) or (
        action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "readfile", "writefile")
    )
    del first
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK
