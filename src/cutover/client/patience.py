"""Limits of the time that a run loses to a system whose answers never become complete."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Final

from cutover.core.errors import NotVerified

FULL_S: Final = 30.0
"""Seconds that a system may take from a process by incomplete answers before its time limits are shortened."""
SHORT_S: Final = 2.0
"""The shortest time limit."""
_INCOMPLETE: Final = 2
"""Incomplete answers of an operation after which the process does not send it again."""


class Patience:
    """The incomplete answers of each system and operation in this process.

    The first ones take their full time and are findings. Without a limit, a system that accepts requests and never
    answers them would hold a run for the number of its checks times timeout_s.
    """

    def __init__(self) -> None:
        self._lost_s: defaultdict[str, float] = defaultdict(float)
        self._incomplete: Counter[tuple[str, str]] = Counter()

    def seconds(self, system: str, operation: str, timeout_s: float) -> float:
        """Return the time limit of a request in seconds, at most timeout_s.

        Raises NotVerified if the operation must not be sent again.
        """
        if self._incomplete[system, operation] >= _INCOMPLETE:
            raise NotVerified(
                f"{operation} on {system} was not sent: {_INCOMPLETE} requests to it had no complete answer before. "
                f"See the finding of {operation}, and search the log of {system} for its request ids."
            )
        return min(timeout_s, max(SHORT_S, FULL_S - self._lost_s[system]))

    def incomplete(self, system: str, operation: str, seconds: float, *, limit_s: float, timeout_s: float) -> None:
        """Count an incomplete answer that took that many seconds.

        limit_s: the limit that `seconds` gave. Raises NotVerified if it was shorter than timeout_s: an honest answer
        may take longer.
        """
        self._incomplete[system, operation] += 1
        self._lost_s[system] += seconds
        if limit_s < timeout_s:
            raise NotVerified(
                f"{operation} on {system} had no complete answer within {limit_s:g} s. Other requests to {system} had "
                f"none within {timeout_s:g} s, so the run no longer waits that long. See their findings."
            )
