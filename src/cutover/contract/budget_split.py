"""Split of the environment's request budget over the operations. client/rate_limiter.py enforces the budget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cutover.config.environments import Budget

FUZZED: Final = 0.5
"""Part of the budget for generated requests. The rest is for their prerequisites, for the additional requests of
schemathesis' checks, and for the other checks of the gate."""
_WITH_BODY: Final = 3
_SEQUENCES: Final = 6


def split_budget(operations: Mapping[str, bool], budget: Budget, minutes: float | None) -> dict[str, int] | None:
    """Return operation -> maximum number of requests; None if there is no limit.

    operations: name -> True if the operation has a request body (its weight is 3 instead of 1). minutes: time limit of
    the gate, None for no limit. The key "sequences" is the limit of the request sequences.
    """
    if minutes is None:
        return None
    allowed = int(budget.requests * minutes * 60 / budget.window_s * FUZZED)
    weights = {name: _WITH_BODY if body else 1 for name, body in operations.items()} | {"sequences": _SEQUENCES}
    total = sum(weights.values())
    return {name: allowed * weight // total for name, weight in weights.items()}
