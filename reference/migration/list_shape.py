"""Derived columns of a file: counts, digest, and its status as a list.

Parses lists as reference/legacy does (its list_file.py needs no Django).
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).resolve().parents[1] / "legacy"))

from list_cutter.list_file import ListFile, MalformedFileError

COLUMN_LIMIT = 100_000
"""contracts/api.md, Reading a list file, 6."""
# The messages that the Worker shows to the file's owner.
_NUL = "The file contains a NUL byte."
_TEXT_AFTER_QUOTE = "There is text after a closing quote."
_OPEN_QUOTE = "A quote is never closed."
_TOO_WIDE = f"The header has more than {COLUMN_LIMIT} columns."


def calculated(content: bytes) -> dict[str, Any]:
    """Return status, error, row_count, column_count and sha256, by their names in contracts/migration.toml."""
    values: dict[str, Any] = {"sha256": hashlib.sha256(content).hexdigest()}
    try:
        file = ListFile(content)
        rows = file.count_rows()
    except MalformedFileError as error:
        return values | {"status": "error", "error": _words(str(error))}
    if len(file.header) > COLUMN_LIMIT:
        return values | {"status": "error", "error": _TOO_WIDE}
    return values | {"status": "completed", "row_count": rows, "column_count": len(file.header)}


def _words(error: str) -> str:
    if "NUL" in error:
        return _NUL
    return _TEXT_AFTER_QUOTE if "expected after" in error else _OPEN_QUOTE
