"""One run of `cutover cleanup`: removes leftovers and ends with a verdict like every other run."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from cutover.accounts.cleanup import SECONDS_PER_UNIT, Cleanup, Leftover, RemovalStatus
from cutover.config.environments import Environment
from cutover.core.evidence import Status
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import redact
from cutover.run.lifecycle import Outcome, say
from cutover.run.systems_command import SystemsCommand

_LEFT_FILE: Final = "leftovers.txt"
_PRINTED: Final = 5
"""Leftovers with one reason that are printed one by one."""


class CleanupRun(SystemsCommand):
    """Removes leftovers. GO if nothing is left, INCONCLUSIVE if something is, INVALID if a system is unreachable."""

    level = SafetyLevel.READ_ONLY  # a dry run writes nothing; the command itself requires test-data otherwise
    resume_hint = "the lines above are complete"

    def __init__(
        self,
        project: Path,
        environment: Environment,
        leftovers: Sequence[Leftover],
        *,
        planted: str | None,
        reports: Path,
        kept: int,
        dry_run: bool,
    ) -> None:
        """kept: number of leftovers that are younger than --older-than. dry_run: list them and send nothing."""
        super().__init__(project, "cleanup", environment, planted=planted, reports=reports)
        self._found, self._kept, self._dry_run = leftovers, kept, dry_run

    def work(self) -> Outcome:
        """Remove the leftovers and print one line for each. Those that stay for one reason are counted in one line."""
        counts = dict.fromkeys(RemovalStatus, 0)
        width = max((len(leftover.label) for leftover in self._found), default=0)
        if self._found:
            say(f"{'system':<8}{'test data':<{width + 2}}{'age':<8}result")
        stay: dict[tuple[str, str], list[str]] = {}
        for result in Cleanup(self.target_environment, self.target).results(self._found, dry_run=self._dry_run):
            counts[result.status] += 1
            leftover = result.leftover
            age = _age(time.time() - leftover.named)
            line = redact(f"{leftover.system:<8}{leftover.label:<{width + 2}}{age:<8}{result.text}")
            if result.status is RemovalStatus.LEFT:
                stay.setdefault((leftover.system, result.text), []).append(line)
            else:
                say(line)
        self._say_left(stay)
        parts = [f"{count} {status.value}" for status, count in counts.items() if count]
        parts += [f"{self._kept} kept because of --older-than"] if self._kept else []
        mode = "dry run, nothing was sent: " if self._dry_run else ""
        summary = f"{mode}{', '.join(parts) or 'nothing is left'}"
        environment = self.target_environment
        details = [f"cleanup of {environment.name} ({environment.url}): {summary}"]
        if counts[RemovalStatus.UNREACHED]:
            return Outcome(Status.UNREACHABLE, summary, details)
        if any(counts[status] for status in (RemovalStatus.LEFT, RemovalStatus.LISTED, RemovalStatus.UNDECIDED)):
            return Outcome(Status.NOT_VERIFIED, summary, details)
        return Outcome(Status.PASSED, summary, details)

    def _say_left(self, stay: Mapping[tuple[str, str], Sequence[str]]) -> None:
        """Write the test data that stays into the run's folder, and print it: many for one reason as one line."""
        if stay and self.log is not None:
            self.log.write(_LEFT_FILE, "".join(f"{line}\n" for lines in stay.values() for line in lines))
        for (system, text), lines in stay.items():
            if len(lines) <= _PRINTED:
                for line in lines:
                    say(line)
            else:
                say(redact(f"{system:<8}{len(lines):,} items {text}; all listed in {self.folder / _LEFT_FILE}"))


def _age(seconds: float) -> str:
    """Return an age in the largest unit of which there are at least two."""
    for unit in ("d", "h", "m"):
        if seconds >= 2 * SECONDS_PER_UNIT[unit]:
            return f"{seconds / SECONDS_PER_UNIT[unit]:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
