"""Signals of a run: SIGTERM ends it like Ctrl-C, and no signal interrupts the writing of its verdict."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
from types import TracebackType

_ENDING = (signal.SIGINT, signal.SIGTERM)


def end_at_once() -> None:
    """End the process with 2 on SIGINT and SIGTERM while it starts: there is nothing to conclude and nothing to stop.

    Python would raise KeyboardInterrupt inside an import, and print a traceback.
    """
    if threading.current_thread() is threading.main_thread():
        for number in _ENDING:
            signal.signal(number, _end)


def end_with_meaning() -> None:
    """End the process with 2 or 3 after an exception that nothing handled. Python's own 1 means NO-GO here."""
    sys.excepthook = _uncaught


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from cutover.core.secrets import redact

    interrupted = issubclass(kind, KeyboardInterrupt)
    text = "interrupted\n" if interrupted else redact("".join(traceback.format_exception(kind, error, trace)))
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.write(text)
        sys.stderr.flush()
    os._exit(2 if interrupted else 3)


def interrupt_on_signals() -> None:
    """Raise KeyboardInterrupt in the main thread on SIGINT and SIGTERM, after `end_at_once`."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        interrupt_on_sigterm()


def interrupt_on_sigterm() -> None:
    """Raise KeyboardInterrupt in the main thread on SIGTERM, as Python does on SIGINT."""
    signal.signal(signal.SIGTERM, _interrupt)


def ignore_interrupts() -> None:
    """Ignore SIGINT and SIGTERM from now on: the exit code must be the one that verdict.json states."""
    for number in _ENDING:
        signal.signal(number, signal.SIG_IGN)


def _end(number: int, frame: object) -> None:
    del number, frame
    os.write(2, b"interrupted during the start, before anything was sent\n")
    os._exit(2)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    sys.stderr.write("SIGTERM: ending the run\n")
    raise KeyboardInterrupt
