"""The queries of a reconciliation: each side renders the columns of a key range as JSON arrays, in D1's format.

Columns instead of rows: both databases build one array per column fastest, and an array that differs names the column.
The JSON is typed and injective: NULL, 'null', 1, '1' and 1.0 are five texts.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cutover.migration.database_side import Dialect
from cutover.migration.findings import Kind
from cutover.migration.mapping import ColumnMapping, Form, Origin, SourceOnly, TableMapping, Template

# to_char supports no infinity, no year before 1 and none with five digits. PostgreSQL's own text is compared for those.
_ORDINARY: Final = "BETWEEN timestamptz '0001-01-01 00:00:00+00' AND timestamptz '9999-12-31 23:59:59.999999+00'"
_INSTANT: Final = """'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'"""


_NUMBERS: Final = (Form.INTEGER, Form.BOOLEAN)
_JSON_FORMS: Final = (Form.TEXT_ARRAY, Form.JSON)


class Owner(StrEnum):
    """A side whose rows are queried."""

    LEGACY = "legacy"
    D1 = "d1"


@dataclass(frozen=True, slots=True)
class Compared:
    """A column that both sides render: its name in D1, its form, and its SQL expression on each side."""

    name: str
    form: Form
    legacy: str
    d1: str


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that no row of one side may violate. sql: true for a row that does; expected: words or JSON text."""

    owner: Owner
    column: str
    sql: str
    expected: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class TableQueries:
    """The parts of all queries of one mapped table, in one direction.

    legacy, d1: the text after FROM. legacy_key, d1_key: the key column.
    """

    name: str
    legacy: str
    d1: str
    legacy_key: str
    d1_key: str
    columns: tuple[Compared, ...]
    conditions: tuple[Condition, ...] = ()

    def place(self, owner: Owner) -> tuple[str, str]:
        """Return the text after FROM and the key of one side."""
        return (self.legacy, self.legacy_key) if owner is Owner.LEGACY else (self.d1, self.d1_key)

    @property
    def legacy_expressions(self) -> dict[str, Form]:
        """Return the expressions that PostgreSQL renders, with their forms. Several columns of D1 may share one."""
        return {column.legacy: column.form for column in self.columns}

    @property
    def legacy_text_columns(self) -> tuple[int, ...]:
        """Return the numbers of those whose values are texts.

        Between quotes such a text is JSON unless it contains a quote, a backslash or a control character.
        """
        forms = self.legacy_expressions.values()
        return tuple(number for number, form in enumerate(forms) if form not in (*_NUMBERS, *_JSON_FORMS))

    def conditions_on(self, owner: Owner) -> tuple[Condition, ...]:
        """Return the conditions on one side's rows."""
        return tuple(condition for condition in self.conditions if condition.owner is owner)


def queries_of(table: TableMapping, *, reverse: bool, nullable: frozenset[str] = frozenset()) -> TableQueries:
    """Return the queries of a mapped table.

    reverse: D1 is the source. Columns that the reverse direction does not write are omitted, and values of D1 that
    Django cannot store count as not carried. nullable: columns of Django that may be NULL by its schema.
    """
    compared = [
        Compared(column.name, column.form, _legacy(column), _d1(column, reverse=reverse))
        for column in table.columns
        if column.origin is Origin.COLUMN and column.form is not None and (column.carried_back or not reverse)
        if column.name != table.target_key  # rows are matched by it
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
    """Return queries for the number and total size of rows by owner, a comparison that does not depend on row keys."""
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
    """Return a query with one result row: first, last, rows, violations of each condition, keys and columns as arrays.

    first, last: keys, inclusive. limit: maximum number of rows, None if the range cannot contain too many. careful:
    each value with its storage class, a BLOB as hexadecimal digits, for ranges that JSON cannot represent. plain:
    PostgreSQL joins texts without escaping them, in half the time. Then the arrays have no brackets, and the number of
    values of each of `legacy_text_columns` follows them. An array with twice as many quotes and no backslash is JSON
    except for control characters.
    """
    if dialect is Dialect.POSTGRES:
        return _postgres_range(queries, first, last, limit, plain=plain)
    return _sqlite_range(queries, first, last, limit, careful=careful)


def bounds_query(queries: TableQueries, owner: Owner) -> str:
    """Return a query for the least and the greatest key, as digits, and the number of rows."""
    place, key = queries.place(owner)
    return f"SELECT CAST(min({key}) AS text), CAST(max({key}) AS text), count(*) FROM {place}"  # noqa: S608 - names of the mapping


def next_key_query(queries: TableQueries, owner: Owner, after: int) -> str:
    """Return a query for the least key greater than `after`, as digits."""
    place, key = queries.place(owner)
    return f"SELECT CAST(min({key}) AS text) FROM {place} WHERE {key} > {after}"  # noqa: S608 - names of the mapping and a number


def violations_query(queries: TableQueries, condition: Condition, first: int, last: int, limit: int) -> str:
    """Return a query for the keys of rows that violate a condition, with the value of the column."""
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
    conditions = queries.conditions_on(Owner.LEGACY)
    inner = [f"{queries.legacy_key} AS k"]
    rendered = queries.legacy_expressions
    inner += [f"{expression} AS c{number}" for number, expression in enumerate(rendered)]
    inner += [f"({condition.sql}) AS v{number}" for number, condition in enumerate(conditions)]
    outer = [f"{first}::bigint", f"{last}::bigint", "count(*)"]
    outer += [f"count(*) FILTER (WHERE v{number})" for number in range(len(conditions))]
    arrays = {"k": Form.INTEGER, **{f"c{number}": form for number, form in enumerate(rendered.values())}}
    outer += [_joined_array(name, form) if plain else _as_array(name) for name, form in arrays.items()]
    if plain:
        outer += [f"count(c{number})" for number in queries.legacy_text_columns]
    rows = (
        f"SELECT {', '.join(inner)} FROM {queries.legacy} "  # noqa: S608 - names of the mapping
        f"WHERE {queries.legacy_key} BETWEEN {first} AND {last} ORDER BY {queries.legacy_key}"
    )
    return f"SELECT {', '.join(outer)} FROM ({rows}{f' LIMIT {limit}' if limit else ''}) selected"  # noqa: S608


def _as_array(name: str) -> str:
    # array_to_json(array_agg()) looks up each type once per query, json_build_array and to_json once per value.
    return f"array_to_json(array_agg({name}))"


def _joined_array(name: str, form: Form) -> str:
    """Return SQL for the array without its brackets. Values that are JSON contain quotes and are escaped."""
    if form in _JSON_FORMS:
        return f"btrim(array_to_json(array_agg({name}))::text, '[]')"
    value = f"{name}::text" if form in _NUMBERS else f"""'"' || {name} || '"'"""
    return f"string_agg(coalesce({value}, 'null'), ',')"


def _sqlite_range(queries: TableQueries, first: int, last: int, limit: int | None, *, careful: bool) -> str:
    outer = [f"'{first}'", f"'{last}'", "count(*)"]
    outer += [f"count(CASE WHEN {condition.sql} THEN 1 END)" for condition in queries.conditions_on(Owner.D1)]
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
    # D1 returns only one of several columns with the same name.
    named = (f"{expression} AS a{number}" for number, expression in enumerate(outer))
    return f"SELECT {', '.join(named)} FROM {where}"  # noqa: S608


def _legacy(column: ColumnMapping) -> str:
    """Return PostgreSQL's expression for the value that D1 must have."""
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
    """Return SQLite's expression for the value of D1, in PostgreSQL's spelling if another one means the same."""
    name = _quoted(column.name)
    match column.form:
        case Form.TIMESTAMP:  # rows that the Worker creates have milliseconds
            short = f"length({name}) = 24 AND substr({name}, 24) = 'Z'"
            return f"CASE WHEN {short} THEN substr({name}, 1, 23) || '000Z' ELSE {name} END"
        case Form.TEXT_ARRAY:  # without spaces between tokens; || makes it a text again
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
        expected = _joined(column.template, {used: _quoted(used) for used in column.template.fields})
        sql = f"typeof({name}) <> 'text' OR {name} IS NOT ({expected})"
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
            # Both databases write an integer that is joined to a text in decimal digits.
            parts.append(f"CAST({fields[template.fields[number]]} AS text)")
    return " || ".join(parts or ["''"])


def _quoted(name: str) -> str:
    """Return a name for the SQL of both sides. The reader of the mapping has validated it."""
    return f'"{name}"'


def _literal(text: str) -> str:
    """Return a text as an SQL literal. Backslashes need no escape (standard_conforming_strings; SQLite has none)."""
    return "'" + text.replace("'", "''") + "'"
