"""The request budget: at most N requests in any window, for all processes of this user on this machine.

The systems limit requests per client address. So the log of send times is one file per origin and budget, shared by
xdist workers and parallel runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import struct
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cutover.config.environments import Budget

# next slot (number of reservations so far, modulo N), time before which nothing may be sent
_HEADER: Final = struct.Struct("<qd")
_TIME: Final = struct.Struct("<d")


class RateLimiter:
    """Reservations of send times: no window of budget.window_s seconds has more than budget.requests requests.

    A sliding log: request i is sent at least window_s after request i - N. That satisfies every limiter that allows N
    requests per window, fixed or sliding. Times are CLOCK_MONOTONIC, which all processes of a machine share. After a
    reboot, older times are in the future and are ignored.
    """

    def __init__(self, folder: Path, address: str, budget: Budget) -> None:
        """folder: accessible only to the user; address: the origin to which the budget applies."""
        self.budget = budget
        key = hashlib.sha256(f"{address} {budget.requests} {budget.window_s}".encode()).hexdigest()[:24]
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        size = _HEADER.size + budget.requests * _TIME.size
        self._file = os.open(folder / f"budget-{key}", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with _Lock(self._file):
            if os.fstat(self._file).st_size != size:
                os.ftruncate(self._file, 0)
                os.ftruncate(self._file, size)
        self._log = mmap.mmap(self._file, size)

    def reserve(self) -> float:
        """Reserve the next send time and return the seconds until then (0 for now)."""
        with _Lock(self._file):
            now = time.monotonic()
            slot, not_before = _HEADER.unpack_from(self._log)
            slot %= self.budget.requests
            place = _HEADER.size + slot * _TIME.size
            (earlier,) = _TIME.unpack_from(self._log, place)
            start = max(now, self._plausible(not_before, now))
            if earlier > 0:
                start = max(start, self._plausible(earlier, now) + self.budget.window_s)
            _TIME.pack_into(self._log, place, start)
            _HEADER.pack_into(self._log, 0, slot + 1, not_before)
        return max(0.0, start - now)

    def wait(self) -> float:
        """Reserve a send time, sleep until then and return the seconds slept."""
        delay = self.reserve()
        if delay > 0:
            time.sleep(delay)
        return delay

    def hold(self, seconds: float) -> None:
        """Stop all sending for this many seconds, after a 429 with Retry-After."""
        with _Lock(self._file):
            slot, not_before = _HEADER.unpack_from(self._log)
            _HEADER.pack_into(self._log, 0, slot, max(not_before, time.monotonic() + seconds))

    def close(self) -> None:
        """Close the file."""
        self._log.close()
        os.close(self._file)

    def _plausible(self, moment: float, now: float) -> float:
        """Return the time, or one long past if it is from an earlier boot: reservations reach one hour at most."""
        return moment if moment <= now + 3600 else now - self.budget.window_s


class _Lock:
    """An exclusive lock on an open file, as a context manager."""

    def __init__(self, file: int) -> None:
        self._file = file

    def __enter__(self) -> Self:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
