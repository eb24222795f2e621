"""Refused requests change nothing, and deletions are idempotent. Contract: Statuses; RFC 9110 9.2.2."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import can_refresh
from cutover.client.multipart import MEDIA_TYPE, form
from cutover.contract.account_snapshot import Judged, expect_unchanged, snapshot
from cutover.contract.broken_requests import REFUSED, broken
from cutover.contract.error_responses import expect_safe_error
from cutover.contract.finding_collector import Inspection, available_operations
from cutover.contract.valid_requests import (
    OBJECTS,
    UNAUTHENTICATED,
    Person,
    create_person,
    renew_session,
    valid_request,
)
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import new_password
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, Statuses"),
    pytest.mark.rule(Rule.DATA_LOSS),
]


INCOMPLETE = ("no end",)
"""Uploads that are cut off: whatever a deployment accepts, it must not store a part as the whole file."""


@pytest.mark.never_waived("loss of data")
def test_refused_writes_change_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Invalid bodies are refused with 4xx by every operation, and the user's data stay unchanged."""
    person = create_person(target, accounts, objects=OBJECTS, spare="registration" not in target.environment.absent)
    target.blocked |= person.missing  # a write to an object that does not exist is refused in any case
    inspection = Inspection(target, "failed-write", "contracts/api.md Everywhere: Statuses, JSON bodies")
    before = snapshot(target, person, Judged.DATA)
    for operation in available_operations(target, recorder):
        count = 0
        for what, sent in broken(operation, valid_request(operation.name, person)):
            count += 1
            token = None if operation.name in UNAUTHENTICATED else person.token
            result = target.call(operation.name, token=token, **sent)
            inspection.expect_refusal(result, *REFUSED, defect=f"not refused: {what}", breaks=_rule_of(operation.name))
            expect_safe_error(inspection, result)
            if result.succeeded and not target.judges(Rule.VALIDATION):
                # Accepted where that is no defect: the effect of this request is not one of a refused request.
                renew_session(target, person)
                before = snapshot(target, person, Judged.DATA)
                recorder.note_undetectable(f"effects of refused requests to {operation.name} before {what!r}")
        if count and not expect_unchanged(inspection, person, before, after=operation.name):
            before = snapshot(target, person, Judged.DATA)
    if person.spare is not None:  # the name must still be free after all refusals
        registered = accounts.register(person.spare)
        inspection.expect_status(
            registered,
            *registered.operation.statuses,
            defect="a refused registration reserved the name",
            breaks=Rule.VALIDATION,  # where an invalid registration is accepted, it has the name
        )
    for name, why in (("refresh", "no logout succeeded"), ("login", "the password is the same")):
        if not (can_refresh(target, person.account) if name == "refresh" else target.has(name)):
            continue
        with target.judged(name):
            target.call(name, **valid_request(name, person)).expect_status(200, why=why)
    inspection.close(recorder)


@pytest.mark.never_waived("loss of data")
def test_refused_uploads_leave_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Malformed uploads (no name, part, end or boundary, two files) are refused and store no file."""
    person = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "failed-upload", "contracts/api.md Files: what was not stored completely …")
    part = target.operation("upload").request["file"]
    whole = form(part, b"list.csv", b"a,b\n1,2\n")
    bodies = {
        "empty": (b"", MEDIA_TYPE),
        "no end": (whole[: whole.rindex(b"\r\n--")], MEDIA_TYPE),
        "no boundary": (whole, "multipart/form-data"),
        "another boundary": (whole, "multipart/form-data; boundary=another"),
        "another part": (form("other", b"list.csv", b"a,b\n1,2\n"), MEDIA_TYPE),
        "no file name": (whole.replace(b'; filename="list.csv"', b""), MEDIA_TYPE),
        "an empty file name": (form(part, b"", b"a,b\n1,2\n"), MEDIA_TYPE),
        "two files": (form(part, b"b.csv", b"a\n", before=form(part, b"a.csv", b"a\n").rpartition(b"--")[0]
                      .rpartition(b"--")[0]), MEDIA_TYPE),
        "nothing in it": (form(part, b"list.csv", b""), MEDIA_TYPE),
        "JSON": (b'{"file": "a,b"}', "application/json"),
        "the file alone": (b"a,b\n1,2\n", "text/csv"),
        "a name of 256 characters": (form(part, b"n" * 252 + b".csv", b"a\n"), MEDIA_TYPE),
        "another ending": (form(part, b"list.html", b"a\n"), MEDIA_TYPE),
    }  # fmt: skip
    before = snapshot(target, person, Judged.LIST)
    for what, content in bodies.items():
        result = target.call("upload", token=person.token, content=content)
        breaks = None if what in INCOMPLETE else Rule.VALIDATION
        inspection.expect_refusal(result, *REFUSED, defect=f"not refused: {what}", breaks=breaks)
        if result.succeeded and breaks is not None and not target.judges(breaks):
            before = snapshot(target, person, Judged.LIST)  # accepted where that is no defect, so it must be stored
            if result.operation.has("file_id") and not _is_stored(target, person, str(result.field("file_id")), before):
                inspection.report(result, f"accepted and not stored: {what}", expected="the file of the response")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.needs("registration")
@pytest.mark.never_waived("loss of data")
def test_wrong_password_deletes_no_account(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Deleting an account with a wrong, empty or another user's password is refused and deletes nothing."""
    person, other = create_person(target, accounts), create_person(target, accounts)
    target.blocked |= person.missing
    inspection = Inspection(target, "failed-deletion", "contracts/api.md Accounts: delete_account, wrong password: 403")
    before = snapshot(target, person, Judged.DATA)
    wrong = {"another": new_password(), "another user's": other.account.password}
    for what, password in wrong.items():
        result = target.call("delete_account", token=person.token, fields={"password": password})
        inspection.expect_refusal(result, 403, defect=f"accepted: {what} password")
    empty = target.call("delete_account", token=person.token, fields={"password": ""})
    inspection.expect_refusal(empty, 400, 403, defect="accepted: an empty password")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.rule(Rule.REVOCATION)
def test_deletions_are_idempotent(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """The first deletion returns 204, later ones return 404 and do not affect the user's other data."""
    person = create_person(target, accounts, requires=("upload",))
    target.blocked |= person.missing
    inspection = Inspection(target, "deletion", "contracts/api.md delete: a second time 404; RFC 9110 9.2.2")
    second = target.prepare("upload", token=person.token, having=("file_id",), **valid_request("upload", person))
    other = replace(person, file_id=str(second.field("file_id")))  # the file that must be kept
    for operation in target.present("delete_filter", "delete"):
        if operation == "delete_filter" and not target.has("create_filter"):
            continue  # there is no filter to delete
        result = target.call(operation, token=person.token, **valid_request(operation, person))
        inspection.expect_status(result, *result.operation.statuses, defect="refused")
        left = snapshot(target, other, Judged.DATA)
        for _ in range(2):
            again = target.call(operation, token=person.token, **valid_request(operation, person))
            # A second deletion that succeeds without an effect is idempotent as well (RFC 9110 9.2.2).
            inspection.expect_refusal(again, 404, defect="the second deletion is not 404", breaks=Rule.STATUSES)
        expect_unchanged(inspection, other, left, after=f"a second {operation}")
    if not target.has("delete"):
        inspection.close(recorder)
        return
    for name in filter(target.has, ("download", "columns", "tags", "export")):
        gone = target.call(name, token=person.token, **valid_request(name, person))
        inspection.expect_refusal(gone, 404, defect="a deleted file is accessible")
    if (filters := snapshot(target, person).get("filters")) is not None and filters:
        gone = target.call("list_filters", token=person.token)
        inspection.report(
            gone,
            "filters of a deleted file remain",
            expected="none",
            got=f"{len(filters)} filters",
            breaks=Rule.SAVED_FILTERS,
        )
    if target.has("download"):
        with target.judged("download"):
            target.call("download", token=person.token, path={"file_id": other.file_id}).expect_status()
    inspection.close(recorder)


def _is_stored(target: Target, person: Person, file_id: str, seen: Mapping[str, Any]) -> bool:
    """Return True if the file is in the snapshot or, where files cannot be listed, is downloaded."""
    if "files" in seen:
        return file_id in seen["files"]
    if not target.has("download"):
        target.recorder.note_undetectable("accepted uploads that are not stored: no list of files, no download")
        return True
    downloaded = target.call("download", token=person.token, path={"file_id": file_id})
    return downloaded.succeeded or target.is_broken("download")


def _rule_of(operation: str) -> Rule | None:
    """Return the rule that the acceptance of an invalid body breaks, None for that of the check."""
    return None if operation == "delete_account" else Rule.VALIDATION
