"""Other definitions of a table of D1 that no other table refers to, with all of its rows and indexes."""

from __future__ import annotations

import re

from surroundings.presented import Presented, exchanged

_MIGRATION = "0001_production_setup.sql"


def redefine(presented: Presented, table: str, old: str, new: str) -> None:
    """Exchange a text of the table's definition in the live database, until the surroundings end."""
    honest = _definition(presented, table)
    other = exchanged(honest, old, new)
    presented.d1_changes.append((_rebuild(presented, table, other), _rebuild(presented, table, honest)))


def _definition(presented: Presented, table: str) -> str:
    """Return the statement of the migration that creates the table."""
    found = re.search(rf"(?ms)^CREATE TABLE IF NOT EXISTS {table} \(.*?^\);", presented.migrations[_MIGRATION])
    if found is None:
        raise ValueError(f"expected the table {table} in {_MIGRATION}, got none")
    return found[0]


def _rebuild(presented: Presented, table: str, definition: str) -> str:
    """Return statements that copy the table to one with this definition, which replaces it."""
    indexes = re.findall(rf"(?m)^CREATE INDEX IF NOT EXISTS \w+ ON {table}\(.*\);", presented.migrations[_MIGRATION])
    steps = (
        exchanged(definition, f"CREATE TABLE IF NOT EXISTS {table} (", f"CREATE TABLE {table}_other ("),
        f"INSERT INTO {table}_other SELECT * FROM {table};",  # noqa: S608 - names of tables are constants
        f"DROP TABLE {table};",
        f"ALTER TABLE {table}_other RENAME TO {table};",
        *indexes,
    )
    return "\n".join(steps)
