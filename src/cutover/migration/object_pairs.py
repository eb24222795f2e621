"""Compare one row with its file and its object. file_index.py finds the three."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from cutover.core.errors import CheckFailed, MeasurementError, Refused
from cutover.migration.bulk_media import BulkMedia
from cutover.migration.derived_columns import DerivedColumns, ListReader
from cutover.migration.file_index import Pair, file_columns
from cutover.migration.findings import Finding, Kind, Part
from cutover.migration.mapping import MigrationMapping
from cutover.migration.object_description import description_differences
from cutover.stores.bulk_objects import BrokenError, BulkObjects, OpenObject

_TRIES: Final = 3
_MD5: Final = re.compile(r"[0-9a-f]{32}")


class PairResult(NamedTuple):
    """The result of one pair: findings in order, and numbers to add up. unsettled: a change during the read, or ""."""

    findings: tuple[Finding, ...] = ()
    by_md5: int = 0
    by_bytes: int = 0
    read: int = 0
    described: int = 0
    derived: int = 0
    multipart: int = 0
    unsettled: str = ""


class PairCheck:
    """Checks pairs. Safe for threads."""

    def __init__(
        self, mapping: MigrationMapping, media: BulkMedia, bucket: BulkObjects, *, reverse: bool, thorough: bool
    ) -> None:
        self._rules = mapping.objects
        self._table = mapping.table(mapping.objects.table)
        self._template = self._table.column(mapping.objects.target_key).template
        columns = file_columns(mapping)
        self._owned = [columns.worker.index(name) for name in (self._template.fields if self._template else ())]
        self._sizes = (
            (self._table.target, self._rules.size, columns.worker.index(self._rules.size)),
            (self._table.source, *_place_of(self._table.source_of(self._rules.size), columns.legacy)),
        )
        self._derived = {column.name: column.derived for column in self._table.columns if column.derived}
        self._media, self._bucket = media, bucket
        self._reverse, self._thorough = reverse, thorough
        self.stopped = False

    def check_all(self, pairs: Sequence[Pair]) -> list[PairResult]:
        """Return the results of the pairs. After `stopped` is set, the rest gets empty results."""
        return [PairResult() if self.stopped else self.check(pair) for pair in pairs]

    def check(self, pair: Pair) -> PairResult:
        """Return the result of one pair."""
        found: list[Finding] = []
        if pair.worker is not None:
            found += self._key_of_another(pair)
            if pair.object is None:
                found += self._no_object(pair)
        if pair.legacy is not None and (pair.file is None or pair.file.size is None):
            return PairResult((*found, *self._unlisted(pair)))
        if pair.legacy is None or pair.worker is None or pair.file is None or pair.object is None:
            if self._thorough and pair.worker is not None and pair.object is not None and pair.legacy is None:
                return self._object_alone(pair, found)
            return PairResult(tuple(found))
        assert pair.file.size is not None  # the None case returned above
        sizes_differ = pair.file.size != pair.object.size
        if sizes_differ:
            found.append(self._differs(pair, "size", pair.file.size, pair.object.size))
        else:
            found += self._size_of_row(pair, pair.file.size)
        try:
            if self._thorough:
                return self._every_byte(pair, found, sizes_differ=sizes_differ)
            return PairResult(tuple(found)) if sizes_differ else self._md5(pair, found)
        except FileNotFoundError:
            return PairResult(tuple(found), unsettled=f"{pair.legacy.place}: the file disappeared while it was read")

    def _key_of_another(self, pair: Pair) -> list[Finding]:
        """Find a row with an object key that its user and file id do not form: it leads to another user's bytes."""
        assert pair.worker is not None
        if self._template is None:
            return []
        parts = [self._template.literals[0]]
        for place, literal in zip(self._owned, self._template.literals[1:], strict=True):
            parts += (str(pair.worker.cells[place]), literal)
        own = "".join(parts)
        if own == pair.worker.place:
            return []
        note = f"row {pair.worker.key} points to an object that belongs to another user or file"
        return [self._of_object(Kind.CHANGED, pair, self._rules.target_key, own, pair.worker.place, note)]

    def _no_object(self, pair: Pair) -> list[Finding]:
        """Request an object that the listing lacks. If it exists, the listing was incomplete."""
        assert pair.worker is not None
        if not pair.worker.place:
            return [self._of_object(Kind.MISSING, pair, None, None, None, f"row {pair.worker.key} names no object")]
        opened = self._bucket.open(pair.worker.place)
        self._bucket.drop()
        if opened is not None and pair.worker.place.startswith(self._rules.prefix):
            raise MeasurementError(
                f"the listing of the bucket {self._bucket.name} lacks {pair.worker.place!r}, which exists: it is "
                "incomplete, or the object was written during the run. Freeze writes, and run it again."
            )
        if opened is not None:
            return []  # outside the prefix: the wrong key is a finding already
        note = f"row {pair.worker.key} names it, R2 does not have it"
        return [self._of_object(Kind.MISSING, pair, None, "an object", None, note)]

    def _unlisted(self, pair: Pair) -> list[Finding]:
        """Find out why the walk through the folder did not find a row's file."""
        from cutover.stores import MediaFolder  # imported here, because few runs have such a row

        assert pair.legacy is not None
        place, column = pair.legacy.place, self._rules.source_path
        note = f"row {pair.legacy.key}"
        try:
            pieces = MediaFolder(self._media.folder).pieces(place) if place else None
        except Refused as refused:
            return [self._of_file(Kind.UNUSABLE, pair, column, "a path inside the media folder", str(refused), note)]
        except CheckFailed:
            return [self._of_file(Kind.UNUSABLE, pair, column, "a file", "something else", note)]
        if pieces is None:
            return [
                self._of_file(Kind.MISSING, pair, None, "a file", None, f"{note} names it, the folder does not have it")
            ]
        for _ in pieces:
            break
        why = "a file below the prefix that is not reached by a link"
        return [self._of_file(Kind.UNUSABLE, pair, column, why, place, note)]

    def _md5(self, pair: Pair, found: list[Finding]) -> PairResult:
        assert pair.legacy is not None
        assert pair.object is not None
        assert pair.worker is not None
        etag = pair.object.etag
        if not _MD5.fullmatch(etag):
            return PairResult(tuple(found), multipart=int("-" in etag))
        digest, read = hashlib.md5(usedforsecurity=False), 0
        for piece in self._media.pieces(pair.legacy.place.encode("utf-8", "surrogateescape")):
            digest.update(piece)
            read += len(piece)
        if digest.hexdigest() == etag:
            return PairResult(tuple(found), by_md5=1, read=read)
        # Not every ETag of this form is an MD5 (encrypted or copied objects): the bytes decide.
        return self._every_byte(pair, found, sizes_differ=False)

    def _every_byte(self, pair: Pair, found: list[Finding], *, sizes_differ: bool) -> PairResult:
        assert pair.legacy is not None
        assert pair.worker is not None
        assert pair.file is not None
        assert pair.object is not None
        reader = ListReader()
        for piece in self._media.pieces(pair.legacy.place.encode("utf-8", "surrogateescape")):
            reader.take(piece)
        file = reader.result()
        if file.size != pair.file.size:
            return PairResult(tuple(found), unsettled=f"{pair.legacy.place}: the file changed while it was read")
        read_object = self._object(pair)
        if isinstance(read_object, str):
            return PairResult(tuple(found), unsettled=read_object)
        sha256, opened = read_object
        described = derived = 0
        if sha256 is None:
            wrong = [self._of_object(Kind.CHANGED, pair, "content_encoding", None, opened.encoding)]
        else:
            wrong = [self._differs(pair, "sha256", file.sha256, sha256)] if sha256 != file.sha256 else []
        if self._thorough:
            wrong = [each for each in wrong if each.column != "content_encoding"] + self._description(pair, opened)
            described = 1
            if not self._reverse:
                wrong += self._derived_columns(pair, file)
                derived = 1
        found += wrong
        return PairResult(
            tuple(found), by_bytes=1, read=0 if sizes_differ else file.size, described=described, derived=derived
        )

    def _object_alone(self, pair: Pair, found: list[Finding]) -> PairResult:
        """Check a row that only D1 has, with its object: only the description can be compared."""
        read_object = self._object(pair)
        if isinstance(read_object, str):
            return PairResult(tuple(found), unsettled=read_object)
        found += self._description(pair, read_object[1])
        return PairResult(tuple(found), described=1)

    def _object(self, pair: Pair) -> tuple[str | None, OpenObject] | str:
        """Return the SHA-256 of an object and the object, or a sentence if it changed meanwhile.

        The SHA-256 is None if the object has a Content-Encoding: HTTP may not return its bytes as they are stored.
        """
        assert pair.worker is not None
        assert pair.object is not None
        key = pair.worker.place
        tries = 0
        while True:
            opened = self._bucket.open(key)
            if opened is not None and opened.encoding and opened.etag == pair.object.etag:
                self._bucket.drop()
                return None, opened
            if opened is None or (opened.etag, opened.size) != (pair.object.etag, pair.object.size):
                self._bucket.drop()
                return f"{key}: the object changed between the listing and its reading"
            digest = hashlib.sha256()
            try:
                for piece in opened.pieces():
                    digest.update(piece)
                return digest.hexdigest(), opened
            except BrokenError as error:
                self._bucket.drop()
                tries += 1
                if tries == _TRIES:
                    raise MeasurementError(
                        f"the object {key!r} could not be read to its end in {_TRIES} tries: {error}. Nothing follows "
                        "about its bytes. Run it again; if it happens again, the object or the network is broken."
                    ) from None

    def _description(self, pair: Pair, opened: OpenObject) -> list[Finding]:
        assert pair.worker is not None
        wrong = description_differences(
            self._rules, pair.worker.values, opened.headers, opened.metadata, reverse=self._reverse
        )
        return [self._of_object(one.kind, pair, one.column, one.expected, one.got) for one in wrong]

    def _derived_columns(self, pair: Pair, file: DerivedColumns) -> list[Finding]:
        """Compare the derived columns of the row with the values that the source's bytes give."""
        assert pair.worker is not None
        wanted: dict[str, Any] = {
            "row_count": file.row_count,
            "column_count": file.column_count,
            "sha256": file.sha256,
            "status": file.status,
        }
        values = pair.worker.values
        found = []
        for column, of in self._derived.items():
            got = values[column]
            if of == "error":
                # The Worker chooses the words; the contract promises that there are some.
                right = (got is None) if file.status == "completed" else isinstance(got, str) and got != ""
                expected = None if file.status == "completed" else "a reason"
            else:
                expected = wanted[of]
                right = type(got) is type(expected) and got == expected
            if not right:
                note = "derived from the file's bytes"
                place = (Part.ROWS, self._table.target, Kind.CHANGED, pair.worker.key, column)
                found.append(Finding(*place, as_json(expected), as_json(got), note))
        return found

    def _size_of_row(self, pair: Pair, size: int) -> list[Finding]:
        """Compare the sizes in the rows with the size that file and object have in common."""
        assert pair.legacy is not None
        assert pair.worker is not None
        found = []
        for (table, column, place), row in zip(self._sizes, (pair.worker, pair.legacy), strict=True):
            if place is not None and row.cells[place] != size:
                note = f"row {row.key} states another size"
                got = as_json(row.cells[place])
                found.append(Finding(Part.OBJECTS, table, Kind.CHANGED, row.place, column, as_json(size), got, note))
        return found

    def _differs(self, pair: Pair, column: str, of_file: object, of_object: object) -> Finding:
        """Return a difference between file and object as a finding of the target."""
        if self._reverse:
            return self._of_file(Kind.CHANGED, pair, column, of_object, of_file)
        return self._of_object(Kind.CHANGED, pair, column, of_file, of_object)

    def _of_object(
        self, kind: Kind, pair: Pair, column: str | None, expected: object, got: object, note: str = ""
    ) -> Finding:
        assert pair.worker is not None
        note = note or f"row {pair.worker.key}"
        key = pair.worker.place
        return Finding(Part.OBJECTS, self._table.target, kind, key, column, as_json(expected), as_json(got), note)

    def _of_file(
        self, kind: Kind, pair: Pair, column: str | None, expected: object, got: object, note: str = ""
    ) -> Finding:
        assert pair.legacy is not None
        note = note or f"row {pair.legacy.key}"
        key = pair.legacy.place
        return Finding(Part.OBJECTS, self._table.source, kind, key, column, as_json(expected), as_json(got), note)


def _place_of(column: str | None, columns: Sequence[str]) -> tuple[str | None, int | None]:
    return column, None if column is None else columns.index(column)


def as_json(value: object) -> str | None:
    """Return a value as the JSON text of a finding, None for None."""
    return None if value is None else json.dumps(value, ensure_ascii=False)
