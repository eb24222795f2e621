"""Django's media folder: the bytes of a file by the path in its row."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


class Media:
    """The media folder. root: MEDIA_ROOT."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, path: str) -> bytes | None:
        """Return the bytes; None if there is no such file in the folder."""
        try:
            return self._place(path).read_bytes()
        except (FileNotFoundError, IsADirectoryError, ValueError):
            return None

    def size(self, path: str) -> int | None:
        try:
            return self._place(path).stat().st_size
        except (FileNotFoundError, ValueError):
            return None

    def write(self, path: str, content: bytes) -> None:
        """Write the file: it exists completely or not at all."""
        place = self._place(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        self._as_owner(place.parent)
        new = place.with_name(f".{place.name}.{secrets.token_hex(4)}.part")
        new.write_bytes(content)
        self._as_owner(new)
        new.replace(place)

    def remove(self, path: str) -> None:
        place = self._place(path)
        place.unlink(missing_ok=True)

    def _as_owner(self, place: Path) -> None:
        """Give a file that root wrote to the folder's owner, so that Django may remove it."""
        if os.geteuid() == 0:
            owner = self._root.stat()
            os.chown(place, owner.st_uid, owner.st_gid)

    def _place(self, path: str) -> Path:
        place = (self._root / path).resolve()
        if not place.is_relative_to(self._root) or "\0" in path:
            raise ValueError("a path leads out of the media folder")
        return place
