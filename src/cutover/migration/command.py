"""`cutover reconcile`: one reconciliation outside a gate run."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.environment_option import named_environment
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.secrets import redact, redact_all
from cutover.core.verdict import GateVerdict
from cutover.migration.assembly import reconciliation, require_databases
from cutover.migration.differences_file import DifferencesFile
from cutover.migration.findings import Findings
from cutover.migration.mapping import MigrationMapping
from cutover.migration.mapping_file import load_mapping
from cutover.migration.own_table_runs import OPTION, OwnTableRuns
from cutover.migration.reconciliation_result import FILE, text_of_file
from cutover.migration.reconciliation_status import status_of
from cutover.migration.report_files import write_reconciliation_page
from cutover.report.reconciliation_table import reconciliation_lines
from cutover.run.lifecycle import Command, Outcome
from cutover.run.progress import Progress

NAME: Final = "reconcile"
MAX_SAMPLES: Final = 10_000


def run(options: argparse.Namespace) -> int:
    """Reconcile and return the exit code. Raises ConfigurationError before anything is read."""
    project = root()
    environment, planted = named_environment(project, options.env, options.pair)
    environment = _with_options(environment, options)
    if not 0 <= options.samples <= MAX_SAMPLES:
        raise ConfigurationError(
            "--samples", "", f"expected 0 to {MAX_SAMPLES}, got {options.samples}", "Give another number."
        )
    return ReconcileCommand(
        project, environment, planted, load_mapping(project, environment.files.get("migration")), options
    ).execute()


def _with_options(environment: Environment, options: argparse.Namespace) -> Environment:
    for key, option in (("d1_file", "--d1-file"), ("d1_export", "--d1-export"), ("d1_before", OPTION)):
        file: Path | None = getattr(options, key)
        if file is None:
            continue
        if not file.is_file() or not os.access(file, os.R_OK):
            raise ConfigurationError(option, "", f"expected a readable file, got {str(file)!r}", "Correct the path.")
        if option == OPTION:
            continue
        copy = file.resolve()
        environment = dataclasses.replace(
            environment,
            d1=None,
            d1_file=copy if key == "d1_file" else None,
            d1_export=copy if key == "d1_export" else None,
        )
    return environment


class ReconcileCommand(Command):
    """One run of the command."""

    resume_hint = "--resume continues it"

    def __init__(
        self,
        project: Path,
        environment: Environment,
        planted: str | None,
        mapping: MigrationMapping,
        options: argparse.Namespace,
    ) -> None:
        self.reports = options.reports or project / "reports"
        super().__init__(project, NAME, environment, planted=planted, reports=self.reports)
        self.mapping, self.options = mapping, options
        self.data: dict[str, Any] | None = None

    def work(self) -> Outcome:
        """Reconcile both sides."""
        options = self.options
        require_databases(self.target_environment)
        progress = Progress(sys.stderr)
        try:
            with self._differences() as sink, reconciliation(
                self.project, self.target_environment, self.mapping, self.folder, recorder=self.recorder,
                run=self.run_id, reverse=options.direction == "reverse", thorough=options.thorough,
                resume_from=self.reports if options.resume else None, progress=progress,
                findings=Findings(sink, keep=options.samples), own_runs=OwnTableRuns(options.d1_before),
            ) as work:  # fmt: skip
                self.data = work.run().as_json(show_values=options.show_values)
        finally:
            progress.end()
        return Outcome(*status_of(self.data))

    def present(self, verdict: GateVerdict, run_facts: Mapping[str, Any]) -> Iterable[str]:
        """Write reconciliation.json and its page. Return the table for the terminal."""
        if self.data is None or self.log is None:
            return ()
        self.log.write(FILE, redact(text_of_file(redact_all(self.data))))
        write_reconciliation_page(
            self.log, self.project, self.data, verdict, run_facts, self.target_environment.files.get("migration")
        )
        return reconciliation_lines(self.data)

    def _differences(self) -> contextlib.AbstractContextManager[DifferencesFile | None]:
        file: Path | None = self.options.differences
        return contextlib.nullcontext() if file is None else DifferencesFile(file, show_values=self.options.show_values)
