"""The commands `cutover contract lint` and `compare`: exit codes and verdict files."""

import dataclasses
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from cutover.config.environment import OwnContract
from cutover.config.environments import load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.contract import document_commands
from cutover.contract.document import FILES
from cutover.contract.document_commands import CompareCommand, run_lint
from cutover.contract.findings import Finding, Findings, Place
from cutover.core.errors import CheckFailed, MeasurementError
from cutover.core.evidence import EvidenceLog
from cutover.run import lifecycle

pytestmark = pytest.mark.unit


def lint(reports: Path, *files: Path, env: str | None = None) -> int:
    """Run the lint command and return its exit code."""
    return run_lint(Namespace(files=[str(file) for file in files], reports=reports, env=env, pair=None))


def test_lint_of_our_documents_is_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Our documents have no problem: exit 0, and the last line and verdict.json agree."""
    assert lint(tmp_path) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("contract lint GO")
    (file,) = tmp_path.glob("*/verdict.json")
    assert json.loads(file.read_text())["verdict"] == "GO"


def test_lint_of_an_environment_uses_its_operations(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ours is adapted to its paths, its own document is read as it is, and the last line names the environment."""
    assert lint(tmp_path / "ours", env="local") == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("contract lint GO: local")
    document = tmp_path / "own.yaml"
    document.write_text((root() / FILES["worker"]).read_text().replace("operationId: metrics", "operationId: other"))
    own = dataclasses.replace(
        load_environment(root(), "https://list-cutter.invalid"), contracts={"worker": OwnContract(document, None)}
    )
    monkeypatch.setattr(document_commands, "named_environment", lambda *_: (own, None))
    assert lint(tmp_path / "own", env="own") == 1
    output = capsys.readouterr().out
    assert f"{document}: other: unknown operation" in output
    assert "legacy.openapi.yaml" not in output


def test_lint_with_a_problem_is_no_go(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A problem of a document is printed and ends with 1."""
    document = tmp_path / "open.yaml"
    document.write_text((root() / FILES["worker"]).read_text().replace("operationId: metrics", "operationId: other"))
    assert lint(tmp_path / "reports", document) == 1
    output = capsys.readouterr().out
    assert f"{document}: other: unknown operation" in output
    assert output.splitlines()[-1].startswith("contract lint NO-GO")


def test_lint_of_no_document_is_a_configuration_error(tmp_path: Path) -> None:
    """A file that is no OpenAPI document raises ConfigurationError and leaves no run."""
    document = tmp_path / "none.yaml"
    document.write_text("[]")
    with pytest.raises(ConfigurationError):
        lint(tmp_path / "reports", document)
    assert not (tmp_path / "reports").exists()


def test_lint_is_invalid_if_its_verdict_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the final verdict.json cannot be written, lint is INVALID (11)."""
    write = EvidenceLog.write

    def fail_at_the_end(log: EvidenceLog, name: str, text: str) -> None:
        if '"gates"' in text:
            log.failure = "the disk is full"
        else:
            write(log, name, text)

    monkeypatch.setattr(EvidenceLog, "write", fail_at_the_end)
    assert lint(tmp_path) == 11


CHANGE = Finding("breaking", "response 200 is missing", "worker", "r", "e", "g", (Place("user"),))


@pytest.mark.parametrize(
    ("result", "code", "verdict"),
    [
        (Findings(), 0, "GO"),
        (Findings({"x": CHANGE}), 1, "NO-GO"),
        (CheckFailed("no-document", expected="an OpenAPI document", got="text"), 1, "NO-GO"),
        (ConfigurationError("own.yaml", "paths", "missing", "Add it."), 4, "TOOL ERROR"),
        (MeasurementError("another system responded"), 11, "INVALID"),
    ],
)
def test_compare_ends_with_the_verdict_of_its_result(
    result: Any, code: int, verdict: str,
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    """Breaking changes are NO-GO, a broken file is a tool error, and a measurement error is INVALID."""

    def differences(*_: Any) -> Findings:
        if isinstance(result, Exception):
            raise result
        found: Findings = result
        return found

    monkeypatch.setattr(lifecycle, "interrupt_on_sigterm", lambda: None)
    monkeypatch.setattr(lifecycle, "ignore_interrupts", lambda: None)
    monkeypatch.setattr(document_commands, "differences", differences)
    environment = load_environment(root(), "https://list-cutter.invalid")
    environment = dataclasses.replace(environment, contracts={"worker": OwnContract(Path("own.yaml"), None)})
    assert CompareCommand(root(), environment, reports=tmp_path).execute() == code
    output = capsys.readouterr().out
    assert output.splitlines()[-1].startswith(f"contract compare {verdict}")
    assert ("response 200 is missing" in output) == (isinstance(result, Findings) and len(result) == 1)
