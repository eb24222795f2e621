"""The settings of the preflight checks of the Wrangler configuration: table `preflight.wrangler` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError, Table, Text

WRANGLER: Final = Table({"file": Text("a file's path")}, required=("file",))
"""The schema of table `preflight.wrangler`."""

_SUFFIXES: Final = (".toml", ".json", ".jsonc")


@dataclass(frozen=True)
class WranglerSettings:
    """The settings of the checks of the Wrangler configuration. file: wrangler.toml, .json or .jsonc."""

    file: Path


def read_wrangler(file: Path, key: str, row: Mapping[str, Any]) -> WranglerSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    return WranglerSettings(wrangler_file(file, f"{key}.file", file.parent / row["file"]))


def wrangler_file(source: Path | str, key: str, path: Path) -> Path:
    """Return the path if it is a file with a known suffix. source, key: for messages. Raises ConfigurationError."""
    if path.suffix not in _SUFFIXES:
        raise ConfigurationError(
            source, key, f"expected wrangler.toml, wrangler.json or wrangler.jsonc, got {path.name!r}",
            "Name the Wrangler configuration.",
        )  # fmt: skip
    try:
        is_file = path.is_file()
    except (OSError, ValueError):  # a name that is too long, or with a NUL
        is_file = False
    if not is_file:
        raise ConfigurationError(
            source, key, f"expected a Wrangler configuration, got no file {str(path)!r}", "Correct the path."
        )
    return path
