"""The CPU time that other processes of this machine take from the embedded pair during a load run.

The pair runs on the machine of the generator. If other processes keep it waiting for a core, its response times are
not those of the systems. Reads proc(5); where that is missing, nothing is known and nothing is reported.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

TAKEN_FRACTION: Final = 0.25
"""Part of all cores that other processes and the hypervisor use in a busy second."""

WAITED_FRACTION: Final = 0.1
"""Seconds that threads of the pair wait for a core in a busy second, added up over all threads. Without other
processes they wait for 0.02 to 0.05 s, with one that computes on each core for 0.3 to 0.5 s (two cores, 30/s)."""

DISTURBING_FRACTION: Final = 0.05
"""Part of the run that decides its p95."""

LEAST_S: Final = 0.5
"""Shortest time between two samples."""


@dataclass(frozen=True)
class BusySeconds:
    """The seconds of a run in which the machine was too busy for its pair.

    busy: their number, of `measured` in all. taken: mean fraction of the machine that others used in them; waited:
    mean seconds that the pair's threads waited for a core, per second.
    """

    busy: int
    measured: int
    taken: float
    waited: float

    def disturbs(self, *, any_second: bool) -> bool:
        """Return True if a quantile can come from the busy seconds, or, with any_second, a figure of one second."""
        return self.busy > 0 and (any_second or self.busy >= DISTURBING_FRACTION * self.measured)

    @property
    def text(self) -> str:
        """Return the figures in words."""
        return (
            f"in {self.busy} of {self.measured} seconds other processes of this machine used {self.taken:.0%} of its "
            f"cores, and the pair waited {self.waited:.2g} s per second for a core"
        )


@dataclass(frozen=True)
class _Sample:
    """Counters since the start of the machine, in s. total, used: time of all cores, and its part that was not idle.

    own: CPU time of each process of the run; waited: of each thread of the pair, for a core."""

    at: float
    total: float
    used: float
    own: dict[str, float]
    waited: dict[str, float]


class MachineLoad:
    """Samples of one run. supervisor: process id of the pair's supervisor, None without a pair: nothing is sampled.

    own: further processes of the run. The processes that descend from these belong to the run.
    """

    def __init__(
        self,
        supervisor: int | None,
        own: Iterable[int] = (),
        *,
        proc: Path = Path("/proc"),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._proc, self._supervisor, self._own_roots = proc, supervisor, tuple(own)
        self._pair: frozenset[int] = frozenset()
        self._own: frozenset[int] = frozenset()
        self._last: _Sample | None = None
        self._seconds: list[tuple[float, float]] = []

    def sample(self) -> None:
        """Take a sample, which takes about 1.5 ms. The first one takes 10 to 40 ms: it finds the run's processes."""
        now = self._clock()
        if self._supervisor is None or (self._last is not None and now - self._last.at < LEAST_S):
            return
        try:
            if self._last is None:
                self._pair = _descendants(self._proc, [self._supervisor])
                self._own = self._pair | _descendants(self._proc, self._own_roots)
            new = self._read(now)
        except (OSError, ValueError, IndexError):
            return
        if self._last is not None:
            self._seconds.append(_fractions(self._last, new))
        self._last = new

    @property
    def seconds(self) -> BusySeconds:
        """Return the busy seconds so far."""
        busy = [
            (taken, waited) for taken, waited in self._seconds if taken >= TAKEN_FRACTION and waited >= WAITED_FRACTION
        ]
        count = max(1, len(busy))
        return BusySeconds(
            len(busy),
            len(self._seconds),
            sum(taken for taken, _ in busy) / count,
            sum(waited for _, waited in busy) / count,
        )

    def _read(self, now: float) -> _Sample:
        ticks = [int(word) for word in (self._proc / "stat").read_text().partition("\n")[0].split()[1:9]]
        per_s = os.sysconf("SC_CLK_TCK")
        idle = ticks[3] + ticks[4]
        own = {str(pid): used / per_s for pid in self._own if (used := _cpu_ticks(self._proc / str(pid))) is not None}
        waited: dict[str, float] = {}
        for pid in self._pair:
            waited |= _waits(self._proc / str(pid))
        return _Sample(now, sum(ticks) / per_s, (sum(ticks) - idle) / per_s, own, waited)


def _fractions(before: _Sample, after: _Sample) -> tuple[float, float]:
    """Return the fraction of the machine that others used, and the seconds per second that the pair waited."""
    own = sum(used - before.own.get(pid, used) for pid, used in after.own.items())
    waited = sum(wait - before.waited.get(task, wait) for task, wait in after.waited.items())
    taken = (after.used - before.used - own) / max(after.total - before.total, 1e-9)
    return max(0.0, taken), waited / max(after.at - before.at, 1e-9)


def _descendants(proc: Path, roots: Iterable[int]) -> frozenset[int]:
    """Return these processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for folder in proc.iterdir():
        if folder.name.isdecimal():
            try:
                parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue  # it has ended
            children.setdefault(parent, []).append(int(folder.name))
    found: set[int] = set()
    pending = list(roots)
    while pending:
        pid = pending.pop()
        if pid not in found:
            found.add(pid)
            pending += children.get(pid, [])
    return frozenset(found)


def _cpu_ticks(folder: Path) -> int | None:
    """Return the CPU time of a process and of its ended threads, None if it has ended."""
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        return int(fields[11]) + int(fields[12])
    except (OSError, ValueError, IndexError):
        return None


def _waits(folder: Path) -> dict[str, float]:
    """Return the seconds that each thread of a process has waited for a core, none if it has ended."""
    found: dict[str, float] = {}
    try:
        tasks = list((folder / "task").iterdir())
    except OSError:
        return found
    for task in tasks:
        try:
            found[task.name] = int((task / "schedstat").read_text().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            continue
    return found
