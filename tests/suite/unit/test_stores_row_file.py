"""Tests of D1 in the SQLite file of a local runtime, read and written next to the Worker."""

import sqlite3
from pathlib import Path

import pytest

from cutover.core.errors import CheckFailed
from cutover.stores import RowFile

pytestmark = pytest.mark.unit


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a database that another connection holds open in WAL mode, as workerd does. Its name is unusual."""
    file = tmp_path / "d1 ?#%.sqlite"
    worker = sqlite3.connect(file)
    worker.executescript(
        "PRAGMA journal_mode = WAL; CREATE TABLE users(id TEXT, username TEXT, is_active INTEGER);"
        "INSERT INTO users VALUES ('c02f', 'ada', 1), ('d13a', 'eve', 1)"
    )
    return file


def test_row_file_returns_rows_by_column(file: Path) -> None:
    """Parameters are bound, and texts are not parsed as SQL."""
    rows = RowFile(file)
    assert rows.rows("SELECT id, is_active FROM users WHERE username = ?1", "ada") == [{"id": "c02f", "is_active": 1}]
    assert rows.rows("SELECT id FROM users WHERE username = ?1", "ada' OR 1=1 --") == []


def test_row_file_writes_a_role(file: Path) -> None:
    """Another connection sees the change, in that row only."""
    RowFile(file).rows("UPDATE users SET is_active = 0 WHERE username = ?1 RETURNING id", "ada")
    other = sqlite3.connect(file)
    assert other.execute("SELECT username FROM users WHERE is_active = 0").fetchall() == [("ada",)]
    other.close()


@pytest.mark.parametrize("query", ["SELECT x FROM users", "SELECT id FROM nothing", "SELEC"])
def test_refused_query_is_a_failed_check(file: Path, query: str) -> None:
    """A missing column, a missing table and an error of syntax name the file and SQLite's reason."""
    with pytest.raises(CheckFailed, match="store:rows"):
        RowFile(file).rows(query)


def test_missing_file_is_not_created(tmp_path: Path) -> None:
    """A wrong path is a failed check, not an empty database."""
    with pytest.raises(CheckFailed, match="unable to open"):
        RowFile(tmp_path / "none.sqlite").rows("UPDATE users SET is_active = 0 RETURNING id")
    assert not (tmp_path / "none.sqlite").exists()
