"""The settings of the preflight checks of the suite itself: table `preflight.suite` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import Table

SUITE: Final = Table({})
"""The schema of table `preflight.suite`."""


@dataclass(frozen=True)
class SuiteSettings:
    """The settings of the checks of the suite itself."""


def read_suite(file: Path, key: str, row: Mapping[str, Any]) -> SuiteSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    del file, key, row
    return SuiteSettings()
