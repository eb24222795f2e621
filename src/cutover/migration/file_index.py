"""An index on disk that assigns files and objects to their rows, for any number of them.

It is SQLite's own temporary database: in memory while it is small, on disk beyond that, removed when it is closed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from cutover.migration.mapping import MigrationMapping, TableMapping
from cutover.stores.bulk_objects import Listed

CACHE_KIB: Final = 24 * 1024
"""Memory of the index; the rest is in a temporary file."""

_KEPT: Final = frozenset({int, str, float, type(None)})


@dataclass(frozen=True, slots=True)
class FileColumns:
    """The columns of a file's row that the index needs, in this order. legacy: of Django; worker: of D1."""

    legacy: tuple[str, ...]
    worker: tuple[str, ...]


class FileRow(NamedTuple):
    """A row and the place of its bytes. key: as text; place: path in the media folder or key in the bucket."""

    key: str
    place: str
    columns: Sequence[str]
    cells: Sequence[Any]

    @property
    def values(self) -> dict[str, Any]:
        """Return the cells by column."""
        return dict(zip(self.columns, self.cells, strict=True))


class Entry(NamedTuple):
    """The listed file or object at a row's place. size: in bytes, None for anything but a file."""

    size: int | None
    etag: str = ""


class Pair(NamedTuple):
    """The rows of both sides with one key, and the file and the object at their places. None: there is none."""

    legacy: FileRow | None
    file: Entry | None
    worker: FileRow | None
    object: Entry | None


def file_columns(mapping: MigrationMapping) -> FileColumns:
    """Return the columns that `FileIndex` needs of both sides' rows."""
    rules, table = mapping.objects, mapping.table(mapping.objects.table)
    template = table.column(rules.target_key).template
    named = [column.name for column in table.columns if f"{{{column.name}" in "".join(rules.metadata.values())]
    derived = [column.name for column in table.columns if column.derived]
    worker = [
        table.target_key,
        rules.target_key,
        rules.size,
        *(template.fields if template else ()),
        *named,
        *derived,
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
    """All rows of files, all files of the media folder and all objects of the bucket."""

    def __init__(self, mapping: MigrationMapping) -> None:
        self._table = mapping.table(mapping.objects.table)
        self._template = self._table.column(mapping.objects.target_key).template
        self._columns = file_columns(mapping)
        owned = _sources(self._table, self._template.fields if self._template else ())
        self._owned = [self._columns.legacy.index(source) for source in owned]
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
        self._database.executescript(
            # Places are bytes: they have the store's order, and a file name may not be UTF-8.
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
        """Delete the index."""
        self._database.close()

    def add_files(self, files: Iterable[tuple[bytes, int | None]]) -> None:
        """Add files of the media folder: path and size."""
        self._database.executemany("INSERT INTO file VALUES (?, ?)", files)

    def add_objects(self, page: Iterable[Listed]) -> None:
        """Add a page of the bucket's listing."""
        rows = ((_bytes(listed.key), listed.size, listed.etag) for listed in page)
        self._database.executemany("INSERT INTO object VALUES (?, ?, ?)", rows)

    def add_legacy(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows of Django, with cells in the order of `file_columns`.

        A second row with the same key is ignored: the comparison of rows reports it.
        """
        marks = ", ".join("?" * (3 + len(self._columns.legacy)))
        self._database.executemany(f"INSERT OR IGNORE INTO legacy VALUES ({marks})", map(self._legacy_cells, rows))

    def add_worker(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows of D1, in the same way."""
        marks = ", ".join("?" * (2 + len(self._columns.worker)))
        self._database.executemany(f"INSERT OR IGNORE INTO worker VALUES ({marks})", map(self._worker_cells, rows))

    def ready(self) -> None:
        """Create the indexes after everything was added."""
        self._database.executescript(
            "CREATE INDEX legacy_place ON legacy (place); CREATE INDEX legacy_object ON legacy (object);"
            "CREATE INDEX worker_place ON worker (place);"
        )

    def count(self, table: str) -> tuple[int, int]:
        """Return number and listed bytes. table: file, object, legacy or worker."""
        size = "sum(size)" if table in ("file", "object") else "0"
        number, total = self._database.execute(f"SELECT count(*), {size} FROM {table}").fetchone()
        return number, total or 0

    def pairs(self) -> Iterator[Pair]:
        """Yield every row of either side with the file and the object at its place, rows with equal keys together."""
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
        """Return path and size of files that no row names."""
        query = "SELECT place, size FROM file f WHERE NOT EXISTS (SELECT 1 FROM legacy l WHERE l.place = f.place)"
        return ((_text(place), size) for place, size in self._database.execute(f"{query} ORDER BY place"))

    def orphaned_objects(self) -> Iterator[tuple[str, int]]:
        """Return key and size of objects that belong to no row of D1 or Django.

        The comparison of rows reports a row of Django that D1 lacks.
        """
        query = (
            "SELECT place, size FROM object o WHERE NOT EXISTS (SELECT 1 FROM worker w WHERE w.place = o.place) "
            "AND NOT EXISTS (SELECT 1 FROM legacy l WHERE l.object = o.place) ORDER BY place"
        )
        return ((_text(place), size) for place, size in self._database.execute(query))

    def shared(self, table: str) -> Iterator[tuple[str, list[str]]]:
        """Yield places that several rows name, with the keys of those rows. table: legacy or worker."""
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
    # Without types, so that SQLite keeps each value as it is.
    return ", ".join(f"c{number}" for number in range(len(columns)))


def _row(key: str, place: bytes | None, columns: Sequence[str], cells: Sequence[Any]) -> FileRow:
    return FileRow(key, "" if place is None else _text(place), columns, cells)


def _read(cell: Any) -> Any:
    """Return a cell that can be stored and compared: bytes as a text, None and numbers unchanged, else its text."""
    if isinstance(cell, (bytes, memoryview, bytearray)):
        return bytes(cell).decode("utf-8", "backslashreplace")
    return cell if cell is None or isinstance(cell, (int, float, str)) else str(cell)


def _place(value: Any) -> bytes | None:
    return None if value is None else _bytes(str(value))


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _text(place: bytes) -> str:
    return place.decode("utf-8", "surrogateescape")
