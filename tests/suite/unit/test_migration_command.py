"""Tests of `cutover reconcile` with a reconciliation that is given."""

from __future__ import annotations

import argparse
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.errors import MeasurementError
from cutover.migration import command as command_module
from cutover.migration.command import ReconcileCommand
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping_file import load_mapping
from cutover.migration.reconciliation_result import Reconciliation
from cutover.run import lifecycle

pytestmark = pytest.mark.unit


class GivenRun:
    """A reconciliation with a given result. before_end: called when it has read everything."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = Findings()
        for finding in findings:
            self.findings.add(finding)
        self.error: Exception | None = None
        self.before_end = lambda: None

    def run(self) -> Reconciliation:
        """Return the result, or raise the error."""
        self.before_end()
        if self.error is not None:
            raise self.error
        return Reconciliation("embedded", "forward", thorough=True, findings=self.findings)


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> GivenRun:
    """The reconciliation that the command gets."""
    made = GivenRun()

    @contextlib.contextmanager
    def reconciliation(*_: Any, **__: Any) -> Iterator[GivenRun]:
        yield made

    monkeypatch.setattr(command_module, "reconciliation", reconciliation)
    monkeypatch.setattr(command_module, "require_databases", lambda _: None)
    monkeypatch.setattr(lifecycle, "interrupt_on_sigterm", lambda: None)
    monkeypatch.setattr(lifecycle, "ignore_interrupts", lambda: None)
    return made


@pytest.fixture
def command(tmp_path: Path) -> ReconcileCommand:
    """The command with its default options."""
    options = argparse.Namespace(
        direction="forward", thorough=True, resume=False, samples=5, differences=None, show_values=False,
        reports=tmp_path / "reports", d1_before=None,
    )  # fmt: skip
    environment = load_environment(root(), "https://list-cutter.invalid")
    return ReconcileCommand(root(), environment, None, load_mapping(root()), options)


def verdict_of(command: ReconcileCommand) -> dict[str, Any]:
    """Return the content of verdict.json."""
    content: dict[str, Any] = json.loads((command.folder / "verdict.json").read_text())
    return content


def test_reconcile_without_findings_is_go(
    given: GivenRun, command: ReconcileCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table, the folder and the verdict are printed; the files are written."""
    del given
    assert command.execute() == 0
    assert verdict_of(command)["verdict"] == "GO"
    assert json.loads((command.folder / "reconciliation.json").read_text())["total_findings"] == 0
    assert (command.folder / "reconciliation.html").exists()
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2] == f"report: {command.folder}"
    assert lines[-1].startswith("reconcile GO: ")


@pytest.mark.parametrize("findings", [(), (Finding(Part.ROWS, "users", Kind.MISSING, "7"),)], ids=["go", "no-go"])
def test_unwritten_verdict_makes_reconcile_invalid(
    findings: tuple[Finding, ...], given: GivenRun, command: ReconcileCommand, capsys: pytest.CaptureFixture[str]
) -> None:
    """A caller may read verdict.json instead of the exit code, so neither GO nor NO-GO may remain."""
    for finding in findings:
        given.findings.add(finding)
    given.before_end = (command.folder / ".verdict.json.partial").mkdir
    assert command.execute() == 11
    assert verdict_of(command)["exit_code"] == 11  # of the unfinished verdict
    assert capsys.readouterr().out.splitlines()[-1].startswith("reconcile INVALID: ")


def test_truncated_listing_makes_reconcile_invalid(given: GivenRun, command: ReconcileCommand) -> None:
    """A measurement error is no finding."""
    given.error = MeasurementError("the listing of the bucket was cut short")
    assert command.execute() == 11
    assert "cut short" in verdict_of(command)["reasons"][0]
    assert not (command.folder / "reconciliation.json").exists()
