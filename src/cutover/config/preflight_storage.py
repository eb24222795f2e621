"""The settings of the preflight checks of the stores: table `preflight.storage` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, Table, Text

STORAGE: Final = Table(
    {"migrations": Text("a folder's path"), "migrations_table": Text("a table's name")},
    defaults={"migrations_table": "d1_migrations"},
)
"""The schema of table `preflight.storage`."""


@dataclass(frozen=True)
class StorageSettings:
    """The settings of the checks of the stores.

    migrations: the folder with D1's migrations (.sql), None if it is not named. migrations_table: the table in which
    Wrangler notes the applied ones (migrations_table of the D1 binding).
    """

    migrations: Path | None = None
    migrations_table: str = "d1_migrations"


def read_storage(file: Path, key: str, row: Mapping[str, Any]) -> StorageSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError.

    Every migration is read, so that one that cannot be read ends the run before anything is sent.
    """
    if "migrations" not in row:
        return StorageSettings(None, row["migrations_table"])
    folder = file.parent / row["migrations"]
    place = f"{key}.migrations"
    try:
        files = [each for each in folder.iterdir() if each.suffix == ".sql"]
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            file, place, f"expected a folder, got {row['migrations']!r} ({getattr(error, 'strerror', None) or error})",
            "Name the folder that wrangler applies (migrations_dir).",
        ) from None  # fmt: skip
    if not files:
        raise ConfigurationError(
            file, place, f"expected .sql files, got none in {row['migrations']!r}", "Name the folder of the migrations."
        )
    for each in files:
        try:
            each.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(each, "", f"cannot be read: {error}", "Make it a readable UTF-8 file.") from None
    return StorageSettings(folder, row["migrations_table"])
