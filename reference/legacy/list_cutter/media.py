"""The media folder: where the bytes of uploaded files lie, and how they come and go.

    MEDIA_ROOT/uploads/USERID/FILEID.csv   stored files
    MEDIA_ROOT/incoming/                   uploads that are still being received

Knows nothing of rows: callers keep row and file together by their transactions. Folders have no
fsync: a reference system need not survive a power cut.
"""

import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings


def incoming() -> Path:
    """The folder for unfinished uploads, on the same file system so that a rename is atomic."""
    folder = settings.MEDIA_ROOT / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def relative_path(user_id: int, file_id: UUID) -> str:
    return f"uploads/{user_id}/{file_id}.csv"


def stored(path: str) -> Path:
    """The place of a file_path; ValueError when it leads out of the media folder."""
    place = (settings.MEDIA_ROOT / path).resolve()
    if not place.is_relative_to(settings.MEDIA_ROOT.resolve()):
        raise ValueError("a file_path leads out of the media folder")
    return place


def keep(received: Path, path: str) -> None:
    """Gives a received file its final name: it is there as a whole or not at all."""
    place = stored(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    received.chmod(0o644)
    received.replace(place)


def remove(path: str) -> None:
    stored(path).unlink(missing_ok=True)


def remove_owner(user_id: int) -> None:
    """Everything of one account, its folder included."""
    shutil.rmtree(settings.MEDIA_ROOT / "uploads" / str(user_id), ignore_errors=True)
