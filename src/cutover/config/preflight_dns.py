"""The settings of the preflight checks of DNS: table `preflight.dns` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import Table

DNS: Final = Table({})
"""The schema of table `preflight.dns`."""


@dataclass(frozen=True)
class DnsSettings:
    """The settings of the checks of DNS."""


def read_dns(file: Path, key: str, row: Mapping[str, Any]) -> DnsSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    del file, key, row
    return DnsSettings()
