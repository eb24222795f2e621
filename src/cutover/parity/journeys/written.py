"""The written journeys: one for each action of the plan's users, and for each mistake.

contracts/api.md describes the expected results. They are not repeated here, because both systems are compared. Order
and names are stable: they are the ids of the checks.
"""

from __future__ import annotations

from cutover import corpus
from cutover.parity.journeys import accounts, exports, files
from cutover.parity.steps import Journey

__all__ = ["written"]


def written() -> tuple[Journey, ...]:
    """Return all written journeys. Each name is unique."""
    found = (*accounts.journeys(), *files.journeys(corpus.list_files()), *exports.journeys())
    assert len({journey.name for journey in found}) == len(found)
    return found
