"""Fields that a request has no business to set are ignored: rights, owners, ids, keys. OWASP API3:2023."""

import secrets
from typing import Any, LiteralString

import pytest

from cutover.accounts.registered import Accounts
from cutover.client.multipart import MEDIA_TYPE, form, text_part
from cutover.contract.account_snapshot import belongings, changes, expect_unchanged
from cutover.contract.broken_requests import json_bytes
from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import Person, exercise, settle
from cutover.core.recorder import Recorder
from cutover.core.secrets import Secret
from cutover.stores import LegacyRows, ObjectStore, RowStore
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("contracts/api.md, register: is_admin, is_staff, id in the request are ignored"),
]

RULE = "contracts/api.md Accounts: is_admin, is_staff, id in the request are ignored; OWASP API3:2023"
RIGHTS: dict[str, Any] = {
    "is_admin": True, "isAdmin": True, "is_staff": True, "is_superuser": True, "admin": 1, "role": "admin",
    "email_verified": True, "is_active": True, "groups": [1], "permissions": ["*"],
}  # fmt: skip


@pytest.mark.system("worker", "legacy")
@pytest.mark.needs("registration")
@pytest.mark.accounts(2)
def test_register_ignores_ids(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A registration that names another account's id, or rights, is an account of its own."""
    victim = settle(target, accounts)
    inspection = Inspection(target, "mass-assignment:register", RULE)
    owned = belongings(target, victim)
    for asked in (victim.account.user_id, 1_000_000_000 + secrets.randbelow(1_000_000_000)):
        account = accounts.name()
        ids = dict.fromkeys(("id", "pk", "user_id"), asked)
        result = _register(target, account.username, account.email, account.password, {**RIGHTS, **ids})
        if not inspection.expect_status(result, 201, defect="is refused"):
            continue
        account.user_id, account.access_token = result.field("user_id"), result.secret("access_token")
        if account.user_id == asked:
            inspection.see(result, "takes the id", expected="an id of its own", got="the id that was asked for")
        listed = target.call("list_files", token=account.access_token)
        if listed.status != 200 or listed.field("total") != 0:
            inspection.see(listed, "has another's files", expected="no file")
    expect_unchanged(inspection, victim, owned)
    inspection.close(recorder)


@pytest.mark.system("worker")
@pytest.mark.needs("registration", "d1")
def test_register_grants_no_rights(target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder) -> None:
    """The row of an account that asked for rights has none of them."""
    inspection = Inspection(target, "mass-assignment:rights", RULE)
    account = accounts.name()
    result = _register(target, account.username, account.email, account.password, RIGHTS)
    if inspection.expect_status(result, 201, defect="is refused"):
        rows = row_store.rows("SELECT is_admin, is_active FROM users WHERE username = ?1", account.username)
        if [dict(row) for row in rows] != [{"is_admin": 0, "is_active": 1}]:
            inspection.see(result, "gives rights", expected="is_admin 0, is_active 1", got=rows)
    inspection.close(recorder)


@pytest.mark.system("legacy")
@pytest.mark.needs("registration", "postgres")
def test_register_grants_no_staff_role(
    target: Target, accounts: Accounts, legacy_rows: LegacyRows, recorder: Recorder
) -> None:
    """The same in Django's table: neither staff nor superuser."""
    inspection = Inspection(target, "mass-assignment:rights", RULE)
    account = accounts.name()
    result = _register(target, account.username, account.email, account.password, RIGHTS)
    if inspection.expect_status(result, 201, defect="is refused"):
        query: LiteralString = "SELECT is_staff, is_superuser, is_active FROM auth_user WHERE username = %s"
        rows = legacy_rows.rows(query, [account.username])
        if rows != [{"is_staff": False, "is_superuser": False, "is_active": True}]:
            inspection.see(result, "gives rights", expected="neither staff nor superuser, and active", got=rows)
    inspection.close(recorder)


@pytest.mark.system("worker", "legacy")
@pytest.mark.accounts(2)
def test_requests_cannot_set_the_owner(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Upload, tags, export and filters that name another owner, id or key stay with who sent them, as they are."""
    owner, victim = settle(target, accounts), settle(target, accounts)
    inspection = Inspection(target, "mass-assignment:owner", RULE)
    had = belongings(target, victim)
    theirs: dict[str, Any] = {
        "user_id": victim.account.user_id, "user": victim.account.user_id, "owner": victim.account.user_id,
        "id": 1, "file_id": victim.file_id, "r2_key": f"uploads/user-{victim.account.user_id}/{victim.file_id}.csv",
        "file_path": f"{victim.account.user_id}/{victim.file_id}.csv",
        "filename": "taken.csv", "file_name": "taken.csv",
        "file_size": 1, "upload_status": "error", "checksum": "0", "created_at": "2001-01-01T00:00:00Z",
        "row_count": 99, "result_count": 99, **RIGHTS,
    }  # fmt: skip
    for name in ("tags", "export", "create_filter"):
        if target.environment.operations[target.system][name].absent is not None:
            continue
        _expect_own(inspection, owner, name, theirs)
    uploaded = _upload(target, owner, theirs)
    if inspection.expect_status(uploaded, 201, defect="a form with other parts is refused"):
        file_id = str(uploaded.field("file_id"))
        if file_id == victim.file_id or uploaded.field("filename") != "own.csv":
            inspection.see(uploaded, "another part names the file", expected="own.csv with a new id")
        for person, status, defect in ((owner, 200, "the owner has it not"), (victim, 404, "another user has it")):
            result = target.call("download", token=person.token, path={"file_id": file_id})
            inspection.expect_status(result, status, defect=defect)
    expect_unchanged(inspection, victim, had)
    inspection.close(recorder)


@pytest.mark.system("worker")
@pytest.mark.needs("r2")
def test_upload_cannot_set_the_object_key(
    target: Target, accounts: Accounts, object_store: ObjectStore, recorder: Recorder
) -> None:
    """The object of an upload lies under the user's own key, whatever key the form names."""
    owner = settle(target, accounts)
    inspection = Inspection(target, "mass-assignment:key", "contracts/api.md Files: R2 key")
    other = f"uploads/user-{owner.account.user_id}/cutover-asked-for.csv"
    template = target.operation("upload").object_key
    assert template, "contracts/operations.toml [upload].worker declares no object_key"
    folder, _, file = other.rpartition("/")
    for what, more, name in (
        ("a part", {"r2_key": other, "key": other}, b"own.csv"),
        ("the file's name", {}, f"/{folder}/{file}".encode()),
        ("a step up in the name", {}, b"../../cutover-asked-for.csv"),
    ):
        uploaded = _upload(target, owner, more, name).expect_status()
        key = template.format(user_id=owner.account.user_id, file_id=uploaded.field("file_id"))
        inspection.looked("upload")
        if object_store.head(key) is None or object_store.head(other) is not None:
            inspection.see(uploaded, f"{what} names the key", expected=template, got="no object there, or elsewhere")
    inspection.close(recorder)


def _expect_own(inspection: Inspection, owner: Person, name: str, theirs: dict[str, Any]) -> None:
    """The operation with these fields beside its own does what it does without them."""
    target = inspection.target
    plain = exercise(name, owner)
    before = belongings(target, owner)
    declared = {target.operation(name).request[ours]: value for ours, value in plain["fields"].items()}
    more = {key: value for key, value in theirs.items() if key not in declared}
    asked = {**plain, "fields": None, "content": (json_bytes({**more, **declared}), "application/json")}
    result = target.call(name, token=owner.token, **asked)
    if not inspection.expect_status(result, *result.operation.statuses, defect="other fields are refused"):
        return
    after = belongings(target, owner)
    # What the operation itself changes is not asked here; everything else must be as it was.
    allowed = ("/tags", "/updated_at") if name == "tags" else ("/filters",)
    found = [line for line in changes(before, after) if not any(part in line for part in allowed)]
    if found:
        inspection.see(result, "sets what it must not", expected="only what it is for", got="; ".join(found[:8]))
    made = result.answer.json.get("filter") if name == "create_filter" else None
    if isinstance(made, dict) and (
        made.get("result_count") == 99 or str(made.get("created_at", "")).startswith("2001")
    ):
        inspection.see(result, "sets what it must not", expected="result_count and created_at of its own")


def _register(target: Target, username: str, email: str, password: Secret, more: dict[str, Any]) -> Result:
    keys = target.operation("register").request
    own = {keys["username"]: username, keys["email"]: email}
    secret = {keys["password"]: password.reveal(), keys["password_again"]: password.reveal()}
    return target.call("register", content=(json_bytes({**more, **own, **secret}), "application/json"))


def _upload(target: Target, owner: Person, more: dict[str, Any], name: bytes = b"own.csv") -> Result:
    field = target.operation("upload").request["file"]
    parts = b"".join(text_part(name, str(value)) for name, value in more.items())
    return target.call(
        "upload", token=owner.token, content=(form(field, name, b"a,b\n1,2\n", before=parts), MEDIA_TYPE)
    )
