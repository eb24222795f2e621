"""What the tests of planted defects share: a way to tell the table what came of each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest


@dataclass(frozen=True)
class Told:
    """What a test tells the table: kept in its report, which reaches the process that prints it."""

    record: Callable[[str, object], None]

    def __call__(self, fault: Mapping[str, Any], check: str, mode: Literal["planted", "neutral"], came: str) -> None:
        """One cell: what came of a defect or of its twin."""
        self.record("planted defect", [fault["system"], fault["name"], check.rpartition("::")[2], mode, came])


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Told:
    """Writes a cell of the table."""
    return Told(record_property)
