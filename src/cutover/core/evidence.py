"""One record for each check of a run, and the JSON Lines file that keeps them.

Not for judging: verdict.py reads records. Records are made where the check ran and written by one
process only, the one that reports.
"""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from cutover.core.secrets import redact


class Status(StrEnum):
    """How a check ended. What is neither passed nor failed has shown nothing."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_VERIFIED = "not-verified"  # skipped, above the safety level, needs what is not there
    EXPECTED_FAILURE = "xfailed"  # marked xfail: whatever came, it counts as not shown
    UNREACHABLE = "unreachable"
    IDENTITY_MISMATCH = "identity-mismatch"
    RATE_LIMITED = "rate-limited"
    STOPPED = "stopped"
    CRASHED = "crashed"  # the process that ran it is gone


@dataclass(frozen=True)
class Record:
    """What one check of one run showed. started: Unix time in seconds; duration_s in seconds.

    findings: fingerprints of the single things that a check found, where each is waived for itself, on whichever of
    the check's parameters it shows; empty where the check has one finding. never_waived: why no waiver covers what
    it found, "" where one may.
    """

    check: str
    gates: tuple[str, ...]
    environment: str
    status: Status
    started: float
    duration_s: float
    system: str | None = None
    reason: str = ""
    finding: str | None = None
    plan: str | None = None
    summary: str = ""
    page: dict[str, Any] = field(default_factory=dict)
    findings: tuple[str, ...] = ()
    never_waived: str = ""

    @property
    def fingerprint(self) -> str | None:
        """12 hex digits that name the finding of this check, the same in every run; None without one."""
        if self.finding is None:
            return None
        return hashlib.sha256(f"{self.check}\n{self.finding}".encode()).hexdigest()[:12]

    def as_json(self) -> dict[str, Any]:
        """Plain data, with the fingerprint."""
        return {
            **vars(self),
            "gates": list(self.gates),
            "status": self.status.value,
            "findings": list(self.findings),
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """The record that `as_json` gave."""
        known = {key: value for key, value in data.items() if key != "fingerprint"}
        lists = {name: tuple(known.get(name, ())) for name in ("gates", "findings")}
        return cls(**{**known, **lists, "status": Status(known["status"])})


class EvidenceLog:
    """Appends records and events to reports/RUN/evidence.jsonl, each line redacted and written through at once.

    What cannot be written (disk full) is remembered in `failure` and never raised: the checks go on,
    and the verdict is INVALID.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.failure: str | None = None
        self._file: int | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._file = os.open(
                folder / "evidence.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600
            )
        except OSError as error:
            self.failure = f"{folder}: {error.strerror or error}"

    def record(self, record: Record) -> None:
        """Append one check's record."""
        self._append({"kind": "check", **record.as_json()})

    def event(self, name: str, **data: Any) -> None:
        """Append something that happened to the run: started, ready, ended."""
        self._append({"kind": "event", "event": name, **data})

    def write(self, name: str, text: str) -> None:
        """Write one more file of the run, 0600, whole or not at all."""
        if self.failure is not None and self._file is None:
            return
        target, partial = self.folder / name, self.folder / f".{name}.partial"
        try:
            with os.fdopen(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600), "w", encoding="utf-8"
            ) as file:
                file.write(text)
            partial.replace(target)
        except OSError as error:
            self.failure = f"{target}: {error.strerror or error}"

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, data: dict[str, Any]) -> None:
        if self._file is None:
            return
        text = redact(json.dumps(data, ensure_ascii=False, default=str))
        line = text.encode("utf-8", "backslashreplace") + b"\n"
        try:
            while line:
                line = line[os.write(self._file, line) :]
        except OSError as error:
            self.failure = f"{self.folder / 'evidence.jsonl'}: {error.strerror or error}"
