"""Where pairs live: one folder for each user, in it a cache and a folder for each pair.

Not for what stands in a pair's folder: state.py, postgres.py and the others know that.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutover.embedded.pair_error import USAGE, PairError
from cutover.embedded.processes import POLL_S, Identity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cutover.embedded.processes import Pause

NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
_ALIVE: Final = "alive"
_IDENTITY: Final = "supervisor.json"


def base() -> Path:
    """The user's folder, `cutover-UID` below the temporary folder, made when it is not there.

    Mode 0711: PostgreSQL may have to pass through it as another user. Raises PairError when the
    folder is a link or belongs to somebody else, who could then read or replace what we put there.
    """
    folder = Path(tempfile.gettempdir()) / f"cutover-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o711)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        what = "is no folder" if found.st_uid == os.geteuid() else f"belongs to uid {found.st_uid}"
        raise PairError(
            f"{folder} {what}, so it is not safe to use.",
            fix="remove it, or set TMPDIR to a folder of your own",
            exit_code=USAGE,
        )
    if stat.S_IMODE(found.st_mode) != 0o711:
        folder.chmod(0o711)
    return folder


def _below(name: str) -> Path:
    folder = base() / name
    with contextlib.suppress(FileExistsError):
        folder.mkdir()
        folder.chmod(0o711)
    return folder


def cache() -> Path:
    """Folder for what is built once: database templates, copied programs, compiled code."""
    return _below("cache")


def pair_folder(name: str) -> Path:
    """Folder of the pair `name`, whether it is there or not. Raises PairError for a malformed name."""
    if not NAME.fullmatch(name):
        raise PairError(
            f"{name!r} is no name of a pair.",
            fix="use 1 to 40 characters of a-z, 0-9 and -",
            exit_code=USAGE,
        )
    return _below("pairs") / name


def pair_names() -> list[str]:
    """Names of the pairs whose supervisor lives, those that are still starting included."""
    return sorted(folder.name for folder in _below("pairs").iterdir() if NAME.fullmatch(folder.name) and _held(folder))


def supervisor(name: str) -> Identity | None:
    """The living supervisor of a pair, or None."""
    folder = pair_folder(name)
    try:
        found = Identity(**json.loads((folder / _IDENTITY).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    # Both: the lock is dropped by the kernel with its holder, whatever became of the pid; the
    # identity is what gets signals.
    return found if _held(folder) and found.alive() else None


@dataclass
class Claim:
    """A pair's folder that this process holds: nobody else starts a pair of that name meanwhile."""

    path: Path
    lock: int

    def release(self) -> None:
        """Remove the folder and free the name."""
        gone = self.path.with_name(f".gone-{secrets.token_hex(8)}")
        with contextlib.suppress(FileNotFoundError):
            self.path.rename(gone)
        _remove(gone)
        os.close(self.lock)


def claim(name: str) -> Claim:
    """Take the folder of a new pair for this process, as its supervisor.

    Raises PairError when a living supervisor has it.
    """
    path = pair_folder(name)
    with locked(path.parent / ".lock"):
        _sweep(path.parent)
        if path.exists():
            other = supervisor(name)
            who = f" (process {other.pid})" if other else ""
            up = (path / "state.json").exists()
            raise PairError(
                f"The pair {name!r} is already {'up' if up else 'being started'}{who}.",
                fix=f"use it, end it with `cutover pair down --name {name}`, or give another --name",
                exit_code=USAGE,
            )
        new = path.with_name(f".new-{secrets.token_hex(8)}")
        new.mkdir()
        # As root, PostgreSQL's user has to pass through; what is secret in it is 0600 or 0700 itself.
        new.chmod(0o711 if os.geteuid() == 0 else 0o700)
        lock = os.open(new / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        me = Identity.of(os.getpid())
        if me is None:
            raise PairError("/proc does not show our own process.", fix="mount /proc")
        (new / _IDENTITY).write_text(json.dumps({"pid": me.pid, "start_ticks": me.start_ticks}))
        new.rename(path)
    return Claim(path, lock)


def sweep() -> None:
    """Remove the folders of pairs whose supervisor is gone."""
    pairs = _below("pairs")
    with locked(pairs / ".lock"):
        _sweep(pairs)


def _sweep(pairs: Path) -> None:
    for folder in pairs.iterdir():
        if folder.is_dir() and not _held(folder):
            gone = folder.with_name(f".gone-{secrets.token_hex(8)}")
            with contextlib.suppress(FileNotFoundError):  # its owner may be removing it just now
                folder.rename(gone)
                _remove(gone)


def _held(folder: Path) -> bool:
    """Whether a process holds the folder's lock. The kernel drops it when the holder dies."""
    try:
        lock = os.open(folder / _ALIVE, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _remove(folder: Path) -> None:
    # A database that was just told to end may still write: what is left then, the next sweep gets.
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked(file: Path, pause: Pause | None = None) -> Iterator[None]:
    """Hold an exclusive lock on a file. With `pause`, waiting for it can be interrupted."""
    lock = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        while pause is not None:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                pause(POLL_S)
        else:
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
