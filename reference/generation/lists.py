"""Generate list files and their rows: bytes in several dialects, names, tags and metadata as Django stores them."""

from __future__ import annotations

import json
import random
import sys
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from generation.accounts import moment

sys.path.append(str(Path(__file__).resolve().parents[1] / "legacy"))

from list_cutter.list_file import ListFile, MalformedFileError

TAGS = (
    "customers", "VIP", "2019", "naïve", "Ünïcode ✓", "a,b", 'quo"te', "back\\slash", "{braces}", "NULL", "null", "[1]",
    "🙂", "two  spaces", "é", "e\u0301", "x" * 64, "<b>", "100%", "line;end",
)  # fmt: skip
NAMES = (
    "contacts",
    "Kundenliste",
    "données été",
    "список",
    "名单",
    "data (1)",
    " leading",
    "trailing ",
    'quo"ted',
    "100%25",
    "a&b;c",
    "🙂",
)
WORDS = (
    "alpha",
    "Beta",
    "Ångström",
    "O'Neil",
    "12.50",
    "-3",
    "1e3",
    "",
    "naïve",
    "東京",
    "two words",
    "a;b",
    "x@example.org",
)
COLUMNS = ("name", "e-mail", "city", "amount", "Größe", "日付", "note", "id", "Name", "")
OLD_COLUMNS = ("name", "e-mail", "city", "amount", "Größe", "note", "id")
EXTENSIONS = (".csv", ".CSV", ".tsv", ".txt")


@dataclass(frozen=True, slots=True)
class SavedFile:
    """A row of list_cutter_savedfile with its bytes."""

    id: int
    user_id: int
    file_id: uuid.UUID
    name: str
    content: bytes
    uploaded_at: datetime
    tags: list[str]
    metadata: str

    @property
    def path(self) -> str:
        return f"uploads/{self.user_id}/{self.file_id}.csv"


def files(count: int, first_id: int, owners: Sequence[int], seed: int, rows: int = 12) -> Iterator[SavedFile]:
    """Yield `count` files. Some owners have none, a few have most. rows: average number of rows of a list."""
    chance = random.Random(seed + 1)  # noqa: S311 - generates data, not secrets
    key = first_id
    for place in range(count):
        # The square favors the first owners. For every fifth file all owners have the same
        # probability.
        lot = chance.random() if place % 5 == 0 else chance.random() ** 2
        content = list_bytes(chance, place, rows)
        yield SavedFile(
            key,
            owners[int(lot * len(owners))],
            uuid.UUID(int=chance.getrandbits(128), version=4),
            _name(chance, place),
            content,
            moment(chance),
            chance.sample(TAGS, k=chance.choice((0, 0, 1, 2, 3, 5))),
            metadata(content, place),
        )
        key += 3 if chance.random() < 0.03 else 1


def metadata(content: bytes, place: int) -> str:
    """Return the metadata that Django stores for an upload; for some files also keys from an import of
    earlier years.
    """
    try:
        found: dict[str, Any] = {"columns": ListFile(content).header}
    except MalformedFileError:
        found = {}
    text = json.dumps(found, ensure_ascii=False)
    if place % 40 == 7:
        text = text[:-1] + (", " if found else "") + (
            '"import": {"rows": 9007199254740993, "share": 1.50, "exact": 1.0, "none": null,'
            ' "odd": "\\u0007\\\\\\"", "deep": [[], {}]}}'
        )  # fmt: skip
    return text


def list_bytes(chance: random.Random, place: int, rows: int) -> bytes:
    """Return the bytes of a list: comma, semicolon or TAB, CRLF or LF, with or without BOM.

    Some lists are in Windows-1252, some are malformed.
    """
    delimiter, end = ",;\t"[place % 3], "\r\n" if place % 2 else "\n"
    old = place % 13 == 5
    width = chance.randrange(1, 8)
    header = chance.sample(OLD_COLUMNS if old else COLUMNS, k=min(width, 7))
    records = [header] + [[chance.choice(WORDS) for _ in header] for _ in range(chance.randrange(2 * rows + 1))]
    if old:
        records = [[value.encode("cp1252", "ignore").decode("cp1252") for value in record] for record in records]
    text = end.join(delimiter.join(_field(value, delimiter) for value in record) for record in records)
    if place % 60 == 31:
        text += f'{end}"never closed'
    elif place % 60 == 47:
        text += f'{end}"closed"too early{delimiter}'
    content = (text + (end if place % 5 else "")).encode("cp1252" if old else "utf-8")
    if place % 17 == 9 and not old:
        content = b"\xef\xbb\xbf" + content
    return content or b"\n"


def _field(value: str, delimiter: str) -> str:
    if any(sign in value for sign in (delimiter, '"', "\n", "\r")):
        return '"' + value.replace('"', '""') + '"'
    return value


def _name(chance: random.Random, place: int) -> str:
    extension = EXTENSIONS[place % 4 if place % 9 == 0 else 0]
    if place % 97 == 13:
        return "n" * (255 - len(extension)) + extension
    if place % 97 == 14:
        return "é" * 200 + extension
    return chance.choice(NAMES) + ("" if place % 3 else f" {place}") + extension
