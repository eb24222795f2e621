"""Count the rows with values that migrations often break, by column of Django's tables.

A comparison proves nothing about a kind of value that no row has: without a row in an hour that clocks repeat, a
migration that shifts such hours has no difference. The gate lists these kinds as not detectable.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from cutover.core.errors import CheckFailed, NotVerified
from cutover.migration.database_side import Reader, Unrenderable, text_of, whole
from cutover.migration.mapping import ColumnMapping, Form, MigrationMapping, Origin, TableMapping
from cutover.migration.schemas import Schema

_ZONES: Final = ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles")
"""Zones in which servers and users of List Cutter are likely to be. EU zones change at one instant."""

_TEXTS: Final = (Form.TEXT, Form.EMPTY_IS_NULL, Form.TEXT_ARRAY)
_TIMES: Final = (Form.TIMESTAMP,)
_IDS: Final = (Form.INTEGER,)
_FLAGS: Final = (Form.BOOLEAN,)
LARGE_FILE: Final = 10 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class ValueKind:
    """A kind of value. forms: of the columns in which it can occur; sql: true for a row, {0} is the column.

    needs_utf8: True if no other encoding of the database can hold it.
    """

    name: str
    forms: tuple[Form, ...]
    sql: str
    needs_utf8: bool = False


def _characters(name: str, pattern: str, *, needs_utf8: bool = False) -> ValueKind:
    # Comparing two lengths is much faster than a pattern, and excludes texts of ASCII only.
    guard = "octet_length({0}) > length({0}) AND " if needs_utf8 else ""
    return ValueKind(name, _TEXTS, f"{guard}{{0}} ~ '{pattern}'", needs_utf8)


def _hour(condition: str) -> str:
    """Return SQL for an hour at which a clock changes, in spring or autumn. @ stands for the zone."""
    zones = " OR ".join(condition.replace("@", f"'{zone}'") for zone in _ZONES)
    return (
        "CASE WHEN isfinite({0}) AND {0} > '1970-01-01' AND {0} < '2100-01-01'"
        f" AND extract(month FROM {{0}} AT TIME ZONE 'UTC') IN (3, 4, 10, 11) THEN {zones} END"
    )


KINDS: Final = (
    _characters("emoji joined by U+200D", r"\u200D", needs_utf8=True),
    _characters("characters above U+FFFF", r"[\U00010000-\U0010FFFF]", needs_utf8=True),
    _characters("combining characters", r"[\u0300-\u036F]", needs_utf8=True),
    _characters("right-to-left characters", r"[\u0590-\u08FF]", needs_utf8=True),
    _characters("invisible characters", r"[\u00A0\u200B\u2028\u2029\uFEFF]", needs_utf8=True),
    _characters("control characters", r"[\u0001-\u001F\u007F]"),
    _characters("spaces at an end", r"^\s|\s$"),
    _characters("quotes or backslashes", r"""["''\\]"""),
    ValueKind("empty texts", (Form.EMPTY_IS_NULL,), "{0} = ''"),
    ValueKind("an hour that clocks repeat", _TIMES, _hour(
        "({0} AT TIME ZONE @) IN (({0} + interval '1 hour') AT TIME ZONE @,"
        " ({0} - interval '1 hour') AT TIME ZONE @)"
    )),
    ValueKind("an hour that clocks skip", _TIMES, _hour(
        "(({0} AT TIME ZONE 'UTC') AT TIME ZONE @) AT TIME ZONE @ <> {0} AT TIME ZONE 'UTC'"
    )),
    ValueKind("infinity", _TIMES, "{0} = 'infinity'"),
    ValueKind("-infinity", _TIMES, "{0} = '-infinity'"),
    ValueKind("times before 1970", _TIMES, "isfinite({0}) AND {0} < '1970-01-01'"),
    ValueKind("29 February", _TIMES, "isfinite({0}) AND to_char({0} AT TIME ZONE 'UTC', 'MMDD') = '0229'"),
    ValueKind("microseconds", _TIMES, "isfinite({0}) AND extract(microseconds FROM {0})::bigint % 1000 <> 0"),
    ValueKind("ids of 10,000 and more", _IDS, "{0} >= 10000"),
    ValueKind("true", _FLAGS, "{0}"),
    ValueKind("false", _FLAGS, "NOT {0}"),
    ValueKind("numbers above 2^53", (Form.JSON,), "{0}::text ~ '[0-9]{{16}}'"),
)  # fmt: skip
NULLS: Final = ValueKind("NULL", tuple(Form), "{0} IS NULL")
SIZES: Final = (
    ValueKind("files of 0 bytes", _IDS, "{0} = 0"),
    ValueKind("files above 10 MB", _IDS, f"{{0}} > {LARGE_FILE}"),
)
"""Kinds of the column with the size of a file."""


def count_kinds(
    reader: Reader, mapping: MigrationMapping, table: TableMapping, schema: Schema
) -> dict[str, dict[str, int]]:
    """Return kind -> column -> rows of PostgreSQL's table, in one query. Raises NotVerified if it is refused.

    schema: PostgreSQL's.
    """
    wanted = list(_kinds_of(mapping, table, schema.nullable(table.source)))
    reader.query("SAVEPOINT kinds")  # a refused query ends the transaction, and with it the snapshot
    try:
        utf8 = text_of(reader.query("SHOW server_encoding")[0][0]) == "UTF8"
        sums = [
            f"count(*) FILTER (WHERE {kind.sql.format(_expression(column))})" if utf8 or not kind.needs_utf8 else "0"
            for kind, column in wanted
        ]
        counts = reader.query(f'SELECT {", ".join(sums)} FROM "{table.source}"')[0] if sums else ()  # noqa: S608 - names of the mapping
    except (CheckFailed, Unrenderable) as error:
        reader.query("ROLLBACK TO SAVEPOINT kinds")
        raise NotVerified(f"the kinds of values in {table.source} were not counted: {error}") from None
    found: dict[str, dict[str, int]] = {}
    for (kind, column), count in zip(wanted, counts, strict=True):
        found.setdefault(kind.name, {})[column.name] = whole(count)
    return found


def undetectable(table: str, kinds: dict[str, dict[str, int]]) -> Iterator[str]:
    """Yield a sentence for each kind that does not occur in every column of a table in which it can occur."""
    for kind, columns in kinds.items():
        missing = [column for column, rows in columns.items() if not rows]
        if missing:
            yield f"{kind}: no row in {', '.join(f'{table}.{column}' for column in missing)}: could not detect"


def _kinds_of(
    mapping: MigrationMapping, table: TableMapping, nullable: frozenset[str]
) -> Iterator[tuple[ValueKind, ColumnMapping]]:
    for column in _distinct(table):
        if (table.target, column.name) == (mapping.logins.table, mapping.logins.column):
            continue  # hashes have one alphabet
        if (table.target, column.name) == (mapping.objects.table, mapping.objects.size):
            yield from ((kind, column) for kind in SIZES)
            continue
        for kind in KINDS:
            is_id = column.name == table.target_key or column.name in table.references
            if column.form in kind.forms and (column.form is not Form.INTEGER or is_id):
                yield kind, column
        if column.source in nullable:
            yield NULLS, column


def _distinct(table: TableMapping) -> Iterator[ColumnMapping]:
    """Yield the first column for each column of Django: several columns of D1 may have the same source."""
    seen = set()
    for column in table.columns:
        if column.origin is Origin.COLUMN and column.source not in seen:
            seen.add(column.source)
            yield column


def _expression(column: ColumnMapping) -> str:
    name = f'"{column.source}"'
    return f"array_to_string({name}, '')" if column.form is Form.TEXT_ARRAY else name
