"""How far a replay is, on standard error: done of total, rate, time left. Not for results."""

from __future__ import annotations

import sys
import time
from typing import Final

_TERMINAL_S: Final = 0.5
_LOG_S: Final = 10.0


class Progress:
    """One line that is written over on a terminal, a line now and then elsewhere."""

    def __init__(self, unit: str, total: int, done: int) -> None:
        """done: what an earlier part has done; the rate is of this part alone."""
        self._unit, self._total, self._before = unit, total, done
        self._started = time.monotonic()
        self._terminal = sys.stderr.isatty()
        self._next = self._started
        self._done = done

    def __call__(self, done: int) -> None:
        """So many are done."""
        self._done = done
        now = time.monotonic()
        if now >= self._next:
            self._next = now + (_TERMINAL_S if self._terminal else _LOG_S)
            self._show(now, "\r" if self._terminal else "")

    def end(self) -> None:
        """Show where it ended."""
        self._show(time.monotonic(), "\r" if self._terminal else "", last=True)

    def _show(self, now: float, begin: str, *, last: bool = False) -> None:
        rate = (self._done - self._before) / max(now - self._started, 1e-3)
        left = f", {_span((self._total - self._done) / rate)} left" if rate and not last else ""
        text = f"{self._done:,} of {self._total:,} {self._unit}s, {rate:,.0f}/s{left}"
        end = "\n" if last or not self._terminal else ""
        sys.stderr.write(f"{begin}replay: {text:<70}".rstrip() + ("  " if begin else "") + end)
        sys.stderr.flush()


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
