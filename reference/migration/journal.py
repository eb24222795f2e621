"""The journal: this program's writes, recorded before they happen, to resume after an interruption and
to undo a run.

It is a folder that only its owner can read, because it contains previous rows and replaced bytes.
Problems of the data are reported at the end of each run instead.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from migration.failure import MigrationError

_SCHEMA = """
CREATE TABLE IF NOT EXISTS run (
    id INTEGER PRIMARY KEY, command TEXT NOT NULL, target TEXT NOT NULL, started REAL NOT NULL, ended REAL,
    undone REAL);
CREATE TABLE IF NOT EXISTS progress (run INTEGER, phase TEXT, last INTEGER, PRIMARY KEY (run, phase));
-- place: a table, `objects` or `media`. before: the row or attributes as JSON, NULL when there was none; kept: file of
-- the bytes that were there. after: digest of what was written, NULL when it was removed.
CREATE TABLE IF NOT EXISTS wrote (
    run INTEGER, place TEXT, key TEXT, before TEXT, kept TEXT, after TEXT, PRIMARY KEY (run, place, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS work (
    run INTEGER, place TEXT, key INTEGER, action TEXT, PRIMARY KEY (run, place, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS left_out (
    run INTEGER, place TEXT, key INTEGER, part TEXT, why TEXT, PRIMARY KEY (run, place, key)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listed (key TEXT PRIMARY KEY, size INTEGER, etag TEXT, seen INTEGER DEFAULT 0) WITHOUT ROWID;
"""


class Journal:
    """A journal. folder: created if it does not exist. Raises MigrationError if another process uses it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._kept = folder / "kept"
        self._kept.mkdir(mode=0o700, exist_ok=True)
        file = folder / "journal.sqlite"
        os.close(os.open(file, os.O_CREAT | os.O_RDWR, 0o600))
        self.database = sqlite3.connect(file, isolation_level=None, timeout=1)
        try:
            self.database.execute("PRAGMA locking_mode = EXCLUSIVE")
            self.database.execute("PRAGMA journal_mode = WAL")
            self.database.execute("PRAGMA synchronous = NORMAL")
            self.database.executescript(_SCHEMA)
        except sqlite3.OperationalError as error:
            raise MigrationError(f"{folder}: the journal cannot be used ({error}). Is another run going on?") from None
        self.run = 0

    def close(self) -> None:
        self.database.close()

    def unfinished(self) -> tuple[int, str, str] | None:
        """Return (run, command, target) of an interrupted run."""
        return self._one("SELECT id, command, target FROM run WHERE ended IS NULL AND undone IS NULL")

    def has_ended(self) -> bool:
        return self._one("SELECT ended FROM run WHERE id = ?", self.run)[0] is not None

    def last_to_undo(self) -> tuple[int, str, str] | None:
        return self._one("SELECT id, command, target FROM run WHERE undone IS NULL ORDER BY id DESC LIMIT 1")

    def begin(self, command: str, target: str) -> None:
        cursor = self.database.execute(
            "INSERT INTO run (command, target, started) VALUES (?, ?, ?)", (command, target, time.time())
        )
        self.run = cursor.lastrowid or 0

    def go_on(self, run: int) -> None:
        self.run = run

    def end(self) -> None:
        self.database.execute("UPDATE run SET ended = ? WHERE id = ?", (time.time(), self.run))

    def undone(self) -> None:
        self.database.execute("UPDATE run SET undone = ? WHERE id = ?", (time.time(), self.run))

    # Progress of a phase.

    def reached(self, phase: str) -> int | None:
        found = self._one("SELECT last FROM progress WHERE run = ? AND phase = ?", self.run, phase)
        return found[0] if found else None

    def reach(self, phase: str, last: int) -> None:
        self.database.execute("INSERT OR REPLACE INTO progress VALUES (?, ?, ?)", (self.run, phase, last))

    # Writes.

    def note(self, place: str, entries: Iterable[tuple[Any, str | None, str | None]]) -> None:
        """Record a write before it happens: (key, current content, new content). The first recorded
        content is kept.
        """
        rows = ((self.run, place, str(key), before, after and digest(after)) for key, before, after in entries)
        self.database.execute("BEGIN")
        self.database.executemany(
            "INSERT INTO wrote (run, place, key, before, after) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET after = excluded.after",
            rows,
        )
        self.database.execute("COMMIT")

    def knows(self, place: str, key: Any) -> bool:
        return (
            self._one("SELECT 1 FROM wrote WHERE (run, place, key) = (?, ?, ?)", self.run, place, str(key)) is not None
        )

    def has_kept(self, place: str, key: str) -> bool:
        query = "SELECT 1 FROM wrote WHERE (run, place, key) = (?, ?, ?) AND kept IS NOT NULL"
        return self._one(query, self.run, place, key) is not None

    def keep(self, place: str, key: str, content: bytes, before: str) -> None:
        """Keep bytes that are about to be replaced, with their description. Call it once per key: the
        first bytes are kept.
        """
        name = hashlib.sha256(f"{self.run} {place} {key}".encode()).hexdigest()
        new = self._kept / f"{name}.new"
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        new.replace(self._kept / name)
        self.database.execute(
            "UPDATE wrote SET kept = ?, before = ? WHERE (run, place, key) = (?, ?, ?) AND kept IS NULL",
            (name, before, self.run, place, key),
        )

    def kept(self, name: str) -> bytes:
        return (self._kept / name).read_bytes()

    def writes(self, place: str, batch: int) -> Iterator[list[tuple[str, str | None, str | None, str | None]]]:
        """Yield (key, before, kept, after digest), page by page."""
        last = ""
        while True:
            page = self.database.execute(
                "SELECT key, before, kept, after FROM wrote WHERE run = ? AND place = ? AND key > ?"
                " ORDER BY key LIMIT ?",
                (self.run, place, last, batch),
            ).fetchall()
            if page:
                yield page
            if len(page) < batch:
                return
            last = page[-1][0]

    def places(self) -> list[str]:
        return [row[0] for row in self.database.execute("SELECT DISTINCT place FROM wrote WHERE run = ?", (self.run,))]

    # The plan of a delta.

    def plan_anew(self) -> None:
        self.database.execute("DELETE FROM work WHERE run = ?", (self.run,))

    def plan(self, place: str, entries: Iterable[tuple[int, str]]) -> None:
        self.database.executemany(
            "INSERT OR REPLACE INTO work VALUES (?, ?, ?, ?)",
            ((self.run, place, key, action) for key, action in entries),
        )

    def planned(self, place: str, action: str, batch: int) -> Iterator[list[int]]:
        last = -(2**63)
        while True:
            page = self.database.execute(
                "SELECT key FROM work WHERE run = ? AND place = ? AND action = ? AND key > ? ORDER BY key LIMIT ?",
                (self.run, place, action, last, batch),
            ).fetchall()
            if page:
                yield [row[0] for row in page]
            if len(page) < batch:
                return
            last = page[-1][0]

    def planned_count(self) -> dict[str, dict[str, int]]:
        found: dict[str, dict[str, int]] = {}
        query = "SELECT place, action, count(*) FROM work WHERE run = ? GROUP BY 1, 2 ORDER BY 1, 2"
        for place, action, count in self.database.execute(query, (self.run,)):
            found.setdefault(place, {})[action] = count
        return found

    # Rows that cannot be migrated.

    def leave_out(self, place: str, key: int, column: str | None, why: str) -> None:
        self.database.execute(
            "INSERT OR REPLACE INTO left_out VALUES (?, ?, ?, ?, ?)", (self.run, place, key, column or "", why)
        )

    def is_left_out(self, place: str, key: int) -> bool:
        query = "SELECT 1 FROM left_out WHERE (run, place, key) = (?, ?, ?)"
        return self._one(query, self.run, place, key) is not None

    def forget_left_out(self) -> None:
        self.database.execute("DELETE FROM left_out WHERE run = ?", (self.run,))

    def left_out(self) -> list[dict[str, Any]]:
        """Return count and first ids by place, column and reason."""
        query = (
            "SELECT place, part, why, count(*), min(key) FROM left_out WHERE run = ? GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
        )
        return [
            {"table": place, "column": column or None, "why": why, "rows": rows, "first_id": first}
            for place, column, why, rows, first in self.database.execute(query, (self.run,))
        ]

    # R2's listing.

    def list_anew(self, entries: Iterable[tuple[str, int, str]]) -> None:
        self.database.execute("BEGIN")
        self.database.execute("DELETE FROM listed")
        self.database.executemany("INSERT OR REPLACE INTO listed (key, size, etag) VALUES (?, ?, ?)", entries)
        self.database.execute("COMMIT")

    def listed(self, key: str) -> tuple[int, str] | None:
        return self._one("SELECT size, etag FROM listed WHERE key = ?", key)

    def see(self, keys: Iterable[str]) -> None:
        self.database.executemany("UPDATE listed SET seen = 1 WHERE key = ?", ((key,) for key in keys))

    def unseen_count(self) -> int:
        return int(self._one("SELECT count(*) FROM listed WHERE seen = 0")[0])

    def unseen(self, batch: int) -> list[str]:
        return [row[0] for row in self.database.execute("SELECT key FROM listed WHERE seen = 0 LIMIT ?", (batch,))]

    def _one(self, query: str, *parameters: Any) -> Any:
        with closing(self.database.execute(query, parameters)) as cursor:
            return cursor.fetchone()


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
