"""The progress of a long run, in one line on a stream: part, units done, rate, time left."""

from __future__ import annotations

import threading
import time
from typing import Final, TextIO

TERMINAL_EVERY_S: Final = 0.5
LOG_EVERY_S: Final = 10.0


class Progress:
    """Counts units and shows them. Progress is disabled if no stream is given. Safe for threads.

    On a terminal one line is overwritten, at most every TERMINAL_EVERY_S. Any other stream gets a line when a part
    begins and at most every LOG_EVERY_S after that.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream, self._lock = stream, threading.Lock()
        self._terminal = stream is not None and stream.isatty()
        self._part, self._unit, self._total, self._done, self._done_before = "", "rows", 0, 0, 0
        self._started = self._written = time.monotonic()
        self._last_text = ""

    def begin(self, part: str, total: int = 0, done: int = 0, *, unit: str = "rows") -> None:
        """Begin a part of the work.

        total: number of units, 0 if it is not known. done: units that an earlier run completed; the rate does not
        include them.
        """
        with self._lock:
            self._part, self._unit, self._total, self._done, self._done_before = part, unit, total, done, done
            self._started = time.monotonic()
            self._write()

    def add(self, units: int) -> None:
        """Count some more units as done."""
        with self._lock:
            self._done += units
            self._write_if_due()

    def reach(self, done: int) -> None:
        """Set the number of units that are done."""
        with self._lock:
            self._done = done
            self._write_if_due()

    def end(self) -> None:
        """Clear the line of a terminal; write the last state to any other stream."""
        with self._lock:
            if self._stream is None:
                return
            if self._terminal:
                self._stream.write("\r\x1b[K")
                self._stream.flush()
            elif self._done != self._done_before:
                self._write()

    def text(self) -> str:
        """Return the line that describes the present state."""
        if not self._total and self._done == self._done_before:
            return self._part
        rate = (self._done - self._done_before) / max(time.monotonic() - self._started, 1e-3)
        count = f"{self._done:,} of {self._total:,}" if self._total else f"{self._done:,}"
        text = f"{self._part}: {count} {self._unit}, {rate:,.0f}/s"
        if self._total:
            text += f", {self._done / self._total:.0%}"
            if rate and self._done < self._total:
                text += f", {_duration((self._total - self._done) / rate)} left"
        return text

    def _write_if_due(self) -> None:
        if time.monotonic() - self._written >= (TERMINAL_EVERY_S if self._terminal else LOG_EVERY_S):
            self._write()

    def _write(self) -> None:
        self._written = time.monotonic()
        if self._stream is None or (text := self.text()) == self._last_text:
            return
        self._last_text = text
        self._stream.write(f"\r\x1b[K{text}" if self._terminal else f"{text}\n")
        self._stream.flush()


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
