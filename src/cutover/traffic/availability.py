"""Outages of a stream of requests: lower and upper bounds of each, and the longest gap between responses.

Each request samples the system between its sending and its end.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from cutover.traffic.engine import Call
from cutover.traffic.ledger import Outcome
from cutover.traffic.wire import Response

NS: Final = 1_000_000_000
_GOOD: Final = (Outcome.OK, Outcome.REFUSED_BY_MAINTENANCE)
"""Outcomes that do not indicate an outage: a response as promised, a declared refusal."""

_NO_SAMPLE: Final = (Outcome.CLOSED_WHILE_IDLE, Outcome.UNSENT)
"""Outcomes of requests that never reached the system: they indicate neither an outage nor its end."""


@dataclass(frozen=True)
class Outage:
    """One outage of one stream, in seconds of the run.

    from_s, to_s: sending of the first and of the last failed request. lower_ms: the least possible length (from the end
    of the first failure to the sending of the last one); upper_ms: the greatest possible length (from the sending of
    the last successful request before it to the first response after it), None if there was no later response.
    """

    stream: str
    from_s: float
    to_s: float
    failed: int
    lower_ms: float
    upper_ms: float | None

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in vars(self).items()}


class AvailabilityLog:
    """A log of the streams' requests: sent and done in ns from the start of the run, and 1 if the outcome was good."""

    def __init__(self, origin_ns: int) -> None:
        self._origin_ns = origin_ns
        self.rows: dict[str, array[int]] = {}

    def start(self, origin_ns: int) -> None:
        """Set the start of the run."""
        self._origin_ns = origin_ns

    def __call__(
        self, call: Call, outcome: Outcome, detail: str, times: tuple[int, int, int], response: Response | None
    ) -> None:
        """Record one request of a stream. Writes and large bodies are less frequent, so they are no stream."""
        del detail, response
        stream, found, _ = call.endpoint.partition(":")
        if found and stream != "large" and outcome not in _NO_SAMPLE:
            self.rows.setdefault(stream, array("q")).extend(
                (times[1] - self._origin_ns, times[2] - self._origin_ns, outcome in _GOOD)
            )

    def as_message(self) -> dict[str, bytes]:
        """Return the log as a message for the master process."""
        return {stream: rows.tobytes() for stream, rows in self.rows.items()}


def merged(messages: Iterable[Mapping[str, bytes]]) -> dict[str, list[tuple[int, int, bool]]]:
    """Return the rows of all processes by stream, sorted by sending. Raises ValueError for a malformed message."""
    streams: dict[str, list[tuple[int, int, bool]]] = {}
    for message in messages:
        for stream, data in message.items():
            rows = array("q")
            rows.frombytes(data)
            if len(rows) % 3:
                raise ValueError("the log of a stream is truncated")
            streams.setdefault(stream, []).extend(
                (sent, done, bool(good)) for sent, done, good in zip(*[iter(rows)] * 3, strict=True)
            )
    return {stream: sorted(rows) for stream, rows in sorted(streams.items())}


def find_outages(stream: str, rows: Sequence[tuple[int, int, bool]]) -> list[Outage]:
    """Return the outages of one stream: each series of failures between two responses.

    rows: sent, done, good, sorted by sending.
    """
    found: list[Outage] = []
    before: int | None = None
    failures: list[tuple[int, int]] = []
    for sent, done, good in (*rows, (0, 0, True)):
        if not good:
            failures.append((sent, done))
            continue
        last = (sent, done) == (0, 0)
        if failures:
            begin = before if before is not None else failures[0][0]
            found.append(
                Outage(
                    stream,
                    failures[0][0] / NS,
                    failures[-1][0] / NS,
                    len(failures),
                    max(0, failures[-1][0] - min(end for _, end in failures)) / 1e6,
                    None if last else (done - begin) / 1e6,
                )
            )
            failures = []
        before = sent
    return found


def longest_gap_ms(rows: Sequence[tuple[int, int, bool]]) -> float | None:
    """Return the longest time in ms between the ends of two successful requests; None with fewer than two."""
    ends = sorted(done for _, done, good in rows if good)
    return max((later - earlier for earlier, later in pairwise(ends)), default=0) / 1e6 if len(ends) > 1 else None
