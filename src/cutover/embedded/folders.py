"""The folders of pairs: one folder per user, with a cache and one folder per pair."""

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
from cutover.embedded.processes import POLL_S, ProcessIdentity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cutover.embedded.processes import Pause

NAME: Final = re.compile(r"[a-z0-9-]{1,40}")
_ALIVE: Final = "alive"
_IDENTITY: Final = "supervisor.json"


def base() -> Path:
    """Return the user's folder, `cutover-UID` below the temporary folder, and create it if it is missing.

    Mode 0711, because PostgreSQL may need to enter it as another user. Raises PairError if the folder is a link or
    belongs to another user, who could read or replace its content.
    """
    folder = Path(tempfile.gettempdir()) / f"cutover-{os.geteuid()}"
    with contextlib.suppress(FileExistsError):
        folder.mkdir(mode=0o711)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        got = "no folder" if found.st_uid == os.geteuid() else f"a folder of uid {found.st_uid}"
        raise PairError(
            f"{folder}: expected a folder of uid {os.geteuid()}, got {got}.",
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
    """Return the folder of results that are built once: database templates, copied programs, compiled code."""
    return _below("cache")


def pair_folder(name: str) -> Path:
    """Return the path of the pair's folder, which may not exist. Raises PairError for a malformed name."""
    if not NAME.fullmatch(name):
        raise PairError(
            f"expected the name of a pair, got {name!r}.",
            fix="use 1 to 40 characters of a-z, 0-9 and -",
            exit_code=USAGE,
        )
    return _below("pairs") / name


def pair_names() -> list[str]:
    """Return the names of the pairs whose supervisor is running, including pairs that are still starting."""
    return sorted(folder.name for folder in _below("pairs").iterdir() if NAME.fullmatch(folder.name) and _held(folder))


def supervisor(name: str) -> ProcessIdentity | None:
    """Return the running supervisor of a pair, or None."""
    folder = pair_folder(name)
    try:
        found = ProcessIdentity(**json.loads((folder / _IDENTITY).read_text()))
    except (OSError, ValueError, TypeError):
        return None
    # Both conditions: the kernel drops the lock with its holder even if the pid is used again, and signals need the
    # identity.
    return found if _held(folder) and found.alive() else None


@dataclass
class Claim:
    """A pair's folder that this process holds, so that no other process starts a pair of that name."""

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
    """Create the folder of a new pair and hold it for this process, its supervisor.

    Raises PairError if a running supervisor holds it.
    """
    path = pair_folder(name)
    with locked(path.parent / ".lock"):
        _remove_dead(path.parent)
        if path.exists():
            other = supervisor(name)
            process = f" (process {other.pid})" if other else ""
            up = (path / "state.json").exists()
            raise PairError(
                f"The pair {name!r} is already {'up' if up else 'starting'}{process}.",
                fix=f"use it, end it with `cutover pair down --name {name}`, or use another --name",
                exit_code=USAGE,
            )
        new = path.with_name(f".new-{secrets.token_hex(8)}")
        new.mkdir()
        # As root, PostgreSQL's user must enter it. Secret files in it have mode 0600 or 0700 themselves.
        new.chmod(0o711 if os.geteuid() == 0 else 0o700)
        lock = os.open(new / _ALIVE, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        fcntl.flock(lock, fcntl.LOCK_EX)
        me = ProcessIdentity.of(os.getpid())
        if me is None:
            raise PairError("/proc does not contain this process.", fix="mount /proc")
        (new / _IDENTITY).write_text(json.dumps({"pid": me.pid, "start_ticks": me.start_ticks}))
        new.rename(path)
    return Claim(path, lock)


def remove_dead() -> None:
    """Remove the folders of pairs whose supervisor has ended."""
    pairs = _below("pairs")
    with locked(pairs / ".lock"):
        _remove_dead(pairs)


def _remove_dead(pairs: Path) -> None:
    for folder in pairs.iterdir():
        if folder.is_dir() and not _held(folder):
            gone = folder.with_name(f".gone-{secrets.token_hex(8)}")
            with contextlib.suppress(FileNotFoundError):  # its owner may remove it at the same time
                folder.rename(gone)
                _remove(gone)


def _held(folder: Path) -> bool:
    """Return True if a process holds the folder's lock. The kernel drops it when the holder ends."""
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
    # A database that is ending may still write: the next call of `remove_dead` removes the rest.
    shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def locked(file: Path, pause: Pause | None = None) -> Iterator[None]:
    """Hold an exclusive lock on a file. With `pause`, the wait for it can be interrupted."""
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
