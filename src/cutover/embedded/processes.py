"""Child processes that end with the one who started them, and telling one process from another.

Not for what the processes are: postgres.py, legacy.py and worker.py know that.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutover.embedded.pair_error import PairError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    Pause = Callable[[float], None]
    """Waits the given seconds; raises when the supervisor has been told to end."""

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
POLL_S: Final = 0.01
KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "TZ")

_libc: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Identity:
    """A process that cannot be mistaken for a later one with the same pid.

    start_ticks: start time in clock ticks since boot (proc(5), stat, field 22).
    """

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """The process that has this pid now; None when there is none, or only its zombie."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        # The command name may hold spaces and parentheses: count from behind the last one.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return Identity.of(self.pid) == self

    def end(self, number: int, *, timeout_s: float) -> bool:
        """Send signal `number` and wait until the process is gone. False when it is still there.

        A process that only took over the pid is never signalled. Raises PermissionError.
        """
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.alive():  # checked after the handle is held, so it cannot change any more
                return True
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(handle, number)
            return bool(select.select([handle], [], [], timeout_s)[0])
        finally:
            os.close(handle)


@dataclass
class Child:
    """A process of the pair: its name for messages, its handle, and the file its output goes to."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def ended(self) -> str | None:
        """How it ended, in words, or None while it runs."""
        code = self.process.poll()
        if code is None:
            return None
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def send(self, number: int) -> None:
        """Send a signal to the process and to those of its children that stayed in its group."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Whether it ended within the time."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self, number: int = signal.SIGKILL, *, timeout_s: float = 1.0) -> None:
        """End it with `number`, or with SIGKILL when it has not ended after the time."""
        self.send(number)
        if not self.wait(timeout_s):
            self.send(signal.SIGKILL)
            self.wait(timeout_s)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@dataclass(frozen=True)
class Account:
    """Another user to run a process as (uid, gid), since PostgreSQL refuses to run as root."""

    uid: int
    gid: int


def spawn(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    account: Account | None = None,
    death_signal: int = signal.SIGKILL,
    pass_fds: Iterable[int] = (),
    pipes: bool = False,
) -> Child:
    """Start a process that gets `death_signal` when this one dies, in whatever way.

    Call it from the main thread: the kernel sends the signal when the spawning *thread* ends
    (prctl(2), PR_SET_PDEATHSIG). It gets its own session, so that Ctrl-C does not reach it.
    `pipes`: its stdin and stdout are pipes to us; otherwise nothing, and the log.
    Raises PairError when the program cannot be executed.
    """
    parent = os.getpid()

    def die_with_parent() -> None:  # after the uid change, which would clear the setting
        _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before the call
            os._exit(1)

    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                [str(word) for word in command],
                stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
                stdout=subprocess.PIPE if pipes else output,
                stderr=output,
                bufsize=0,
                cwd=cwd,
                env=dict(env),
                start_new_session=True,
                pass_fds=tuple(pass_fds),
                user=account.uid if account else None,
                group=account.gid if account else None,
                extra_groups=[] if account else None,
                preexec_fn=die_with_parent,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise PairError(f"{name}: {command[0]} cannot be executed: {error}.") from error
    return Child(name, process, log)


def run(child: Child, pause: Pause, *, timeout_s: float, fix: str = "") -> None:
    """Wait until a command has ended well. Raises PairError with the end of its log otherwise."""
    deadline = time.monotonic() + timeout_s
    try:
        while child.ended() is None:
            if time.monotonic() > deadline:
                raise PairError(f"{child.name} took more than {timeout_s:g} s.", log=tail(child.log), fix=fix)
            pause(POLL_S)
    finally:
        child.kill()
    if child.process.returncode:
        raise PairError(f"{child.name} {child.ended()}.", log=tail(child.log), fix=fix)


def clean_environment() -> dict[str, str]:
    """Variables that every part may see: nothing of the caller's that changes how a system behaves."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin"} | kept


def descendants(pid: int) -> list[int]:
    """Pids of all children of a process, and of theirs; empty when it is gone."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text(encoding="ascii").split()):
                found += [child, *descendants(child)]
    return found


def tail(log: Path, lines: int = 15) -> str:
    """The last lines of a log file; empty when there is none. Reads at most 16 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])
