"""Controls of operations: an error is a finding only if the operation accepts a valid request."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.scripted_client import load, target_of

from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.client.request import Request
from cutover.config.validation import root
from cutover.contract.account_snapshot import Judged, expect_unchanged, snapshot
from cutover.contract.finding_collector import Inspection
from cutover.contract.operation_controls import OperationControls
from cutover.contract.valid_requests import Person, create_person
from cutover.core.errors import Blocked, LocalRuntimeAnswer, NotVerified
from cutover.core.preconditions import Preconditions
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.systems.target import Target

pytestmark = pytest.mark.unit

TOKEN = "a-token-of-24-characters"
FILE = "00000000-0000-4000-8000-00000000000a"
OWNED = tuple(f"{name} on worker" for name in ("register", "upload", "tags", "create_filter", "list_files", "download"))
OWNERS = [RequiredCheck("contract", "owner", "worker", SafetyLevel.TEST_DATA, owns=OWNED)]
ANSWERS: dict[str, tuple[int, Any]] = {
    "register": (201, {"access_token": TOKEN, "refresh_token": TOKEN + "-2", "user": {"id": 7}}),
    "upload": (201, {"file": {"file_id": FILE}}),
    "file": (200, {"file": {"upload_status": "completed"}}),
    "tags": (200, {"file": {"tags": []}}),
    "create_filter": (201, {"filter": {"id": 5}}),
    "list_filters": (200, {"filters": []}),
    "user": (200, {"id": 7}),
    "list_files": (200, {"files": [], "total": 0}),
}


def prepared(tmp_path: Path, table: str = "", **answers: tuple[int, Any]) -> tuple[Target, Any, Accounts]:
    """Return a target with controls that answers valid requests, except for these answers, its client and accounts."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    known = {**ANSWERS, **answers}

    def answer(request: Request) -> tuple[int, Any]:
        return known[request.operation]

    target, client = target_of(load(tmp_path, table), answer)
    target.preconditions = Preconditions(OWNERS)
    target.preconditions.begin("another check", ["contract"])
    accounts = Accounts(target, "run", None)
    target.controls = OperationControls(target, lambda: accounts)
    return target, client, accounts


MISSING = (404, {"error": {"code": "not_found"}})


def test_error_of_a_broken_operation_is_no_finding(tmp_path: Path) -> None:
    """Without its route, tags without a token are 404: no finding, but the check is blocked by tags."""
    target, client, _ = prepared(tmp_path, tags=MISSING)
    inspection = Inspection(target, "token:missing", "a rule")
    for _ in range(3):
        result = target.call("tags", path={"file_id": FILE}, fields={"tags": []})
        assert not inspection.expect_refusal(result, 401, defect="accepted: none")
        assert not inspection.expect_status(result, 401, defect="accepted: none")
    assert len(inspection.findings) == 0
    assert list(target.blocked) == ["tags on worker"]
    sent = [request.operation for request in client.requests]
    assert (sent.count("register"), sent.count("tags")) == (1, 4)  # one control in all


def test_error_of_a_working_operation_is_a_finding(tmp_path: Path) -> None:
    """If the control succeeds, the 404 is a finding, and nothing is blocked. The control is sent once."""
    target, client, _ = prepared(tmp_path)
    target.client.reply = lambda request: (  # type: ignore[attr-defined] # the scripted client
        ANSWERS[request.operation] if request.operation != "tags" or "authorization" in request.headers else MISSING
    )
    inspection = Inspection(target, "token:missing", "a rule")
    for _ in range(2):
        result = target.call("tags", path={"file_id": FILE}, fields={"tags": []})
        assert not inspection.expect_status(result, 401, defect="accepted: none")
    assert (len(inspection.findings), target.blocked) == (1, {})
    assert [request.operation for request in client.requests].count("register") == 1


def test_control_that_the_runtime_answers_proves_nothing(tmp_path: Path) -> None:
    """If the local runtime answers the control, the odd response is no finding, and the check is not verified."""
    target, client, _ = prepared(tmp_path)

    def reply(request: Request) -> tuple[int, Any]:
        if "authorization" in request.headers:
            raise LocalRuntimeAnswer("the local runtime restarted the Worker")
        return MISSING if request.operation == "tags" else ANSWERS[request.operation]

    client.reply = reply
    inspection = Inspection(target, "token:missing", "a rule")
    result = target.call("tags", path={"file_id": FILE}, fields={"tags": []})
    with pytest.raises(LocalRuntimeAnswer):
        inspection.expect_refusal(result, 401, defect="accepted: none")
    assert len(inspection.findings) == 0


def test_success_is_a_finding_although_the_control_fails(tmp_path: Path) -> None:
    """A request that must be refused and succeeds is a finding in any case."""
    target, _, _ = prepared(tmp_path)
    accepted = target.call("tags", path={"file_id": FILE})
    inspection = Inspection(target, "token:missing", "a rule")
    target.preconditions = Preconditions(OWNERS)
    target.preconditions.begin("another check", ["contract"])
    with pytest.raises(Blocked), target.needs("tags"):
        raise target.call("list_files").failed("status:tags", expected=200, got=404)
    assert not inspection.expect_refusal(accepted, 401, defect="accepted: none")
    assert (len(inspection.findings), target.blocked) == (1, {})


def test_missing_object_does_not_block_the_account(tmp_path: Path) -> None:
    """Without uploads a person has ids that do not exist. A check that requires the file is blocked."""
    target, _, accounts = prepared(tmp_path, upload=(400, {"error": "no"}))
    person = create_person(target, accounts)
    assert person.token.reveal() == TOKEN
    assert list(person.missing) == ["upload on worker"]
    assert person.file_id != FILE
    assert any("effects on objects of upload" in text for text in target.recorder.could_not_detect)
    with pytest.raises(Blocked, match="upload on worker"):
        create_person(target, accounts, requires=("upload",))
    with pytest.raises(Blocked):
        prepare_file(target, person.token)


def test_snapshot_omits_what_cannot_be_read(tmp_path: Path) -> None:
    """Without a list of files the account is compared, and the record names the rest."""
    target, _, accounts = prepared(tmp_path, list_files=(500, {}))
    person = Person(accounts.new())
    before = snapshot(target, person)
    assert set(before) == {"account", "filters"}
    assert any(text.startswith("changes of files: blocked by") for text in target.recorder.could_not_detect)
    inspection = Inspection(target, "failed-write", "a rule")
    assert expect_unchanged(inspection, person, before)
    assert not expect_unchanged(inspection, person, {**before, "account": {"id": 8}})
    assert len(inspection.findings) == 1


def test_broken_list_blocks_what_judges_data(tmp_path: Path) -> None:
    """A broken list of files blocks a check that judges stored data, and no other check."""
    target, _, accounts = prepared(tmp_path, list_files=(500, {}), download=(200, "a,b"))
    person = Person(accounts.new(), file_id=FILE)
    snapshot(target, person)
    assert (target.blocked, target.unverified) == ({}, [])
    snapshot(target, person, Judged.DATA)
    assert list(target.blocked) == ["list_files on worker"]


def test_list_that_fails_later_blocks_as_well(tmp_path: Path) -> None:
    """A list that worked before and fails now is no pass of a check that judges stored data."""
    target, client, accounts = prepared(tmp_path)
    person = Person(accounts.new())
    snapshot(target, person, Judged.DATA)
    assert target.blocked == {}
    client.reply = lambda request: (500, {}) if request.operation == "list_files" else ANSWERS[request.operation]
    snapshot(target, person, Judged.LIST)
    assert list(target.blocked) == ["list_files on worker"]


def test_unsent_request_leaves_the_check_unverified(tmp_path: Path) -> None:
    """A list that is no longer sent, because it never answers completely, leaves the check not verified."""
    target, client, accounts = prepared(tmp_path)
    person = Person(accounts.new())

    def reply(request: Request) -> tuple[int, Any]:
        if request.operation == "list_files":
            raise NotVerified("list_files on worker was not sent")
        return ANSWERS[request.operation]

    client.reply = reply
    assert "files" not in snapshot(target, person)
    assert target.blocked == {}
    assert target.unverified[0] == "changes of files: list_files on worker was not sent"


WITHOUT_LIST = {
    "absent": "[x.operations.list_files.worker]\nabsent = 'none'",
    "without ids": "[x.operations.list_files.worker]\nentry = { file_id = false }",
}


@pytest.mark.parametrize("table", WITHOUT_LIST.values(), ids=WITHOUT_LIST)
def test_without_a_list_the_own_file_is_compared(tmp_path: Path, table: str) -> None:
    """Without a list the check's file is downloaded and compared, and the record names what is not."""
    target, client, accounts = prepared(tmp_path, table, download=(200, "a,b"))
    person = create_person(target, accounts)
    before = snapshot(target, person, Judged.DATA)
    assert set(before) == {"account", "filters", "file"}
    assert [text.split(":")[0] for text in target.recorder.could_not_detect] == ["changes of files", "changes of bytes"]
    assert (target.blocked, target.unverified) == ({}, [])
    inspection = Inspection(target, "failed-write", "a rule")
    assert expect_unchanged(inspection, person, before)
    client.reply = lambda request: (200, "other") if request.operation == "download" else ANSWERS[request.operation]
    assert not expect_unchanged(inspection, person, before)


@pytest.mark.parametrize("table", WITHOUT_LIST.values(), ids=WITHOUT_LIST)
def test_without_a_list_stored_uploads_are_unverified(tmp_path: Path, table: str) -> None:
    """Without a list a check of uploads that must store nothing is not verified."""
    target, _, accounts = prepared(tmp_path, table, download=(200, "a,b"))
    snapshot(target, create_person(target, accounts), Judged.LIST)
    assert [why.split(":")[0] for why in target.unverified] == ["uploads that must store nothing"]


def test_without_any_stored_data_nothing_is_verified(tmp_path: Path) -> None:
    """Without a list and a download a check that judges stored data is not verified, and another check passes."""
    table = WITHOUT_LIST["absent"] + "\n[x.operations.download.worker]\nabsent = 'none'"
    target, _, accounts = prepared(tmp_path, table)
    person = create_person(target, accounts)
    snapshot(target, person)
    assert target.unverified == []
    snapshot(target, person, Judged.DATA)
    assert [why.split(":")[0] for why in target.unverified] == ["changes of stored files"]
    assert target.blocked == {}
