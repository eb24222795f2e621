"""Full and delta: write Django's data to D1 and R2.

Full writes into an empty target, page by page, and resumes after the last page. Delta compares all
rows and bytes first, then writes the differences and removes deleted rows; after an interruption it
compares again. The reverse direction is in reverse.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from migration import checks, list_shape, values
from migration.django import dumps
from migration.failure import LeftOutError
from migration.journal import Journal
from migration.mapping import Column, Table
from migration.progress import Progress
from migration.r2 import Upload
from migration.sides import Sides
from migration.values import NotCarriedError

Row = dict[str, Any]
PIECE_BYTES = 64 * 1024 * 1024
"""Bytes of files that are held in memory at once; at least one file."""
_NOT_YET = {"status": "completed", "sha256": "0" * 64}
"""Placeholder for derived columns while only the row is checked."""


class Forward:
    """A run from Django to the Worker."""

    def __init__(self, sides: Sides, journal: Journal) -> None:
        self.sides, self.journal = sides, journal
        self.users, self.files = sides.mapping.tables
        self.now = values.iso(datetime.now(UTC))
        self.bytes = 0
        self.objects = 0
        self._known_owners: dict[int, bool] = {}

    # Full.

    def look(self) -> list[dict[str, Any]]:
        """Return all rows that cannot be migrated, without writing anything."""
        self.journal.forget_left_out()
        self._leave_out_duplicates()
        for table in (self.users, self.files):
            progress = self._progress(f"looking at {table.target}", table)
            for page in self.sides.django.pages(table):
                for row in page:
                    self._carried(table, row)
                progress.add(len(page))
        return self.left_out()

    def left_out(self) -> list[dict[str, Any]]:
        tables = [
            {"table": name, "column": None, "why": "it must be empty and is not", "rows": self.sides.django.count(name)}
            for name in checks.unmapped_tables(self.sides)
        ]
        return tables + self.journal.left_out()

    def full(self) -> dict[str, int]:
        """Return the number of written rows by table. Rows that were written before an interruption
        are not written again.
        """
        self._note_sequences()
        self._leave_out_duplicates()
        counts = {}
        for table in (self.users, self.files):
            phase, counts[table.target] = table.target, 0
            after = self.journal.reached(phase)
            progress = self._progress(table.target, table, after)
            for page in self.sides.django.pages(table, after):
                counts[table.target] += self._insert(table, page)
                self.journal.reach(phase, page[-1]["id"])
                progress.add(len(page))
            progress.show()
        self._sequences()
        return counts

    def _insert(self, table: Table, page: list[Row]) -> int:
        count = 0
        for piece in self._pieces(table, page):
            rows = [row for row, _ in piece]
            uploads = [upload for _, upload in piece if upload is not None]
            # The object first: a row without one is a file that cannot be downloaded.
            self._put_objects(uploads)
            texts = {row["id"]: dumps([row[name] for name in table.names]) for row in rows}
            self.journal.note(table.target, ((key, None, text) for key, text in texts.items()))
            self.sides.d1.put(table.target, table.names, list(texts.values()))
            count += len(rows)
        return count

    def _pieces(self, table: Table, page: list[Row]) -> Iterator[list[tuple[Row, Upload | None]]]:
        piece: list[tuple[Row, Upload | None]] = []
        size = 0
        for row in page:
            carried = self._carried(table, row, with_bytes=True)
            if carried is None:
                continue
            content_size = len(carried[1].content) if carried[1] else 0
            if piece and size + content_size > PIECE_BYTES:
                yield piece
                piece, size = [], 0
            piece.append(carried)
            size += content_size
        if piece:
            yield piece

    def _carried(self, table: Table, row: Row, *, with_bytes: bool = False) -> tuple[Row, Upload | None] | None:
        """Return the row of D1 and its object; None for a row that is left out, which is recorded."""
        try:
            if self.journal.is_left_out(table.target, row["id"]):
                return None
            if table is self.users:
                return values.forward(table, row, {}), None
            if self.journal.is_left_out(self.users.target, row["user_id"]):
                raise NotCarriedError("user_id", "its user cannot be migrated")
            return self._carried_file(row, with_bytes=with_bytes)
        except NotCarriedError as error:
            self.journal.leave_out(table.target, row["id"], error.column, error.why)
            return None

    def _carried_file(self, row: Row, *, with_bytes: bool) -> tuple[Row, Upload | None]:
        if row["user_id"] not in self._owners([row["user_id"]]):
            raise NotCarriedError("user_id", "its user does not exist")
        path, media = row[self.sides.mapping.objects["source_path"]], self.sides.media
        carried = values.forward(self.files, row, _NOT_YET)
        size = media.size(path)
        if size is None:
            raise NotCarriedError("r2_key", "the media folder has no such file")
        if size != row["file_size"]:
            raise NotCarriedError("file_size", "the media folder's file has another size")
        attributes = self._attributes(carried)
        if not with_bytes:
            return carried, None
        content = media.read(path)
        if content is None or len(content) != size:
            raise NotCarriedError("r2_key", "the media folder's file changed while it was read")
        carried = values.forward(self.files, row, list_shape.calculated(content))
        return carried, Upload(carried[self.sides.mapping.objects["target_key"]], content, attributes)

    def _owners(self, ids: list[int]) -> set[int]:
        """Return the ids that are users. Used only for files; pages repeat their owners."""
        unknown = [key for key in ids if key not in self._known_owners]
        if unknown:
            if len(self._known_owners) > 100_000:
                self._known_owners.clear()
            found = self.sides.django.by_key(self.users, unknown)
            self._known_owners.update({key: key in found for key in unknown})
        return {key for key in ids if self._known_owners[key]}

    def _attributes(self, row: Row) -> dict[str, str]:
        objects = self.sides.mapping.objects
        headers = {"Content-Type": objects["content_type"], "Cache-Control": objects["cache_control"]}
        return headers | values.object_metadata(objects["metadata"], row, self.now)

    def _leave_out_duplicates(self) -> None:
        """Leave out all but the first of the rows that share a value which is unique in D1."""
        for table in (self.users, self.files):
            for column in table.columns:
                if column.name in table.unique and column.source is not None:
                    for key in self._repeated(table, column):
                        self.journal.leave_out(table.target, key, column.name, "another row has the same value")

    def _repeated(self, table: Table, column: Column) -> Iterable[int]:
        used = f"WHERE {column.source} <> ''" if column.kind == "empty_is_null" else ""
        query = (
            f"SELECT id FROM (SELECT id, row_number() OVER (PARTITION BY {column.source} ORDER BY id) AS place"  # noqa: S608 - names of the mapping
            f" FROM {table.source} {used}) AS ranked WHERE place > 1"
        )
        return (row[0] for row in self.sides.django.all(query))

    # Delta.

    def plan(self) -> dict[str, dict[str, int]]:
        """Compare everything, record the planned writes, and count them."""
        self.journal.plan_anew()
        self.journal.forget_left_out()
        self._leave_out_duplicates()
        prefix = self.sides.mapping.objects["prefix"]
        self.journal.list_anew((found.key, found.size, found.etag) for found in self.sides.r2.list(prefix))
        for table in (self.users, self.files):
            self._plan_table(table)
        return self.journal.planned_count() | {"objects": {"delete": self.journal.unseen_count()}}

    def _plan_table(self, table: Table) -> None:
        there = self.sides.d1.rows(table)
        held = next(there, None)
        target_key = self.sides.mapping.objects["target_key"]
        progress = self._progress(f"comparing {table.target}", table)
        for page in self.sides.django.pages(table):
            work: list[tuple[int, str]] = []
            seen: list[str] = []
            for row in page:
                carried = self._carried(table, row, with_bytes=True)
                while held is not None and held["id"] < row["id"]:
                    work.append((held["id"], "delete"))
                    held = next(there, None)
                same_key = held if held is not None and held["id"] == row["id"] else None
                if same_key is not None:
                    held = next(there, None)
                if carried is None:
                    # Rows from an earlier run stay: a row that is left out is not a deleted row.
                    seen += [same_key[target_key]] if same_key is not None and target_key in same_key else []
                    continue
                action = self._action(table, carried, same_key)
                if action:
                    work.append((row["id"], action))
                if carried[1] is not None:
                    seen.append(carried[1].key)
            self.journal.plan(table.target, work)
            self.journal.see(seen)
            progress.add(len(page))
        while held is not None:
            self.journal.plan(table.target, [(held["id"], "delete")])
            held = next(there, None)
        progress.show()

    def _action(self, table: Table, carried: tuple[Row, Upload | None], held: Row | None) -> str | None:
        row, upload = carried
        if held is None:
            return "insert"
        changed = [c.name for c in table.columns if not values.same(c, row[c.name], held[c.name])]
        if any(name in table.unique for name in changed):
            return "move"
        if changed:
            return "update"
        if upload is not None and self.journal.listed(upload.key) != (len(upload.content), _md5(upload.content)):
            return "update"
        return None

    def delta(self) -> dict[str, Any]:
        """Carry out the plan. Rows are removed before objects, objects are written before rows."""
        counts = self.journal.planned_count()
        d1, batch = self.sides.d1, self.sides.batch
        self._note_sequences()
        for table in (self.files, self.users):
            for keys in self.journal.planned(table.target, "delete", batch):
                self._note_rows(table, keys, {})
                self._note_dependents(table, keys)
                d1.delete(table.target, keys)
        for table in (self.users, self.files):
            for keys in self.journal.planned(table.target, "move", batch):
                self._note_rows(table, keys, self._rows_of(table, keys))
                d1.release(table, keys)
        for table in (self.users, self.files):
            progress = Progress(table.target, quiet=self.sides.quiet)
            for action in ("move", "update", "insert"):
                for keys in self.journal.planned(table.target, action, batch):
                    self._write(table, keys)
                    progress.add(len(keys))
            progress.show()
        counts["objects"] = {"delete": self._remove_unseen()}
        self._sequences()
        return counts

    def _rows_of(self, table: Table, keys: list[int]) -> dict[int, str]:
        made = {}
        for row in self.sides.django.by_key(table, keys).values():
            carried = self._carried(table, row, with_bytes=True)
            if carried is not None:
                made[row["id"]] = dumps([carried[0][name] for name in table.names])
        return made

    def _write(self, table: Table, keys: list[int]) -> None:
        rows = list(self.sides.django.by_key(table, keys).values())
        for piece in self._pieces(table, rows):
            texts = {row["id"]: dumps([row[name] for name in table.names]) for row, _ in piece}
            self._put_objects([upload for _, upload in piece if upload is not None])
            self._note_rows(table, list(texts), texts)
            self.sides.d1.put(table.target, table.names, list(texts.values()))

    def _note_rows(self, table: Table, keys: list[int], texts: dict[int, str]) -> None:
        held = self.sides.d1.by_key(table.target, table.names, keys)
        self.journal.note(table.target, ((key, held.get(key), texts.get(key)) for key in keys))

    def _note_dependents(self, table: Table, keys: list[int]) -> None:
        """Record rows of other tables that D1 removes or changes with these (ON DELETE)."""
        d1 = self.sides.d1
        for name in self.sides.mapping.dependents:
            columns = d1.columns(name)
            for column, other, there, on_delete in d1.references(name):
                if other != table.target:
                    continue
                found = d1.naming(name, columns, column, (other, there), keys)
                place = columns.index(column)
                self.journal.note(
                    name,
                    (
                        (key, text, _without(text, place) if on_delete == "SET NULL" else None)
                        for key, text in found.items()
                    ),
                )

    def _put_objects(self, uploads: list[Upload]) -> None:
        if not uploads:
            return
        self.journal.note("objects", ((upload.key, None, _md5(upload.content)) for upload in uploads))
        self._keep_objects([upload.key for upload in uploads if self.journal.listed(upload.key) is not None])
        self.sides.r2.put(uploads)
        self.bytes += sum(len(upload.content) for upload in uploads)
        self.objects += len(uploads)

    def _keep_objects(self, keys: list[str]) -> None:
        """Keep the objects' bytes and attributes from before the run."""
        wanted = [key for key in keys if not self.journal.has_kept("objects", key)]
        for key, held in self.sides.r2.get_all(wanted).items():
            self.journal.keep("objects", key, held.content, dumps(held.attributes))

    def _remove_unseen(self) -> int:
        """Remove objects without a row. Return their number."""
        count = 0
        while keys := self.journal.unseen(self.sides.batch):
            self.journal.note("objects", ((key, None, None) for key in keys))
            self._keep_objects(keys)
            self.sides.r2.delete(keys)
            self.journal.see(keys)
            count += len(keys)
        return count

    def _note_sequences(self) -> None:
        """Record the sequences before the first row, because SQLite moves them with each one."""
        for table in (self.users, self.files):
            there = self.sides.d1.sequence(table.target)
            self.journal.note("sequences", [(table.target, dumps(there), str(there))])

    def _sequences(self) -> None:
        """Set D1's sequences after the last number that Django used, including deleted rows."""
        for table in (self.users, self.files):
            last, there = self.sides.django.sequence(table.source), self.sides.d1.sequence(table.target)
            ids = self.sides.d1.run(f"SELECT CAST(max(id) AS TEXT) FROM {table.target}")[0][0]  # noqa: S608 - names of the mapping
            wanted = max(last, int(ids or 0), there or 0)
            if wanted:
                self.journal.note("sequences", [(table.target, None, str(wanted))])
                if wanted != there:
                    self.sides.d1.set_sequence(table.target, wanted)

    def _progress(self, phase: str, table: Table, after: int | None = None) -> Progress:
        return Progress(phase, self.sides.django.count(table.source, after), quiet=self.sides.quiet)


def refuse(left_out: list[dict[str, Any]]) -> None:
    """Raise LeftOutError if any row cannot be migrated."""
    if left_out:
        lines = "".join(
            f"\n  {'.'.join(filter(None, (entry['table'], entry['column'])))}: {entry['rows']:,} rows, {entry['why']}"
            for entry in left_out
        )
        raise LeftOutError(f"rows that cannot be migrated; nothing was written (--leave-out writes the others):{lines}")


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()  # the value of S3's ETag


def _without(text: str, place: int) -> str:
    row = values.plain(text)
    row[place] = None
    return dumps(row)
