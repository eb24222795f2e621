"""The written journeys: one for each thing that the plan's users do, and for what goes wrong on the way.

contracts/api.md says what each step promises; nothing of it is repeated here, since both systems are
compared. Order and names are stable: they are the checks' ids.
"""

from __future__ import annotations

from cutover import corpus
from cutover.parity.journeys import accounts, cutting, files
from cutover.parity.steps import Journey

__all__ = ["written"]


def written() -> tuple[Journey, ...]:
    """All of them, each name once."""
    found = (*accounts.journeys(), *files.journeys(corpus.list_files()), *cutting.journeys())
    assert len({journey.name for journey in found}) == len(found)
    return found
