"""Compare each file with its object: presence, size, MD5 if the ETag is one; thorough: every byte and the metadata.

Also finds files and objects without a row, on both sides, and two rows at one place.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.migration.bulk_media import BulkMedia
from cutover.migration.file_index import FileIndex, Pair
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping import MigrationMapping
from cutover.migration.object_pairs import PairCheck, PairResult, as_json
from cutover.run.progress import Progress
from cutover.stores.bulk_objects import BulkObjects

THREADS: Final = 8
_BATCH: Final = 16
_AHEAD: Final = 3 * THREADS
_PAGES_AHEAD: Final = 32


@dataclass
class ObjectNumbers:
    """Exact numbers of a comparison.

    file_bytes, object_bytes: as listed; compared_bytes: read on each side and compared; by_md5: pairs with a file that
    was read and an ETag that is its MD5; by_bytes: pairs with bytes read on both sides. described: objects whose type,
    encoding, caching and metadata were compared; derived: rows whose derived columns were. not_verified: sentences
    about everything that this form does not compare; unsettled: changes during the read.
    """

    legacy_rows: int = 0
    worker_rows: int = 0
    files: int = 0
    file_bytes: int = 0
    objects: int = 0
    object_bytes: int = 0
    pairs: int = 0
    by_md5: int = 0
    by_bytes: int = 0
    compared_bytes: int = 0
    described: int = 0
    derived: int = 0
    multipart: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    thorough: bool = False
    not_verified: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return plain data."""
        data = {**vars(self), "seconds": round(self.seconds, 3)}
        data["calculated"] = data.pop("derived")  # the key of reconciliation.json
        return data


def reconcile_objects(
    mapping: MigrationMapping,
    legacy_rows: Iterable[Sequence[Any]],
    worker_rows: Iterable[Sequence[Any]],
    media: BulkMedia,
    bucket: BulkObjects,
    findings: Findings,
    *,
    reverse: bool = False,
    thorough: bool = False,
    threads: int = THREADS,
    progress: Progress | None = None,
) -> ObjectNumbers:
    """Compare all files and objects. The rows' cells are those of `file_columns(mapping)`, in its order.

    reverse: the objects are the source and the files the target. thorough: read every byte on both sides.
    Raises MeasurementError for a listing that may be incomplete and for an unreachable store, CheckFailed for a store
    that refuses. The findings until then are correct but incomplete.
    """
    started = time.monotonic()
    progress = progress or Progress()
    numbers = ObjectNumbers(thorough=thorough)
    index = FileIndex(mapping)
    check = PairCheck(mapping, media, bucket, reverse=reverse, thorough=thorough)
    try:
        _fill(index, mapping.objects.prefix, legacy_rows, worker_rows, media, bucket, progress)
        numbers.legacy_rows, _ = index.count("legacy")
        numbers.worker_rows, _ = index.count("worker")
        numbers.files, numbers.file_bytes = index.count("file")
        numbers.objects, numbers.object_bytes = index.count("object")
        total = max(numbers.legacy_rows, numbers.worker_rows)
        progress.begin("files and objects", total, unit="pairs")
        for done, (pair, result) in enumerate(_in_parallel(index.pairs(), check, threads), 1):
            for finding in result.findings:
                findings.add(finding)
            numbers.pairs += pair.file is not None and pair.object is not None
            for name in ("by_md5", "by_bytes", "described", "derived", "multipart"):
                setattr(numbers, name, getattr(numbers, name) + getattr(result, name))
            numbers.compared_bytes += result.read
            if result.unsettled:
                numbers.unsettled.append(result.unsettled)
            progress.reach(done)
        _add_orphans(index, mapping, findings)
        _add_shared_places(index, mapping, findings)
    finally:
        index.close()
        numbers.requests, numbers.retries = bucket.requests, bucket.retries
    numbers.seconds = time.monotonic() - started
    numbers.not_verified = _not_compared(numbers)
    return numbers


def _not_compared(numbers: ObjectNumbers) -> list[str]:
    if numbers.thorough:
        return []
    described = numbers.pairs - numbers.described
    parts = [
        f"the content type, encoding, caching and metadata of {described:,} objects",
        f"the derived columns of {numbers.pairs - numbers.derived:,} files",
    ]
    unread = numbers.pairs - numbers.by_md5 - numbers.by_bytes
    if unread:
        parts.insert(
            0, f"the bytes of {unread:,} objects with an ETag that is not their MD5 ({numbers.multipart:,} multipart)"
        )
    return parts


def _fill(
    index: FileIndex,
    prefix: str,
    legacy_rows: Iterable[Sequence[Any]],
    worker_rows: Iterable[Sequence[Any]],
    media: BulkMedia,
    bucket: BulkObjects,
    progress: Progress,
) -> None:
    """Add rows, files and objects to the index. The bucket is listed while the rest is read."""
    # A row that is written during the read must not seem to lack its file, so files are listed after the rows that
    # name them.
    pages: queue.Queue[list[Any] | BaseException | None] = queue.Queue(_PAGES_AHEAD)
    ended = threading.Event()

    def put(item: list[Any] | BaseException | None) -> None:
        while not ended.is_set():
            with contextlib.suppress(queue.Full):
                pages.put(item, timeout=0.2)
                return

    def listing() -> None:
        try:
            for page in bucket.listing(prefix):
                put(page)
                if ended.is_set():
                    return
            put(None)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that reads the pages
            put(error)

    lister = threading.Thread(target=listing, name="listing", daemon=True)
    lister.start()
    try:
        index.add_legacy(legacy_rows)
        index.add_worker(worker_rows)
        index.add_files(media.walk(prefix))
        progress.begin("objects listed", unit="objects")
        while (page := pages.get()) is not None:
            if isinstance(page, BaseException):
                raise page
            index.add_objects(page)
            progress.add(len(page))
    finally:
        ended.set()
        lister.join()
    index.ready()


def _in_parallel(pairs: Iterator[Pair], check: PairCheck, threads: int) -> Iterator[tuple[Pair, PairResult]]:
    """Yield every pair with its result, in order. Few are in progress at any time, so memory stays small."""
    waiting: deque[tuple[list[Pair], Future[list[PairResult]]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="objects") as pool:
        try:
            batch: list[Pair] = []
            for pair in pairs:
                batch.append(pair)
                if len(batch) == _BATCH:
                    waiting.append((batch, pool.submit(check.check_all, batch)))
                    batch = []
                    if len(waiting) > _AHEAD:
                        done, future = waiting.popleft()
                        yield from zip(done, future.result(), strict=True)
            if batch:
                waiting.append((batch, pool.submit(check.check_all, batch)))
            while waiting:
                done, future = waiting.popleft()
                yield from zip(done, future.result(), strict=True)
        finally:
            check.stopped = True
            for _, future in waiting:
                future.cancel()


def _add_orphans(index: FileIndex, mapping: MigrationMapping, findings: Findings) -> None:
    table = mapping.table(mapping.objects.table)
    for key, size in index.orphaned_objects():
        note = "an object without a row; bytes"
        findings.add(Finding(Part.OBJECTS, table.target, Kind.ORPHAN, key, None, None, as_json(size), note))
    for path, length in index.orphaned_files():
        note = "a file without a row; bytes"
        findings.add(Finding(Part.OBJECTS, table.source, Kind.ORPHAN, path, None, None, as_json(length), note))


def _add_shared_places(index: FileIndex, mapping: MigrationMapping, findings: Findings) -> None:
    table, rules = mapping.table(mapping.objects.table), mapping.objects
    for side, name, column in (
        ("worker", table.target, rules.target_key),
        ("legacy", table.source, rules.source_path),
    ):
        for place, rows in index.shared(side):
            note = "the deletion of one of these rows deletes the bytes of the others"
            place_of = (Part.OBJECTS, name, Kind.DUPLICATED, place, column)
            findings.add(Finding(*place_of, as_json("one row"), as_json(rows), note))
