"""One row with its file and its object: what is wrong with them. Not for finding them: file_index.py, objects.py."""

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
from cutover.migration.object_description import undescribed
from cutover.stores.bulk_objects import BrokenError, BulkObjects, OpenObject

_TRIES: Final = 3
_MD5: Final = re.compile(r"[0-9a-f]{32}")


class Looked(NamedTuple):
    """What one pair was found to be, by a thread: findings in order, and what to count."""

    findings: tuple[Finding, ...] = ()
    by_md5: int = 0
    by_bytes: int = 0
    read: int = 0
    described: int = 0
    calculated: int = 0
    multipart: int = 0
    unsettled: str = ""


class PairCheck:
    """Looks at one pair after the other, in any thread."""

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
        self._calculated = {column.name: column.derived for column in self._table.columns if column.derived}
        self._media, self._bucket = media, bucket
        self._reverse, self._thorough = reverse, thorough
        self.stopped = False

    def at_all(self, pairs: Sequence[Pair]) -> list[Looked]:
        """Each of them, until somebody says stop."""
        return [Looked() if self.stopped else self.at(pair) for pair in pairs]

    def at(self, pair: Pair) -> Looked:
        """One row with its file and its object."""
        found: list[Finding] = []
        if pair.worker is not None:
            found += self._key_of_another(pair)
            if pair.object is None:
                found += self._no_object(pair)
        if pair.legacy is not None and (pair.file is None or pair.file.size is None):
            return Looked((*found, *self._unlisted(pair)))
        if pair.legacy is None or pair.worker is None or pair.file is None or pair.object is None:
            if self._thorough and pair.worker is not None and pair.object is not None and pair.legacy is None:
                return self._object_alone(pair, found)
            return Looked(tuple(found))
        assert pair.file.size is not None  # dealt with above
        sizes_differ = pair.file.size != pair.object.size
        if sizes_differ:
            found.append(self._differs(pair, "size", pair.file.size, pair.object.size))
        else:
            found += self._size_of_row(pair, pair.file.size)
        try:
            if self._thorough:
                return self._every_byte(pair, found, sizes_differ=sizes_differ)
            return Looked(tuple(found)) if sizes_differ else self._md5(pair, found)
        except FileNotFoundError:
            return Looked(tuple(found), unsettled=f"{pair.legacy.place}: the file went while it was read")

    # --- where things are ------------------------------------------------------------------------

    def _key_of_another(self, pair: Pair) -> list[Finding]:
        """A row whose key is not made of its own user and file leads to somebody else's bytes."""
        assert pair.worker is not None
        if self._template is None:
            return []
        parts = [self._template.literals[0]]
        for place, literal in zip(self._owned, self._template.literals[1:], strict=True):
            parts += (str(pair.worker.cells[place]), literal)
        own = "".join(parts)
        if own == pair.worker.place:
            return []
        note = f"row {pair.worker.key} points to an object that is not its own user's and file's"
        return [self._of_object(Kind.CHANGED, pair, self._rules.target_key, own, pair.worker.place, note)]

    def _no_object(self, pair: Pair) -> list[Finding]:
        """The listing has none. Asked for by its key once more: a store that has it gave a listing with holes."""
        assert pair.worker is not None
        if not pair.worker.place:
            return [self._of_object(Kind.MISSING, pair, None, None, None, f"row {pair.worker.key} names no object")]
        opened = self._bucket.open(pair.worker.place)
        self._bucket.drop()
        if opened is not None and pair.worker.place.startswith(self._rules.prefix):
            raise MeasurementError(
                f"the listing of the bucket {self._bucket.name} does not show {pair.worker.place!r}, which is there: "
                "it has holes, or the object was written while this ran. Freeze writes, and run it again."
            )
        if opened is not None:
            return []  # beside the prefix: that its key is wrong was found above
        note = f"row {pair.worker.key} names it, R2 has none"
        return [self._of_object(Kind.MISSING, pair, None, "an object", None, note)]

    def _unlisted(self, pair: Pair) -> list[Finding]:
        """Why a row's file was not among those that the walk found."""
        from cutover.stores import MediaFolder  # here, since few runs have such a row, and it costs their start

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
            return [self._of_file(Kind.MISSING, pair, None, "a file", None, f"{note} names it, the folder has none")]
        for _ in pieces:
            break
        why = "a file of its own below the prefix, not reached by a link"
        return [self._of_file(Kind.UNUSABLE, pair, column, why, place, note)]

    # --- the bytes -------------------------------------------------------------------------------

    def _md5(self, pair: Pair, found: list[Finding]) -> Looked:
        assert pair.legacy is not None
        assert pair.object is not None
        assert pair.worker is not None
        etag = pair.object.etag
        if not _MD5.fullmatch(etag):
            return Looked(tuple(found), multipart=int("-" in etag))
        digest, read = hashlib.md5(usedforsecurity=False), 0
        for piece in self._media.pieces(pair.legacy.place.encode("utf-8", "surrogateescape")):
            digest.update(piece)
            read += len(piece)
        if digest.hexdigest() == etag:
            return Looked(tuple(found), by_md5=1, read=read)
        # Not every ETag of that form is an MD5 (encrypted or copied objects): the bytes decide.
        return self._every_byte(pair, found, sizes_differ=False)

    def _every_byte(self, pair: Pair, found: list[Finding], *, sizes_differ: bool) -> Looked:
        assert pair.legacy is not None
        assert pair.worker is not None
        assert pair.file is not None
        assert pair.object is not None
        reader = ListReader()
        for piece in self._media.pieces(pair.legacy.place.encode("utf-8", "surrogateescape")):
            reader.take(piece)
        file = reader.result()
        if file.size != pair.file.size:
            return Looked(tuple(found), unsettled=f"{pair.legacy.place}: the file changed while it was read")
        came = self._object(pair)
        if isinstance(came, str):
            return Looked(tuple(found), unsettled=came)
        sha256, opened = came
        described = calculated = 0
        if sha256 is None:
            wrong = [self._of_object(Kind.CHANGED, pair, "content_encoding", None, opened.encoding)]
        else:
            wrong = [self._differs(pair, "sha256", file.sha256, sha256)] if sha256 != file.sha256 else []
        if self._thorough:
            wrong = [each for each in wrong if each.column != "content_encoding"] + self._description(pair, opened)
            described = 1
            if not self._reverse:
                wrong += self._calculations(pair, file)
                calculated = 1
        found += wrong
        return Looked(
            tuple(found), by_bytes=1, read=0 if sizes_differ else file.size, described=described, calculated=calculated
        )

    def _object_alone(self, pair: Pair, found: list[Finding]) -> Looked:
        """A row of the Worker's alone, with its object: that they belong together is all that can be said."""
        came = self._object(pair)
        if isinstance(came, str):
            return Looked(tuple(found), unsettled=came)
        found += self._description(pair, came[1])
        return Looked(tuple(found), described=1)

    def _object(self, pair: Pair) -> tuple[str | None, OpenObject] | str:
        """SHA-256 of an object, and the object; a sentence for one that changed meanwhile.

        None in the place of the SHA-256: it has a Content-Encoding, so HTTP need not show its bytes as they are stored.
        """
        assert pair.worker is not None
        assert pair.object is not None
        key = pair.worker.place
        tried = 0
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
                tried += 1
                if tried == _TRIES:
                    raise MeasurementError(
                        f"the object {key!r} could not be read to its end in {_TRIES} tries: {error}. Nothing follows "
                        "about its bytes. Run it again; if it stays so, the object or the way to it is broken."
                    ) from None

    # --- what describes them ---------------------------------------------------------------------

    def _description(self, pair: Pair, opened: OpenObject) -> list[Finding]:
        assert pair.worker is not None
        wrong = undescribed(self._rules, pair.worker.values, opened.headers, opened.metadata, reverse=self._reverse)
        return [self._of_object(one.kind, pair, one.column, one.expected, one.got) for one in wrong]

    def _calculations(self, pair: Pair, file: DerivedColumns) -> list[Finding]:
        """The calculated columns of the row against what the source's bytes give."""
        assert pair.worker is not None
        wanted: dict[str, Any] = {
            "row_count": file.row_count,
            "column_count": file.column_count,
            "sha256": file.sha256,
            "status": file.status,
        }
        values = pair.worker.values
        found = []
        for column, of in self._calculated.items():
            got = values[column]
            if of == "error":
                # Which words it has is the Worker's own; that there are some is the promise.
                right = (got is None) if file.status == "completed" else isinstance(got, str) and got != ""
                expected = None if file.status == "completed" else "a reason"
            else:
                expected = wanted[of]
                right = type(got) is type(expected) and got == expected
            if not right:
                note = "calculated from the file's bytes"
                place = (Part.ROWS, self._table.target, Kind.CHANGED, pair.worker.key, column)
                found.append(Finding(*place, as_json(expected), as_json(got), note))
        return found

    def _size_of_row(self, pair: Pair, size: int) -> list[Finding]:
        """Both sides hold as many bytes as each other: then that is what the rows must say."""
        assert pair.legacy is not None
        assert pair.worker is not None
        found = []
        for (table, column, place), row in zip(self._sizes, (pair.worker, pair.legacy), strict=True):
            if place is not None and row.cells[place] != size:
                note = f"row {row.key} says how many bytes it has, and it has others"
                got = as_json(row.cells[place])
                found.append(Finding(Part.OBJECTS, table, Kind.CHANGED, row.place, column, as_json(size), got, note))
        return found

    # --- findings --------------------------------------------------------------------------------

    def _differs(self, pair: Pair, column: str, of_file: object, of_object: object) -> Finding:
        """A difference between file and object, told of the direction's target."""
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
    """A value of a finding: JSON, None where there is none."""
    return None if value is None else json.dumps(value, ensure_ascii=False)
