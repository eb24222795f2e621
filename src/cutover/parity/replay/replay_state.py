"""reports/RUN/replay-state.jsonl: what a replay has done, line by line, so that one that was killed can go on.

The first line says what is replayed, every other is a record that sums.py adds up. Not for judging.
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
_FIX: Final = "Replay anew, without --resume."
_TOLD: Final = {
    "size": "the recording has changed: it has another size",
    "form": "it was read in another format",
    "identities": "the identities file has changed",
    "collapse": "--collapse was given differently",
    "key": "the pair is another one of that name",
    "show_values": "--show-values was given differently",
}


class State:
    """The file of one replay, held by one process."""

    def __init__(self, folder: Path, file: int, head: Mapping[str, Any], size: int) -> None:
        self.folder, self.head = folder, head
        self._file, self._size = file, size

    @classmethod
    def new(cls, folder: Path, head: Mapping[str, Any]) -> State:
        """Begin one. Raises OSError."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.open(folder / FILE, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_APPEND, 0o600)
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        state = cls(folder, file, head, 0)
        state.append(head)
        return state

    @classmethod
    def resumed(cls, reports: Path, wanted: Mapping[str, Any]) -> State:
        """Take up the latest unfinished one of that recording and environment.

        Raises ConfigurationError where there is none, another process has it, or something is not as it was.
        """
        folder, head, ended = _latest(reports, wanted)
        for key, told in _TOLD.items():
            if head.get(key) != wanted[key]:
                raise ConfigurationError("--resume", "", f"{told} since {folder.name}", _FIX)
        if ended:
            raise ConfigurationError("--resume", "", f"{folder.name} was replayed to its end", _FIX)
        file = os.open(folder / FILE, os.O_RDWR | os.O_NOFOLLOW | os.O_APPEND)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise ConfigurationError(
                "--resume", "", f"{folder.name} is being replayed by another process", "Wait for it, or end it."
            ) from None
        whole = (folder / FILE).read_bytes().rpartition(b"\n")[0] + b"\n"
        os.ftruncate(file, len(whole))  # a line that the kill cut off was never counted
        return cls(folder, file, head, len(whole))

    def records(self) -> Iterator[dict[str, Any]]:
        """Everything but the first line. Raises ConfigurationError for a file that is not as it was written."""
        with (self.folder / FILE).open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                try:
                    row = json.loads(line)
                except ValueError:
                    row = None
                if not isinstance(row, dict):
                    raise ConfigurationError(self.folder / FILE, f"line {number}", "is no record", _FIX)
                if number > 1:
                    yield row

    def append(self, record: Mapping[str, Any]) -> None:
        """Write one record, whole. Raises OSError when it is not."""
        line = json.dumps(record, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"
        written = os.write(self._file, line)
        if written != len(line):
            os.ftruncate(self._file, self._size)
            raise OSError(28, "the record was cut off", str(self.folder / FILE))
        self._size += written

    def close(self) -> None:
        """Let go of it."""
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
        "--resume", "", f"no replay of this recording on {wanted['environment']} lies in {reports}", _FIX
    )
