"""The queries of a reconciliation: each side renders the columns of a range of keys as JSON arrays, in D1's form.

Column by column, not row by row: one array of each column is what both databases build fastest, and where two differ
it is known at once in which column. The JSON is typed and injective: NULL, 'null', 1, '1' and 1.0 are five texts.
Not for comparing: rows.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cutover.migration.database_side import Dialect
from cutover.migration.findings import Kind
from cutover.migration.mapping import ColumnMapping, Form, Origin, SourceOnly, TableMapping, Template

# to_char knows no infinity, no year before 1 and none with five digits; those stay as PostgreSQL writes them.
_ORDINARY: Final = "BETWEEN timestamptz '0001-01-01 00:00:00+00' AND timestamptz '9999-12-31 23:59:59.999999+00'"
_INSTANT: Final = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""


_NUMBERS: Final = (Form.INTEGER, Form.BOOLEAN)
_HOLDING_JSON: Final = (Form.TEXT_ARRAY, Form.JSON)


class Owner(StrEnum):
    """Whose columns a condition is about."""

    LEGACY = "legacy"
    D1 = "d1"


@dataclass(frozen=True, slots=True)
class Compared:
    """One column that both sides render: its name in D1, its form, and its expression in each side's SQL."""

    name: str
    form: Form
    legacy: str
    d1: str


@dataclass(frozen=True, slots=True)
class Condition:
    """What no row of one side may do. sql is true of a row that does; expected: in words or as JSON text."""

    owner: Owner
    column: str
    sql: str
    expected: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class TableQueries:
    """Everything that is asked of one mapped table, forwards or backwards.

    legacy, d1: what stands behind FROM, and the key there.
    """

    name: str
    legacy: str
    d1: str
    legacy_key: str
    d1_key: str
    columns: tuple[Compared, ...]
    conditions: tuple[Condition, ...] = ()

    def place(self, owner: Owner) -> tuple[str, str]:
        """What stands behind FROM, and the key, of one side."""
        return (self.legacy, self.legacy_key) if owner is Owner.LEGACY else (self.d1, self.d1_key)

    @property
    def rendered_by_legacy(self) -> dict[str, Form]:
        """The expressions that PostgreSQL renders, each once, though several columns of D1 may come from it; and the
        form of what it gives."""
        return {column.legacy: column.form for column in self.columns}

    @property
    def texts_of_legacy(self) -> tuple[int, ...]:
        """Which of those are texts that are JSON between quotes as they are, but for quotes, backslashes and control
        characters in them."""
        forms = self.rendered_by_legacy.values()
        return tuple(number for number, form in enumerate(forms) if form not in (*_NUMBERS, *_HOLDING_JSON))

    def held_to(self, owner: Owner) -> tuple[Condition, ...]:
        """The conditions on one side's rows."""
        return tuple(condition for condition in self.conditions if condition.owner is owner)


def queries_of(table: TableMapping, *, reverse: bool, nullable: frozenset[str] = frozenset()) -> TableQueries:
    """What to ask of a mapped table.

    reverse: D1 is the source; columns that the reverse direction does not write are left out, and what D1 holds beyond
    what Django can take is not carried. nullable: columns of Django that its schema lets be NULL.
    """
    compared = [
        Compared(column.name, column.form, _legacy(column), _d1(column, reverse=reverse))
        for column in table.columns
        if column.origin is Origin.COLUMN and column.form is not None and (column.carried_back or not reverse)
        if column.name != table.target_key  # by which rows are matched anyway
    ]
    conditions: list[Condition] = []
    for column in table.columns:
        conditions += _conditions(column, reverse=reverse, nullable=nullable)
    for only in table.source_only:
        if only.constrained:
            kind = Kind.CHANGED if reverse else Kind.NOT_CARRIED
            sql = f"{_quoted(only.name)} IS DISTINCT FROM {_legacy_value(only, table)}"
            conditions.append(Condition(Owner.LEGACY, only.name, sql, _expected(only), kind))
    return TableQueries(
        table.target,
        _quoted(table.source),
        _quoted(table.target),
        _quoted(table.source_key),
        _quoted(table.target_key),
        tuple(compared),
        tuple(conditions),
    )


def owner_counts(table: TableMapping, owner: str, size: str | None) -> TableQueries:
    """Rows, and what their sizes add up to, by owner: a second way to the truth, which does not go by the row's key."""
    mapped = table.column(owner)

    def counted(place: str, key: str, total: str) -> str:
        return f"(SELECT {key} AS owner, count(*) AS counted, {total} AS size FROM {place} GROUP BY 1) owners"  # noqa: S608

    legacy_size = f"sum({_quoted(table.source_of(size) or size)})::bigint" if size else "0::bigint"
    legacy = counted(_quoted(table.source), _quoted(mapped.source or owner), legacy_size)
    d1 = counted(_quoted(table.target), _quoted(owner), f"sum({_quoted(size)})" if size else "0")
    columns = tuple(Compared(name, Form.INTEGER, name, name) for name in ("counted", "size"))
    return TableQueries(f"{table.target} by {owner}", legacy, d1, "owner", "owner", columns)


def range_query(
    queries: TableQueries,
    dialect: Dialect,
    first: int,
    last: int,
    limit: int | None,
    *,
    careful: bool = False,
    plain: bool = False,
) -> str:
    """One row: first, last, how many rows, how many break each condition, the keys, and each column, as JSON arrays.

    first, last: keys, both included. limit: at most so many rows, None where the range cannot hold too many. careful:
    each value with its storage class, a BLOB as hexadecimal digits; for ranges that JSON cannot hold. plain: by
    PostgreSQL, which joins texts in half the time that escaping them takes. The arrays come without their brackets, and
    behind them how many values each of texts_of_legacy has: twice as many quotes as that, and no backslash, and it is
    an array of JSON but for control characters.
    """
    if dialect is Dialect.POSTGRES:
        return _postgres_range(queries, first, last, limit, plain=plain)
    return _sqlite_range(queries, first, last, limit, careful=careful)


def bounds_query(queries: TableQueries, owner: Owner) -> str:
    """Least and greatest key, as their digits, and the number of rows."""
    place, key = queries.place(owner)
    return f"SELECT CAST(min({key}) AS text), CAST(max({key}) AS text), count(*) FROM {place}"  # noqa: S608 - names of the mapping


def next_key_query(queries: TableQueries, owner: Owner, after: int) -> str:
    """The least key behind that one, as its digits."""
    place, key = queries.place(owner)
    return f"SELECT CAST(min({key}) AS text) FROM {place} WHERE {key} > {after}"  # noqa: S608 - names of the mapping and a number


def offenders_query(queries: TableQueries, condition: Condition, first: int, last: int, limit: int) -> str:
    """Keys of rows that break a condition, with what stands in the column."""
    place, key = queries.place(condition.owner)
    value = (
        f"to_json({_quoted(condition.column)})::text"
        if condition.owner is Owner.LEGACY
        else f"CASE typeof({_quoted(condition.column)}) WHEN 'blob' THEN 'BLOB ' || hex({_quoted(condition.column)}) "
        f"ELSE json_quote({_quoted(condition.column)}) END"
    )
    return (
        f"SELECT CAST({key} AS text), {value} FROM {place} "  # noqa: S608 - names of the mapping
        f"WHERE {key} BETWEEN {first} AND {last} AND ({condition.sql}) "
        f"ORDER BY {key} LIMIT {limit}"
    )


def _postgres_range(queries: TableQueries, first: int, last: int, limit: int | None, *, plain: bool) -> str:
    conditions = queries.held_to(Owner.LEGACY)
    inner = [f"{queries.legacy_key} AS k"]
    rendered = queries.rendered_by_legacy
    inner += [f"{expression} AS c{number}" for number, expression in enumerate(rendered)]
    inner += [f"({condition.sql}) AS v{number}" for number, condition in enumerate(conditions)]
    outer = [f"{first}::bigint", f"{last}::bigint", "count(*)"]
    outer += [f"count(*) FILTER (WHERE v{number})" for number in range(len(conditions))]
    arrays = {"k": Form.INTEGER, **{f"c{number}": form for number, form in enumerate(rendered.values())}}
    outer += [_joined_up(name, form) if plain else _as_array(name) for name, form in arrays.items()]
    if plain:
        outer += [f"count(c{number})" for number in queries.texts_of_legacy]
    rows = (
        f"SELECT {', '.join(inner)} FROM {queries.legacy} "  # noqa: S608 - names of the mapping
        f"WHERE {queries.legacy_key} BETWEEN {first} AND {last} ORDER BY {queries.legacy_key}"
    )
    return f"SELECT {', '.join(outer)} FROM ({rows}{f' LIMIT {limit}' if limit else ''}) held"  # noqa: S608


def _as_array(name: str) -> str:
    # array_to_json(array_agg()) looks each type up once a query, json_build_array and to_json once a value.
    return f"array_to_json(array_agg({name}))"


def _joined_up(name: str, form: Form) -> str:
    """The array without its brackets. What holds JSON is full of quotes, and is escaped as ever."""
    if form in _HOLDING_JSON:
        return f"btrim(array_to_json(array_agg({name}))::text, '[]')"
    value = f"{name}::text" if form in _NUMBERS else f"""'"' || {name} || '"'"""
    return f"string_agg(coalesce({value}, 'null'), ',')"


def _sqlite_range(queries: TableQueries, first: int, last: int, limit: int | None, *, careful: bool) -> str:
    outer = [f"'{first}'", f"'{last}'", "count(*)"]
    outer += [f"count(CASE WHEN {condition.sql} THEN 1 END)" for condition in queries.held_to(Owner.D1)]
    values = [queries.d1_key, *(column.d1 for column in queries.columns)]
    if careful:
        values = [
            f"json_array(typeof({value}), CASE typeof({value}) WHEN 'blob' THEN hex({value}) "
            f"WHEN 'real' THEN printf('%!.17g', {value}) ELSE {value} END)"
            for value in values
        ]
    outer += [f"json_group_array({value})" for value in values]
    where = f"{queries.d1} WHERE {queries.d1_key} BETWEEN {first} AND {last}"
    if limit:
        where = f"(SELECT * FROM {where} ORDER BY {queries.d1_key} LIMIT {limit})"  # noqa: S608 - names of the mapping
    # D1 answers columns of one name once.
    named = (f"{expression} AS a{number}" for number, expression in enumerate(outer))
    return f"SELECT {', '.join(named)} FROM {where}"  # noqa: S608


def _legacy(column: ColumnMapping) -> str:
    """The value that D1 must hold, made by PostgreSQL of Django's column."""
    name = _quoted(column.source or "")
    match column.form:
        case Form.BOOLEAN:
            return f"{name}::int"
        case Form.EMPTY_IS_NULL:
            return f"nullif({name}::text, '')"
        case Form.TIMESTAMP:
            return (
                f"CASE WHEN {name} {_ORDINARY} THEN to_char({name} AT TIME ZONE 'UTC', {_INSTANT}) "
                f"ELSE {name}::text END"
            )
        case Form.TEXT_ARRAY:
            return f"array_to_json({name})::text"
        case Form.INTEGER:
            return name
        case _:
            return f"{name}::text"


def _d1(column: ColumnMapping, *, reverse: bool = False) -> str:
    """The value that D1 holds, spelled as PostgreSQL's, where another spelling means the same."""
    name = _quoted(column.name)
    match column.form:
        case Form.TIMESTAMP:  # the Worker's own rows have milliseconds
            short = f"length({name}) = 24 AND substr({name}, 24) = 'Z'"
            return f"CASE WHEN {short} THEN substr({name}, 1, 23) || '000Z' ELSE {name} END"
        case Form.TEXT_ARRAY:  # without spaces between tokens, and as a text, not as the JSON that it holds
            return f"CASE WHEN typeof({name}) = 'text' AND json_valid({name}) THEN json({name}) || '' ELSE {name} END"
        case _ if reverse and column.back_null is not None:
            return f"coalesce({name}, {_literal(column.back_null)})"
        case _:
            return name


def _conditions(column: ColumnMapping, *, reverse: bool, nullable: frozenset[str]) -> list[Condition]:
    name = _quoted(column.name)
    kind = Kind.NOT_CARRIED if reverse else Kind.CHANGED
    if column.origin is Origin.CONSTANT:
        stored, literal = (
            ("integer", str(column.constant))
            if isinstance(column.constant, int)
            else ("text", _literal(str(column.constant)))
        )
        sql = f"typeof({name}) <> '{stored}' OR {name} <> {literal}"
        return [Condition(Owner.D1, column.name, sql, literal if stored == "integer" else f'"{column.constant}"', kind)]
    if column.origin is Origin.NULL:
        return [Condition(Owner.D1, column.name, f"{name} IS NOT NULL", "null", kind)]
    if column.origin is Origin.TEMPLATE and column.template is not None:
        made = _joined(column.template, {used: _quoted(used) for used in column.template.fields})
        sql = f"typeof({name}) <> 'text' OR {name} IS NOT ({made})"
        return [Condition(Owner.D1, column.name, sql, column.template.text, kind)]
    if column.null:
        return []
    if column.origin is Origin.DERIVED:
        return [Condition(Owner.D1, column.name, f"{name} IS NULL", "not NULL", kind)]
    if not reverse and column.source in nullable:
        return [
            Condition(
                Owner.LEGACY,
                column.source or "",
                f"{_quoted(column.source or '')} IS NULL",
                "not NULL",
                Kind.NOT_CARRIED,
            )
        ]
    return [Condition(Owner.D1, column.name, f"{name} IS NULL", "not NULL", kind)] if reverse else []


def _legacy_value(only: SourceOnly, table: TableMapping) -> str:
    if only.column is not None:
        return _quoted(only.column)
    if only.template is not None:
        return f"({_joined(only.template, {used: _legacy(table.column(used)) for used in only.template.fields})})"
    if isinstance(only.constant, bool):
        return "true" if only.constant else "false"
    return str(only.constant) if isinstance(only.constant, int) else _literal(str(only.constant))


def _expected(only: SourceOnly) -> str:
    if only.column is not None:
        return f"the same as {only.column}"
    if only.template is not None:
        return only.template.text
    return f'"{only.constant}"' if isinstance(only.constant, str) else str(only.constant).lower()


def _joined(template: Template, fields: dict[str, str]) -> str:
    parts: list[str] = []
    for number, literal in enumerate(template.literals):
        parts += [_literal(literal)] if literal else []
        if number < len(template.fields):
            # Both databases write a whole number joined to a text in decimal digits.
            parts.append(f"CAST({fields[template.fields[number]]} AS text)")
    return " || ".join(parts or ["''"])


def _quoted(name: str) -> str:
    """A name that the mapping has judged, as SQL has it on both sides."""
    return f'"{name}"'


def _literal(text: str) -> str:
    """A text as SQL has it. No backslash means anything: standard_conforming_strings is on, and SQLite knows none."""
    return "'" + text.replace("'", "''") + "'"


def calculated_columns(table: TableMapping) -> Sequence[ColumnMapping]:
    """Columns that only the file's bytes prove."""
    return [column for column in table.columns if column.origin is Origin.DERIVED]
