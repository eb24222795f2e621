"""The settings of the preflight checks of the suite itself: table `preflight.suite` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import Flag, Integer, Number, Table

_DEFAULTS: Final = {"clock_s": 5.0, "free_mb": 1024, "gate_minutes": 180.0, "burst": False}

SUITE: Final = Table(
    {"clock_s": Number(0.5, 25), "free_mb": Integer(1, 10_000_000), "gate_minutes": Number(1, 10_000), "burst": Flag()},
    defaults=_DEFAULTS,
)
"""The schema of table `preflight.suite`."""


@dataclass(frozen=True)
class SuiteSettings:
    """The limits of the checks of the suite itself. The defaults hold without the table.

    clock_s: largest difference of two clocks; above 25 s every gate is INVALID. free_mb: megabytes that reports need.
    gate_minutes: longest time of a gate within the request budget. burst: reading requests above the limiter's promise
    may be sent to an environment that is not disposable, to try the bypass of other environments.
    """

    clock_s: float = 5.0
    free_mb: int = 1024
    gate_minutes: float = 180.0
    burst: bool = False


def read_suite(file: Path, key: str, row: Mapping[str, Any]) -> SuiteSettings:
    """Return the settings of a validated table. key: of the table, for messages."""
    del file, key
    return SuiteSettings(**row)
