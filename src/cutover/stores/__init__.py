"""Reads what stands behind both systems, to see what their APIs do not show. Nothing in here writes.

R2 over S3 and D1 over REST by our one client, the legacy's PostgreSQL and its media folder directly. Single
rows and files; not for reading in bulk, and not for what follows from it: the check decides.
"""

from __future__ import annotations

from cutover.stores.legacy_rows import LegacyRows
from cutover.stores.media import ListedFile, MediaFolder, StoredFile
from cutover.stores.objects import ListedObject, ObjectStore, StoredObject
from cutover.stores.worker_rows import RowStore

__all__ = [
    "LegacyRows", "ListedFile", "ListedObject", "MediaFolder", "ObjectStore", "RowStore", "StoredFile", "StoredObject",
]  # fmt: skip
