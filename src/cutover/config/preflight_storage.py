"""The settings of the preflight checks of the stores: table `preflight.storage` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import Table

STORAGE: Final = Table({})
"""The schema of table `preflight.storage`."""


@dataclass(frozen=True)
class StorageSettings:
    """The settings of the checks of the stores."""


def read_storage(file: Path, key: str, row: Mapping[str, Any]) -> StorageSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    del file, key, row
    return StorageSettings()
