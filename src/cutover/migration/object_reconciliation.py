"""Each file against its object: presence, size, MD5 where the ETag is one; thorough: every byte and what describes it.

Also what lies there without a row, on both sides, and two rows at one place. Not for the rows themselves: rows.py.
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
from cutover.migration.object_pairs import Looked, PairCheck, as_json
from cutover.run.progress import Progress
from cutover.stores.bulk_objects import BulkObjects

THREADS: Final = 8
_BATCH: Final = 16
_AHEAD: Final = 3 * THREADS
_PAGES_AHEAD: Final = 32


@dataclass
class ObjectNumbers:
    """Exact numbers of what was compared.

    file_bytes, object_bytes: as listed; compared_bytes: read on each side and compared; by_md5: pairs whose file was
    read and whose ETag is its MD5; by_bytes: pairs whose bytes were read on both sides. described: objects whose type,
    encoding, caching and metadata were compared; calculated: rows whose calculated columns were. not_verified: what
    this form did not look at, in sentences; unsettled: what changed while it was read.
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
    calculated: int = 0
    multipart: int = 0
    requests: int = 0
    retries: int = 0
    seconds: float = 0.0
    thorough: bool = False
    not_verified: list[str] = field(default_factory=list)
    unsettled: list[str] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Plain data."""
        return {**vars(self), "seconds": round(self.seconds, 3)}


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
    """Compare all files and objects. The rows' cells are those that `file_columns(mapping)` names, in its order.

    reverse: the objects are the source and the files the target. thorough: read every byte on both sides.
    Raises MeasurementError for a listing that cannot be whole and for a store that cannot be reached; CheckFailed
    for one that refuses. What was added to the findings until then is true, and not all.
    """
    started = time.monotonic()
    progress = progress or Progress()
    numbers = ObjectNumbers(thorough=thorough)
    index = FileIndex(mapping)
    look = PairCheck(mapping, media, bucket, reverse=reverse, thorough=thorough)
    try:
        _fill(index, mapping.objects.prefix, legacy_rows, worker_rows, media, bucket, progress)
        numbers.legacy_rows, _ = index.count("legacy")
        numbers.worker_rows, _ = index.count("worker")
        numbers.files, numbers.file_bytes = index.count("file")
        numbers.objects, numbers.object_bytes = index.count("object")
        total = max(numbers.legacy_rows, numbers.worker_rows)
        progress.begin("files and objects", total, unit="pairs")
        for done, (pair, looked) in enumerate(_in_parallel(index.pairs(), look, threads), 1):
            for finding in looked.findings:
                findings.add(finding)
            numbers.pairs += pair.file is not None and pair.object is not None
            for name in ("by_md5", "by_bytes", "described", "calculated", "multipart"):
                setattr(numbers, name, getattr(numbers, name) + getattr(looked, name))
            numbers.compared_bytes += looked.read
            if looked.unsettled:
                numbers.unsettled.append(looked.unsettled)
            progress.reach(done)
        _without_rows(index, mapping, findings)
        _shared(index, mapping, findings)
    finally:
        index.close()
        numbers.requests, numbers.retries = bucket.requests, bucket.retries
    numbers.seconds = time.monotonic() - started
    numbers.not_verified = _left_out(numbers)
    return numbers


def _left_out(numbers: ObjectNumbers) -> list[str]:
    if numbers.thorough:
        return []
    described = numbers.pairs - numbers.described
    said = [
        f"the content type, encoding, caching and metadata of {described:,} objects",
        f"what is calculated from the bytes of {numbers.pairs - numbers.calculated:,} files",
    ]
    unread = numbers.pairs - numbers.by_md5 - numbers.by_bytes
    if unread:
        said.insert(
            0, f"the bytes of {unread:,} objects whose ETag is no MD5 of them ({numbers.multipart:,} multipart)"
        )
    return said


def _fill(
    index: FileIndex,
    prefix: str,
    legacy_rows: Iterable[Sequence[Any]],
    worker_rows: Iterable[Sequence[Any]],
    media: BulkMedia,
    bucket: BulkObjects,
    progress: Progress,
) -> None:
    """Rows, files and objects into the index; the bucket is listed while the rest is read."""
    # A row that is written while this reads must not seem to lack its file, so places are listed behind the rows that
    # name them; the listing is therefore joined with rows that are at most as old as it is.
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
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits for the pages
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


def _in_parallel(pairs: Iterator[Pair], look: PairCheck, threads: int) -> Iterator[tuple[Pair, Looked]]:
    """Every pair with what was found, in their order; few are under way at any time, so memory stays small."""
    waiting: deque[tuple[list[Pair], Future[list[Looked]]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="objects") as pool:
        try:
            batch: list[Pair] = []
            for pair in pairs:
                batch.append(pair)
                if len(batch) == _BATCH:
                    waiting.append((batch, pool.submit(look.at_all, batch)))
                    batch = []
                    if len(waiting) > _AHEAD:
                        done, future = waiting.popleft()
                        yield from zip(done, future.result(), strict=True)
            if batch:
                waiting.append((batch, pool.submit(look.at_all, batch)))
            while waiting:
                done, future = waiting.popleft()
                yield from zip(done, future.result(), strict=True)
        finally:
            look.stopped = True
            for _, future in waiting:
                future.cancel()


def _without_rows(index: FileIndex, mapping: MigrationMapping, findings: Findings) -> None:
    table = mapping.table(mapping.objects.table)
    for key, size in index.orphaned_objects():
        note = "an object of no row; bytes"
        findings.add(Finding(Part.OBJECTS, table.target, Kind.ORPHAN, key, None, None, as_json(size), note))
    for path, length in index.orphaned_files():
        note = "a file of no row; bytes"
        findings.add(Finding(Part.OBJECTS, table.source, Kind.ORPHAN, path, None, None, as_json(length), note))


def _shared(index: FileIndex, mapping: MigrationMapping, findings: Findings) -> None:
    table, rules = mapping.table(mapping.objects.table), mapping.objects
    for side, name, column in (
        ("worker", table.target, rules.target_key),
        ("legacy", table.source, rules.source_path),
    ):
        for place, rows in index.shared(side):
            note = "of these rows one's deletion takes the bytes of the others"
            place_of = (Part.OBJECTS, name, Kind.DUPLICATED, place, column)
            findings.add(Finding(*place_of, as_json("one row"), as_json(rows), note))
