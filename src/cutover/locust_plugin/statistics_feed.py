"""A feed of the requests into Locust's own statistics, so that its page, CSV and HTML show the same requests."""

from __future__ import annotations

from typing import Any

from cutover.traffic.engine import Call
from cutover.traffic.ledger import Outcome
from cutover.traffic.wire import Response


class StatisticsFeed:
    """A watcher of the load engine. `flush` hands the requests over, once per second."""

    def __init__(self, stats: Any) -> None:
        """stats: of Locust's environment."""
        self._stats, self._rows = stats, list[tuple[str, str, int, int, str]]()

    def __call__(
        self, call: Call, outcome: Outcome, detail: str, times: tuple[int, int, int], response: Response | None
    ) -> None:
        size = len(response.body) if response is not None else 0
        error = "" if outcome is Outcome.OK else f"{outcome.label}: {detail}"
        self._rows.append((call.method, call.endpoint, times[2] - times[0], size, error))

    def flush(self) -> None:
        """Hand over the requests since the last call."""
        rows, self._rows = self._rows, []
        for method, name, duration_ns, size, error in rows:
            self._stats.log_request(method, name, duration_ns / 1e6, size)
            if error:
                self._stats.log_error(method, name, error)
