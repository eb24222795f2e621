"""The record of an operation's check if not all requests were sent."""

import dataclasses
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cutover.config.environments import OwnContract, load_environment
from cutover.config.validation import root
from cutover.contract import fuzzing
from cutover.contract.document import FILES
from cutover.contract.findings import ContractFailed, Finding, Findings, Place
from cutover.contract.fuzzing import Fuzzer, RequestCounts
from cutover.contract.known_violations import KnownViolations
from cutover.core.errors import CheckFailed, NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = pytest.mark.unit


class StubCheck:
    """A stub of the running check of an operation with a given result."""

    def __init__(
        self,
        *,
        sent: int,
        stopped: str = "",
        found: bool = False,
        broken: CheckFailed | None = None,
        by_runtime: str = "",
    ) -> None:
        self.name, self.stopped, self.by_runtime, self._broken = "upload", stopped, by_runtime, broken
        self.counts = RequestCounts(planned=300, sent=sent, by_runtime=300 - sent if by_runtime else 0)
        self.sequence = SimpleNamespace(hash="0")
        self.error = None
        self.blocked: dict[str, str] = {}
        self.findings = Findings()
        if found:
            self.findings.add(Finding("server-error", "500", "worker", "r", "e", "g", (Place("upload"),)))

    def judged_findings(self) -> Findings:
        """Return all findings."""
        return self.findings

    def listed_cases(self) -> list[Any]:
        """Return no cases, or raise the given error."""
        if self._broken is not None:
            raise self._broken
        return []

    def fuzz(self, _examples: int) -> None:
        """Generate nothing."""


def incomplete(monkeypatch: pytest.MonkeyPatch, check: StubCheck, ends_with: type[Exception] | None) -> str:
    """Run the check and return the record's text about requests that were not sent."""
    fuzzer = Fuzzer.__new__(Fuzzer)
    target: Any = SimpleNamespace(system="worker", operation=lambda _name: None, blocked={})
    fuzzer.contract = SimpleNamespace(operations=lambda: [SimpleNamespace(name="upload")])  # type: ignore[assignment]
    fuzzer.known_violations, fuzzer.recorder, fuzzer.target, fuzzer.seed = (
        KnownViolations({}),
        Recorder(),
        target,
        "gate",
    )
    monkeypatch.setattr(fuzzing, "_OperationCheck", lambda *_: check)
    if ends_with is None:
        fuzzer.check_operation("upload", None)
    else:
        with pytest.raises(ends_with):
            fuzzer.check_operation("upload", None)
    return fuzzer.recorder.take().incomplete


def test_finding_of_a_stopped_check_states_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """A record with a finding states how many requests were not sent."""
    text = incomplete(monkeypatch, StubCheck(sent=3, stopped="no minutes are left", found=True), ContractFailed)
    assert text == "3 of 300 requests to upload were sent: no minutes are left"


def test_interrupted_check_is_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failed prerequisite (a file, a session) ends the check, and the record states the interruption."""
    broken = CheckFailed("status:upload", expected="201", got="500")
    text = incomplete(monkeypatch, StubCheck(sent=3, broken=broken), CheckFailed)
    assert text == "the requests to upload were interrupted"


def test_complete_check_is_not_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A complete check states nothing, with and without a finding; a check without a request is not verified."""
    assert incomplete(monkeypatch, StubCheck(sent=300), None) == ""
    assert incomplete(monkeypatch, StubCheck(sent=300, found=True), ContractFailed) == ""
    assert "no request to upload could be sent" in incomplete(monkeypatch, StubCheck(sent=0), NotVerified)


@pytest.mark.parametrize(("found", "ends_with"), [(False, NotVerified), (True, ContractFailed)])
def test_answers_of_the_runtime_are_not_verified(
    monkeypatch: pytest.MonkeyPatch, found: bool, ends_with: type[Exception]
) -> None:
    """Requests that the local runtime answered keep a check from passing; findings of the others are reported."""
    check = StubCheck(sent=298, found=found, by_runtime="the local runtime restarted the Worker")
    text = incomplete(monkeypatch, check, ends_with)
    assert text == "2 requests to upload did not reach the Worker: the local runtime restarted the Worker"


OWN_TABLE = """
[x]
safety = "test-data"
worker = { url = "https://worker.example" }
legacy = { absent = "none here" }
contract.worker = { file = "contracts/own.yaml" }
[x.operations.metrics.worker]
absent = "none"
"""
OWN_DOCUMENT = """
openapi: 3.1.0
info: {title: own, version: "1"}
paths:
  /health:
    get: {operationId: health, responses: {"200": {description: ok}}}
"""


@pytest.mark.parametrize("minutes", [None, 1.0])
@pytest.mark.parametrize(
    ("name", "reason"),
    [("metrics", "worker has no metrics: none"), ("index", "own.yaml does not describe index")],
)
def test_operation_outside_the_document_is_not_applicable(
    tmp_path: Path, name: str, reason: str, minutes: float | None
) -> None:
    """An operation that the environment lacks, or that its own document does not describe, has nothing to check."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    (tmp_path / "contracts" / "own.yaml").write_text(OWN_DOCUMENT)
    (tmp_path / "environments.toml").write_text(OWN_TABLE)
    environment = load_environment(tmp_path, "x", variables={})
    client: Any = None  # nothing is sent
    fuzzer = Fuzzer(
        tmp_path, environment, Target("worker", environment, client, Recorder()), Recorder(), minutes=minutes
    )
    with pytest.raises(NotApplicable, match=reason):
        fuzzer.check_operation(name, None)


@pytest.mark.parametrize(("own", "rule"), [(False, Rule.DOCUMENT), (True, Rule.OPENAPI)])
def test_document_of_the_suite_is_a_convention(own: bool, rule: Rule) -> None:
    """A response that violates the suite's document breaks a convention, one that violates its own a universal rule."""
    contracts = {"worker": OwnContract(file=root() / FILES["worker"])} if own else {}
    environment = dataclasses.replace(load_environment(root(), "production"), contracts=contracts)
    target: Any = SimpleNamespace(system="worker")
    assert Fuzzer(root(), environment, target, Recorder()).document_rule is rule
