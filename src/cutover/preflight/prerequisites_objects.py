"""The backup of R2's objects: an archive that is read to its end and compared with the bucket."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator, Mapping
from lzma import LZMAError
from typing import Final

from cutover.config.preflight_prerequisites import Backup
from cutover.core.recorder import Recorder
from cutover.core.secrets import redact
from cutover.preflight.findings import Finding
from cutover.preflight.prerequisites_backups import LEAST_SHARE
from cutover.preflight.prerequisites_plan import BACKUPS
from cutover.preflight.prerequisites_usage import LISTED
from cutover.preflight.storage_checks import listed_objects
from cutover.stores import ObjectStore

_PIECE_BYTES: Final = 1 << 20


def object_backup_findings(backup: Backup, objects: ObjectStore, recorder: Recorder) -> Iterator[Finding]:
    """Yield a finding if the archive cannot be read to its end, or lacks objects of the bucket.

    The archive is a tar file, also a compressed one, whose members are named by the keys of the objects. At least half
    of the first LISTED objects must be in it with their size: users add and remove files after a backup.
    """
    place = backup.file.name
    try:
        sizes = archived_sizes(backup)
    except (tarfile.TarError, EOFError, OSError, zlib.error, LZMAError) as error:
        yield Finding(
            "prerequisites:backup-not-restorable:objects", place, "a tar archive that can be read to its end",
            redact(f"{type(error).__name__}: {error}")[:200], BACKUPS.promised, "make the backup again",
        )  # fmt: skip
        return
    listed = listed_objects(objects, LISTED)
    kept = sum(sizes.get(each.key) == each.size for each in listed)
    recorder.measure("objects of the bucket in the backup", kept, f">= {LEAST_SHARE:.0%} of {len(listed)}")
    recorder.note_undetectable("an object whose bytes in the backup differ: names and sizes are compared")
    if len(listed) == LISTED:
        recorder.note_undetectable(f"objects of R2 after the first {LISTED:,}")
    if kept < LEAST_SHARE * len(listed):
        yield Finding(
            "prerequisites:backup-incomplete:objects", place,
            f"at least half of {len(listed)} objects with their size", f"{kept}", BACKUPS.promised,
            "make the backup again: it is incomplete, or its members are not named by the keys of the objects",
        )  # fmt: skip


def archived_sizes(backup: Backup) -> Mapping[str, int]:
    """Return name -> bytes of each file in the archive. All bytes are read, and none is written anywhere."""
    sizes = {}
    with tarfile.open(backup.file, "r|*") as archive:
        for member in archive:
            if not member.isfile() or (content := archive.extractfile(member)) is None:
                continue
            size = 0
            while piece := content.read(_PIECE_BYTES):
                size += len(piece)
            if size != member.size:
                raise tarfile.ReadError(f"{member.name} ends after {size} of {member.size} bytes")
            sizes[member.name.removeprefix("./")] = size
    return sizes
