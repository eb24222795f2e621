"""Notice every reason for a supervisor to end: a signal, the end of stdin, the end of its owner."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
from typing import Final

from cutover.embedded.processes import ProcessIdentity

SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class StopRequestedError(Exception):
    """This process received a signal to end, or its owner is gone. The text says which."""


class StopRequests:
    """The sources of requests to end. Installs the process's signal handlers."""

    def __init__(self, owner: tuple[int, int]) -> None:
        """owner: (pid, start ticks) of the process that started this one."""
        self._wake, write = socket.socketpair()
        self._wake.setblocking(False)
        write.setblocking(False)
        self._write = write  # kept open
        self._reason = "" if ProcessIdentity(*owner).alive() else "the owner is gone"
        signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, self._signalled)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only wakes this process up
        self._owner = [0]
        # In addition to stdin, because a forked child of the owner may have inherited its other end.
        with contextlib.suppress(OSError):
            self._owner.append(os.pidfd_open(owner[0]))

    def ignore_owner(self) -> None:
        """From now on let the pair outlive its owner."""
        self._owner = []

    def pause(self, seconds: float, *more: int) -> list[int]:
        """Wait, and return the descriptors of `more` that became readable. Raises StopRequestedError."""
        ready: list[int] = []
        if not self._reason:
            ready = select.select([self._wake.fileno(), *self._owner, *more], [], [], seconds)[0]
        if self._wake.fileno() in ready:
            with contextlib.suppress(BlockingIOError):
                self._wake.recv(4096)
        if any(fd in ready for fd in self._owner):  # the owner sends nothing after the first line
            self._reason = "its owner closed the connection or is gone"
        if self._reason:
            raise StopRequestedError(self._reason)
        return [fd for fd in ready if fd in more]

    def wait(self, seconds: float) -> None:
        """Wait. Raises StopRequestedError."""
        self.pause(seconds)

    def _signalled(self, number: int, _frame: object) -> None:
        self._reason = signal.Signals(number).name
