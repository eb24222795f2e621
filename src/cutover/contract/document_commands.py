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
from cutover.contract.document import FILES, Contract, read_contract
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
    """Lint the named documents, or those of the project or the environment. Return the exit code.

    With --env, the operations are those of the environment: its paths, statuses and absent operations. Sends nothing.
    Raises ConfigurationError.
    """
    project = root()
    if options.env:
        environment, _ = named_environment(project, options.env, options.pair)
        operations, name, documents = environment.operations, environment.name, _own_documents(project, environment)
    else:
        operations = load_operations(project / "contracts" / "operations.toml", {}, {}, "ours")
        name, documents = _OFFLINE, [(read_contract(project / file), system) for system, file in FILES.items()]
    if options.files:
        documents = [(read_contract(Path(file)), "worker") for file in options.files]
    lines = [
        f"{document.source}: {line}" for document, system in documents for line in lint(document, operations[system])
    ]
    return _end_lint(Run(project, [_LINT], name, reports=options.reports), lines)


def _own_documents(project: Path, environment: Environment) -> list[tuple[Contract, str]]:
    """Return an environment's own document of each of its systems, or ours with the environment's paths."""
    found = []
    for system in environment.systems:
        own = environment.contracts.get(system)
        if own is not None and own.file is not None:
            found.append((read_contract(own.file), system))
        else:
            ours = read_contract(project / FILES[system])
            found.append((ours.with_operations(environment.operations[system]), system))
    return found


def _end_lint(run: Run, lines: Sequence[str]) -> int:
    run.begin()
    name = run.environment_name
    reason = f"{len(lines)} problem(s)" if lines else ""
    status = Status.FAILED if lines else Status.PASSED
    run.record(Record(_LINT, (_LINT,), name, status, run.started, time.time() - run.started, reason=reason))
    failure = run.write_failure()
    verdict = decide(
        _LINT,
        RunFacts(name, SafetyLevel.READ_ONLY, invalid=[failure] if failure else []),
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
