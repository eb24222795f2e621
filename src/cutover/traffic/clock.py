"""A timer for gevent's hub that fires at a moment of the monotonic clock, and a check for steps of the wall clock.

A timerfd fires 0.04 to 0.3 ms late, the hub's own timer up to 1 ms, because libev counts in milliseconds. Only Linux
has timerfd (timerfd_create(2)). Other systems use the hub's timer, and the send lag includes the difference.
"""

from __future__ import annotations

import ctypes
import os
import sys
import time
from collections.abc import Callable
from typing import Any, Final

CLOCK_MONOTONIC: Final = 1
TFD_TIMER_ABSTIME: Final = 1
READ: Final = 1  # of gevent's io watchers
STEP_NS: Final = 100_000_000
"""A wall clock that moves by more than this against the monotonic one between two checks was set. NTP slews 0.05 %."""


class _Spec(ctypes.Structure):
    _fields_ = (("interval_s", ctypes.c_long), ("interval_ns", ctypes.c_long),
                ("s", ctypes.c_long), ("ns", ctypes.c_long))  # fmt: skip


class Alarm:
    """A timer that calls back in the hub at a given moment. Close it after use."""

    def __init__(self, loop: Any, callback: Callable[[], None], *, timerfd: bool = True) -> None:
        """loop: gevent's loop (hub.loop)."""
        self._loop, self._callback = loop, callback
        self._armed = False
        self._file: int | None = None
        self._timer: Any = None
        if timerfd and sys.platform == "linux":
            libc = ctypes.CDLL(None, use_errno=True)
            file = libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC)
            if file >= 0:
                self._file, self._settime = file, libc.timerfd_settime
                self._spec = _Spec()
                self._reference = ctypes.byref(self._spec)
                self._watcher = loop.io(file, READ)
                self._watcher.start(self._fired)

    @property
    def kind(self) -> str:
        """Return "timerfd" or "timer"."""
        return "timer" if self._file is None else "timerfd"

    def at(self, moment_ns: int) -> None:
        """Fire once at that moment of time.monotonic_ns(), at once if it has passed. Replaces an earlier moment."""
        if self._file is not None:
            self._set(max(1, moment_ns))
            return
        if self._timer is not None:
            self._timer.close()
        self._timer = self._loop.timer(max(0.0, (moment_ns - time.monotonic_ns()) / 1e9))
        self._timer.start(self._callback, update=True)  # from now, not from the loop's last update

    def close(self) -> None:
        """Stop the timer and release its descriptor."""
        if self._file is not None:
            self._watcher.close()
            os.close(self._file)
            self._file = None
        if self._timer is not None:
            self._timer.close()

    def _fired(self) -> None:
        # Setting the next time clears the descriptor (timerfd_create(2)), so it is not read: one system call fewer.
        self._armed = False
        self._callback()
        if self._file is not None and not self._armed:
            self._set(0)

    def _set(self, moment_ns: int) -> None:
        """Set the timerfd; 0 disarms it."""
        spec = self._spec
        spec.s, spec.ns = divmod(moment_ns, 1_000_000_000)
        if self._settime(self._file, TFD_TIMER_ABSTIME, self._reference, None) != 0:
            raise OSError(ctypes.get_errno(), "timerfd_settime")
        self._armed = True


_MAX_READS: Final = 5
_SAME_MOMENT_NS: Final = 1_000_000


def _read_clocks() -> tuple[int, int]:
    """Return the wall clock and the monotonic clock at the same moment. Reads again if the process lost its core."""
    found: list[tuple[int, int, int]] = []
    while not found or (min(found)[0] > _SAME_MOMENT_NS and len(found) < _MAX_READS):
        before, wall, after = time.monotonic_ns(), time.time_ns(), time.monotonic_ns()
        found.append((after - before, wall, (before + after) // 2))
    return min(found)[1:]


class WallClock:
    """A check for steps of the wall clock. After a step, the times of two processes or of a log no longer agree."""

    def __init__(self, now: Callable[[], tuple[int, int]] = _read_clocks) -> None:
        self._now = now
        wall, monotonic = now()
        self._offset = wall - monotonic
        self.stepped_ns = 0

    def check(self) -> int:
        """Return wall clock minus monotonic clock in ns, and add a step to `stepped_ns`."""
        wall, monotonic = self._now()
        offset = wall - monotonic
        if abs(offset - self._offset) > STEP_NS:
            self.stepped_ns += abs(offset - self._offset)
        self._offset = offset
        return offset
