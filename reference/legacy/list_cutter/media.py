"""The media folder: store and remove the bytes of uploaded files.

    MEDIA_ROOT/uploads/USERID/FILEID.csv   stored files
    MEDIA_ROOT/incoming/                   incomplete uploads

Callers keep row and file consistent by their transactions. Folders are not fsynced: a reference
system need not survive a power failure.
"""

import shutil
from pathlib import Path
from uuid import UUID

from django.conf import settings


def incoming() -> Path:
    """Return the folder for incomplete uploads, on the same file system so that a rename is atomic."""
    folder = settings.MEDIA_ROOT / "incoming"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def relative_path(user_id: int, file_id: UUID) -> str:
    return f"uploads/{user_id}/{file_id}.csv"


def stored(path: str) -> Path:
    """Return the path of a file_path. Raise ValueError if it is outside the media folder."""
    place = (settings.MEDIA_ROOT / path).resolve()
    if not place.is_relative_to(settings.MEDIA_ROOT.resolve()):
        raise ValueError("a file_path leads out of the media folder")
    return place


def keep(received: Path, path: str) -> None:
    """Rename a received file to its final name: it exists completely or not at all."""
    place = stored(path)
    place.parent.mkdir(parents=True, exist_ok=True)
    received.chmod(0o644)
    received.replace(place)


def remove(path: str) -> None:
    stored(path).unlink(missing_ok=True)


def remove_owner(user_id: int) -> None:
    """Remove all files of an account, with its folder."""
    shutil.rmtree(settings.MEDIA_ROOT / "uploads" / str(user_id), ignore_errors=True)
