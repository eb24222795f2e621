"""Tests of the Worker's own tables before and after a migration run: what an import changes, and what it may change."""

import sqlite3
from contextlib import ExitStack, closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.migration.test_own_tables import test_tables_of_the_worker_are_unchanged as check

from cutover.config.validation import root
from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.migration import own_tables
from cutover.migration.findings import Finding, Findings
from cutover.migration.mapping_file import load_mapping
from cutover.migration.own_table_runs import OwnTableRuns, copy_own_tables, own_tables_part
from cutover.migration.own_tables import OwnTableNumbers, OwnTables, used_tables
from cutover.migration.reconciliation_result import Reconciliation
from cutover.migration.schemas import d1_schema
from cutover.migration.sqlite_side import SqliteReader
from cutover.run.progress import Progress

pytestmark = pytest.mark.unit

MAPPING = load_mapping(root())
SCHEMA = (root() / "reference/worker/migrations/0001_production_setup.sql").read_text()
ROWS = """
INSERT INTO users (id, username, password) VALUES (1, 'a', 'x'), (2, 'b', 'x');
INSERT INTO files (id, user_id, file_id, filename, original_filename, file_size, mime_type, r2_key)
  VALUES (1, 1, 'f1', 'a', 'a', 1, 'text/csv', 'k1'), (2, 2, 'f2', 'a', 'a', 1, 'text/csv', 'k2');
INSERT INTO saved_filters (id, user_id, file_id, name, filter_config, is_public)
  VALUES (1, 1, 'f1', 'one', '{}', 1), (2, 2, 'f2', 'two', '{}', 0);
INSERT INTO audit_logs (id, user_id, action, resource_type) VALUES (1, 1, 'login', 'user'), (2, 2, 'login', 'user');
"""


def database(file: Path, *statements: str) -> Path:
    """Create D1's database with two users, each with a file, a filter and a log entry, and run the statements."""
    with closing(sqlite3.connect(file)) as made:
        made.execute("PRAGMA foreign_keys = ON")
        made.executescript(SCHEMA.replace("datetime('now')", "'2026-01-01'") + ROWS)
        for statement in statements:
            made.execute(statement)
        made.commit()
    return file


def compared(before: Path, after: Path, *, strict: bool = True) -> tuple[list[Finding], dict[str, OwnTableNumbers]]:
    """Compare two files."""
    found: list[Finding] = []
    with ExitStack() as stack:
        readers = [SqliteReader(file, KillSwitch(root())) for file in (before, after)]
        for reader in readers:
            stack.callback(reader.close)
        comparison = OwnTables(
            readers[0], readers[1], (d1_schema(readers[0]), d1_schema(readers[1])), Findings(found.append), strict
        )
        return found, comparison.compare(MAPPING)


@pytest.mark.parametrize(
    ("statement", "places"),
    [
        ("UPDATE saved_filters SET is_public = 0", [("saved_filters", "is_public", "changed", "1")]),
        ("UPDATE saved_filters SET name = NULL || 'x' WHERE 0", []),
        ("UPDATE saved_filters SET filter_config = X'7b7d' WHERE id = 2",
         [("saved_filters", "filter_config", "storage class", "2")]),
        ("UPDATE saved_filters SET result_count = 3 WHERE id = 2", [("saved_filters", "result_count", "changed", "2")]),
        ("DELETE FROM saved_filters WHERE id = 2", [("saved_filters", None, "missing", "2")]),
        ("DELETE FROM audit_logs", [("audit_logs", None, "missing", "1"), ("audit_logs", None, "missing", "2")]),
        ("UPDATE audit_logs SET user_id = NULL WHERE id = 1", [("audit_logs", "user_id", "changed", "1")]),
        ("UPDATE audit_logs SET user_id = 2 WHERE id = 1", [("audit_logs", "user_id", "changed", "1")]),
        ("INSERT INTO saved_filters (user_id, file_id, name, filter_config) VALUES (1, 'f1', 'x', '{}')",
         [("saved_filters", None, "extra", "3")]),
        ("INSERT INTO audit_logs (user_id, action, resource_type) VALUES (1, 'login', 'user')", []),
        ("DELETE FROM users WHERE id = 2", []),
        ("DELETE FROM files WHERE id = 1", []),
        ("ALTER TABLE saved_filters DROP COLUMN description", [("saved_filters", "description", "missing", "")]),
        ("DROP TABLE saved_filters", [("saved_filters", None, "missing", "")]),
    ],
)  # fmt: skip
def test_change_of_an_import_is_found(
    statement: str, places: list[tuple[str, str | None, str, str]], tmp_path: Path
) -> None:
    """Rows of deleted owners and files may go, and a log may grow. Anything else names table, column, kind and key."""
    found, _ = compared(database(tmp_path / "before"), database(tmp_path / "after", statement))
    assert [(each.table, each.column, each.kind.value, each.key) for each in found] == places


def test_rows_of_deleted_owners_are_counted(tmp_path: Path) -> None:
    """The numbers say how many rows went with their owner, and how many were added to the log."""
    _, numbers = compared(
        database(tmp_path / "before"),
        database(
            tmp_path / "after", "DELETE FROM users WHERE id = 2",
            "INSERT INTO audit_logs (action, resource_type) VALUES ('x', 'y')",
        ),
    )  # fmt: skip
    assert numbers["saved_filters"] == OwnTableNumbers(before=2, after=1, went=1)
    assert numbers["audit_logs"] == OwnTableNumbers(before=2, after=3, went=1, added=1)


@pytest.mark.parametrize(
    ("statement", "count"),
    [("DELETE FROM saved_filters", 0), ("UPDATE saved_filters SET is_public = 1 - is_public", 2)],
)
def test_users_may_write_after_the_run(statement: str, count: int, tmp_path: Path) -> None:
    """If it is not strict, only a change of a row that exists in both is a finding."""
    found, _ = compared(database(tmp_path / "before"), database(tmp_path / "after", statement), strict=False)
    assert len(found) == count


stored_rows = st.dictionaries(
    st.integers(-5, 60), st.integers(0, 2) | st.text(max_size=3) | st.binary(max_size=3) | st.none()
)


@settings(max_examples=60, deadline=None)
@given(before=stored_rows, after=stored_rows, page=st.integers(1, 7))
def test_each_difference_of_two_tables_is_found(
    before: dict[int, Any], after: dict[int, Any], page: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """With any keys, values and page size: exactly the keys that differ have findings."""
    folder = tmp_path_factory.mktemp("own")
    for name, rows in (("before", before), ("after", after)):
        with closing(sqlite3.connect(folder / name)) as made:
            made.executescript(SCHEMA)
            made.execute("DROP TABLE saved_filters")
            made.execute("CREATE TABLE saved_filters (id INTEGER PRIMARY KEY, v)")
            made.executemany("INSERT INTO saved_filters VALUES (?, ?)", rows.items())
            made.commit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(own_tables, "_PAGE", page)
        found, _ = compared(folder / "before", folder / "after")
    missing = object()

    def typed(rows: dict[int, Any], key: int) -> tuple[type, Any]:
        value = rows.get(key, missing)
        return type(value), value

    different = {key for key in before.keys() | after.keys() if typed(before, key) != typed(after, key)}
    assert {int(each.key) for each in found} == different


def test_table_without_integer_key_is_not_verified(tmp_path: Path) -> None:
    """Its rows cannot be matched, which is said and not passed over."""
    change = ("DROP TABLE saved_filters", "CREATE TABLE saved_filters (name TEXT)")
    with pytest.raises(NotVerified, match="no integer key"):
        compared(database(tmp_path / "before", *change), database(tmp_path / "after", *change))


def test_only_tables_that_never_had_a_row_are_unused(tmp_path: Path) -> None:
    """A table that was emptied had rows: its sequence proves that."""
    file = database(tmp_path / "d1", "DELETE FROM saved_filters")
    empty = tmp_path / "empty"
    with closing(sqlite3.connect(empty)) as made:
        made.executescript(SCHEMA)
    for place, expected in ((file, ["saved_filters", "audit_logs"]), (empty, [])):
        reader = SqliteReader(place, KillSwitch(root()))
        assert used_tables(reader, MAPPING, d1_schema(reader)) == expected
        reader.close()


def test_copy_has_the_own_tables_and_their_references(tmp_path: Path) -> None:
    """A copy compares as the database itself, and contains no account's name or password."""
    file = database(tmp_path / "d1")
    copy_own_tables(file, MAPPING, tmp_path / "copy.sqlite")
    assert compared(tmp_path / "copy.sqlite", file)[0] == []
    assert compared(file, tmp_path / "copy.sqlite")[0] == []
    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as made:
        columns = [row[1] for row in made.execute("PRAGMA table_info(users)")]
    assert columns == ["id"]


def reconciliation(findings: Findings, **own: Any) -> dict[str, Any]:
    """Return the content of reconciliation.json with these numbers of the Worker's own tables."""
    result = Reconciliation("staging", "forward", thorough=True, findings=findings)
    result.own = {"runs": 0, "tables": {}, "used": [], **own}
    return result.as_json()


def test_check_needs_the_state_before_the_run() -> None:
    """Without it the check is not verified and names the option, unless the tables never had a row."""
    with pytest.raises(NotVerified, match=r"saved_filters.*--d1-before"):
        check(reconciliation(Findings(), used=["saved_filters"]), Recorder())
    check(reconciliation(Findings()), Recorder())
    numbers = {"saved_filters": {"before": 2, "after": 1, "went": 1, "added": 0}}
    recorder = Recorder()
    check(reconciliation(Findings(), runs=1, used=["saved_filters"], tables=numbers), recorder)
    assert [each.value for each in recorder.measured] == [1, 1]


def test_check_names_the_changed_column(tmp_path: Path) -> None:
    """The failure names table, column and key, and what to do."""
    found, _ = compared(
        database(tmp_path / "before"), database(tmp_path / "after", "UPDATE saved_filters SET is_public = 0")
    )
    findings = Findings()
    for each in found:
        findings.add(each)
    with pytest.raises(CheckFailed, match=r"1 changed: saved_filters.is_public, first key 1 \(expected 1, got 0\)"):
        check(reconciliation(findings, runs=1, used=["saved_filters"]), Recorder())


def test_export_from_before_the_run_is_compared(tmp_path: Path) -> None:
    """--d1-before takes an export as well as an SQLite file: both give the same findings as the database itself."""
    before = database(tmp_path / "before")
    after = SqliteReader(database(tmp_path / "after", "DELETE FROM saved_filters WHERE id = 1"), KillSwitch(root()))
    with closing(sqlite3.connect(before)) as connection:
        (tmp_path / "before.sql").write_text("\n".join(connection.iterdump()))
    places = []
    for file in (before, tmp_path / "before.sql"):
        findings: list[Finding] = []
        run = SimpleNamespace(
            mapping=MAPPING, d1=after, d1_schema=d1_schema(after),
            result=Reconciliation("staging", "forward", thorough=True, findings=Findings()),
        )  # fmt: skip
        part = own_tables_part(OwnTableRuns(file), KillSwitch(root()))
        part(run, Findings(findings.append), Progress())  # type: ignore[arg-type]
        assert run.result.own["runs"] == 1
        places.append([(each.table, each.kind.value, each.key) for each in findings])
    after.close()
    assert places == [[("saved_filters", "missing", "1")]] * 2
