"""Findings by defect, waivers of a defect on many operations, and curl commands."""

import datetime
import shlex
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.client.curl import curl_command
from cutover.client.http import Request
from cutover.contract.findings import SECURITY, Finding, Findings, Place
from cutover.core.evidence import Record, Status
from cutover.core.requirements import RequiredCheck, Waiver
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret, new_password
from cutover.core.verdict import Run, Verdict, decide, stale_waivers

pytestmark = pytest.mark.unit

BASE = "tests/contract/test_operations.py::test_operation_keeps_its_contract"
NAMES = st.text("abc", min_size=1, max_size=3)


def finding(defect: str, *operations: str) -> Finding:
    """Return a finding of the Worker."""
    places = tuple(Place(name) for name in operations)
    return Finding("undefined-status-code", defect, "worker", "worker.openapi.yaml", "x", "y", places)


def record(operation: str, *findings: Finding, status: Status = Status.FAILED) -> Record:
    """Return the record of one operation's check."""
    found = tuple(each.fingerprint for each in findings)
    return Record(f"{BASE}[{operation}]", ("contract",), "embedded", status, 0, 0, finding="both", findings=found)


def waiver(each: Finding, check: str = BASE) -> Waiver:
    """Return a waiver of one finding of the check."""
    return Waiver(check, "embedded", each.fingerprint, "r", "o", datetime.date(2100, 1, 1))


def verdict(records: list[Record], waivers: list[Waiver]) -> Verdict:
    """Return the verdict of a gate that requires exactly these checks."""
    manifest = [RequiredCheck("contract", each.check, None, SafetyLevel.READ_ONLY) for each in records]
    return decide("contract", Run("embedded", SafetyLevel.DISPOSABLE), manifest, records, waivers).verdict


@given(st.lists(st.tuples(NAMES, NAMES), max_size=30))
def test_one_defect_is_one_finding_with_all_its_places(seen: list[tuple[str, str]]) -> None:
    """Findings of one defect are merged in any order, and survive conversion to plain data and back."""
    findings = Findings()
    for defect, operation in seen:
        findings.add(finding(defect, operation))
    assert {each.defect for each in findings} == {defect for defect, _ in seen}
    for each in findings:
        places = {place.operation for place in each.places}
        assert places == {operation for defect, operation in seen if defect == each.defect}
        assert Finding.from_json(each.as_json()) == each


def test_waiver_covers_its_defect_on_every_operation_only() -> None:
    """A waiver without parameters covers all operations, but no second defect on one of them."""
    a, b = finding("418"), finding("419")
    records = [record("tags", a), record("export", a), record("columns", a, b)]
    assert verdict(records, [waiver(a)]) is Verdict.NO_GO
    assert verdict(records[:2], [waiver(a)]) is Verdict.GO
    assert verdict(records, [waiver(a), waiver(b)]) is Verdict.GO
    assert verdict(records[:2], [waiver(a, f"{BASE}[tags]")]) is Verdict.NO_GO


@pytest.mark.parametrize("check", SECURITY)
def test_security_findings_are_never_waived(check: str) -> None:
    """A security finding cannot be waived, also in a check whose other findings can."""
    failure = Findings({"x": Finding(check, "no token", "worker", "r", "401", "200")}).failure()
    assert failure is not None
    assert "concerns isolation" in failure.never_waived
    other = Findings({"x": finding("418")}).failure()
    assert other is not None
    assert other.never_waived == ""


def test_waiver_is_stale_if_no_operation_has_the_defect() -> None:
    """A failed operation keeps the waiver: its check may have ended before the finding."""
    a = finding("418")
    passed = [record("tags", status=Status.PASSED), record("export", status=Status.PASSED)]
    assert stale_waivers(passed, [waiver(a)]) == (waiver(a),)
    assert stale_waivers([*passed, record("columns", a)], [waiver(a)]) == ()


def test_fingerprint_depends_on_the_defect_only() -> None:
    """The fingerprint contains no operation and no generated value."""
    assert finding("418", "tags").fingerprint == finding("418", "export").fingerprint
    assert finding("418").fingerprint != finding("419").fingerprint


@given(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40),
    st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20),
)
def test_curl_command_repeats_the_request(body: str, value: str) -> None:
    """A shell parses the command to the same header and body, byte for byte."""
    request = Request("worker", "tags", "PATCH", "http://127.0.0.1:1/a", {"X-Sample": value}, content=body.encode())
    line = curl_command(request).replace("curl ", "printf '%s\\0' ", 1)
    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)  # noqa: S607 - in PATH
    arguments = done.stdout.decode().split("\0")
    assert ("X-Sample: " + value if value else "X-Sample;") in arguments
    if body:
        assert body in arguments


def test_curl_command_contains_no_secret() -> None:
    """Tokens and passwords become shell variables."""
    password, token = new_password(), Secret("eyJ0eXAiOiJKV1Qi.eyJzdWIiOiIxIn0.c2lnbmF0dXJl")
    headers = {"Authorization": f"Bearer {token.reveal()}"}
    body = {"password": password.reveal(), "other": "x"}
    request = Request("worker", "delete_account", "DELETE", "http://127.0.0.1:1/a", headers, json=body)
    line = curl_command(request, variables={password.reveal(): "OWNER_PASSWORD"})
    assert password.reveal() not in line
    assert token.reveal() not in line
    assert "${OWNER_PASSWORD}" in line
    assert "${ACCESS_TOKEN}" in line
    assert shlex.split(line)[0] == "curl"
