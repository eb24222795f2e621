"""The exit code of a Locust process: 1 only if the verdict is NO-GO, 0 only if a verdict was written.

Locust itself ends with 1 for a missing locustfile, a wrong option or an exception, which means NO-GO here. The guard is
installed before Locust reads its command line, by an entry point that gevent calls (pyproject.toml), and by `profile`.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NoReturn

from gevent.hub import Hub

from cutover.core.verdict import ExitCode

INTERRUPTED: Final = "interrupted during the start, before any load was sent"


class ExitGuard:
    """The guard of one process.

    run_code: returns the exit code of the run's verdict, None before a run exists. interrupted, crashed: called with
    the exception that ended the process, to conclude the run. worker: the process is a worker, whose code decides
    nothing.
    """

    def __init__(self) -> None:
        self.run_code: Callable[[], int | None] = lambda: None
        self.interrupted: Callable[[], object] = lambda: None
        self.crashed: Callable[[BaseException], object] = lambda _: None
        self.output_lost: Callable[[], object] = lambda: None
        self.profile_loaded = self.worker = False
        self._installed = False
        self._code: int | None = None
        self._exit: Callable[[Any], NoReturn] = sys.exit

    def install(self) -> None:
        """Guard this process from now on. Further calls do nothing."""
        if self._installed:
            return
        self._installed = True
        self._exit, sys.exit = sys.exit, self.exit
        sys.excepthook = self._uncaught
        Hub.NOT_ERROR = (*Hub.NOT_ERROR, KeyboardInterrupt)  # gevent would print it, before the main greenlet gets it
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, _interrupted_during_the_start)  # KeyboardInterrupt would be lost in an import
        atexit.register(self._at_exit)

    def started(self) -> None:
        """Let signals interrupt the main thread from now on. Locust replaces SIGTERM's handler when it is ready."""
        for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGTERM, _terminated)):
            if signal.getsignal(number) is _interrupted_during_the_start:  # not a handler of Locust with --processes
                signal.signal(number, handler)

    def exit(self, status: object = None) -> NoReturn:
        """End the process like sys.exit, with a code that agrees with the verdict."""
        code = status if isinstance(status, int) else int(status is not None)
        self._code = self.translated(code)
        self._exit(self._code)

    def note(self, code: int) -> None:
        """Note the code of a SystemExit that does not come from sys.exit."""
        self._code = code

    def translated(self, code: int) -> int:
        """Return the code of this project for a code that Locust, argparse or the run asks for."""
        verdict = self.run_code()
        if self.worker:
            return code if code in (0, 3, 4, 11) else int(ExitCode.INVALID)
        if verdict is not None:
            return code if code not in (0, 1) or code == verdict else int(ExitCode.CRASHED)
        asked_for_a_run = any(word.partition("=")[0] == "--env" for word in sys.argv)
        if code in (1, 2) or code < 0 or (code == 0 and asked_for_a_run and "--worker" not in sys.argv):
            return int(ExitCode.WRONG_USAGE)
        return code

    def _uncaught(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """End with 2 after an interruption, with 3 or 4 after any other exception, and conclude the run."""
        running = self.run_code() is not None
        if issubclass(kind, KeyboardInterrupt):
            self._code = int(ExitCode.INTERRUPTED)
            if running:
                self.interrupted()
            else:
                _tell(INTERRUPTED)
            return
        _tell("".join(traceback.format_exception(kind, error, trace)))
        self._code = int(ExitCode.CRASHED if self.profile_loaded else ExitCode.WRONG_USAGE)
        if running:
            self.crashed(error)

    def _at_exit(self) -> None:
        """End the process with the right code if Python would end it with another one. Runs after all other output."""
        code = self._code
        for stream in (sys.stdout, sys.stderr):
            try:
                if stream is not None:
                    stream.flush()
            except (OSError, ValueError):
                if stream is sys.stdout and self.run_code() is not None:
                    self.output_lost()
                    code = int(ExitCode.CRASHED)
                elif code is None:
                    code = int(ExitCode.CRASHED)
                _discard(stream)
        if code is not None:
            os._exit(code)


def guard_locust(_event: object) -> None:
    """Install the guard if this process is Locust's command line. gevent calls it when Locust patches the process."""
    programs = [sys.argv[0], *getattr(sys, "orig_argv", [])[1:3]]
    if any(Path(name).name in ("locust", "locust.exe") for name in programs):
        GUARD.install()


def _interrupted_during_the_start(number: int, frame: object) -> None:
    del number, frame
    os.write(2, f"{INTERRUPTED}\n".encode())
    os._exit(int(ExitCode.INTERRUPTED))


def _terminated(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt


def _tell(text: str) -> None:
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            print(text, file=sys.stderr, flush=True)  # noqa: T201 - the last message of the process


def _discard(stream: Any) -> None:
    """Connect a broken stream to nothing, so that Python's own flush at the end cannot fail."""
    with contextlib.suppress(OSError, ValueError):
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


GUARD: Final = ExitGuard()
