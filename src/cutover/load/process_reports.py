"""Reports of a load run's generator processes: their totals added up, and the processes that were lost."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.traffic.ledger import LedgerTotals

SILENCE_S: Final = 5.0
"""A generator process reports each second. After this time without a report it counts as lost."""


@dataclass
class _Process:
    """The reports of one process. last: its last report, None until it arrives."""

    parts: int = 0
    reported_at: float = field(default_factory=time.monotonic)
    last: Mapping[str, Any] | None = None


class ProcessReports:
    """The reports of all generator processes of one run.

    totals: the sum of all reports. failure: why the reports are incomplete, None if they are not.
    """

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._processes: dict[str, _Process] = {}
        self.totals = LedgerTotals()
        self.failure: str | None = None

    def expect(self, names: Sequence[str]) -> None:
        """Expect reports of these processes from now on."""
        self._processes = {name: _Process() for name in names}

    @property
    def names(self) -> list[str]:
        """Return the names of the expected processes; none before the first arrival."""
        return list(self._processes)

    @property
    def complete(self) -> bool:
        """Return True if every process has sent its last report."""
        return all(process.last is not None for process in self._processes.values())

    @property
    def last_reports(self) -> list[Mapping[str, Any]]:
        """Return the last reports that have arrived."""
        return [process.last for process in self._processes.values() if process.last is not None]

    def receive(self, name: str, report: Mapping[str, Any]) -> None:
        """Add a report. A report that is out of order or malformed is a failure."""
        process = self._processes.get(name)
        if process is None or report.get("run") != self._run_id or process.last is not None:
            return
        process.reported_at = time.monotonic()
        try:
            if "crashed" in report:
                raise ValueError(report["crashed"])
            if report["part"] != process.parts + 1:
                raise ValueError(f"expected part {process.parts + 1}, got {report['part']}")
            process.parts += 1
            totals = report["totals"]  # plain data if the process is another one
            self.totals.merge(totals if isinstance(totals, LedgerTotals) else LedgerTotals.from_json(totals))
            if report["last"]:
                process.last = report
        except (KeyError, TypeError, ValueError) as error:
            self._fail(f"a report of the generator process {name} cannot be used: {error}")

    def check_silence(self) -> None:
        """Count a process without a report for SILENCE_S as lost."""
        now = time.monotonic()
        for name, process in self._processes.items():
            if process.last is None and now - process.reported_at > SILENCE_S:
                self._fail(f"the generator process {name} was lost: no report for {SILENCE_S:g} s")

    def lose(self, name: str) -> None:
        """Count a process that ended as lost, unless it has sent its last report."""
        process = self._processes.get(name)
        if process is not None and process.last is None:
            self._fail(f"the generator process {name} was lost: it ended before its last report")

    def versions(self) -> dict[str, list[int]]:
        """Return who responded: "SYSTEM VERSION" or "SYSTEM" -> [responses, first and last ns of the run]."""
        versions: dict[str, list[int]] = {}
        for report in self.last_reports:
            for origin, (count, first, last) in report["versions"].items():
                seen = versions.setdefault(origin, [0, first, last])
                seen[:] = [seen[0] + count, min(seen[1], first), max(seen[2], last)]
        return versions

    def acknowledged(self) -> list[Sequence[str]]:
        """Return the acknowledged writes: system, user, file name, id."""
        return [row for report in self.last_reports for row in report["acknowledged"]]

    def unanswered(self) -> set[str]:
        """Return the names whose registration was sent and not answered."""
        return {name for report in self.last_reports for name in report["unanswered"]}

    def idle_kills(self) -> list[dict[str, Any]]:
        """Return the evidence of requests that were closed while idle, in the order of their times."""
        rows = [row for report in self.last_reports for row in report["idle_kills"]]
        return [
            {"at_s": round(at / 1e9, 3), "endpoint": endpoint, "idle_ms": round(idle / 1e6, 1), "proof": proof}
            for at, endpoint, idle, proof in sorted(rows)
        ]

    def _fail(self, reason: str) -> None:
        self.failure = self.failure or reason
