"""Outages from single requests: windows with a lower and an upper bound, the longest gap between answers.

Every request is a sample of one moment between its sending and its end. Not for sending: engine.py; nor for
percentages: metrics.py.
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
_FINE: Final = (Outcome.OK, Outcome.REFUSED_BY_MAINTENANCE)
"""What is no sign of an outage: an answer, a declared refusal."""

_NO_SAMPLE: Final = (Outcome.CLOSED_WHILE_IDLE, Outcome.UNSENT)
"""What never reached the system: it is neither a sign of an outage nor of the end of one."""


@dataclass(frozen=True)
class Window:
    """One outage of one stream, in seconds of the run.

    from_s, to_s: the sending of the first and of the last request that failed. lower_ms: it surely lasted so long
    (from the first failure's end to the last one's sending); upper_ms: it cannot have lasted longer (from the sending
    of the last request that was answered before to the first answer after), None when no answer came any more.
    """

    stream: str
    from_s: float
    to_s: float
    failed: int
    lower_ms: float
    upper_ms: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {key: round(value, 6) if isinstance(value, float) else value for key, value in vars(self).items()}


class Log:
    """The requests of the streams, three numbers each: sent, done (ns from the run's begin), whether it was fine."""

    def __init__(self, origin_ns: int) -> None:
        self._origin_ns = origin_ns
        self.rows: dict[str, array[int]] = {}

    def start(self, origin_ns: int) -> None:
        """The moment that times are counted from."""
        self._origin_ns = origin_ns

    def __call__(
        self, call: Call, outcome: Outcome, detail: str, times: tuple[int, int, int], response: Response | None
    ) -> None:
        """Note one request of a stream. Writes are no stream: they are rarer."""
        del detail, response
        stream, found, _ = call.endpoint.partition(":")
        if found and outcome not in _NO_SAMPLE:
            self.rows.setdefault(stream, array("q")).extend(
                (times[1] - self._origin_ns, times[2] - self._origin_ns, outcome in _FINE)
            )

    def as_message(self) -> dict[str, bytes]:
        """For the master."""
        return {stream: rows.tobytes() for stream, rows in self.rows.items()}


def merged(messages: Iterable[Mapping[str, bytes]]) -> dict[str, list[tuple[int, int, bool]]]:
    """All processes' rows by stream, in the order of sending. Raises ValueError for what is no such message."""
    streams: dict[str, list[tuple[int, int, bool]]] = {}
    for message in messages:
        for stream, data in message.items():
            rows = array("q")
            rows.frombytes(data)
            if len(rows) % 3:
                raise ValueError("a log that was cut off")
            streams.setdefault(stream, []).extend(
                (sent, done, bool(fine)) for sent, done, fine in zip(*[iter(rows)] * 3, strict=True)
            )
    return {stream: sorted(rows) for stream, rows in sorted(streams.items())}


def windows(stream: str, rows: Sequence[tuple[int, int, bool]]) -> list[Window]:
    """The outages of one stream: each run of failures between two answers. rows: sent, done, fine, by sending."""
    found: list[Window] = []
    before: int | None = None
    bad: list[tuple[int, int]] = []
    for sent, done, fine in (*rows, (0, 0, True)):
        if not fine:
            bad.append((sent, done))
            continue
        last = (sent, done) == (0, 0)
        if bad:
            begin = before if before is not None else bad[0][0]
            found.append(
                Window(
                    stream,
                    bad[0][0] / NS,
                    bad[-1][0] / NS,
                    len(bad),
                    max(0, bad[-1][0] - min(end for _, end in bad)) / 1e6,
                    None if last else (done - begin) / 1e6,
                )
            )
            bad = []
        before = sent
    return found


def longest_gap_ms(rows: Sequence[tuple[int, int, bool]]) -> float | None:
    """The longest time in which no request was answered well, between two that were; None with fewer than two."""
    ends = sorted(done for _, done, fine in rows if fine)
    return max((later - earlier for earlier, later in pairwise(ends)), default=0) / 1e6 if len(ends) > 1 else None
