"""Write the supervisor's log: one line for each step, with the seconds since its start."""

from __future__ import annotations

import sys
import time
from typing import Final

_BEGAN: Final = time.monotonic()


def note(text: str) -> None:
    """Write a line to stderr, which the supervisor redirects to its log."""
    print(f"{time.monotonic() - _BEGAN:8.3f} {text}", file=sys.stderr, flush=True)  # noqa: T201 - its log
