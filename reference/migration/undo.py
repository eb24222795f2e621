"""Revert the last run's own writes where nothing has changed since.

Data that was written after the run is kept and counted.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence

from migration import values
from migration.django import dumps
from migration.journal import Journal, digest
from migration.mapping import Table
from migration.r2 import Upload
from migration.sides import Sides

Entry = tuple[str, str | None, str | None, str | None]
"""Key, previous content, file of its bytes, digest of the run's write."""


class Undo:
    """An undo. undone, not_undone: counts by place. A recorded write that did not happen is in neither."""

    def __init__(self, sides: Sides, journal: Journal) -> None:
        self.sides, self.journal = sides, journal
        self.undone: dict[str, int] = {}
        self.not_undone: dict[str, int] = {}

    def _count(self, place: str, undone: int, entries: Sequence[object]) -> None:
        if undone:
            self.undone[place] = self.undone.get(place, 0) + undone
        if len(entries) - undone:
            self.not_undone[place] = self.not_undone.get(place, 0) + len(entries) - undone

    # Of a run to the Worker.

    def forward(self) -> None:
        """Remove the rows that the run added, then restore the rows that it changed or removed."""
        users, files = self.sides.mapping.tables
        self._objects(lambda entry: entry[2] is not None)
        for table in (files, users):
            self._remove_rows(table)
        for table in (users, files):
            self._bring_rows(table.target, table.names, table)
        for name in self.sides.mapping.dependents:
            self._bring_rows(name, self.sides.d1.columns(name), None)
        self._objects(lambda entry: entry[2] is None)
        self._sequences(self.sides.d1.sequence, self.sides.d1.set_sequence)

    def _sequences(self, held: Callable[[str], int | None], put: Callable[[str, int | None], None]) -> None:
        """Restore sequences. Numbers that were used since stay used. An interrupted run recorded no last number."""
        for page in self.journal.writes("sequences", self.sides.batch):
            for name, before, _, after in page:
                mine = not self.journal.has_ended() or digest(str(held(name))) == after
                if mine:
                    put(name, json.loads(before or "null"))
                self._count("sequences", int(mine), [name])

    def _remove_rows(self, table: Table) -> None:
        d1 = self.sides.d1
        for page in self.journal.writes(table.target, self.sides.batch):
            added = {int(key): after for key, before, _, after in page if before is None}
            held = _digests(d1.by_key(table.target, table.names, list(added)))
            mine = [key for key in held if held[key] == added[key]]
            blocked = self._named(table, mine)
            going = [key for key in mine if key not in blocked]
            d1.delete(table.target, going)
            self._count(table.target, len(going), list(held))

    def _named(self, table: Table, keys: list[int]) -> set[int]:
        """Return the keys that rows of other tables reference, because those would be removed with them."""
        found: set[int] = set()
        if not keys:
            return found
        d1 = self.sides.d1
        for child in (self.sides.mapping.files.target, *self.sides.mapping.dependents):
            for column, other, there, on_delete in d1.references(child):
                if other == table.target and on_delete == "CASCADE":
                    wanted = f"SELECT CAST(id AS TEXT) FROM {other} WHERE {there} IN (SELECT {column} FROM {child})"  # noqa: S608 - D1's own names
                    query = f"{wanted} AND id IN (SELECT value FROM json_each(?1))"  # noqa: S608 - the same
                    found |= {int(row[0]) for row in d1.run(query, dumps(keys))}
        return found

    def _bring_rows(self, name: str, columns: Sequence[str], table: Table | None) -> None:
        d1 = self.sides.d1
        for page in self.journal.writes(name, self.sides.batch):
            changed = {int(key): (before, after) for key, before, _, after in page if before is not None}
            held = _digests(d1.by_key(name, columns, list(changed)))
            mine = {key: before for key, (before, after) in changed.items() if held.get(key) == after}
            there = [key for key in mine if key in held]
            if table is not None and there:
                d1.release(table, there)
            d1.put(name, columns, [before for before in mine.values() if before is not None])
            still = [key for key, (before, _) in changed.items() if held.get(key) == digest(_normal(before or ""))]
            self._count(name, len(mine), [key for key in changed if key in mine or key not in still])

    def _objects(self, which: Callable[[Entry], bool]) -> None:
        r2 = self.sides.r2
        for page in self.journal.writes("objects", self.sides.batch):
            entries = [entry for entry in page if which(entry)]
            going: list[str] = []
            coming: list[Upload] = []
            heads = r2.heads(key for key, *_ in entries)
            unwritten = 0
            for key, before, kept, after in entries:
                head = heads.get(key)
                if (head and digest(head.etag)) != after:
                    unwritten += (head.etag if head else None) == (
                        None if kept is None else _etag(self.journal.kept(kept))
                    )
                    continue
                if kept is not None:
                    coming.append(Upload(key, self.journal.kept(kept), json.loads(before or "{}")))
                elif head is not None:
                    going.append(key)
            r2.put(coming)
            r2.delete(going)
            self._count("objects", len(going) + len(coming), entries[unwritten:])

    # Of a run to Django.

    def reverse(self) -> None:
        """Do the same in Django's tables, with one transaction per page."""
        django, batch = self.sides.django, self.sides.batch
        users, files = self.sides.mapping.tables
        self._media(lambda entry: entry[2] is not None)
        for name in (files.source, users.source):
            for page in self.journal.writes(name, batch):
                added = {int(key): after for key, before, _, after in page if before is None}
                held = {key: digest(text) for key, text in django.images(name, list(added)).items()}
                going = [key for key in held if held[key] == added[key] and not self._has_children(name, key)]
                django.delete(name, going)
                django.commit()
                self._count(name, len(going), list(held))
        tables = [
            name for name in self.journal.places() if name not in (users.source, files.source, "media", "sequences")
        ]
        for name, table in ((users.source, users), (files.source, files), *((name, None) for name in reversed(tables))):
            for page in self.journal.writes(name, batch):
                changed = {int(key): (before, after) for key, before, _, after in page if before is not None}
                held = {key: digest(text) for key, text in django.images(name, list(changed)).items()}
                mine = {key: before for key, (before, after) in changed.items() if before and held.get(key) == after}
                there = [key for key in mine if key in held]
                if table is not None and there:
                    django.release(table, there)
                django.restore(name, list(mine.values()))
                django.commit()
                still = [key for key, (before, _) in changed.items() if held.get(key) == digest(before or "")]
                self._count(name, len(mine), [key for key in changed if key in mine or key not in still])
        self._media(lambda entry: entry[2] is None)
        self._sequences(django.sequence, django.set_sequence)
        django.commit()

    def _has_children(self, name: str, key: int) -> bool:
        return any(self.sides.django.images(child, [key], column) for child, column in self.sides.django.children(name))

    def _media(self, which: Callable[[Entry], bool]) -> None:
        media = self.sides.media
        for page in self.journal.writes("media", self.sides.batch):
            entries = [entry for entry in page if which(entry)]
            count, unwritten = 0, 0
            for path, _, kept, after in entries:
                content = media.read(path)
                if (None if content is None else digest(hashlib.sha256(content).hexdigest())) != after:
                    was = content if kept is None and after is None else kept and self.journal.kept(kept)
                    unwritten += content == was  # a file is removed after its bytes are kept
                    continue
                if kept is not None:
                    media.write(path, self.journal.kept(kept))
                else:
                    media.remove(path)
                count += 1
            self._count("media", count, entries[unwritten:])


def _digests(images: dict[int, str]) -> dict[int, str]:
    return {key: digest(_normal(text)) for key, text in images.items()}


def _etag(content: bytes) -> str:
    """Return the ETag that S3 gives to an object of one part."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _normal(image: str) -> str:
    """Return SQLite's JSON text in this program's format."""
    return dumps(values.plain(image)) if image else ""
