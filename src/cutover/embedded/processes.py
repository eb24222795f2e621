"""Child processes that end with the process that started them, and the identity of a process."""

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
    """Waits the given seconds. Raises if the supervisor must end."""

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h
POLL_S: Final = 0.01
KEPT_VARIABLES: Final = ("PATH", "HOME", "LANG", "TZ")

_libc: Final = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class ProcessIdentity:
    """A process, distinguished from a later one with the same pid.

    start_ticks: start time in clock ticks since boot (proc(5), stat, field 22).
    """

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> ProcessIdentity | None:
        """Return the process that has this pid now, None if there is none or only a zombie."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        # The command name may contain spaces and parentheses: count from the last one.
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    def alive(self) -> bool:
        """Return True if this process is still running."""
        return ProcessIdentity.of(self.pid) == self

    def end(self, number: int, *, timeout_s: float) -> bool:
        """Send signal `number` and wait for the end. Return False if the process is still running.

        A later process with the same pid is never signalled. Raises PermissionError.
        """
        try:
            handle = os.pidfd_open(self.pid)
        except ProcessLookupError:
            return True
        try:
            if not self.alive():  # checked while the handle is held, so the pid cannot be used again
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
        """Return the process id."""
        return self.process.pid

    def ended(self) -> str | None:
        """Return the way it ended, in words, or None while it is running."""
        code = self.process.poll()
        if code is None:
            return None
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"

    def send(self, number: int) -> None:
        """Send a signal to the process and to its children in the same process group."""
        if self.process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def wait(self, timeout_s: float) -> bool:
        """Return True if it ended within the time."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        return True

    def kill(self, number: int = signal.SIGKILL, *, timeout_s: float = 1.0) -> None:
        """End it with `number`, and with SIGKILL if it has not ended after the time."""
        self.send(number)
        if not self.wait(timeout_s):
            self.send(signal.SIGKILL)
            self.wait(timeout_s)
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


@dataclass(frozen=True)
class UnixAccount:
    """The user and group ids of another user, because PostgreSQL refuses to run as root."""

    uid: int
    gid: int


def spawn(
    name: str,
    command: Sequence[str | Path],
    *,
    log: Path,
    cwd: Path,
    env: Mapping[str, str],
    account: UnixAccount | None = None,
    death_signal: int = signal.SIGKILL,
    pass_fds: Iterable[int] = (),
    pipes: bool = False,
) -> Child:
    """Start a process that receives `death_signal` when this one ends, for any reason.

    Call it from the main thread: the kernel sends the signal when the starting *thread* ends (prctl(2),
    PR_SET_PDEATHSIG). The process gets its own session, so that Ctrl-C does not reach it.
    pipes: connect its stdin and stdout to this process; otherwise stdin is empty and stdout goes to the log.
    Raises PairError if the program cannot be executed.
    """
    parent = os.getpid()

    def die_with_parent() -> None:  # after the change of the user, which would clear the setting
        _libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)
        if os.getppid() != parent:  # it ended before the call
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
    """Wait until a command succeeds. Raises PairError with the end of its log if it fails or takes too long."""
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
    """Return the environment variables of every part, without those of the caller that could change its behaviour."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {"PATH": "/usr/local/bin:/usr/bin:/bin"} | kept


def descendants(pid: int) -> list[int]:
    """Return the pids of all descendants of a process; empty if it has ended."""
    found: list[int] = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            for child in map(int, task.read_text(encoding="ascii").split()):
                found += [child, *descendants(child)]
    return found


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log file, empty if there is none. Reads at most 16 KiB."""
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 16_384))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])
