"""The record of each check, and the JSON Lines file that holds the records of a run.

A record is made in the process that ran the check. Only the reporting process writes it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Self

from cutover.core.recorder import Observations
from cutover.core.secrets import redact


class Status(StrEnum):
    """The end of a check. Only PASSED and FAILED are evidence."""

    PASSED = "passed"
    FAILED = "failed"
    NOT_VERIFIED = "not-verified"  # skipped, above the safety level, or without something that it needs
    BLOCKED = "blocked"  # it needs a shared precondition that is broken; the precondition's own check reports that
    NOT_APPLICABLE = "not-applicable"  # the configuration says that the system does not have its subject
    EXPECTED_FAILURE = "xfailed"  # marked xfail: never evidence, whether it passed or failed
    INVALID = "invalid"  # a measurement error that is none of the kinds below
    UNREACHABLE = "unreachable"
    IDENTITY_MISMATCH = "identity-mismatch"
    RATE_LIMITED = "rate-limited"
    STOPPED = "stopped"
    CRASHED = "crashed"  # the process that ran it was lost


@dataclass(frozen=True)
class Record:
    """The result of one check of one run. started: Unix time in seconds; duration_s in seconds.

    findings: fingerprints of a check's findings if each of them is waived separately, for any of the check's
    parameters; empty if the check has one finding. never_waived: why no waiver covers the finding, "" if one may.
    blocked_by: name of each broken precondition -> what was observed, if the status is BLOCKED.
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
    observations: Observations = field(default_factory=Observations)
    findings: tuple[str, ...] = ()
    never_waived: str = ""
    blocked_by: Mapping[str, str] = field(default_factory=dict)

    @property
    def fingerprint(self) -> str | None:
        """Return 12 hex digits that identify the finding in every run, None without a finding."""
        if self.finding is None:
            return None
        return hashlib.sha256(f"{self.check}\n{self.finding}".encode()).hexdigest()[:12]

    def as_json(self) -> dict[str, Any]:
        """Return plain data, with the fingerprint."""
        return {
            **vars(self),
            "observations": self.observations.as_json(),
            "gates": list(self.gates),
            "status": self.status.value,
            "findings": list(self.findings),
            "blocked_by": dict(self.blocked_by),
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return the record that `as_json` gave.

        A status that this version does not know (a worker process of another version) is a measurement error.
        """
        known = {key: value for key, value in data.items() if key != "fingerprint"}
        lists = {name: tuple(known.get(name, ())) for name in ("gates", "findings")}
        observations = Observations.from_json(known["observations"])
        if known["status"] not in set(Status):
            known["reason"] = f"its record has the unknown status {known['status']!r}; {known.get('reason', '')}"
            known["status"] = Status.INVALID
        return cls(**{**known, **lists, "observations": observations, "status": Status(known["status"])})


class EvidenceLog:
    """The evidence file of a run, reports/RUN/evidence.jsonl. Each line is redacted and written at once.

    A write error (disk full) is stored in `failure` and never raised: the checks continue, and the verdict is
    INVALID.
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
        """Append the record of one check."""
        self._append({"kind": "check", **record.as_json()})

    def event(self, name: str, **data: Any) -> None:
        """Append an event of the run: started, ready, ended."""
        self._append({"kind": "event", "event": name, **data})

    def write(self, name: str, text: str) -> None:
        """Write another file of the run with mode 0600, complete or not at all."""
        if self.failure is not None and self._file is None:
            return
        target, partial = self.folder / name, self.folder / f".{name}.partial"
        try:
            with os.fdopen(
                os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600),
                "w",
                encoding="utf-8",
                errors="backslashreplace",  # half a surrogate pair in a response cannot be encoded
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
