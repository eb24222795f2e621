"""The legacy's media folder on this machine: read single files by the paths in its rows.

Nothing outside the folder is read: the paths are untrusted data.
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
    """A file: path relative to the folder, size in bytes and SHA-256 in hexadecimal digits of the same bytes."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class ListedFile:
    """An entry of a listing: path relative to the listed folder, size in bytes (None if it is not a regular file)."""

    path: str
    size: int | None


class MediaFolder:
    """A folder of uploaded files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.resolve()

    def get(self, path: str) -> StoredFile | None:
        """Return size and SHA-256 of a file, None if it does not exist.

        The file is read in pieces and not kept in memory. Raises like `pieces`.
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
        """Return the bytes of a file in pieces of at most PIECE_BYTES, None if the file does not exist.

        path: relative to the folder, with `/`. A symbolic link is followed if its target is inside the folder.
        Raises Refused for a path that is absolute, contains `..` or NUL, or leaves the folder by a link; CheckFailed if
        the path is not a regular file or cannot be read.
        """
        try:
            place = self._place(path)
            # A link that was created since then is not followed. A pipe without a writer does not block.
            handle = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise self._unreadable(path, error.strerror or str(error)) from None
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise self._unreadable(path, "it is not a regular file")
        return self._read(handle, path)

    def list(self, path: str) -> Iterator[ListedFile]:
        """Yield everything below a folder except folders, sorted by path. A missing folder is empty.

        Links are listed and not followed. Raises Refused like `pieces`, CheckFailed if a folder cannot be listed.
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
            raise Refused(f"path refused: {path!r} is not relative to the media folder or contains `..`")
        try:
            place = (self._folder / path).resolve()
        except RuntimeError:  # a circle of links
            raise self._unreadable(path, "its symbolic links form a circle") from None
        if not place.is_relative_to(self._folder):
            raise Refused(f"path refused: {path!r} leaves the media folder by a symbolic link")
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
            expected="a readable file of the media folder, or no file",
            got=f"{path!r}: {reason}",
            source=f"media folder {self._folder}",
            do_next="check that this user may read the folder and all files in it, and that the disk has no errors",
        )
