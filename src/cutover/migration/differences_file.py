"""A CSV file of every single finding, for the repair: place, expected value, actual value. One line per finding.

reconciliation_result.py has the counts and samples.
"""

from __future__ import annotations

import csv
import os
import re
import threading
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from cutover.config.validation import ConfigurationError
from cutover.core.secrets import redact
from cutover.migration.findings import Finding
from cutover.migration.masking import shown_values

COLUMNS: Final = ("part", "table", "kind", "key", "column", "expected", "got", "note")
# The beginning of a formula in a spreadsheet. Plain negative numbers are none.
_FORMULA: Final = re.compile(r"[=+@\t\r]|-(?![0-9.]+$)")


class DifferencesFile:
    """The open file, for `Findings(sink=…)`. Only its owner can read it. Safe for threads.

    expected and got are JSON texts, empty if there is none; masked, they are descriptions. A cell that a spreadsheet
    would take for a formula gets an apostrophe in front.
    """

    def __init__(self, path: Path, *, show_values: bool) -> None:
        """Raises ConfigurationError if the file cannot be written. Replaces a file, follows no link."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            handle = os.open(path, flags, 0o600)
            os.fchmod(handle, 0o600)
        except OSError as error:
            raise ConfigurationError(
                "--differences", "", f"{str(path)!r} cannot be written: {error.strerror}", "Name another file."
            ) from None
        self._file = os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace", newline="")
        self._writer, self._lock, self._show_values = csv.writer(self._file), threading.Lock(), show_values
        self._writer.writerow(COLUMNS)
        self.count = 0

    def __call__(self, finding: Finding) -> None:
        """Write a finding."""
        if self._show_values:
            expected, got = finding.expected or "", finding.got or ""
        else:
            expected, got = shown_values(finding, show_values=False)
        cells = (
            finding.part.value, finding.table, finding.kind.value, finding.key, finding.column or "", expected, got,
            finding.note,
        )  # fmt: skip
        with self._lock:
            self._writer.writerow([_harmless(redact(cell)) for cell in cells])
            self.count += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()


def _harmless(cell: str) -> str:
    return f"'{cell}" if _FORMULA.match(cell) else cell
