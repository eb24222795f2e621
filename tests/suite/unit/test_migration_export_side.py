"""Tests of loading an export of D1."""

import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.config.validation import ConfigurationError
from cutover.migration.export_side import load_export, unistr

pytestmark = pytest.mark.unit


SAMPLES = Path(__file__).parent / "samples" / "exports"
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
        ("CREATE TABLE t(id INTEGER);\nINSERT INTO t VALUES (1", "line 2.*within a statement: export again"),
        ("INSERT INTO t VALUES (1);\n", "line 1.*no such table.*with schema and data"),
        ("CREATE TABLE t(id INTEGER);\n\nATTACH '/tmp/other' AS o;\n", "line 3"),
        ("nonsense;\n", "line 1"),
        ("-- a comment\n\nnonsense;\n", "line 3"),
        ("CREATE TABLE t(x);\nINSERT INTO t VALUES('a\0b');\n", "line 2.: it contains a NUL"),
        ("CREATE TABLE t(x REAL);\nINSERT INTO t VALUES(Infinity);\n", "line 2.: it contains the number Infinity"),
        ("CREATE TABLE t(x REAL);\nINSERT INTO t VALUES(1,-Infinity);\n", "the number Infinity"),
        ("CREATE TABLE t(x REAL);\nINSERT INTO t VALUES(NaN);\n", "the number NaN"),
        ("CREATE TABLE t(x);\nINSERT INTO t VALUES(unistr('\\u12'));\n", "line 2"),
        ("BEGIN;\nCREATE TABLE t(x);\nINSERT INTO t VALUES(1);\n", "line 3.: the export ends within a transaction"),
        ("BEGIN;\nCREATE TABLE t(x);\nROLLBACK; -- due to errors\n", "takes its statements back"),
    ],
)
def test_invalid_export_names_its_line(text: str, said: str, tmp_path: Path) -> None:
    """One error, and only tables are created."""
    (tmp_path / "e.sql").write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        load_export(tmp_path / "e.sql", tmp_path / "e.sqlite")


@pytest.mark.parametrize("name", ["nul.sql", "infinity.sql"])
def test_field_export_is_refused_by_line(name: str, tmp_path: Path) -> None:
    """The exports found in the field contain what SQL cannot express: the message says so."""
    with pytest.raises(ConfigurationError, match=r"line 3.: it contains .*Read D1 itself") as caught:
        load_export(SAMPLES / name, tmp_path / "e.sqlite")
    assert "Export again" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x1f\x8b\x08\0", "compressed as gzip"),
        ("CREATE TABLE t(x);".encode("utf-16"), "encoded in UTF-16"),
        (b"SQLite format 3\0\x10\0", "an SQLite database"),
        (b"CREATE TABLE t(x);\nINSERT INTO t VALUES('\xe9');\n", "cannot be read"),
    ],
)
def test_foreign_export_is_named(content: bytes, said: str, tmp_path: Path) -> None:
    """A compressed export, another encoding, and the database itself are named."""
    (tmp_path / "e.sql").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        load_export(tmp_path / "e.sql", tmp_path / "e.sqlite")


def rows_of(text: str, folder: Path) -> list[tuple[object, ...]]:
    """Return the rows of table t of an export."""
    (folder / "e.sql").write_text(text, newline="")
    (folder / "e.sqlite").unlink(missing_ok=True)
    load_export(folder / "e.sql", folder / "e.sqlite")
    connection = sqlite3.connect(folder / "e.sqlite")
    rows = connection.execute("SELECT * FROM t").fetchall()
    connection.close()
    return rows


@pytest.mark.parametrize(
    "text",
    [
        "\ufeffCREATE TABLE t(x);\nINSERT INTO t VALUES(1);\n",
        "CREATE TABLE t(x); INSERT INTO t VALUES(1);\n",
        "BEGIN TRANSACTION;CREATE TABLE t(x);INSERT INTO t VALUES(1);COMMIT;",
        "-- don't\nCREATE TABLE t(x); -- it's\nINSERT INTO t\nVALUES(1)\n;\n",
        "CREATE TABLE t(x);\r\nCREATE TRIGGER g AFTER DELETE ON t BEGIN\r\n SELECT 1; SELECT ';';\r\nEND;\r\n"
        "INSERT INTO t VALUES(1);\r\n",
        "CREATE TABLE t(x);\nINSERT INTO t VALUES(unistr('\\u0031') + 0);\n",
    ],
)
def test_export_of_another_form_is_loaded(text: str, tmp_path: Path) -> None:
    """A byte-order mark, several statements on a line, comments, triggers and unistr are read."""
    assert rows_of(text, tmp_path) == [(1,)]


@given(st.text(st.sampled_from("ab';\n-*/\"[]`\\"), max_size=60), st.booleans())
@settings(deadline=None)
def test_export_keeps_texts_that_look_like_sql(text: str, one_line: bool) -> None:
    """Quotes, semicolons and comments in a text end no statement, on one line or on many."""
    import tempfile

    end = " " if one_line else "\n"
    sql = f"CREATE TABLE t(x);{end}INSERT INTO t VALUES('{text.replace(chr(39), chr(39) * 2)}');{end}"
    with tempfile.TemporaryDirectory() as folder:
        assert rows_of(f"{sql}INSERT INTO t VALUES(2);", Path(folder)) == [(text,), (2,)]


def test_large_text_with_semicolons_is_fast(tmp_path: Path) -> None:
    """A stored list of 100,000 lines that end with semicolons takes a time that grows with its length only."""
    text = "a;b;\n" * 100_000
    started = time.process_time()
    assert rows_of(f"CREATE TABLE t(x);\nINSERT INTO t VALUES('{text}');\n", tmp_path) == [(text,)]
    assert time.process_time() - started < 5


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), st.sampled_from(["u", "U", "+", ""]))
def test_unistr_restores_escaped_text(text: str, form: str) -> None:
    """Each form of escape is undone, and a doubled backslash is one."""
    width = {"u": 4, "U": 8, "+": 6, "": 4}[form]

    def escaped(character: str) -> str:
        if character == "\\":
            return "\\\\"
        plain = character.isascii() and character.isprintable()
        return character if plain or ord(character) >= 16**width else f"\\{form}{ord(character):0{width}X}"

    assert unistr("".join(map(escaped, text))) == text
