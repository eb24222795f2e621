"""Tests of schemas that differ from the mapping: one finding names every difference, and no query fails."""

import sqlite3
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.validation import root
from cutover.core.errors import CheckFailed
from cutover.core.safety import KillSwitch
from cutover.migration.checks import expect_schema
from cutover.migration.findings import Findings
from cutover.migration.keys import KeyChecks
from cutover.migration.mapping import Form, MigrationMapping
from cutover.migration.mapping_file import load_mapping
from cutover.migration.reconciliation_result import found_in
from cutover.migration.schemas import _TYPES, Schema, compare_schemas, d1_schema
from cutover.migration.sqlite_side import SqliteReader

pytestmark = pytest.mark.unit

MAPPING = load_mapping(root())
PLACES = [(table.target, column.name) for table in MAPPING.tables for column in table.columns]


def schemas_of(mapping: MigrationMapping) -> tuple[Schema, Schema]:
    """Return a schema of Django and one of D1 that are as mapped."""
    legacy, d1 = Schema(), Schema()
    for table in mapping.tables:
        source, target = legacy.columns.setdefault(table.source, {}), d1.columns.setdefault(table.target, {})
        source.update({only.name: ("text", True) for only in table.source_only})
        for column in table.columns:
            if column.source is not None and column.form is not None:
                source[column.source] = (min(_TYPES[column.form]), True)
            target[column.name] = ("INTEGER" if column.form is Form.INTEGER else "TEXT", False)
        legacy.unique.add((table.source, table.source_key))
        d1.unique |= {(table.target, name) for name in (table.target_key, *table.unique)}
    for side, schema in ((mapping.source_tables, legacy), (mapping.target_tables, d1)):
        for one in side:
            schema.columns[one.name] = dict.fromkeys(("id", *one.references), ("TEXT", False))
    return legacy, d1


def message_of(findings: Findings) -> str:
    """Return the message of the check; an empty text if it passes."""
    rows = found_in(findings, show_values=False)
    try:
        expect_schema({"findings": rows, "environment": "e", "direction": "forward"})
    except CheckFailed as error:
        return str(error)
    return ""


def test_schemas_as_mapped_have_no_finding() -> None:
    """All tables can be read, and the check passes."""
    findings = Findings()
    assert compare_schemas(MAPPING, *schemas_of(MAPPING), findings) == MAPPING.tables
    assert message_of(findings) == ""


@given(
    removed=st.sets(st.sampled_from(PLACES)),
    tables=st.sets(st.sampled_from(sorted({table for table, _ in PLACES}))),
    added=st.sets(st.from_regex(r"new_[a-z]{1,8}", fullmatch=True), max_size=30),
)
def test_one_message_names_every_difference(removed: set[tuple[str, str]], tables: set[str], added: set[str]) -> None:
    """Each missing column or table and each table without a mapping is in the message, and nothing is cut."""
    legacy, d1 = schemas_of(MAPPING)
    for table, column in removed:
        del d1.columns[table][column]
    for table in tables:
        del d1.columns[table]
    d1.columns.update({name: {"id": ("TEXT", False)} for name in added})
    findings = Findings()
    readable = compare_schemas(MAPPING, legacy, d1, findings)
    message = message_of(findings)
    assert {table.target for table in readable} == {t.target for t in MAPPING.tables} - tables - {t for t, _ in removed}
    for table, column in removed:
        if table not in tables:
            assert column in message.partition(f"no such column in D1's {table}: ")[2].splitlines()[0].partition(";")[
                0
            ].split(", ")
    for name in tables:
        assert name in message.partition("no such table in D1's schema: ")[2].splitlines()[0].partition(";")[0].split(
            ", "
        )
    assert all(name in message for name in added)


def test_table_with_text_keys_is_not_read() -> None:
    """Ranges of keys are ranges of integers, so a table with other keys is a finding and is not read."""
    legacy, d1 = schemas_of(MAPPING)
    d1.columns["users"]["id"] = ("TEXT", True)
    findings = Findings()
    assert [table.target for table in compare_schemas(MAPPING, legacy, d1, findings)] == ["files"]
    assert "users.id (in D1's schema): expected a column of type INTEGER, got TEXT" in message_of(findings)


def test_reference_to_a_missing_column_is_no_query(tmp_path: Path) -> None:
    """A table whose reference leads to a column that does not exist is counted, and its reference is not followed."""
    file = tmp_path / "d1.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript(
            "CREATE TABLE users(id TEXT); CREATE TABLE files(id TEXT); CREATE TABLE audit_logs(id, user_id);"
            "CREATE TABLE saved_filters(id, user_id, file_id); INSERT INTO saved_filters VALUES ('a', 'b', 'c')"
        )
    connection.close()
    reader = SqliteReader(file, KillSwitch(root()))
    schema, findings = d1_schema(reader), Findings()
    tables = compare_schemas(MAPPING, schemas_of(MAPPING)[0], schema, findings)
    numbers = KeyChecks(MAPPING, tables, reader, reader, Schema(), schema, findings).run()
    reader.close()
    assert tables == ()
    assert numbers.one_sided["saved_filters"] == 1
    assert "saved_filters.file_id → files.file_id" not in numbers.references
    assert "file_id" in message_of(findings)


def test_view_without_a_mapping_is_no_finding(tmp_path: Path) -> None:
    """A view holds no row of its own, so nothing of it can be lost."""
    file = tmp_path / "d1.sqlite"
    with sqlite3.connect(file) as connection:
        connection.executescript("CREATE TABLE more(id); CREATE VIEW shown AS SELECT id FROM more")
    connection.close()
    reader = SqliteReader(file, KillSwitch(root()))
    legacy, d1 = schemas_of(MAPPING)
    found = d1_schema(reader)
    reader.close()
    d1.columns |= found.columns
    d1.views |= found.views
    findings = Findings()
    compare_schemas(MAPPING, legacy, d1, findings)
    assert [row["table"] for row in found_in(findings, show_values=False)] == ["more"]
