"""The request budget: at most N requests in any window, over all processes of this machine and user.

Not for what may be sent at all: that is safety.py. The plan's limiter counts each client's address,
so the log of send times lies in one file an origin and budget, shared by xdist workers and by runs
side by side.
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
    """Reserves send times so that no window of budget.window_s holds more than budget.requests.

    A sliding log: request i may go when window_s have passed since request i - N. That keeps any
    limiter content that counts N a window, fixed or sliding. Times are CLOCK_MONOTONIC, which all
    processes of a machine share; times from before a reboot lie in the future and are ignored.
    """

    def __init__(self, folder: Path, address: str, budget: Budget) -> None:
        """folder: private to the user; address: the origin that the budget is for."""
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
        """Take the next place and return the seconds until it (0 when it is now)."""
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
        """Reserve, sleep until the place, return the seconds slept."""
        delay = self.reserve()
        if delay > 0:
            time.sleep(delay)
        return delay

    def hold(self, seconds: float) -> None:
        """Let nobody send for so many seconds: the answer was 429 with Retry-After."""
        with _Lock(self._file):
            slot, not_before = _HEADER.unpack_from(self._log)
            _HEADER.pack_into(self._log, 0, slot, max(not_before, time.monotonic() + seconds))

    def close(self) -> None:
        """Release the file."""
        self._log.close()
        os.close(self._file)

    def _plausible(self, moment: float, now: float) -> float:
        """A time from an earlier boot counts as long past. Reservations reach one hour at most."""
        return moment if moment <= now + 3600 else now - self.budget.window_s


class _Lock:
    def __init__(self, file: int) -> None:
        self._file = file

    def __enter__(self) -> Self:
        fcntl.flock(self._file, fcntl.LOCK_EX)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        fcntl.flock(self._file, fcntl.LOCK_UN)
