"""Tests of loading an export of D1."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.config.validation import ConfigurationError
from cutover.migration.export_side import load_export

pytestmark = pytest.mark.unit


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(st.integers(1, 10**18), TEXT), unique_by=lambda row: row[0], max_size=8))
@settings(max_examples=25, deadline=None)
def test_export_restores_the_dumped_rows(rows: list[tuple[int, str]]) -> None:
    """Line ends, semicolons and quotes in texts are kept."""
    import tempfile

    rows = [(key, text.replace("\0", "")) for key, text in rows]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lines = "".join(
            f"INSERT INTO t VALUES ({key}, '{text.replace(chr(39), chr(39) * 2)}');\n"  # noqa: S608 - what a dump is
            for key, text in rows
        )
        export = folder / "e.sql"
        export.write_bytes(f"PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE t(id INTEGER, x TEXT);\n{lines}".encode())
        load_export(export, folder / "e.sqlite")
        connection = sqlite3.connect(folder / "e.sqlite")
        assert connection.execute("SELECT id, x FROM t").fetchall() == rows
        connection.close()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected at least one CREATE TABLE"),
        ("CREATE TABLE t(id INTEGER);\nINSERT INTO t VALUES (1", "line 2"),
        ("CREATE TABLE t(id INTEGER);\n\nATTACH '/tmp/other' AS o;\n", "line 2"),
        ("nonsense;\n", "line 1"),
    ],
)
def test_invalid_export_names_its_line(text: str, said: str, tmp_path: Path) -> None:
    """One error, and only tables are created."""
    (tmp_path / "e.sql").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_export(tmp_path / "e.sql", tmp_path / "e.sqlite")
