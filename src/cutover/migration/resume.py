"""What a reconciliation has proven so far, on disk, so that one that was killed need not read it again.

Not for deciding whether it still holds: each side's mark does, when the run is resumed.
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
    """Ranges (first, last, rows) by table, and the marks of both sides when they were read."""

    marks: Mapping[str, str | None] = field(default_factory=dict)
    ranges: dict[str, list[tuple[int, int, int]]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many ranges."""
        return sum(map(len, self.ranges.values()))


class RangeJournal:
    """Appends each proven range, a line of JSON. For several threads."""

    def __init__(self, folder: Path, head: Mapping[str, Any]) -> None:
        """head: what must be the same for the ranges to mean the same, and the marks."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock, self._lines = threading.Lock(), 0
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
        self._file = os.fdopen(os.open(folder / FILE, flags, 0o600), "wb", buffering=0)
        self._append(head)

    def proven(self, table: str, first: int, last: int, rows: int) -> None:
        """Write down one range without a finding."""
        self._append({"table": table, "first": first, "last": last, "rows": rows})

    def end(self) -> None:
        """The run has come to its end: there is nothing to resume."""
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


def last_cut_off(reports: Path, head: Mapping[str, Any]) -> Proven:
    """What the newest run that was cut off has proven; nothing of one with another head.

    head: without the marks. Raises ConfigurationError when there is none to resume.
    """
    for file in sorted(reports.glob(f"*/{FILE}"), key=lambda path: path.stat().st_mtime_ns, reverse=True):
        found = _read(file)
        if not found:
            continue
        told, lines = found[0], found[1:]
        if {key: value for key, value in told.items() if key != "marks"} != dict(head):
            continue
        if any("ended" in line for line in lines):
            break  # the newest of its kind came to its end; an older one is no news
        proven = Proven(told.get("marks", {}))
        for line in lines:
            proven.ranges.setdefault(line["table"], []).append((line["first"], line["last"], line["rows"]))
        return proven
    raise ConfigurationError(
        "--resume", "", f"no run in {reports} with this environment, direction and mapping was cut off", "Leave it out."
    )


def _read(file: Path) -> list[dict[str, Any]]:
    """The lines; the last may have been cut off with the run."""
    found: list[dict[str, Any]] = []
    with contextlib.suppress(OSError, ValueError):  # what stands before a line that breaks off is whole
        found.extend(json.loads(line) for line in file.read_bytes().split(b"\n") if line)
    return found
