"""PostgreSQL and SQLite render equal values as equal JSON. The comparison of bytes depends on this."""

import datetime
import json
import sqlite3
from collections.abc import Generator
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from psycopg.types.string import TextLoader

from cutover.embedded.state import PairState
from cutover.migration.database_side import Dialect
from cutover.migration.findings import Findings
from cutover.migration.mapping import ColumnMapping, Form, Origin
from cutover.migration.row_queries import Compared, TableQueries, _d1, _legacy
from cutover.migration.table_comparison import TableComparison
from cutover.migration.values import read_column

pytestmark = pytest.mark.pair

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
ONCE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TYPES = {Form.TEXT: "text", Form.EMPTY_IS_NULL: "text", Form.INTEGER: "bigint", Form.BOOLEAN: "boolean",
         Form.TIMESTAMP: "timestamptz", Form.TEXT_ARRAY: "jsonb"}  # fmt: skip


@pytest.fixture(scope="module")
def legacy(own_pair: PairState) -> Generator[psycopg.Connection[Any]]:
    """Yield a connection to PostgreSQL in UTC, as the reader uses it."""
    with psycopg.connect(own_pair.pg_dsn, autocommit=True, options="-c timezone=UTC") as connection:
        yield connection


def rendered_by_postgres(legacy: psycopg.Connection[Any], form: Form, values: list[Any]) -> bytes:
    """Return the values as PostgreSQL renders them."""
    column = ColumnMapping("x", Origin.COLUMN, source="x", form=form)
    if form is Form.TEXT_ARRAY:  # PostgreSQL's arrays of arrays are rectangular
        rows = "(SELECT ARRAY(SELECT jsonb_array_elements_text(value)) AS x, at FROM jsonb_array_elements(%s::jsonb) "
        query, given_values = rows + "WITH ORDINALITY AS given(value, at)) t", json.dumps(values)
    else:
        query, given_values = f"unnest(%s::{TYPES[form]}[]) WITH ORDINALITY AS t(x, at)", values  # type: ignore[assignment]
    text = legacy.execute(
        f"SELECT array_to_json(array_agg({_legacy(column)} ORDER BY at))::text FROM {query}",  # noqa: S608 - our own
        [given_values],
    ).fetchone()
    assert text is not None
    return str(text[0]).encode()


def rendered_by_sqlite(form: Form, values: list[Any]) -> bytes:
    """Return the values as SQLite renders them."""
    column = ColumnMapping("x", Origin.COLUMN, source="x", form=form)
    connection = sqlite3.connect(":memory:")
    connection.text_factory = bytes
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, x)")
    connection.executemany("INSERT INTO t(x) VALUES (?)", [(value,) for value in values])
    query = f"SELECT json_group_array({_d1(column)}) FROM t WHERE id > 0"  # noqa: S608 - our own
    (text,) = connection.execute(query).fetchone()
    connection.close()
    return bytes(text)


@given(st.lists(st.none() | TEXT, min_size=1, max_size=20))
@ONCE
def test_texts_are_rendered_equally(legacy: psycopg.Connection[Any], values: list[str | None]) -> None:
    """Every character that PostgreSQL can store, and NULL, are rendered equally and can be read back."""
    rendered = rendered_by_postgres(legacy, Form.TEXT, values)
    assert rendered == rendered_by_sqlite(Form.TEXT, values)
    assert read_column(rendered) == values
    assert rendered_by_postgres(legacy, Form.EMPTY_IS_NULL, values) == rendered_by_sqlite(
        Form.TEXT, [value or None for value in values]
    )


@given(st.lists(st.none() | st.integers(-(2**63), 2**63 - 1), min_size=1), st.lists(st.booleans(), min_size=1))
@ONCE
def test_numbers_are_rendered_equally(
    legacy: psycopg.Connection[Any], numbers: list[int | None], flags: list[bool]
) -> None:
    """Numbers beyond 2^53 are exact. A boolean is 1 or 0."""
    assert rendered_by_postgres(legacy, Form.INTEGER, numbers) == rendered_by_sqlite(Form.INTEGER, numbers)
    assert rendered_by_postgres(legacy, Form.BOOLEAN, flags) == rendered_by_sqlite(
        Form.INTEGER, [int(flag) for flag in flags]
    )


@given(st.lists(st.datetimes(timezones=st.just(datetime.UTC)), min_size=1))
@ONCE
def test_instants_are_rendered_equally(legacy: psycopg.Connection[Any], moments: list[datetime.datetime]) -> None:
    """Years 1 to 9999 have six digits, and the Worker's three digits are equal if the rest is zero."""
    texts = [f"{moment.replace(tzinfo=None).isoformat(timespec='microseconds')}Z" for moment in moments]
    assert rendered_by_postgres(legacy, Form.TIMESTAMP, moments) == rendered_by_sqlite(Form.TIMESTAMP, texts)
    whole = [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in moments]
    short = [f"{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z" for moment in whole]
    assert rendered_by_postgres(legacy, Form.TIMESTAMP, whole) == rendered_by_sqlite(Form.TIMESTAMP, short)


def test_null_is_replaced_only_in_reverse() -> None:
    """Forward a NULL stays NULL. In reverse it is the value that the mapping states."""
    column = ColumnMapping("x", Origin.COLUMN, source="x", form=Form.JSON, null=True, back_null="{}")
    connection = sqlite3.connect(":memory:")
    for reverse, expected in ((False, None), (True, "{}")):
        query = f"SELECT {_d1(column, reverse=reverse)} FROM (SELECT NULL AS x)"  # noqa: S608 - our own
        assert connection.execute(query).fetchone() == (expected,)
    connection.close()


def test_infinity_is_not_null(legacy: psycopg.Connection[Any]) -> None:
    """to_char returns NULL for infinity, which must not equal a NULL on the other side."""
    values = ["infinity", "-infinity", None, "20260-01-01"]
    assert read_column(rendered_by_postgres(legacy, Form.TIMESTAMP, values))[:3] == ["infinity", "-infinity", None]


@given(st.lists(st.lists(TEXT, max_size=4), min_size=1, max_size=6))
@ONCE
def test_lists_of_texts_are_rendered_equally(legacy: psycopg.Connection[Any], lists: list[list[str]]) -> None:
    """Lists are rendered as JSON text, however D1's text is spaced, and not as JSON within JSON."""
    ours = rendered_by_postgres(legacy, Form.TEXT_ARRAY, lists)
    spaced = [json.dumps(each, ensure_ascii=False, indent=1) for each in lists]
    assert [json.loads(str(each)) for each in read_column(ours)] == lists
    theirs = rendered_by_sqlite(Form.TEXT_ARRAY, spaced)
    assert [json.loads(str(each)) for each in read_column(theirs)] == lists
    plain = [each for each in lists if all(text.isprintable() for text in each)]
    if plain == lists:
        assert ours == theirs


class ConnectionReader:
    """A reader of one connection, for the comparison of rows."""

    batch_bytes, where = 1000, "a test"

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self.dialect, self._connection = dialect, connection
        if dialect is Dialect.POSTGRES:
            connection.adapters.register_loader("json", TextLoader)

    def query(self, sql: str) -> list[Any]:
        """Return the rows, with texts as bytes."""
        rows = self._connection.execute(sql).fetchall()
        return [tuple(cell.encode() if isinstance(cell, str) else cell for cell in row) for row in rows]

    def close(self) -> None:
        """Do nothing. The test closes the connection."""


AWKWARD = st.text(st.sampled_from('ab",\\[]\n\x01:n '), max_size=6) | st.sampled_from(
    ["null", '","', '"', "a", "\\n", '",', ',"', "[]"]
)
# Texts that would be the JSON of another text if they were joined without escapes.
CONFUSED = [("\\n", "\n"), ("\\\\", "\\"), ("\\u0001", "\x01")]
AWKWARD_ROWS = st.lists(st.none() | AWKWARD, min_size=1, max_size=12)


@given(AWKWARD_ROWS, st.lists(st.tuples(st.integers(0, 11), st.none() | AWKWARD), max_size=2))
@example([CONFUSED[0][0]], [(0, CONFUSED[0][1])])
@example([CONFUSED[1][0], "a"], [(0, CONFUSED[1][1])])
@example([CONFUSED[2][0]], [(0, CONFUSED[2][1])])
@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_only_rows_with_different_texts_differ(
    legacy: psycopg.Connection[Any], values: list[str | None], changes: list[tuple[int, str | None]]
) -> None:
    """Quotes, separators, backslashes and control characters in joined texts hide no difference and add none."""
    theirs = list(values)
    for place, value in changes:
        theirs[place % len(theirs)] = value
    legacy.execute("CREATE TEMP TABLE IF NOT EXISTS awkward(id int PRIMARY KEY, x text)")
    legacy.execute("TRUNCATE awkward")
    with legacy.cursor() as cursor:
        cursor.executemany("INSERT INTO awkward VALUES (%s, %s)", list(enumerate(values)))
    d1 = sqlite3.connect(":memory:")
    d1.execute("CREATE TABLE awkward(id INTEGER PRIMARY KEY, x TEXT)")
    d1.executemany("INSERT INTO awkward VALUES (?, ?)", enumerate(theirs))
    column = Compared("x", Form.TEXT, '"x"::text', '"x"')
    queries = TableQueries("awkward", "awkward", "awkward", "id", "id", (column,))
    readers = ConnectionReader(legacy, Dialect.POSTGRES), ConnectionReader(d1, Dialect.SQLITE)
    sides = [SimpleNamespace(label=reader.where, dialect=reader.dialect) for reader in readers]
    found: set[int] = set()
    findings = Findings(sink=lambda finding: found.add(int(finding.key)))
    TableComparison(queries, *sides, findings).run([readers])  # type: ignore[arg-type] # of a side it needs no more
    d1.close()
    assert found == {place for place, value in enumerate(values) if value != theirs[place]}
