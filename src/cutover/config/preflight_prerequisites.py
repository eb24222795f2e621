"""The settings of the preflight checks of prerequisites: table `preflight.prerequisites` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import Table

PREREQUISITES: Final = Table({})
"""The schema of table `preflight.prerequisites`."""


@dataclass(frozen=True)
class PrerequisiteSettings:
    """The settings of the checks of the prerequisites of the plan."""


def read_prerequisites(file: Path, key: str, row: Mapping[str, Any]) -> PrerequisiteSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    del file, key, row
    return PrerequisiteSettings()
