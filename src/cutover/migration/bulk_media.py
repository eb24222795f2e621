"""The legacy's media folder in bulk: everything in it, and the bytes of files that were listed.

A path of a row is data: only what the walk through the folder found is opened, and no link is followed. Single files in
a check, and paths that were not found: stores/media.py.
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
    """One folder of uploaded files."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._root = os.fsencode(folder)

    def walk(self, prefix: str) -> Iterator[tuple[bytes, int | None]]:
        """Path relative to the folder and size in bytes of everything below the prefix, but for folders.

        size is None for what is no file, links among them. Nothing when the prefix is not there. Raises CheckFailed for
        what may not be listed: what is in there would not be seen.
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
                    except FileNotFoundError:  # removed meanwhile; whoever looks for it will say so
                        continue
                    yield path, status.st_size if stat.S_ISREG(status.st_mode) else None

    def pieces(self, path: bytes) -> Iterator[bytes]:
        """The bytes of a file that the walk found, in pieces. Raises FileNotFoundError, CheckFailed."""
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
            # As much memory as it takes: a megabyte that is mapped for each small file costs more than its reading.
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
            do_next="may this user read the folder and all in it, and is the disk sound?",
        )
