"""Check the conditions for a write: both schemas match the mapping, and unmapped tables are empty."""

from __future__ import annotations

from migration.failure import MigrationError
from migration.sides import Sides


def schemas(sides: Sides) -> None:
    """Raise MigrationError for a table or column that is missing or not in the mapping."""
    for table in sides.mapping.tables:
        for where, name, wanted, found in (
            ("PostgreSQL", table.source, set(table.source_kinds), sides.django.columns(table.source)),
            ("D1", table.target, set(table.names), set(sides.d1.columns(table.target))),
        ):
            if not found:
                raise MigrationError(
                    f"{where} has no table {name}: is this List Cutter's database, and is it migrated?"
                )
            if wanted != found:
                odd = ", ".join(sorted(wanted ^ found))
                raise MigrationError(
                    f"{where}, table {name}: {odd} on one side only of contracts/migration.toml and the table"
                )


def target_is_empty(sides: Sides) -> None:
    """Raise MigrationError for a target with rows or objects, because a full migration would mix them
    with its own.
    """
    for table in sides.mapping.tables:
        if sides.d1.count(table.target):
            raise MigrationError(
                f"D1, table {table.target} holds rows: use delta, or full --replace, or undo what wrote them"
            )
    if next(iter(sides.r2.list(sides.mapping.objects["prefix"])), None) is not None:
        raise MigrationError("R2 holds objects of files: use delta, or full --replace, or undo what wrote them")


def unmapped_tables(sides: Sides) -> list[str]:
    """Return the tables that must be empty by the mapping and are not."""
    django = sides.django
    return [name for name in sides.mapping.must_be_empty if django.columns(name) and django.count(name)]
