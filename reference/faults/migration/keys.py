"""Faults beyond single rows: references, sequences, tables and columns."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from reference.faults.migration.planting import Pair, PlantingError, fault, literal, sequence_kept

_NOBODYS_FILE = "00000000-0000-4000-8000-000000000000"


@contextmanager
def _without_references(pair: Pair, table: str, *, planted: bool) -> Iterator[None]:
    """Rebuild the table without its references, like a manual repair. The control rebuilds it unchanged."""
    made = pair.one(f"SELECT sql FROM sqlite_master WHERE type = 'table' AND name = '{table}'")
    indexes = [
        row[0]
        for row in pair.d1(
            f"SELECT sql FROM sqlite_master WHERE type = 'index' AND tbl_name = '{table}' AND sql IS NOT NULL"
        )
    ]
    loose = re.sub(r",\s*FOREIGN KEY[^,]*?\)[^,]*?\)(?: ON DELETE (?:CASCADE|SET NULL))?", "", made)
    if loose.count("(") != loose.count(")") or "FOREIGN" in loose:
        raise PlantingError(f"{table}: its references are not where they were")
    with sequence_kept(pair, table):
        _rebuild(pair, table, loose if planted else made, indexes)
        try:
            yield
        finally:
            _rebuild(pair, table, made, indexes)


def _rebuild(pair: Pair, table: str, sql: str, indexes: list[str]) -> None:
    pair.d1(
        f"CREATE TABLE rebuilt AS SELECT * FROM {table}; DROP TABLE {table}; {sql};"
        f" INSERT INTO {table} SELECT * FROM rebuilt; DROP TABLE rebuilt; {'; '.join(indexes)}"
    )


def _filter_row(pair: Pair, owner: str, file_id: str) -> str:
    pair.d1(
        "INSERT INTO saved_filters (user_id, file_id, name, filter_config)"
        f" VALUES ({owner}, {file_id}, 'a fault', '{{}}')"
    )
    return str(pair.one("SELECT CAST(max(id) AS TEXT) FROM saved_filters"))


@contextmanager
def _filter(pair: Pair, wrong: str, *, planted: bool) -> Iterator[str]:
    """Add a saved filter whose column `wrong` has no referenced row; the control's has one."""
    owner, file_id = pair.d1("SELECT CAST(user_id AS TEXT), quote(file_id) FROM files ORDER BY id LIMIT 1")[0]
    with _without_references(pair, "saved_filters", planted=planted):
        if planted and wrong == "file_id":
            file_id = literal(_NOBODYS_FILE)
        elif planted:
            owner = "999999999"
        key = _filter_row(pair, owner, file_id)
        try:
            yield key
        finally:
            pair.d1(f"DELETE FROM saved_filters WHERE id = {key}")


@fault("filter-of-no-file")
def filter_of_no_file(pair: Pair, planted: bool) -> Iterator[str]:
    with _filter(pair, "file_id", planted=planted) as key:
        yield key


@fault("filter-of-no-user")
def filter_of_no_user(pair: Pair, planted: bool) -> Iterator[str]:
    with _filter(pair, "user_id", planted=planted) as key:
        yield key


@fault("audit-row-of-no-user")
def audit_row_of_no_user(pair: Pair, planted: bool) -> Iterator[str]:
    with _without_references(pair, "audit_logs", planted=planted):
        owner = "999999999" if planted else "NULL"
        pair.d1(f"INSERT INTO audit_logs (user_id, action, resource_type) VALUES ({owner}, 'login', 'user')")
        key = str(pair.one("SELECT CAST(max(id) AS TEXT) FROM audit_logs"))
        try:
            yield key
        finally:
            pair.d1(f"DELETE FROM audit_logs WHERE id = {key}")


def _sequence(name: str, table: str, value: str | None) -> None:
    """Set a sequence. value: SQL of the sequence's number; None: the table has no sequence."""

    @fault(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        with sequence_kept(pair, table):
            if not planted:
                pair.d1(f"UPDATE sqlite_sequence SET seq = seq WHERE name = '{table}'")
            elif value is None:
                pair.d1(f"DELETE FROM sqlite_sequence WHERE name = '{table}'")
            else:
                pair.d1(f"UPDATE sqlite_sequence SET seq = {value} WHERE name = '{table}'")
            yield ""


_sequence("users-sequence-behind", "users", "(SELECT max(id) - 1 FROM users)")
_sequence("files-sequence-behind", "files", "0")
_sequence("users-sequence-missing", "users", None)


def _sequence_of_existing_rows(name: str, table: str, source: str) -> None:
    """Set D1's sequence to its greatest id, although Django assigned greater ones, to rows that were deleted since.

    The control sets it to Django's.
    """

    @fault(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        sequence = f"pg_get_serial_sequence('{source}', 'id')"
        (place,) = pair.postgres.execute(f"SELECT {sequence}").fetchone() or ("",)
        row = pair.postgres.execute(f"SELECT last_value, is_called FROM {place}").fetchone()
        greatest = int(pair.one(f"SELECT CAST(max(id) AS TEXT) FROM {table}"))
        assert row is not None
        before, called = row
        assigned = max(before, greatest) + 7
        try:
            pair.postgres.execute(f"SELECT setval({sequence}, %s, true)", (assigned,))
            with sequence_kept(pair, table):
                value = greatest if planted else assigned
                pair.d1(f"UPDATE sqlite_sequence SET seq = {value} WHERE name = '{table}'")
                yield str(assigned)
        finally:
            pair.postgres.execute(f"SELECT setval({sequence}, %s, %s)", (before, called))


_sequence_of_existing_rows("users-sequence-of-existing-rows", "users", "auth_user")
_sequence_of_existing_rows("files-sequence-of-existing-rows", "files", "list_cutter_savedfile")


def _schema(name: str, change: str, back: str) -> None:
    """Change D1's schema. The control makes the change and reverts it at once."""

    @fault(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        pair.d1(change)
        try:
            if not planted:
                pair.d1(back)
            yield ""
        finally:
            if planted:
                pair.d1(back)


_schema("column-extra-in-target", "ALTER TABLE files ADD COLUMN note TEXT", "ALTER TABLE files DROP COLUMN note")
_schema(
    "column-renamed-in-target",
    "ALTER TABLE files RENAME COLUMN processed_at TO processed",
    "ALTER TABLE files RENAME COLUMN processed TO processed_at",
)
_schema("table-missing-in-target", "ALTER TABLE files RENAME TO files_old", "ALTER TABLE files_old RENAME TO files")
_schema("table-extra-in-target", "CREATE TABLE leftovers (id INTEGER PRIMARY KEY)", "DROP TABLE leftovers")


def _source_schema(name: str, change: str, back: str) -> None:
    @fault(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        pair.postgres.execute(change)
        try:
            if not planted:
                pair.postgres.execute(back)
            yield ""
        finally:
            if planted:
                pair.postgres.execute(back)


_source_schema(
    "column-extra-in-source", "ALTER TABLE auth_user ADD COLUMN phone text", "ALTER TABLE auth_user DROP COLUMN phone"
)
_source_schema("table-extra-in-source", "CREATE TABLE list_cutter_share (id bigint)", "DROP TABLE list_cutter_share")
_source_schema(
    "column-missing-in-source",
    "ALTER TABLE list_cutter_savedfile RENAME user_tags TO tags",
    "ALTER TABLE list_cutter_savedfile RENAME tags TO user_tags",
)
