"""Write D1's and R2's data into Django's tables and media folder, after a rollback.

Compares all rows and files first, then writes the differences and removes deleted rows; after an
interruption it compares again. The mapping declares the loss of tables that exist only in D1
(saved_filters).
"""

from __future__ import annotations

import hashlib
from typing import Any

from migration import values
from migration.django import dumps
from migration.journal import Journal
from migration.mapping import Table
from migration.progress import Progress
from migration.sides import Sides
from migration.values import NotCarriedError

Row = dict[str, Any]


class Reverse:
    """A run from the Worker to Django."""

    def __init__(self, sides: Sides, journal: Journal) -> None:
        self.sides, self.journal = sides, journal
        self.users, self.files = sides.mapping.tables
        self.key, self.path = sides.mapping.objects["target_key"], sides.mapping.objects["source_path"]
        self.bytes = 0
        self.media_files = 0

    def plan(self) -> dict[str, dict[str, int]]:
        """Compare everything, record the planned writes, and count them."""
        self.journal.plan_anew()
        self.journal.forget_left_out()
        prefix = self.sides.mapping.objects["prefix"]
        self.journal.list_anew((found.key, found.size, found.etag) for found in self.sides.r2.list(prefix))
        for table in (self.users, self.files):
            self._plan_table(table)
        self.sides.django.end_snapshot()
        return self.journal.planned_count()

    def _plan_table(self, table: Table) -> None:
        there = (row for page in self.sides.django.pages(table) for row in page)
        held = next(there, None)
        progress = Progress(f"comparing {table.source}", self.sides.d1.count(table.target), quiet=self.sides.quiet)
        work: list[tuple[int, str]] = []
        for row in self.sides.d1.rows(table):
            while held is not None and held["id"] < row["id"]:
                work.append((held["id"], "delete"))
                held = next(there, None)
            same_key = held if held is not None and held["id"] == row["id"] else None
            action = self._action(table, row, same_key)
            if action:
                work.append((row["id"], action))
            if same_key is not None:
                held = next(there, None)
            if len(work) >= self.sides.batch:
                self.journal.plan(table.source, work)
                work = []
            progress.add(1)
        while held is not None:
            work.append((held["id"], "delete"))
            held = next(there, None)
        self.journal.plan(table.source, work)
        progress.show()

    def _action(self, table: Table, row: Row, held: Row | None) -> str | None:
        try:
            made = values.backward(table, row)
            if table is self.files:
                self._hold_carried_owner(row)
            missing = table is self.files and not self._media_is_equal(row, made, held)
        except NotCarriedError as error:
            self.journal.leave_out(table.source, row["id"], error.column, error.why)
            return None
        if held is None:
            return "insert"
        wanted = made | self._must_be(table, row, made)
        kinds = table.source_kinds
        changed = [name for name, value in wanted.items() if not _same(kinds[name], value, held[name])]
        unique = {c.source for c in table.columns if c.name in table.unique}
        if any(name in unique for name in changed):
            return "move"
        return "update" if changed or missing else None

    def _hold_carried_owner(self, row: Row) -> None:
        if self.journal.is_left_out(self.users.source, row["user_id"]):
            raise NotCarriedError("user_id", "its user cannot be migrated")

    @staticmethod
    def _must_be(table: Table, row: Row, made: Row) -> Row:
        """Return the columns that D1 does not have and that must agree with the columns that it has."""
        bound = {name for name, rule in table.source_only.items() if "must_be" in rule}
        return {name: value for name, value in values.added(table, row, made).items() if name in bound}

    def _media_is_equal(self, row: Row, made: Row, held: Row | None) -> bool:
        """Return True if the media folder has the object's bytes. Raise NotCarriedError if R2 has no such object."""
        listed = self.journal.listed(row[self.key])
        if listed is None:
            raise NotCarriedError(self.path, "R2 has no such object")
        if held is None:
            return False
        content = self.sides.media.read(values.added(self.files, row, made)[self.path])
        if content is None or len(content) != listed[0]:
            return False
        digest = hashlib.md5(content, usedforsecurity=False).hexdigest()  # the value of S3's ETag
        if "-" not in listed[1]:
            return digest == listed[1]
        upload = self.sides.r2.get(row[self.key])
        return upload is not None and upload.content == content

    def write(self) -> dict[str, Any]:
        """Carry out the plan. Files are written before their rows, rows are removed before their files."""
        counts = self.journal.planned_count()
        django, batch = self.sides.django, self.sides.batch
        for table in (self.users, self.files):
            there = django.sequence(table.source)
            self.journal.note("sequences", [(table.source, dumps(there), str(there))])
        for table in (self.files, self.users):
            for keys in self.journal.planned(table.source, "delete", batch):
                self._delete(table, keys)
        for table in (self.users, self.files):
            for keys in self.journal.planned(table.source, "move", batch):
                before = django.images(table.source, keys)
                django.release(table, keys)
                self._commit(table.source, before, keys)
        for table in (self.users, self.files):
            progress = Progress(table.source, quiet=self.sides.quiet)
            for action in ("move", "update", "insert"):
                for keys in self.journal.planned(table.source, action, batch):
                    self._put(table, keys, new=action == "insert")
                    progress.add(len(keys))
            progress.show()
        self._remove_noted_media()
        self._sequences()
        return counts

    def _put(self, table: Table, keys: list[int], *, new: bool) -> None:
        rows, written = [], []
        for key, text in self.sides.d1.by_key(table.target, table.names, keys).items():
            row = dict(zip(table.names, values.plain(text), strict=True))
            made = values.backward(table, row)
            more = values.added(table, row, made) if new else self._must_be(table, row, made)
            if table is self.files and not self._bring_bytes(row, (made | more)[self.path]):
                self.journal.leave_out(table.source, key, self.path, "the object went while it was read")
                continue
            rows.append(made | more)
            written.append(key)
        if rows:
            before = self.sides.django.images(table.source, written)
            write = self.sides.django.insert if new else self.sides.django.update
            write(table, rows)
            self._commit(table.source, before, written)

    def _bring_bytes(self, row: Row, path: str) -> bool:
        upload = self.sides.r2.get(row[self.key])
        if upload is None:
            return False
        held = self.sides.media.read(path)
        if held != upload.content:
            self._note_media(path, held, upload.content)
            self.sides.media.write(path, upload.content)
            self.bytes += len(upload.content)
            self.media_files += 1
        return True

    def _note_media(self, path: str, held: bytes | None, content: bytes | None) -> None:
        after = None if content is None else hashlib.sha256(content).hexdigest()
        self.journal.note("media", [(path, None, after)])
        if held is not None and not self.journal.has_kept("media", path):
            self.journal.keep("media", path, held, dumps({}))

    def _delete(self, table: Table, keys: list[int]) -> None:
        django = self.sides.django
        paths = [row[self.path] for row in django.by_key(table, keys).values()] if table is self.files else []
        self._delete_children(table.source, keys)
        before = django.images(table.source, keys)
        django.delete(table.source, keys)
        for path in paths:
            held = self.sides.media.read(path)
            if held is not None:
                self._note_media(path, held, None)
        self._commit(table.source, before, keys)
        for path in paths:
            self.sides.media.remove(path)

    def _remove_noted_media(self) -> None:
        """Remove files whose removal is recorded: an interruption can leave them after their rows were deleted."""
        for page in self.journal.writes("media", self.sides.batch):
            for path, _, kept, after in page:
                if after is None and kept is not None:
                    self.sides.media.remove(path)

    def _delete_children(self, table: str, keys: list[int]) -> None:
        """Delete rows that reference these and would block their deletion (Django's tokens), in the
        same transaction.
        """
        for child, column in self.sides.django.children(table):
            images = self.sides.django.images(child, keys, column)
            if images:
                self._delete_children(child, list(images))
                self.journal.note(child, ((key, text, None) for key, text in images.items()))
                self.sides.django.delete(child, list(images))

    def _commit(self, table: str, before: dict[int, str], keys: list[int]) -> None:
        """Commit the journal first. If a recorded write did not happen, undo detects this."""
        after = self.sides.django.images(table, keys)
        self.journal.note(table, ((key, before.get(key), after.get(key)) for key in keys))
        self.sides.django.commit()

    def _sequences(self) -> None:
        """Set Django's sequences after the last number that D1 used, including deleted rows."""
        for table in (self.users, self.files):
            there, last = self.sides.django.sequence(table.source), self.sides.d1.sequence(table.target) or 0
            if last > there:
                self.journal.note("sequences", [(table.source, dumps(there), str(last))])
                self.sides.django.set_sequence(table.source, last)
                self.sides.django.commit()


def _same(kind: str | None, wanted: Any, held: Any) -> bool:
    if kind == "json" and isinstance(held, str):
        return bool(values.parsed(wanted) == values.parsed(held))
    return bool(wanted == held)
