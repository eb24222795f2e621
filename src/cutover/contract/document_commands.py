"""`cutover contract lint` and `compare`: the checks of OpenAPI documents as commands that end with a verdict."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment
from cutover.config.operations import load_operations
from cutover.config.validation import ConfigurationError, root
from cutover.contract.document import FILES, read_contract
from cutover.contract.findings import finding_lines
from cutover.contract.lint import lint
from cutover.contract.served_documents import differences
from cutover.core.evidence import Record, Status
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import Run as RunFacts
from cutover.core.verdict import decide
from cutover.run.lifecycle import Outcome, Run, say
from cutover.run.systems_command import SystemsCommand

_LINT: Final = "contract lint"
_OFFLINE: Final = "offline"
"""Name in place of an environment: lint sends no request."""


def run_lint(options: argparse.Namespace) -> int:
    """Lint the named documents, or both documents of this project. Return the exit code. Raises ConfigurationError."""
    project = root()
    operations = load_operations(project / "contracts" / "operations.toml", {}, {}, "ours")
    files = [(Path(name), "worker") for name in options.files] or [
        (project / name, system) for system, name in FILES.items()
    ]
    lines = [f"{file}: {line}" for file, system in files for line in lint(read_contract(file), operations[system])]
    return _end_lint(Run(project, [_LINT], _OFFLINE, reports=options.reports), lines)


def _end_lint(run: Run, lines: Sequence[str]) -> int:
    run.begin()
    reason = f"{len(lines)} problem(s)" if lines else ""
    status = Status.FAILED if lines else Status.PASSED
    run.record(Record(_LINT, (_LINT,), _OFFLINE, status, run.started, time.time() - run.started, reason=reason))
    failure = run.write_failure()
    verdict = decide(
        _LINT,
        RunFacts(_OFFLINE, SafetyLevel.READ_ONLY, invalid=[failure] if failure else []),
        [RequiredCheck(_LINT, _LINT, None, SafetyLevel.READ_ONLY)],
        run.records,
        (),
    )
    run.finish([verdict], run.facts())
    for line in (*lines, *(f"  - {reason}" for reason in run.verdicts[0].reasons), f"report: {run.folder}"):
        say(line)
    run.print_last_lines()
    return run.code


def run_compare(options: argparse.Namespace) -> int:
    """Compare an environment's own documents with ours. Return the exit code. Raises ConfigurationError."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    if not environment.contracts:
        raise ConfigurationError(
            project / "environments.toml", f"{environment.name}.contract", "missing", "Name the documents to compare."
        )
    return CompareCommand(
        project, environment, planted=planted, reports=options.reports, asked_version=options.worker_version
    ).execute()


class CompareCommand(SystemsCommand):
    """A comparison of an environment's own documents with ours."""

    level = SafetyLevel.READ_ONLY

    def __init__(
        self,
        project: Path,
        environment: Environment,
        *,
        planted: str | None = None,
        reports: Path | None = None,
        asked_version: str | None = None,
    ) -> None:
        """Create the run. reports: parent of its folder, None for reports/ of the project."""
        super().__init__(
            project, "contract compare", environment, planted=planted, reports=reports, asked_version=asked_version
        )
        self.judges_worker = "worker" in environment.contracts

    def work(self) -> Outcome:
        """Compare each document. Raises CheckFailed if a system serves none, ConfigurationError for a broken file."""
        lines: list[str] = []
        count = 0
        for system in self.target_environment.contracts:
            found = differences(self.project, self.target(system))
            count += len(found)
            lines += [line for finding in found for line in finding_lines(finding)]
        if count:
            return Outcome(Status.FAILED, f"{count} breaking change(s)", lines)
        return Outcome(Status.PASSED)
