"""The legacy's media folder, as this machine sees it: single files by the paths that its rows name.

Never outside of the folder: a path of a row is data, and data must not choose which file of this machine is
read. Not for writing, and not for what a path should be: the reader of the rows knows that.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutover.core.errors import CheckFailed, Refused

PIECE_BYTES: Final = 1024 * 1024


@dataclass(frozen=True)
class StoredFile:
    """One file: path relative to the folder, size in bytes, SHA-256 in hexadecimal digits, of the same bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ListedFile:
    """One entry of a listing: path relative to what was listed, size in bytes (None for what is no file)."""

    path: str
    size: int | None


class MediaFolder:
    """One folder of uploaded files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def get(self, path: str) -> StoredFile | None:
        """Size and SHA-256 of the file at that path; None when there is none.

        The file is read in pieces and not kept. Raises as `pieces` does.
        """
        digest, size = hashlib.sha256(), 0
        pieces = self.pieces(path)
        if pieces is None:
            return None
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
        return StoredFile(path, size, digest.hexdigest())

    def pieces(self, path: str) -> Iterator[bytes] | None:
        """The file's bytes in pieces of at most PIECE_BYTES; None when there is no such file.

        path: relative to the folder, with `/`. A symbolic link is followed when it stays inside.
        Raises Refused for a path that is absolute, holds `..` or NUL, or leads out by a link; CheckFailed for
        what is there and is no file, or may not be read.
        """
        try:
            place = self._place(path)
            # A link that was put there since is not followed; a pipe that nobody writes to does not block.
            handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(path, error.strerror or str(error)) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise self._unreadable(path, "it is no file")
        return self._read(handle, path)

    def list(self, path: str) -> Iterator[ListedFile]:
        """Everything below a folder, however deep, but for folders; in order of path. Nothing when it is not there.

        Links are listed and not followed. Raises Refused as `pieces` does, CheckFailed for what may not be listed.
        """
        top = self._place(path)
        if not top.exists():
            return

        def refuse(error: OSError) -> None:
            raise self._unreadable(path, error.strerror or str(error))

        found = []
        for folder, folders, files in os.walk(top, onerror=refuse):
            links = [name for name in folders if Path(folder, name).is_symlink()]
            for entry in (Path(folder, name) for name in (*files, *links)):
                status = entry.lstat()
                size = status.st_size if stat.S_ISREG(status.st_mode) else None
                found.append(ListedFile(str(entry.relative_to(top)), size))
        yield from sorted(found, key=lambda listed: listed.path)

    def _place(self, path: str) -> Path:
        parts = path.split("/")
        if not path or "\0" in path or path.startswith("/") or ".." in parts:
            raise Refused(f"path refused: {path!r} is not relative to the media folder, or leads up")
        try:
            place = (self._folder / path).resolve()
        except RuntimeError:  # links that lead to each other
            raise self._unreadable(path, "its links lead in a circle") from None
        if not place.is_relative_to(self._folder):
            raise Refused(f"path refused: {path!r} leads out of the media folder by a symbolic link")
        return place

    def _read(self, handle: int, path: str) -> Iterator[bytes]:
        with os.fdopen(handle, "rb", buffering=0) as file:
            try:
                while piece := file.read(PIECE_BYTES):
                    yield piece
            except OSError as error:
                raise self._unreadable(path, error.strerror or str(error)) from None

    def _unreadable(self, path: str, reason: str) -> CheckFailed:
        return CheckFailed(
            "store:media",
            expected="a file of the media folder that can be read, or none",
            got=f"{path!r}: {reason}",
            source=f"media folder {self._folder}",
            do_next="may this user read the folder and all in it, and is the disk sound?",
        )
