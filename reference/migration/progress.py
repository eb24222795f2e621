"""Progress of a phase on standard error: done, total, rate, time left.

Results are the last line on standard output.
"""

from __future__ import annotations

import sys
import time

EVERY_S = 1.0


class Progress:
    """Progress of a phase. total: the expected number, None if unknown."""

    def __init__(self, phase: str, total: int | None = None, *, quiet: bool = False) -> None:
        self._phase, self._total, self._quiet = phase, total, quiet
        self._started = self._shown = time.monotonic()
        self.done = 0

    def add(self, count: int) -> None:
        self.done += count
        if time.monotonic() - self._shown >= EVERY_S:
            self.show()

    def show(self) -> None:
        self._shown = time.monotonic()
        if self._quiet:
            return
        rate = self.done / max(self._shown - self._started, 1e-9)
        text = f"  {self._phase:<24} {self.done:>11,}"
        if self._total is not None:
            left = max(self._total - self.done, 0) / rate if rate else 0.0
            text += f" of {self._total:,}, {left:,.0f} s left"
        print(f"{text}, {rate:,.0f}/s", file=sys.stderr, flush=True)
