"""reports/RUN/replay-state.jsonl: the progress of a replay, line by line, so that a killed replay can resume.

The first line describes the recording. Every other line is a record that totals.py adds up.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError

FILE: Final = "replay-state.jsonl"
_FIX: Final = "Replay again, without --resume."
SCHEMA: Final = 2
"""Version of the records. 2: the differences of a record include what the Worker lost (AcceptedDifferences.lost)."""
_CHANGES: Final = {
    "schema": "another version of the suite wrote the state file",
    "size": "the size of the recording has changed",
    "form": "the format of the recording has changed",
    "identities": "the identities file has changed",
    "collapse": "--collapse has changed",
    "key": "the embedded pair was replaced by another one with that name",
    "show_values": "--show-values has changed",
    "worker_version": "--worker-version has changed",
}


class ReplayState:
    """The state file of one replay, locked by one process."""

    def __init__(self, folder: Path, file: int, head: Mapping[str, Any], size: int) -> None:
        self.folder, self.head = folder, head
        self._file, self._size = file, size

    @classmethod
    def new(cls, folder: Path, head: Mapping[str, Any]) -> ReplayState:
        """Create a state file. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        state = cls(folder, file, head, 0)
        state.append(head)
        return state

    @classmethod
    def resumed(cls, reports: Path, wanted: Mapping[str, Any]) -> ReplayState:
        """Open the latest unfinished state file of that recording and environment.

        Raises ConfigurationError if there is none, another process uses it, or an input has changed.
        """
        folder, head, ended = _latest(reports, wanted)
        for key, change in _CHANGES.items():
            if head.get(key) != wanted[key]:
                raise ConfigurationError("--resume", "", f"{change} since {folder.name}", _FIX)
        if ended:
            raise ConfigurationError("--resume", "", f"{folder.name} is already complete", _FIX)
        file = os.open(folder / FILE, os.O_RDWR | os.O_NOFOLLOW | os.O_APPEND)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise ConfigurationError(
                "--resume", "", f"{folder.name} is being replayed by another process", "Wait for it or end it."
            ) from None
        whole = (folder / FILE).read_bytes().rpartition(b"\n")[0] + b"\n"
        os.ftruncate(file, len(whole))  # an incomplete last line was never counted
        return cls(folder, file, head, len(whole))

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield all records. Raises ConfigurationError for a damaged file."""
        with (self.folder / FILE).open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                except ValueError:
                    row = None
                if not isinstance(row, dict):
                    raise ConfigurationError(self.folder / FILE, f"line {number}", "expected a record", _FIX)
                if number > 1:
                    yield row

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one complete record. Raises OSError if that fails."""
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._file, line)
        if written != len(line):
            os.ftruncate(self._file, self._size)
            raise OSError(28, "the record was not written completely", str(self.folder / FILE))
        self._size += written

    def close(self) -> None:
        """Close the file and release the lock."""
        os.close(self._file)


def _latest(reports: Path, wanted: Mapping[str, Any]) -> tuple[Path, dict[str, Any], bool]:
    for file in sorted(reports.glob(f"*/{FILE}"), key=lambda found: found.parent.name, reverse=True):
        try:
            with file.open("rb") as opened:
                head = json.loads(opened.readline())
                opened.seek(max(0, file.stat().st_size - 256))
                last = opened.read().rstrip(b"\n").rpartition(b"\n")[2]
        except (OSError, ValueError):
            continue
        if isinstance(head, dict) and all(head.get(key) == wanted[key] for key in ("recording", "environment")):
            return file.parent, head, last == b'{"ended":true}'
    raise ConfigurationError(
        "--resume", "", f"no replay of this recording on {wanted['environment']} exists in {reports}", _FIX
    )
