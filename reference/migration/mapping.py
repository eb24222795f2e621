"""Read contracts/migration.toml: tables, columns, and the source of each.

It is checked against the live schemas only as far as a write needs it; the gate checks the rest.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MAPPING = Path(__file__).resolve().parents[2] / "contracts" / "migration.toml"


@dataclass(frozen=True)
class Column:
    """A column of D1. source: the column of Django, None if the value is generated here."""

    name: str
    source: str | None
    kind: str | None
    rule: dict[str, Any]

    @property
    def nullable(self) -> bool:
        return bool(self.rule.get("null"))

    @property
    def goes_back(self) -> bool:
        """Return True if the reverse direction writes it into its column of Django."""
        return self.source is not None and self.rule.get("back") != "none"


@dataclass(frozen=True)
class Table:
    """A table of Django and the table of D1 with its rows; the key is `id` on both sides."""

    source: str
    target: str
    columns: tuple[Column, ...]
    source_only: dict[str, dict[str, Any]]
    unique: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def source_kinds(self) -> dict[str, str | None]:
        """Return the columns of Django and how they are read; source_only columns as psycopg returns them."""
        read: dict[str, str | None] = {c.source: c.kind for c in self.columns if c.source is not None}
        return read | dict.fromkeys(self.source_only)


@dataclass(frozen=True)
class Mapping:
    users: Table
    files: Table
    objects: dict[str, Any]
    must_be_empty: tuple[str, ...]
    dependents: tuple[str, ...]
    """Tables that exist only in D1 and whose rows reference rows of the mapped tables."""

    @property
    def tables(self) -> tuple[Table, Table]:
        """Return both tables in the order in which rows may be inserted."""
        return (self.users, self.files)


def load(path: Path = MAPPING) -> Mapping:
    """Read the mapping. Raise KeyError or ValueError for one that this program does not understand."""
    data = tomllib.loads(path.read_text(encoding="utf-8"))
    tables = {entry["target"]: _table(entry) for entry in data["table"]}
    if set(tables) != {"users", "files"}:
        raise ValueError(f"{path.name}: this program moves users and files, not {sorted(tables)}")
    empty = tuple(entry["name"] for entry in data["source_table"] if entry.get("must_be_empty"))
    dependents = tuple(entry["name"] for entry in data["target_table"] if entry.get("references"))
    return Mapping(tables["users"], tables["files"], data["objects"], empty, dependents)


def _table(entry: dict[str, Any]) -> Table:
    if entry["key"] != {"source": "id", "target": "id"}:
        raise ValueError(f"table {entry['target']}: this program knows the key `id` alone")
    columns = tuple(Column(name, rule.get("from"), rule.get("as"), rule) for name, rule in entry["columns"].items())
    return Table(
        entry["source"], entry["target"], columns, entry.get("source_only", {}), tuple(entry.get("unique", ()))
    )
