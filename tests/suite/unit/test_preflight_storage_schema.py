"""The comparison of D1's live schema with its migrations and the plan, and the migrations that D1 refuses."""

import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.validation import root
from cutover.core.errors import Blocked, MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.preflight.storage_checks import (
    PLAN_SCHEMA,
    applied_findings,
    migration_findings,
    plan_findings,
    schema_findings,
)
from cutover.preflight.storage_migrations import migrated, migration_files, statements
from cutover.preflight.storage_schema import STORED_SCHEMA, Schema, rebuilt
from cutover.preflight.storage_schema_comparison import compared
from cutover.stores import RowFile

pytestmark = pytest.mark.unit

PLAN = (root() / PLAN_SCHEMA).read_text(encoding="utf-8")
FILES = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, email TEXT UNIQUE);"
    "CREATE TABLE files (id INTEGER PRIMARY KEY AUTOINCREMENT, user_id INTEGER NOT NULL REFERENCES users(id) "
    "ON DELETE CASCADE, name TEXT NOT NULL COLLATE NOCASE, size INTEGER DEFAULT 0 CHECK (size >= 0));"
    "CREATE INDEX files_user ON files(user_id);"
)

NOTED = "INSERT INTO d1_migrations (name) VALUES ('0001_first.sql');"


def live(sql: str) -> Schema:
    """Return the schema that D1 would report after these statements."""
    return rebuilt(stored(sql))


def stored(sql: str) -> Sequence[Mapping[str, Any]]:
    with closing(sqlite3.connect(":memory:")) as database:
        database.executescript(sql)
        names = ("type", "name", "tbl_name", "sql")
        return [dict(zip(names, row, strict=True)) for row in database.execute(STORED_SCHEMA)]


def broken(expected: str, got: str) -> set[str]:
    """Return the names of the findings."""
    return set(compared(live(expected), live(got)).broken)


@pytest.mark.parametrize(
    ("old", "new", "finding"),
    [
        ("name TEXT NOT NULL COLLATE NOCASE, ", "", "no-column:files.name"),
        ("name TEXT NOT", "name INTEGER NOT", "type:files.name"),
        ("name TEXT NOT NULL", "name TEXT", "null:files.name"),
        ("COLLATE NOCASE", "", "collation:files.name"),
        ("DEFAULT 0", "DEFAULT 1", "default:files.size"),
        (" CHECK (size >= 0)", "", "no-option:files CHECK ( size > = 0 )"),
        (" AUTOINCREMENT", "", "no-option:files AUTOINCREMENT"),
        ("id INTEGER PRIMARY KEY, email", "id INTEGER, email", "key:users.id"),
        ("email TEXT UNIQUE", "email TEXT", "no-index:users UNIQUE index on (email)"),
        ("CREATE INDEX files_user ON files(user_id);", "", "no-index:files index on (user_id)"),
        ("files(user_id)", "files(user_id, size)", "no-index:files index on (user_id)"),
        ("files(user_id)", "files(user_id) WHERE size > 1", "no-index:files index on (user_id)"),
        ("files(user_id)", "files(user_id DESC)", "no-index:files index on (user_id)"),
        ("CASCADE", "SET NULL", "no-foreign-key:files foreign key (user_id) to users (id) ON DELETE CASCADE "
         "ON UPDATE NO ACTION"),
        (" REFERENCES users(id) ON DELETE CASCADE", "", "no-foreign-key:files foreign key (user_id) to users (id) "
         "ON DELETE CASCADE ON UPDATE NO ACTION"),
        ("size INTEGER", "more TEXT NOT NULL, size INTEGER", "more-column:files.more"),
        ("size INTEGER", "size INTEGER UNIQUE", "more-index:files UNIQUE index on (size)"),
    ],
)  # fmt: skip
def test_schema_difference_is_found(old: str, new: str, finding: str) -> None:
    """Each part of a table that differs is one finding with the name of the part."""
    assert FILES.count(old) >= 1
    assert finding in broken(FILES, FILES.replace(old, new, 1))


def test_missing_table_is_one_finding() -> None:
    """A table that is missing is not repeated for its columns."""
    assert broken(FILES, FILES.partition("CREATE TABLE files")[0]) == {"no-table:files"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("CREATE TABLE files (", "create table IF NOT EXISTS 'files'  ( -- the lists\n"),
        ("name TEXT", "[name] VARCHAR(200)"),
        ("size INTEGER DEFAULT 0", "size BIGINT DEFAULT /* none */ (0)"),
        ("files_user", "idx_of_another_name"),
        ("CHECK (size >= 0)", 'check( "size">=0 )'),
        ("CREATE INDEX files_user", "CREATE TABLE notes (id INTEGER); CREATE INDEX files_user"),
        ("size INTEGER", "more TEXT, size INTEGER"),
        ("CREATE INDEX files_user", "CREATE INDEX more_of_it ON files(size); CREATE INDEX files_user"),
    ],
)
def test_equal_schema_has_no_finding(old: str, new: str) -> None:
    """Spelling, names of indexes and harmless additions are no finding."""
    assert FILES.count(old) == 1
    assert not broken(FILES, FILES.replace(old, new))


def test_added_trigger_is_found() -> None:
    """A trigger that no migration creates can change rows."""
    trigger = "CREATE TRIGGER t AFTER INSERT ON files BEGIN UPDATE users SET email = NULL; END;"
    assert broken(FILES, FILES + trigger) == {"more-trigger:t"}
    assert broken(FILES + trigger, FILES) == {"no-trigger:t"}


def test_schema_that_cannot_be_rebuilt_is_not_verified() -> None:
    """SQL that this machine's SQLite does not accept proves nothing."""
    row = {"type": "table", "name": "v", "tbl_name": "v", "sql": "CREATE VIRTUAL TABLE v USING no_such_module(x)"}
    with pytest.raises(NotVerified, match="no_such_module"):
        rebuilt([row])


def test_rebuilding_attaches_no_file(tmp_path: Path) -> None:
    """The SQL of a live database opens no file of this machine."""
    file = tmp_path / "made"
    row = {"type": "table", "name": "t", "tbl_name": "t", "sql": f"ATTACH '{file}' AS more"}
    with pytest.raises(NotVerified):
        rebuilt([row])
    assert not file.exists()


@given(st.lists(st.sampled_from(["id", "a b", "select", "é", "x;y", 'q"q']), min_size=1, max_size=5, unique=True),
       st.sampled_from(["TEXT", "INTEGER NOT NULL", "REAL DEFAULT (1 + 1)", "BLOB", ""]))  # fmt: skip
def test_schema_equals_itself(names: list[str], kind: str) -> None:
    """Any table compared with itself has no difference, also after it was read back."""
    columns = ", ".join(f'"{name.replace(chr(34), chr(34) * 2)}" {kind}' for name in names)
    sql = (
        f"CREATE TABLE t ({columns}); CREATE UNIQUE INDEX i ON t ({columns.split(' ' + kind)[0] if kind else columns})"
    )
    found = compared(live(sql), live(sql))
    assert (found.broken, found.harmless) == ({}, [])


BETWEEN = re.compile(r"(?:[\s;]|--[^\n]*(?:\n|$)|/\*.*?(?:\*/|$))*", re.DOTALL)


@given(st.text(st.sampled_from(" \n;-'\"/*abc()"), max_size=60))
def test_statements_lose_nothing(sql: str) -> None:
    """Between the statements there are only comments, white space and semicolons, and each line is right."""
    at = 0
    for line, statement in statements(sql):
        start = sql.index(statement, at)
        assert BETWEEN.fullmatch(sql[at:start])
        assert line == sql.count("\n", 0, start) + 1
        at = start + len(statement)
    assert BETWEEN.fullmatch(sql[at:])


def test_plans_pragmas_are_refused_with_their_lines(tmp_path: Path) -> None:
    """The four PRAGMAs at the end of the plan's script are named with their lines."""
    script = tmp_path / "production_setup.sql"
    script.write_text(
        f"{PLAN}\nPRAGMA journal_mode = WAL;\nPRAGMA synchronous = NORMAL;\nPRAGMA temp_store = memory;\n"
    )
    line = PLAN.count("\n") + 2
    found = [finding.place for finding in migration_findings(tmp_path)]
    assert found == [f"production_setup.sql:{line + number}" for number in range(3)]


@pytest.mark.parametrize(
    ("sql", "refused"),
    [
        ("BEGIN; CREATE TABLE t (a); COMMIT;", ["BEGIN", "COMMIT"]),
        ("ATTACH 'x.db' AS x;", ["ATTACH"]),
        ("CREATE TABEL t (a);", ["syntax error"]),
        ("INSERT INTO missing VALUES (1);", ["no such table"]),
        ("PRAGMA defer_foreign_keys = ON; PRAGMA optimize; CREATE TABLE t (a);", []),
    ],
)
def test_statement_that_d1_refuses_is_found(tmp_path: Path, sql: str, refused: list[str]) -> None:
    """Transactions, other files, unknown PRAGMAs and wrong SQL are refused; the PRAGMAs of D1 are not."""
    (tmp_path / "0001_x.sql").write_text(sql)
    problems = migrated(migration_files(tmp_path)).problems
    assert len(problems) == len(refused)
    assert all(word in str(problem) for word, problem in zip(refused, problems, strict=True))
    assert not (tmp_path / "x.db").exists()


VIEW = "CREATE VIEW names AS SELECT email FROM users;"
REBUILT = (
    "CREATE TABLE users_new (id INTEGER PRIMARY KEY, email TEXT);\nDROP TABLE users;\n"
    "ALTER TABLE users_new RENAME TO users;\nCREATE INDEX users_email ON users(email);\n"
)
"""A migration that rebuilds a table. It fails in line 3 if a view reads the table."""


def test_statements_after_a_failed_one_are_not_listed(tmp_path: Path) -> None:
    """Of a migration that cannot run the cause is one finding; refused PRAGMAs and transactions stay findings."""
    (tmp_path / "0001_first.sql").write_text(FILES + VIEW)
    (tmp_path / "0002_rebuild.sql").write_text(f"{REBUILT}SAVEPOINT x;\nINSERT INTO users VALUES (1, 'a');\n")
    (tmp_path / "0003_more.sql").write_text("ALTER TABLE users ADD COLUMN age INTEGER;\nPRAGMA cache_size = 9;\n")
    found = [finding.place for finding in migration_findings(tmp_path)]
    assert found == ["0002_rebuild.sql:3", "0002_rebuild.sql:5", "0003_more.sql:2"]
    assert migrated(migration_files(tmp_path)).failure == migrated(migration_files(tmp_path)).problems[0]


def test_schema_of_a_failed_migration_is_not_compared(tmp_path: Path, folder: Path) -> None:
    """D1 rolled the failed migration back: its schema is blocked, and not said to differ from half of the file."""
    (folder / "0001_first.sql").write_text(FILES + VIEW)
    noted = "INSERT INTO d1_migrations (name) VALUES ('0001_first.sql'), ('0002_rebuild.sql');"
    rows = database(tmp_path, noted + FILES + VIEW)
    assert not list(schema_findings(folder, "d1_migrations", rows, Recorder()))
    (folder / "0002_rebuild.sql").write_text(REBUILT)
    with pytest.raises(Blocked, match=r"0002_rebuild\.sql:3"):
        list(schema_findings(folder, "d1_migrations", rows, Recorder()))


def test_migrations_are_ordered_by_number(tmp_path: Path) -> None:
    """10_x.sql is applied after 9_x.sql; a name without a number comes last."""
    for name in ("10_b.sql", "9_a.sql", "later.sql", "readme.md", "0001_c.sql"):
        (tmp_path / name).write_text("")
    assert [file.name for file in migration_files(tmp_path)] == ["0001_c.sql", "9_a.sql", "10_b.sql", "later.sql"]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one migration."""
    folder = tmp_path / "migrations"
    folder.mkdir()
    (folder / "0001_first.sql").write_text(FILES)
    return folder


def database(tmp_path: Path, sql: str) -> RowFile:
    """Return a database in a file, with Wrangler's table of applied migrations."""
    file = tmp_path / "d1.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(f"CREATE TABLE d1_migrations (id INTEGER PRIMARY KEY, name TEXT); {sql}")
    return RowFile(file)


def test_applied_migrations_are_the_files(tmp_path: Path, folder: Path) -> None:
    """A migration that is not applied and one without a file are two findings."""
    rows = database(tmp_path, "INSERT INTO d1_migrations (name) VALUES ('0000_gone.sql')")
    names = [finding.name for finding in applied_findings(folder, "d1_migrations", rows, Recorder())]
    assert names == ["storage:not-applied:0001_first.sql", "storage:unknown-migration:0000_gone.sql"]


def test_missing_migrations_table_is_found(tmp_path: Path, folder: Path) -> None:
    """A database that Wrangler never migrated has no such table."""
    rows = database(tmp_path, "")
    names = [finding.name for finding in applied_findings(folder, "others", rows, Recorder())]
    assert names == ["storage:no-migrations-table:others"]


def test_live_schema_is_compared_without_wranglers_table(tmp_path: Path, folder: Path) -> None:
    """Wrangler's own table and those of SQLite are no part of the comparison."""
    recorder = Recorder()
    rows = database(tmp_path, NOTED + FILES)
    assert not list(schema_findings(folder, "d1_migrations", rows, recorder))
    assert recorder.notes == []
    assert recorder.measured[0].sample == 9


def test_schema_is_that_of_the_applied_migrations(tmp_path: Path, folder: Path) -> None:
    """A migration that is not applied is one finding: its tables are no second one."""
    (folder / "0002_more.sql").write_text("CREATE TABLE more (id INTEGER);")
    rows = database(tmp_path, NOTED + FILES)
    assert not list(schema_findings(folder, "d1_migrations", rows, Recorder()))
    names = [finding.name for finding in applied_findings(folder, "d1_migrations", rows, Recorder())]
    assert names == ["storage:not-applied:0002_more.sql"]


def test_plan_is_compared_with_the_migrations(tmp_path: Path, folder: Path) -> None:
    """What the migrations lack is a finding of the plan, whatever D1 has; without a folder D1 is compared."""
    rows = database(tmp_path, PLAN)
    lacking = [each.name for each in plan_findings(root(), folder, "d1_migrations", rows, Recorder())]
    assert {"storage:plan:no-table:audit_logs", "storage:plan:no-column:users.password"} <= set(lacking)
    assert not list(plan_findings(root(), None, "d1_migrations", rows, Recorder()))


@pytest.mark.parametrize("text", [None, "", "-- no table\n", "CREATE TABLE users (id TEXT PRIMARY KEY;"])
def test_plan_without_tables_is_a_measurement_error(text: str | None, tmp_path: Path) -> None:
    """A file of the plan that is missing, empty or broken must not pass as a schema without tables."""
    rows = database(tmp_path, PLAN)
    (tmp_path / "contracts").mkdir()
    if text is not None:
        (tmp_path / PLAN_SCHEMA).write_text(text)
    with pytest.raises(MeasurementError, match="Restore the file"):
        list(plan_findings(tmp_path, None, "d1_migrations", rows, Recorder()))
