"""Read the stores of both systems: R2 over S3, D1 over REST or as a file, legacy's PostgreSQL and media folder.

Nothing is written, except account roles and equal times on disposable environments (accounts/roles.py,
accounts/equal_times.py). A check may remove an object that it uploaded itself (`ObjectStore.remove_own`).
"""

from __future__ import annotations

from cutover.stores.legacy_rows import LegacyRows
from cutover.stores.media import ListedFile, MediaFolder, StoredFile
from cutover.stores.objects import ListedObject, ObjectStore, StoredObject
from cutover.stores.worker_rows import RowFile, RowStore, row_store_of

__all__ = [
    "LegacyRows", "ListedFile", "ListedObject", "MediaFolder", "ObjectStore", "RowFile", "RowStore", "StoredFile",
    "StoredObject", "row_store_of",
]  # fmt: skip
