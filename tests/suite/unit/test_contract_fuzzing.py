"""What the record of an operation says when not all of its requests were sent."""

from types import SimpleNamespace
from typing import Any

import pytest

from cutover.contract import fuzzing
from cutover.contract.findings import ContractFailed, Finding, Findings, Place
from cutover.contract.fuzzing import Counted, Fuzzer
from cutover.contract.known_violations import KnownViolations
from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.recorder import Recorder

pytestmark = pytest.mark.unit


class Held:
    """An operation that was held to its contract, by what came of it."""

    def __init__(self, *, sent: int, stopped: str = "", found: bool = False, broken: CheckFailed | None = None) -> None:
        self.name, self.stopped, self._broken = "upload", stopped, broken
        self.counted = Counted(planned=300, sent=sent)
        self.sequence = SimpleNamespace(hash="0")
        self.untrusted = None
        self.findings = Findings()
        if found:
            self.findings.add(Finding("server-error", "500", "worker", "r", "e", "g", (Place("upload"),)))

    def listed(self) -> list[Any]:
        """Nothing is sent here; or it breaks off."""
        if self._broken is not None:
            raise self._broken
        return []

    def fuzz(self, _examples: int) -> None:
        """Nothing is drawn here."""


def unshown(monkeypatch: pytest.MonkeyPatch, held: Held, ends_with: type[Exception] | None) -> str:
    """What the record says was left out, after that end."""
    fuzzer = Fuzzer.__new__(Fuzzer)
    target: Any = SimpleNamespace(system="worker")
    fuzzer.debts, fuzzer.recorder, fuzzer.target, fuzzer.seed = KnownViolations({}), Recorder(), target, "gate"
    monkeypatch.setattr(fuzzing, "_Held", lambda *_: held)
    if ends_with is None:
        fuzzer.hold("upload", None)
    else:
        with pytest.raises(ends_with):
            fuzzer.hold("upload", None)
    said: str = fuzzer.recorder.take().incomplete
    return said


def test_finding_of_an_operation_that_was_cut_short_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waives the finding sees that 297 requests were not sent."""
    said = unshown(monkeypatch, Held(sent=3, stopped="no minutes are left", found=True), ContractFailed)
    assert said == "3 of 300 requests to upload were sent: no minutes are left"


def test_operation_that_was_broken_off_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a request needs and does not get (a file, a session) ends the check with a finding that may be waived."""
    broken = CheckFailed("status:upload", expected="201", got="500")
    assert unshown(monkeypatch, Held(sent=3, broken=broken), CheckFailed) == "the requests to upload were broken off"


def test_operation_that_was_held_to_the_end_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a finding and without; one of which no request could be sent is not verified."""
    assert unshown(monkeypatch, Held(sent=300), None) == ""
    assert unshown(monkeypatch, Held(sent=300, found=True), ContractFailed) == ""
    assert "no request to upload could be sent" in unshown(monkeypatch, Held(sent=0), NotVerified)
