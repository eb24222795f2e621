"""Compare the live schema of D1 with an expected one, and name each difference with its effect."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from cutover.preflight.findings import Finding
from cutover.preflight.storage_schema import Column, Index, Schema, TableShape


@dataclass
class SchemaDifferences:
    """Differences between two schemas. broken: name -> (expected, got); harmless: sentences."""

    broken: dict[str, tuple[str, str]] = field(default_factory=dict)
    harmless: list[str] = field(default_factory=list)

    def findings(self, of: str, place: str, promised: str, do_next: str) -> list[Finding]:
        """Return one finding for each broken difference. of: prefix of their names ("migrations")."""
        return [
            Finding(f"storage:{of}:{name}", f"{place}, {name.partition(':')[2]}", expected, got, promised, do_next)
            for name, (expected, got) in self.broken.items()
        ]


def compared(expected: Schema, live: Schema, *, additions: bool = True) -> SchemaDifferences:
    """Return the differences of the live schema.

    additions: judge also what only the live schema has. An addition that can refuse or change a row is broken: a
    column that is NOT NULL without a default, a UNIQUE index, a foreign key, a CHECK constraint, a trigger. Others
    (tables, nullable columns, views, plain indexes) are harmless, and so is another spelling of a type with the same
    affinity.
    """
    found = SchemaDifferences()
    for name, table in expected.tables.items():
        if name in live.tables:
            _compare_table(name, table, live.tables[name], found, additions=additions)
        else:
            found.broken[f"no-table:{name}"] = (f"table {name}", "no such table")
    for kind, ours, theirs in (
        ("view", expected.views, live.views),
        ("trigger", expected.triggers, live.triggers),
    ):
        for name, sql in ours.items():
            if name not in theirs:
                found.broken[f"no-{kind}:{name}"] = (f"{kind} {name}", f"no such {kind}")
            elif theirs[name] != sql:
                found.broken[f"{kind}:{name}"] = (
                    f"{kind} {name} as defined",
                    f"another definition: {theirs[name][:200]}",
                )
    if additions:
        _add_additions(expected, live, found)
    return found


def _add_additions(expected: Schema, live: Schema, found: SchemaDifferences) -> None:
    for name in sorted(live.triggers.keys() - expected.triggers.keys()):
        found.broken[f"more-trigger:{name}"] = (f"no trigger {name}", "a trigger, which can change or refuse rows")
    for kind, ours, theirs in (
        ("table", set(expected.tables), set(live.tables)),
        ("view", set(expected.views), set(live.views)),
    ):
        found.harmless += [f"{kind} {name} is in no migration" for name in sorted(theirs - ours)]


def _compare_table(
    name: str, expected: TableShape, live: TableShape, found: SchemaDifferences, *, additions: bool
) -> None:
    for column, wanted in expected.columns.items():
        got = live.columns.get(column)
        if got is None:
            found.broken[f"no-column:{name}.{column}"] = (f"column {name}.{column}", "no such column")
            continue
        for part, ours, theirs in _column_differences(wanted, got):
            found.broken[f"{part}:{name}.{column}"] = (f"{name}.{column} {ours}", theirs)
        if wanted.type != got.type and wanted.affinity == got.affinity:
            found.harmless.append(
                f"column {name}.{column} is declared {got.type or 'without a type'}, not {wanted.type}; both have the "
                f"affinity {wanted.affinity}"
            )
    _compare_parts(name, "index", expected.indexes, live.indexes, found, additions=additions)
    _compare_parts(name, "foreign-key", expected.foreign_keys, live.foreign_keys, found, additions=additions)
    _compare_parts(name, "option", expected.options, live.options, found, additions=additions)
    for column in sorted(live.columns.keys() - expected.columns.keys()) if additions else ():
        got = live.columns[column]
        if got.not_null and not got.default and not got.key and not got.generated:
            found.broken[f"more-column:{name}.{column}"] = (
                f"no column {name}.{column}", "a column that is NOT NULL without a default: every INSERT fails"
            )  # fmt: skip
        else:
            found.harmless.append(f"column {name}.{column} is in no migration")


def _compare_parts(
    name: str,
    part: str,
    expected: frozenset[object],
    live: frozenset[object],
    found: SchemaDifferences,
    *,
    additions: bool,
) -> None:
    for each in sorted(map(str, expected - live)):
        found.broken[f"no-{part}:{name} {each}"] = (f"{name}: {each}", "none")
    for more in sorted(live - expected, key=str) if additions else ():
        if isinstance(more, Index) and not more.unique:
            found.harmless.append(f"table {name} has an {more} that is in no migration")
        else:
            found.broken[f"more-{part}:{name} {more}"] = (
                f"{name}: no {more}",
                "it exists, and can refuse or change rows",
            )


def _column_differences(wanted: Column, got: Column) -> Iterator[tuple[str, str, str]]:
    """Yield the kind of each difference with the expected and the live value."""
    if wanted.affinity != got.affinity:
        yield "type", wanted.type or "without a type", f"{got.type or 'no type'} (affinity {got.affinity})"
    if wanted.not_null != got.not_null:
        words = {True: "NOT NULL", False: "NULL allowed"}
        yield "null", words[wanted.not_null], words[got.not_null]
    if wanted.default != got.default:
        yield "default", _default(wanted), _default(got)
    if wanted.key != got.key:
        yield "key", _key(wanted), _key(got)
    if wanted.generated != got.generated:
        words = {True: "generated", False: "not generated"}
        yield "generated", words[wanted.generated], words[got.generated]
    if wanted.collation != got.collation:
        yield "collation", f"COLLATE {wanted.collation}", f"COLLATE {got.collation}"


def _default(column: Column) -> str:
    return f"DEFAULT {column.default}" if column.default else "without a default"


def _key(column: Column) -> str:
    return f"as number {column.key} of the primary key" if column.key else "outside the primary key"
