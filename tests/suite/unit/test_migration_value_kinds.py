"""Tests of the kinds of values: what is counted, and which faults could not be detected."""

import re
from collections.abc import Sequence

import pytest

from cutover.config.validation import root
from cutover.core.errors import CheckFailed, NotVerified
from cutover.migration.database_side import Cell, Dialect
from cutover.migration.mapping_file import load_mapping
from cutover.migration.schemas import Schema
from cutover.migration.value_kinds import count_kinds, undetectable

pytestmark = pytest.mark.unit

MAPPING = load_mapping(root())
USERS = MAPPING.table("users")
SCHEMA = Schema({"auth_user": {"id": ("int4", True), "last_login": ("timestamptz", False)}})


class FakeReader:
    """PostgreSQL with one table, in which each kind has as many rows as its number in the query."""

    dialect = Dialect.POSTGRES
    batch_bytes = 1
    where = "a fake"

    def __init__(self, encoding: bytes = b"UTF8", *, refuses: bool = False) -> None:
        self.encoding, self.refuses = encoding, refuses
        self.queries: list[str] = []

    def query(self, sql: str) -> list[Sequence[Cell]]:
        """Answer the queries of count_kinds."""
        self.queries.append(sql)
        if "server_encoding" in sql:
            return [(self.encoding,)]
        if "FILTER" in sql and self.refuses:
            raise CheckFailed("migration:postgres:42501", expected="a", got="b", source="c", do_next="d")
        if "FILTER" not in sql:
            return []
        counts = re.findall(r"count\(\*\) FILTER|(?<=[ ,])0(?=,| FROM)", sql)
        return [tuple(range(len(counts)))]

    def close(self) -> None:
        """Do nothing."""


def test_kinds_are_counted_in_one_query() -> None:
    """Hashes and columns without a form of the kind are left out, and NULL only counts where it is allowed."""
    reader = FakeReader()
    kinds = count_kinds(reader, MAPPING, USERS, SCHEMA)
    assert kinds["NULL"].keys() == {"last_login"}
    assert kinds["infinity"].keys() == {"created_at", "last_login"}
    assert kinds["emoji joined by U+200D"].keys() == {"username", "email"}
    assert kinds["ids of 10,000 and more"].keys() == {"id"}
    assert kinds["true"].keys() == {"is_active", "is_admin"}
    assert len([query for query in reader.queries if "FILTER" in query]) == 1
    numbers = [rows for columns in kinds.values() for rows in columns.values()]
    assert sorted(numbers) == list(range(len(numbers)))


def test_kinds_that_no_row_has_are_named() -> None:
    """One sentence for each kind, with the columns that lack it."""
    kinds = {"infinity": {"created_at": 3, "last_login": 0}, "true": {"is_active": 9}, "29 February": {"created_at": 0}}
    assert list(undetectable("users", kinds)) == [
        "infinity: no row in users.last_login: could not detect",
        "29 February: no row in users.created_at: could not detect",
    ]


def test_other_encodings_have_no_such_characters() -> None:
    """PostgreSQL refuses the patterns of Unicode in other encodings, so these kinds are 0 without a query."""
    reader = FakeReader(b"LATIN1")
    count_kinds(reader, MAPPING, USERS, SCHEMA)
    assert not any("200D" in query for query in reader.queries)


def test_refused_count_leaves_the_snapshot_usable() -> None:
    """The transaction is rolled back to before the query, and the reason is reported."""
    reader = FakeReader(refuses=True)
    with pytest.raises(NotVerified, match="auth_user were not counted"):
        count_kinds(reader, MAPPING, USERS, SCHEMA)
    assert reader.queries[-1] == "ROLLBACK TO SAVEPOINT kinds"
