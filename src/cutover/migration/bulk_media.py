"""All files of the legacy media folder, for the migration gate: a listing, and the bytes of listed files.

The path in a row is data: only paths that the walk through the folder found are opened, and no link is followed.
Single files, and paths that the walk did not find: stores/media.py.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from cutover.core.errors import CheckFailed

PIECE_BYTES: Final = 1024 * 1024


class BulkMedia:
    """A folder of uploaded files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = os.fsencode(folder)

    def walk(self, prefix: str) -> Iterator[tuple[bytes, int | None]]:
        """Yield relative path and size in bytes of everything below the prefix except folders.

        The size of anything but a regular file, for example of a link, is None. Yields nothing if the prefix does not
        exist. Raises CheckFailed for a folder that cannot be listed.
        """
        folders = [prefix.rstrip("/").encode()]
        while folders:
            folder = folders.pop()
            try:
                entries = os.scandir(os.path.join(self._root, folder))  # noqa: PTH118 - Path is several times slower
            except FileNotFoundError:
                continue
            except OSError as error:
                raise self._unreadable(folder, error) from None
            with entries:
                for entry in entries:
                    path = folder + b"/" + entry.name
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                        continue
                    try:
                        status = entry.stat(follow_symlinks=False)
                    except FileNotFoundError:  # removed meanwhile: the check of its row reports it
                        continue
                    yield path, status.st_size if stat.S_ISREG(status.st_mode) else None

    def pieces(self, path: bytes) -> Iterator[bytes]:
        """Yield the bytes of a file that the walk found. Raises FileNotFoundError, CheckFailed."""
        try:
            handle = os.open(
                self._root + b"/" + path,
                os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC,
            )
        except FileNotFoundError:
            raise
        except OSError as error:
            raise self._unreadable(path, error) from None
        try:
            # A buffer of the file's size: allocating a megabyte for each small file costs more than reading it.
            most = min(PIECE_BYTES, os.fstat(handle).st_size + 1)
            while piece := os.read(handle, most):
                yield piece
        except OSError as error:
            raise self._unreadable(path, error) from None
        finally:
            os.close(handle)

    def _unreadable(self, path: bytes, error: OSError) -> CheckFailed:
        return CheckFailed(
            "store:media",
            expected="a media folder that can be read",
            got=f"{os.fsdecode(path)!r}: {error.strerror or error}",
            source=f"media folder {self.folder}",
            do_next="can this user read the folder and everything in it, and is the disk healthy?",
        )
