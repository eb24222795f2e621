"""Compare the mapping with both live schemas: every table and column is mapped and can store its values.

A table that differs from the mapping is not read, because SQLite takes the name of a missing column for a text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from cutover.migration.database_side import Reader, text_of
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping import ColumnMapping, Form, MigrationMapping, OneSided, TableMapping

_TYPES: Final = {
    Form.INTEGER: {"int2", "int4", "int8"},
    Form.BOOLEAN: {"bool"},
    Form.TEXT: {"text", "varchar"},
    Form.EMPTY_IS_NULL: {"text", "varchar"},
    Form.UUID: {"uuid"},
    Form.TIMESTAMP: {"timestamptz"},
    Form.TEXT_ARRAY: {"_text", "_varchar"},
    Form.JSON: {"jsonb"},
}
"""PostgreSQL's internal names of the types that each form can represent without loss."""

_LEGACY_COLUMNS: Final = """
SELECT c.relname::text, a.attname::text, t.typname::text, a.attnotnull::int
FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid JOIN pg_type t ON t.oid = a.atttypid
WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'f')
  AND a.attnum > 0 AND NOT a.attisdropped AND NOT c.relispartition
ORDER BY c.relname, a.attnum"""
_LEGACY_UNIQUE: Final = """
SELECT c.relname::text, a.attname::text
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
WHERE c.relnamespace = current_schema()::regnamespace AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
  AND i.indpred IS NULL AND i.indexprs IS NULL"""


@dataclass
class Schema:
    """The tables of one side: name -> column -> (type, True if NOT NULL), and the unique columns."""

    columns: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    unique: set[tuple[str, str]] = field(default_factory=set)
    no_case: set[tuple[str, str]] = field(default_factory=set)
    """The unique columns for which SQLite treats a and A as equal."""

    autoincrement: set[str] = field(default_factory=set)
    views: set[str] = field(default_factory=set)
    """The names among the tables that hold no row of their own."""

    def nullable(self, table: str) -> frozenset[str]:
        """Return the columns that may be NULL."""
        return frozenset(name for name, (_, refused) in self.columns.get(table, {}).items() if not refused)


def legacy_schema(reader: Reader) -> Schema:
    """Return PostgreSQL's current schema."""
    schema = Schema()
    for table, column, kind, refused in reader.query(_LEGACY_COLUMNS):
        schema.columns.setdefault(text_of(table), {})[text_of(column)] = (text_of(kind), bool(refused))
    schema.unique = {(text_of(table), text_of(column)) for table, column in reader.query(_LEGACY_UNIQUE)}
    return schema


def d1_schema(reader: Reader) -> Schema:
    """Return D1's schema, by the few catalog queries that D1 allows."""
    schema = Schema()
    tables = reader.query("SELECT name, sql, type FROM sqlite_master WHERE type IN ('table', 'view') ORDER BY name")
    for cell, sql, kind in tables:
        name = text_of(cell)
        if text_of(kind) == "view":
            schema.views.add(name)
        if sql is not None and "AUTOINCREMENT" in text_of(sql).upper():
            schema.autoincrement.add(name)
        if name.startswith("_cf_"):  # tables of D1 itself, which cannot be queried
            schema.columns[name] = {}
            continue
        quoted = name.replace("'", "''")
        rows = reader.query(f"SELECT name, type, \"notnull\", pk FROM pragma_table_xinfo('{quoted}')")  # noqa: S608
        primary = [text_of(row[0]) for row in rows if row[3]]
        schema.columns[name] = {
            text_of(column): (text_of(form).upper(), bool(refused) or bool(key)) for column, form, refused, key in rows
        }
        if len(primary) == 1:
            schema.unique.add((name, primary[0]))
        for index, unique, partial in reader.query(
            f"SELECT name, \"unique\", partial FROM pragma_index_list('{quoted}')"  # noqa: S608 - a table's own name
        ):
            if unique and not partial:
                _add_index(schema, name, text_of(index), reader)
    return schema


def _add_index(schema: Schema, table: str, index: str, reader: Reader) -> None:
    quoted = index.replace("'", "''")
    parts = reader.query(f"SELECT name, coll FROM pragma_index_xinfo('{quoted}') WHERE key = 1")  # noqa: S608 - an index's own name
    if len(parts) == 1 and parts[0][0] is not None:
        place = (table, text_of(parts[0][0]))
        schema.unique.add(place)
        if text_of(parts[0][1]).upper() != "BINARY":
            schema.no_case.add(place)


def compare_schemas(
    mapping: MigrationMapping, legacy: Schema, d1: Schema, findings: Findings
) -> tuple[TableMapping, ...]:
    """Add a finding for each difference, in the order of the mapping and then by name.

    Return the tables that can be read: both exist, with every mapped column, and D1's key is an integer.
    """
    readable = []
    for table in mapping.tables:
        before = findings.total
        both = _exists(table.source, "Django's schema", legacy, findings)
        both = _exists(table.target, "D1's schema", d1, findings) and both
        if both:
            _compare_table(table, legacy, d1, findings)
        if findings.total == before or (both and _has_all(table, legacy, d1)):
            readable.append(table)
    one_sided = (
        (legacy, mapping.source_tables, {table.source for table in mapping.tables}, "Django"),
        (d1, mapping.target_tables, {table.target for table in mapping.tables}, "D1"),
    )
    for schema, tables, mapped, label in one_sided:
        _find_unmapped_tables(schema, tables, mapped, label, findings)
    return tuple(readable)


def _exists(name: str, where: str, schema: Schema, findings: Findings) -> bool:
    if name in schema.columns:
        return True
    findings.add(Finding(Part.SCHEMA, name, Kind.MISSING, "", None, "a table", "no such table", f"in {where}"))
    return False


def _has_all(table: TableMapping, legacy: Schema, d1: Schema) -> bool:
    sources = {column.source for column in table.columns if column.source} | {
        only.name for only in table.source_only if only.constrained
    }
    types_fit = all(
        legacy.columns[table.source].get(column.source or "", ("", False))[0] in _TYPES[column.form]
        for column in table.columns
        if column.form is not None
    )
    # SQLite gives a column INTEGER affinity if its type contains INT: https://www.sqlite.org/datatype3.html#affname
    key_fits = "INT" in d1.columns[table.target].get(table.target_key, ("", False))[0]
    return (
        types_fit
        and key_fits
        and sources <= legacy.columns[table.source].keys()
        and {column.name for column in table.columns} <= d1.columns[table.target].keys()
    )


def _compare_table(table: TableMapping, legacy: Schema, d1: Schema, findings: Findings) -> None:
    def found(kind: Kind, column: str, expected: str, got: str, note: str) -> None:
        findings.add(Finding(Part.SCHEMA, table.target, kind, "", column, expected, got, note))

    source, target = legacy.columns[table.source], d1.columns[table.target]
    mapped_sources = {column.source for column in table.columns if column.source} | {
        only.name for only in table.source_only
    }
    for name in sorted(source.keys() - mapped_sources):
        found(Kind.UNMAPPED, name, "a line in contracts/migration.toml", "none", f"column of Django's {table.source}")
    for name in sorted(mapped_sources - source.keys()):
        found(Kind.MISSING, name, "a column", "no such column", f"in Django's {table.source}")
    for name in sorted(target.keys() - {column.name for column in table.columns}):
        found(Kind.UNMAPPED, name, "a line in contracts/migration.toml", "none", f"column of D1's {table.target}")
    for column in table.columns:
        if column.name not in target:
            found(
                Kind.MISSING,
                column.name,
                f"column {table.target}.{column.name}",
                "no such column",
                f"in D1's {table.target}",
            )
        elif column.source in source and column.form is not None:
            _compare_column(column, source[column.source][0], target[column.name], found)
    for name in (table.target_key, *table.unique):
        if name in target and (table.target, name) not in d1.unique:
            found(Kind.UNUSABLE, name, "a UNIQUE index over the whole column", "none", "in D1's schema")
    if table.source_key in source and (table.source, table.source_key) not in legacy.unique:
        found(Kind.UNUSABLE, table.source_key, "a unique key", "no unique index", f"in Django's {table.source}")


def _compare_column(
    column: ColumnMapping, kind: str, target: tuple[str, bool], found: Callable[[Kind, str, str, str, str], None]
) -> None:
    assert column.form is not None  # the caller has checked it
    if kind not in _TYPES[column.form]:
        found(
            Kind.UNUSABLE, column.name, f"{column.form} of {' or '.join(sorted(_TYPES[column.form]))}", kind,
            f"type of Django's {column.source}",
        )  # fmt: skip
    if column.null and target[1]:
        found(Kind.UNUSABLE, column.name, "a column that may be NULL", "NOT NULL", "in D1's schema")
    if column.form is Form.INTEGER and target[0] != "INTEGER":
        found(Kind.UNUSABLE, column.name, "a column of type INTEGER", target[0] or "no type", "in D1's schema")


def _find_unmapped_tables(
    schema: Schema, tables: Iterable[OneSided], mapped: set[str], label: str, findings: Findings
) -> None:
    known = {table.name: table for table in tables}
    for table in known.values():
        for column in table.references if table.name in schema.columns else ():
            if column not in schema.columns[table.name]:
                findings.add(
                    Finding(
                        Part.SCHEMA, table.name, Kind.MISSING, "", column, f"column {table.name}.{column}",
                        "no such column", f"in {label}'s {table.name}",
                    )
                )  # fmt: skip
    for name in sorted(schema.columns.keys() - mapped - known.keys() - schema.views):
        findings.add(
            Finding(
                Part.SCHEMA,
                name,
                Kind.UNMAPPED,
                "",
                None,
                "a line in contracts/migration.toml",
                "none",
                f"table of {label}",
            )
        )
