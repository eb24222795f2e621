"""Signals of a run: SIGTERM ends it like Ctrl-C, and no signal interrupts the writing of its verdict."""

from __future__ import annotations

import signal
import sys

_ENDING = (signal.SIGINT, signal.SIGTERM)


def interrupt_on_sigterm() -> None:
    """Raise KeyboardInterrupt in the main thread on SIGTERM, as Python does on SIGINT."""
    signal.signal(signal.SIGTERM, _interrupt)


def ignore_interrupts() -> None:
    """Ignore SIGINT and SIGTERM from now on: the exit code must be the one that verdict.json states."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    sys.stderr.write("SIGTERM: ending the run\n")
    raise KeyboardInterrupt
