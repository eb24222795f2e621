"""The settings of the preflight checks of TLS: table `preflight.tls` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import Table

TLS: Final = Table({})
"""The schema of table `preflight.tls`."""


@dataclass(frozen=True)
class TlsSettings:
    """The settings of the checks of TLS."""


def read_tls(file: Path, key: str, row: Mapping[str, Any]) -> TlsSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    del file, key, row
    return TlsSettings()
