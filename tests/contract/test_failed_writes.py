"""What is refused changes nothing, and what was deleted stays deleted. Contract: Statuses; RFC 9110 9.2.2."""

import pytest

from cutover.accounts.registered import Accounts
from cutover.client.multipart import MEDIA_TYPE, form
from cutover.contract.account_snapshot import belongings, expect_unchanged
from cutover.contract.broken_requests import REFUSED, broken
from cutover.contract.error_responses import expect_plain
from cutover.contract.finding_collector import Inspection, present
from cutover.contract.valid_requests import OPEN, exercise, settle
from cutover.core.recorder import Recorder
from cutover.core.secrets import new_password
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, Statuses"),
]


@pytest.mark.never_waived("loss of data")
def test_refused_writes_change_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Each operation with a body is sent broken ones: 4xx each time, and all that the user has is as it was."""
    person = settle(target, accounts, spare="registration" not in target.environment.absent)
    inspection = Inspection(target, "failed-write", "contracts/api.md Everywhere: Statuses, JSON bodies")
    before = belongings(target, person)
    for operation in present(target, recorder):
        tried = 0
        for what, sent in broken(operation, exercise(operation.name, person)):
            tried += 1
            token = None if operation.name in OPEN else person.token
            result = target.call(operation.name, token=token, **sent)
            inspection.expect_status(result, *REFUSED, defect=f"not refused: {what}")
            expect_plain(inspection, result)
        if tried and not expect_unchanged(inspection, person, before, after=operation.name):
            before = belongings(target, person)
    if person.spare is not None:  # refused again and again, the name is still free
        registered = accounts.register(person.spare)
        inspection.expect_status(registered, 201, defect="a refused registration took the name")
    target.call("refresh", **exercise("refresh", person)).expect_status(200, why="no logout succeeded")
    target.call("login", **exercise("login", person)).expect_status(200, why="the password is the same")
    inspection.close(recorder)


@pytest.mark.never_waived("loss of data")
def test_refused_uploads_leave_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Uploads without a name, a part, an end, a boundary, or twice in one request are refused and leave no file."""
    person = settle(target, accounts)
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
    before = belongings(target, person)
    for what, content in bodies.items():
        result = target.call("upload", token=person.token, content=content)
        inspection.expect_status(result, *REFUSED, defect=f"not refused: {what}")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.needs("registration")
@pytest.mark.never_waived("loss of data")
def test_wrong_password_deletes_no_account(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Deleting the account with a wrong, empty or another's password is refused, and everything is still there."""
    person, other = settle(target, accounts), settle(target, accounts)
    inspection = Inspection(target, "failed-deletion", "contracts/api.md Accounts: delete_account, wrong password: 403")
    before = belongings(target, person)
    wrong = {"another": new_password(), "another user's": other.account.password}
    for what, password in wrong.items():
        result = target.call("delete_account", token=person.token, fields={"password": password})
        inspection.expect_status(result, 403, defect=f"taken: {what} password")
    empty = target.call("delete_account", token=person.token, fields={"password": ""})
    inspection.expect_status(empty, 400, 403, defect="taken: an empty password")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def test_deletions_are_idempotent(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """The first deletion is 204, each further one 404 and without effect on what else the user has."""
    person = settle(target, accounts)
    inspection = Inspection(target, "deletion", "contracts/api.md delete: a second time 404; RFC 9110 9.2.2")
    second = target.call("upload", token=person.token, **exercise("upload", person)).expect_status()
    for operation in ("delete_filter", "delete"):
        if target.environment.operations[target.system][operation].absent is not None:
            continue
        result = target.call(operation, token=person.token, **exercise(operation, person))
        inspection.expect_status(result, 204, defect="is refused")
        left = belongings(target, person)
        for _ in range(2):
            again = target.call(operation, token=person.token, **exercise(operation, person))
            inspection.expect_status(again, 404, defect="is not 404 the second time")
        expect_unchanged(inspection, person, left, after=f"a second {operation}")
    for name in ("download", "columns", "tags", "export"):
        gone = target.call(name, token=person.token, **exercise(name, person))
        inspection.expect_status(gone, 404, defect="answers for a deleted file")
    if (filters := belongings(target, person).get("filters")) is not None and filters:
        gone = target.call("list_filters", token=person.token)
        inspection.see(gone, "filters of a deleted file are left", expected="none", got=f"{len(filters)} filters")
    target.call("download", token=person.token, path={"file_id": str(second.field("file_id"))}).expect_status()
    inspection.close(recorder)
