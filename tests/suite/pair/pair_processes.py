"""The processes of a pair, and functions that wait for their end."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from cutover.embedded.processes import ProcessIdentity, descendants

if TYPE_CHECKING:
    from collections.abc import Callable

    from cutover.embedded.state import PairState


class Processes:
    """A supervisor and all its descendants, identified so that later processes with the same pid do not count."""

    def __init__(self, supervisor: int) -> None:
        pids = [supervisor, *descendants(supervisor)]
        self.all = [found for pid in pids if (found := ProcessIdentity.of(pid)) is not None]
        self.commands = [self._command(found.pid) for found in self.all]

    @staticmethod
    def _command(pid: int) -> str:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")

    def left(self, timeout_s: float) -> list[str]:
        """Wait for the processes to end. Return the commands of those that still run after the time."""
        deadline = time.monotonic() + timeout_s
        while (alive := [found.alive() for found in self.all]) and any(alive):
            if time.monotonic() > deadline:
                return [command for command, lives in zip(self.commands, alive, strict=True) if lives]
            time.sleep(0.01)
        return []

    def shared_memory(self) -> list[str]:
        """Return the shared memory segments that they created (sysvipc(7); column 5 is the creator's pid)."""
        pids = {str(found.pid) for found in self.all}
        lines = Path("/proc/sysvipc/shm").read_text(encoding="ascii").splitlines()[1:]
        return [line for line in lines if line.split()[4] in pids]


def pid_of(found: PairState, part: str) -> int:
    """Return the pid of the process to kill to end that part."""
    if part == "workerd":
        return next(
            pid for pid in descendants(found.pids["worker"]) if "workerd" in Path(f"/proc/{pid}/exe").readlink().name
        )
    return found.pids[part]


def until(condition: Callable[[], bool], timeout_s: float = 5.0) -> bool:
    """Wait until a condition is true. Return False if it is not true in time."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
