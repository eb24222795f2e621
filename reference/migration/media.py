"""Django's media folder: bytes of a file by the path in its row.

Not for which path a file has: the mapping says that.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path


class Media:
    """root: MEDIA_ROOT."""

    def __init__(self, root: Path) -> None:
        self._root = root.resolve()

    def read(self, path: str) -> bytes | None:
        """None when there is no such file below the folder."""
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
        """The file is there as a whole or not at all."""
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
        """What root writes belongs to whoever owns the folder, so that Django may remove it again."""
        if os.geteuid() == 0:
            owner = self._root.stat()
            os.chown(place, owner.st_uid, owner.st_gid)

    def _place(self, path: str) -> Path:
        place = (self._root / path).resolve()
        if not place.is_relative_to(self._root) or "\0" in path:
            raise ValueError("a path leads out of the media folder")
        return place
