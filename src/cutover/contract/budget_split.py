"""How the requests of an environment's budget are divided over the operations.

Not for holding requests back: that is pacing.py, for all of a run alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cutover.config.environments import Budget

FUZZED: Final = 0.5
"""Of what the budget allows in the given time, this part is drawn requests; the rest is for what they need, for the
questions that a check asks in addition, and for checks of our own."""
_WITH_BODY: Final = 3
_SEQUENCES: Final = 6


def shares(operations: Mapping[str, bool], budget: Budget, minutes: float | None) -> dict[str, int] | None:
    """How many requests each operation may be sent; None: as many as there are.

    operations: name -> whether it takes a body, which has more to be wrong and gets three times as much. minutes: that
    the gate may take, None for as long as it takes. "sequences" is the share of the sequences along links.
    """
    if minutes is None:
        return None
    allowed = int(budget.requests * minutes * 60 / budget.window_s * FUZZED)
    weights = {name: _WITH_BODY if body else 1 for name, body in operations.items()} | {"sequences": _SEQUENCES}
    total = sum(weights.values())
    return {name: allowed * weight // total for name, weight in weights.items()}
