"""An export of D1 (`wrangler d1 export`) as a side of a migration: loaded into a new SQLite file, then read.

sqlite_side.py reads the file. An export blocks D1 until it is complete, so nothing is written meanwhile.
"""

from __future__ import annotations

import re
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cutover.config.input_files import refuse_foreign_content
from cutover.config.validation import ConfigurationError
from cutover.core.safety import KillSwitch
from cutover.migration.sqlite_side import SqliteSide

_HAS_UNISTR: Final = (3, 50)
"""Version of SQLite from which on unistr is built in, and used by its dumps for control characters."""
_ESCAPE: Final = re.compile(
    r"\\(?:(\\)|\+([0-9A-Fa-f]{6})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([0-9A-Fa-f]{4})|(.|\Z))", re.DOTALL
)
_TOKEN: Final = re.compile(
    r"""'(?:[^']|'')*+'|"(?:[^"]|"")*+"|`[^`]*+`|\[[^\]]*+\]|--[^\n]*+|/\*(?:(?!\*/).)*+\*/|;""", re.DOTALL
)
"""A text, a quoted name, a comment, or the semicolon after a statement (https://www.sqlite.org/lang.html)."""
_NOT_FINITE: Final = re.compile(r"no such column: [\"'`\[]?(inf|infinity|nan)\b", re.IGNORECASE)
_READ_D1: Final = "Read D1 itself, or a copy of its file (--d1-file)."


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
    try:
        refuse_foreign_content(file, "the .sql file of an export")
    except OSError as error:
        raise ConfigurationError(file, "", f"cannot be read: {error}", "Give the .sql file of an export.") from None
    database.touch(mode=0o600)
    connection = sqlite3.connect(database, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA foreign_keys = OFF")  # rows may precede those that they refer to
        connection.set_authorizer(_allowed)
        if sqlite3.sqlite_version_info < _HAS_UNISTR:
            connection.create_function("unistr", 1, unistr, deterministic=True)
        _run(file, connection)
        if not connection.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0]:
            raise ConfigurationError(
                file, "", "expected at least one CREATE TABLE, got none", "Give the .sql file of `wrangler d1 export`."
            )
    finally:
        connection.close()


def unistr(text: object) -> str | None:
    r"""Return the text with its escapes replaced: \XXXX, \+XXXXXX, \uXXXX, \UXXXXXXXX and \\.

    https://www.sqlite.org/lang_corefunc.html#unistr. Raises ValueError for another escape.
    """
    if text is None:
        return None

    def character(match: re.Match[str]) -> str:
        if match[1]:
            return "\\"
        digits = next((group for group in match.groups()[1:5] if group), None)
        if digits is None:
            raise ValueError("invalid Unicode escape")
        return chr(int(digits, 16))

    return _ESCAPE.sub(character, str(text))


def _run(file: Path, connection: sqlite3.Connection) -> None:
    statement, number, began = "", 0, 0
    quotes = checked = 0
    try:
        # Lines end with \n only: a text in a statement may contain other line ends.
        with file.open(encoding="utf-8-sig", newline="\n") as lines:
            for number, line in enumerate(lines, 1):
                if not statement and (not line.strip() or line.lstrip().startswith("--")):
                    continue
                began = began if statement else number
                if "\0" in line:
                    raise _Refused("it contains a NUL, which no SQL text can contain", _READ_D1)
                statement += line
                quotes += line.count("'")
                # A line within a text ends with a semicolon, too. An odd number of quotes shows it, except behind a
                # comment with an apostrophe; looking each time would take a time that grows with the square.
                if line.rstrip().endswith(";") and (quotes % 2 == 0 or len(statement) > 2 * checked):
                    checked = len(statement)
                    if sqlite3.complete_statement(statement):
                        _execute(connection, statement)
                        statement, quotes, checked = "", 0, 0
        if statement.strip():
            _execute(connection, statement)
        if connection.in_transaction:
            began = number
            raise _Refused("the export ends within a transaction", "Export again; the file is incomplete.")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(file, "", f"cannot be read: {error}", "Give the .sql file of an export.") from None
    except _Refused as error:
        raise ConfigurationError(file, f"line {began}", str(error), error.fix) from None
    except (sqlite3.Error, sqlite3.Warning) as error:
        if found := _NOT_FINITE.search(str(error)):
            problem = f"it contains the number {found[1]}, for which SQL has no literal"
            fix = f"D1 writes infinite numbers so: write 9e999 in its place. {_READ_D1}"
            raise ConfigurationError(file, f"line {began}", problem, fix) from None
        cut_off = not sqlite3.complete_statement(statement)
        raise ConfigurationError(
            file,
            f"line {began}",
            f"SQLite refuses the statement: {error}",
            "The file ends within a statement: export again."
            if cut_off
            else "Give the whole .sql file of `wrangler d1 export`, with schema and data.",
        ) from None


class _Refused(Exception):  # noqa: N818 - becomes a ConfigurationError with file and line
    """A statement that is not executed."""

    def __init__(self, problem: str, fix: str) -> None:
        super().__init__(problem)
        self.fix = fix


def _execute(connection: sqlite3.Connection, text: str) -> None:
    for statement in _statements(text):
        if statement.lstrip()[:8].upper() == "ROLLBACK":
            raise _Refused("the export takes its statements back (ROLLBACK)", "Export again from an intact database.")
        connection.execute(statement)


def _statements(text: str) -> Iterator[str]:
    """Yield the statements of a text, which is one in most cases, or several on one line."""
    begin = 0
    for found in _TOKEN.finditer(text):
        if found[0] == ";" and sqlite3.complete_statement(text[begin : found.end()]):  # false within a trigger
            yield text[begin : found.end()]
            begin = found.end()
    if text[begin:].strip():
        yield text[begin:]


def _allowed(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow a dump to define and fill tables, but not to open other files or load code."""
    refused = action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) or (
        action == sqlite3.SQLITE_FUNCTION and second in ("load_extension", "readfile", "writefile")
    )
    del first
    return sqlite3.SQLITE_DENY if refused else sqlite3.SQLITE_OK
