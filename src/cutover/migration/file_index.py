"""Rows, files and objects side by side, on disk: what belongs to what, however many there are.

Not for judging what is found: objects.py. SQLite's own temporary database: kept in memory while it is small, on disk
beyond that, gone when it is closed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cutover.migration.mapping import MigrationMapping, TableMapping
from cutover.stores.bulk_objects import Listed

CACHE_KIB: Final = 24 * 1024
"""Memory that the index may take; the rest lies in a temporary file."""

_KEPT: Final = frozenset({int, str, float, type(None)})


@dataclass(frozen=True, slots=True)
class FileColumns:
    """Which columns of a file's row are needed, in this order. legacy: of Django; worker: of D1."""

    legacy: tuple[str, ...]
    worker: tuple[str, ...]


class FileRow(NamedTuple):
    """One row, and where its bytes lie. key: as text; place: path in the media folder, or key in the bucket."""

    key: str
    place: str
    columns: Sequence[str]
    cells: Sequence[Any]

    @property
    def values(self) -> dict[str, Any]:
        """The cells by column."""
        return dict(zip(self.columns, self.cells, strict=True))


class Entry(NamedTuple):
    """What a row's place holds as it was listed. size: in bytes, None for what is no file."""

    size: int | None
    etag: str = ""


class Pair(NamedTuple):
    """One row of either side, or of both, with what was listed at their places."""

    legacy: FileRow | None
    file: Entry | None
    worker: FileRow | None
    object: Entry | None


def file_columns(mapping: MigrationMapping) -> FileColumns:
    """The columns that `FileIndex` takes of both sides' rows."""
    rules, table = mapping.objects, mapping.table(mapping.objects.table)
    template = table.column(rules.target_key).template
    named = [column.name for column in table.columns if f"{{{column.name}" in "".join(rules.metadata.values())]
    calculated = [column.name for column in table.columns if column.derived]
    worker = [
        table.target_key,
        rules.target_key,
        rules.size,
        *(template.fields if template else ()),
        *named,
        *calculated,
    ]
    legacy = [
        table.source_key,
        rules.source_path,
        *_sources(table, [rules.size, *(template.fields if template else ())]),
    ]
    return FileColumns(tuple(dict.fromkeys(legacy)), tuple(dict.fromkeys(worker)))


def _sources(table: TableMapping, columns: Iterable[str]) -> list[str]:
    return [source for source in map(table.source_of, columns) if source is not None]


class FileIndex:
    """All rows of files, everything listed in the media folder and in the bucket."""

    def __init__(self, mapping: MigrationMapping) -> None:
        self._table = mapping.table(mapping.objects.table)
        self._template = self._table.column(mapping.objects.target_key).template
        self._columns = file_columns(mapping)
        owned = _sources(self._table, self._template.fields if self._template else ())
        self._owned = [self._columns.legacy.index(source) for source in owned]
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._database.executescript(
            # Places as bytes: their order is the store's, and a file's name need not be UTF-8.
            f"""
            PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA temp_store = FILE;
            CREATE TABLE file (place BLOB PRIMARY KEY, size INTEGER) WITHOUT ROWID;
            CREATE TABLE object (place BLOB PRIMARY KEY, size INTEGER, etag TEXT) WITHOUT ROWID;
            CREATE TABLE legacy (key TEXT PRIMARY KEY, place BLOB, object BLOB, {_cells(self._columns.legacy)});
            CREATE TABLE worker (key TEXT PRIMARY KEY, place BLOB, {_cells(self._columns.worker)});
            BEGIN;
            """
        )

    def close(self) -> None:
        """Give the disk back."""
        self._database.close()

    def add_files(self, files: Iterable[tuple[bytes, int | None]]) -> None:
        """What lies in the media folder."""
        self._database.executemany("INSERT INTO file VALUES (?, ?)", files)

    def add_objects(self, page: Iterable[Listed]) -> None:
        """What lies in the bucket."""
        rows = ((_bytes(listed.key), listed.size, listed.etag) for listed in page)
        self._database.executemany("INSERT INTO object VALUES (?, ?, ?)", rows)

    def add_legacy(self, rows: Iterable[Sequence[Any]]) -> None:
        """Rows of Django, their cells as `file_columns` orders them; a key that comes twice is taken once: that it
        does is for whoever compares the rows to say."""
        marks = ", ".join("?" * (3 + len(self._columns.legacy)))
        self._database.executemany(f"INSERT OR IGNORE INTO legacy VALUES ({marks})", map(self._legacy_cells, rows))

    def add_worker(self, rows: Iterable[Sequence[Any]]) -> None:
        """The same of D1."""
        marks = ", ".join("?" * (2 + len(self._columns.worker)))
        self._database.executemany(f"INSERT OR IGNORE INTO worker VALUES ({marks})", map(self._worker_cells, rows))

    def ready(self) -> None:
        """Everything was added."""
        self._database.executescript(
            "CREATE INDEX legacy_place ON legacy (place); CREATE INDEX legacy_object ON legacy (object);"
            "CREATE INDEX worker_place ON worker (place);"
        )

    def count(self, table: str) -> tuple[int, int]:
        """How many there are, and their bytes as they were listed. table: file, object, legacy or worker."""
        size = "sum(size)" if table in ("file", "object") else "0"
        number, total = self._database.execute(f"SELECT count(*), {size} FROM {table}").fetchone()
        return number, total or 0

    def pairs(self) -> Iterator[Pair]:
        """Every row of either side with what is listed at its place, rows of one key together."""
        legacy, worker = (
            ", ".join(f"{side}.c{number}" for number in range(len(columns)))
            for side, columns in (("l", self._columns.legacy), ("w", self._columns.worker))
        )
        queries = (
            f"SELECT l.key, l.place, f.place IS NOT NULL, f.size, {legacy}, w.key, w.place, o.place IS NOT NULL, "
            f"o.size, o.etag, {worker} FROM legacy l LEFT JOIN file f ON f.place = l.place "
            "LEFT JOIN worker w ON w.key = l.key LEFT JOIN object o ON o.place = w.place ORDER BY l.rowid",
            f"SELECT NULL, NULL, 0, NULL, {', '.join(['NULL'] * len(self._columns.legacy))}, w.key, w.place, "
            f"o.place IS NOT NULL, o.size, o.etag, {worker} FROM worker w LEFT JOIN object o ON o.place = w.place "
            "WHERE w.key NOT IN (SELECT key FROM legacy) ORDER BY w.rowid",
        )
        middle = 4 + len(self._columns.legacy)
        for query in queries:
            for row in self._database.execute(query):
                key, place, there, size = row[:4]
                own, own_place, own_there, own_size, etag = row[middle : middle + 5]
                yield Pair(
                    None if key is None else _row(key, place, self._columns.legacy, row[4:middle]),
                    Entry(size) if there else None,
                    None if own is None else _row(own, own_place, self._columns.worker, row[middle + 5 :]),
                    Entry(own_size, etag) if own_there else None,
                )

    def orphaned_files(self) -> Iterator[tuple[str, int | None]]:
        """Path and size of files that no row names."""
        query = "SELECT place, size FROM file f WHERE NOT EXISTS (SELECT 1 FROM legacy l WHERE l.place = f.place)"
        return ((_text(place), size) for place, size in self._database.execute(f"{query} ORDER BY place"))

    def orphaned_objects(self) -> Iterator[tuple[str, int]]:
        """Key and size of objects that no row of D1 names, and no row of Django stands for either: that one of D1 is
        lost is for whoever compares the rows to say."""
        query = (
            "SELECT place, size FROM object o WHERE NOT EXISTS (SELECT 1 FROM worker w WHERE w.place = o.place) "
            "AND NOT EXISTS (SELECT 1 FROM legacy l WHERE l.object = o.place) ORDER BY place"
        )
        return ((_text(place), size) for place, size in self._database.execute(query))

    def shared(self, table: str) -> Iterator[tuple[str, list[str]]]:
        """Places that several rows name, and the keys of those rows. table: legacy or worker."""
        query = f"SELECT place FROM {table} WHERE place IS NOT NULL GROUP BY place HAVING count(*) > 1 ORDER BY place"
        for (place,) in self._database.execute(query):
            keys = self._database.execute(f"SELECT key FROM {table} WHERE place = ? ORDER BY rowid", (place,))
            yield _text(place), [key for (key,) in keys]

    def _legacy_cells(self, cells: Sequence[Any]) -> list[Any]:
        read = [cell if type(cell) in _KEPT else _read(cell) for cell in cells]
        expected = None
        if self._template is not None:
            parts = [self._template.literals[0]]
            for place, literal in zip(self._owned, self._template.literals[1:], strict=True):
                parts += (str(read[place]), literal)
            expected = _bytes("".join(parts))
        return [str(read[0]), _place(read[1]), expected, *read]

    def _worker_cells(self, cells: Sequence[Any]) -> list[Any]:
        read = [cell if type(cell) in _KEPT else _read(cell) for cell in cells]
        return [str(read[0]), _place(read[1]), *read]


def _cells(columns: Sequence[str]) -> str:
    # Without a type, so that SQLite keeps each value as it is.
    return ", ".join(f"c{number}" for number in range(len(columns)))


def _row(key: str, place: bytes | None, columns: Sequence[str], cells: Sequence[Any]) -> FileRow:
    return FileRow(key, "" if place is None else _text(place), columns, cells)


def _read(cell: Any) -> Any:
    """A cell as it can be kept and compared: a text for bytes, a number or None as it is, else its text."""
    if isinstance(cell, (bytes, memoryview, bytearray)):
        return bytes(cell).decode("utf-8", "backslashreplace")
    return cell if cell is None or isinstance(cell, (int, float, str)) else str(cell)


def _place(value: Any) -> bytes | None:
    return None if value is None else _bytes(str(value))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(place: bytes) -> str:
    return place.decode("utf-8", "surrogateescape")
