"""One line on standard error: which part, how far, how fast, how long yet. Nobody is told where nobody watches.

Not for results: report/.
"""

from __future__ import annotations

import sys
import threading
import time
from typing import Final, TextIO

_EVERY_S: Final = 1.0


class Progress:
    """Counts; writes at most once a second to a terminal, to a file every tenth part. For several threads."""

    def __init__(self, stream: TextIO | None = None) -> None:
        """stream: where it is written, nowhere when None."""
        self._stream, self._lock = stream, threading.Lock()
        self._part, self._unit, self._total, self._done, self._before = "", "rows", 0, 0, 0
        self._began = self._told = time.monotonic()
        self._tenth = 0

    def begin(self, part: str, total: int = 0, done: int = 0, *, unit: str = "rows") -> None:
        """A part of the work begins. total: of its units; done: of them, by an earlier run."""
        with self._lock:
            self._part, self._unit, self._total, self._done, self._before = part, unit, total, done, done
            self._began = time.monotonic()
            self._tenth = 0
            self._say()

    def more(self, units: int) -> None:
        """So many units more are done."""
        with self._lock:
            self._done += units
            now = time.monotonic()
            if self._stream is not None and now - self._told >= _EVERY_S:
                tenth = 10 * self._done // self._total if self._total else 0
                if self._stream.isatty() or tenth > self._tenth:
                    self._tenth = tenth
                    self._say()

    def end(self) -> None:
        """Leave the line."""
        if self._stream is not None and self._stream.isatty():
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def text(self) -> str:
        """What there is to say now."""
        if not self._total:
            return self._part
        seconds = max(time.monotonic() - self._began, 1e-6)
        rate = (self._done - self._before) / seconds
        left = f", {(self._total - self._done) / rate:,.0f} s left" if rate > 0 and self._done < self._total else ""
        return (
            f"{self._part}: {self._done:,} of {self._total:,} {self._unit} ({self._done / self._total:.0%}), "
            f"{rate:,.0f} a second{left}"
        )

    def _say(self) -> None:
        self._told = time.monotonic()
        if self._stream is None:
            return
        if self._stream.isatty():
            self._stream.write(f"\r\x1b[K{self.text()}")
        else:
            self._stream.write(f"{self.text()}\n")
        self._stream.flush()


def on_terminal() -> Progress:
    """Progress for a person who waits."""
    return Progress(sys.stderr)
