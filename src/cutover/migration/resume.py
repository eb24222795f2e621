"""The journal of compared ranges, so that a resumed run need not read them again.

The marks of both sides decide if the ranges are still valid.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError

FILE: Final = "reconciliation.journal"
_SYNC_EVERY: Final = 64


@dataclass
class Proven:
    """Compared ranges (first, last, rows) by table, and the marks of both sides at that time."""

    marks: Mapping[str, str | None] = field(default_factory=dict)
    ranges: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Return the number of ranges."""
        return sum(map(len, self.ranges.values()))


class RangeJournal:
    """Appends each compared range as a line of JSON. Safe for threads."""

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        """head: the facts that must be equal to resume the run, and the marks."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock, self._lines = threading.Lock(), 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(folder / FILE, flags, 0o600), "wb", buffering=0)
        self._append(head)

    def proven(self, table: str, first: int, last: int, rows: int) -> None:
        """Write a range without a finding."""
        self._append({"table": table, "first": first, "last": last, "rows": rows})

    def end(self) -> None:
        """Write that the run is complete, so there is nothing to resume."""
        self._append({"ended": True})
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _append(self, line: Mapping[str, Any]) -> None:
        with self._lock:
            self._file.write(json.dumps(line).encode() + b"\n")
            self._lines += 1
            if self._lines % _SYNC_EVERY == 1:
                os.fsync(self._file.fileno())


def latest_interrupted(reports: Path, head: Mapping[str, Any]) -> Proven:
    """Return the compared ranges of the latest interrupted run with the same head.

    head: without the marks. Raises ConfigurationError if there is none.
    """
    for file in sorted(reports.glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        found = _read(file)
        if not found:
            continue
        first, lines = found[0], found[1:]
        if {key: value for key, value in first.items() if key != "marks"} != dict(head):
            continue
        if any("ended" in line for line in lines):
            break  # the latest run is complete, so an older one is outdated
        proven = Proven(first.get("marks", {}))
        for line in lines:
            proven.ranges.setdefault(line["table"], []).append((line["first"], line["last"], line["rows"]))
        return proven
    raise ConfigurationError(
        "--resume",
        "",
        f"expected an interrupted run of this environment, direction and mapping in {reports}, got none",
        "Omit the option.",
    )


def _read(file: Path) -> list[dict[str, Any]]:
    """Return the complete lines. The last one may be incomplete."""
    found: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, ValueError):  # the lines before an incomplete one are complete
        found.extend(json.loads(line) for line in file.read_bytes().split(b"\n") if line)
    return found
