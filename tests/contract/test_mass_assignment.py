"""Mass assignment: rights, owners, ids and keys in a request are ignored. OWASP API3:2023."""

import secrets
from typing import Any, LiteralString

import pytest

from cutover.accounts.plan_schema import plan_schema
from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import id_of
from cutover.client.multipart import MEDIA_TYPE, form, text_part
from cutover.contract.account_snapshot import Judged, changes, expect_unchanged, snapshot
from cutover.contract.broken_requests import json_bytes
from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import Person, create_person, valid_request
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import Secret
from cutover.stores import LegacyRows, ObjectStore, RowStore
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("contracts/api.md, register: is_admin, is_staff, id in the request are ignored"),
    pytest.mark.rule(Rule.ISOLATION),
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
    """A registration with another account's id, or with rights, creates a separate account without them."""
    victim = create_person(target, accounts)
    target.blocked |= victim.missing
    inspection = Inspection(target, "mass-assignment:register", RULE)
    owned = snapshot(target, victim, Judged.DATA)
    for asked in (victim.account.user_id, 1_000_000_000 + secrets.randbelow(1_000_000_000)):
        account = accounts.name()
        ids = dict.fromkeys(("id", "pk", "user_id"), asked)
        result = _register(target, account.username, account.email, account.password, {**RIGHTS, **ids})
        if not inspection.expect_status(result, *result.operation.statuses, defect="refused", breaks=Rule.VALIDATION):
            continue
        accounts.open_session(account, result)
        if id_of(target, account) == asked:
            inspection.report(result, "accepts the id", expected="a new id", got="the id of the request")
        if not target.has("list_files"):
            continue
        listed = target.call("list_files", token=account.access_token)
        if inspection.expect_status(listed, *listed.operation.statuses, defect="the new account has no list"):
            files = listed.field("files")
            if files:
                inspection.report(listed, "has files of another user", expected="no file", got=f"{len(files)} files")
    expect_unchanged(inspection, victim, owned)
    inspection.close(recorder)


@pytest.mark.system("worker")
@pytest.mark.needs("registration", "d1")
def test_register_grants_no_rights(target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder) -> None:
    """The database row of an account that requested rights has none of them."""
    inspection = Inspection(target, "mass-assignment:rights", RULE)
    account = accounts.name()
    result = _register(target, account.username, account.email, account.password, RIGHTS)
    if inspection.expect_status(result, *result.operation.statuses, defect="refused", breaks=Rule.VALIDATION):
        with plan_schema(target):
            rows = row_store.rows("SELECT is_admin, is_active FROM users WHERE username = ?1", account.username)
        if [dict(row) for row in rows] != [{"is_admin": 0, "is_active": 1}]:
            inspection.report(result, "grants rights", expected="is_admin 0, is_active 1", got=rows)
    inspection.close(recorder)


@pytest.mark.system("legacy")
@pytest.mark.needs("registration", "postgres")
def test_register_grants_no_staff_role(
    target: Target, accounts: Accounts, legacy_rows: LegacyRows, recorder: Recorder
) -> None:
    """The Django row of an account that requested rights is neither staff nor superuser."""
    inspection = Inspection(target, "mass-assignment:rights", RULE)
    account = accounts.name()
    result = _register(target, account.username, account.email, account.password, RIGHTS)
    if inspection.expect_status(result, *result.operation.statuses, defect="refused", breaks=Rule.VALIDATION):
        query: LiteralString = "SELECT is_staff, is_superuser, is_active FROM auth_user WHERE username = %s"
        with plan_schema(target):
            rows = legacy_rows.rows(query, [account.username])
        if rows != [{"is_staff": False, "is_superuser": False, "is_active": True}]:
            inspection.report(result, "grants rights", expected="neither staff nor superuser, and active", got=rows)
    inspection.close(recorder)


@pytest.mark.system("worker", "legacy")
@pytest.mark.accounts(2)
def test_requests_cannot_set_the_owner(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Owner, id or key of another user in uploads, tags, exports and filters are ignored."""
    owner, victim = (
        create_person(target, accounts, objects=("tags", "create_filter"), requires=("upload",)) for _ in range(2)
    )
    target.blocked |= {**owner.missing, **victim.missing}
    inspection = Inspection(target, "mass-assignment:owner", RULE)
    before = snapshot(target, victim, Judged.DATA)
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
    statuses = uploaded.operation.statuses
    if inspection.expect_status(
        uploaded, *statuses, defect="a form with other parts is refused", breaks=Rule.VALIDATION
    ):
        file_id = str(uploaded.field("file_id"))
        if file_id == victim.file_id:
            inspection.report(uploaded, "another part sets the id", expected="a new id")
        if uploaded.operation.has("filename") and uploaded.field("filename") != "own.csv":
            inspection.report(uploaded, "another part sets the file name", expected="own.csv", breaks=Rule.FILE_NAMES)
        reading = next(filter(target.has, ("download", "file", "columns")), None)
        if reading is not None:
            own = target.call(reading, token=owner.token, path={"file_id": file_id})
            inspection.expect_status(own, *own.operation.statuses, defect="inaccessible to the owner")
            theirs_too = target.call(reading, token=victim.token, path={"file_id": file_id})
            inspection.expect_refusal(theirs_too, 404, defect="accessible to another user")
        else:
            recorder.note_undetectable("an upload for another user: no operation reads a file")
    expect_unchanged(inspection, victim, before)
    inspection.close(recorder)


@pytest.mark.system("worker")
@pytest.mark.needs("r2")
def test_upload_cannot_set_the_object_key(
    target: Target, accounts: Accounts, object_store: ObjectStore, recorder: Recorder
) -> None:
    """The object of an upload has the user's own key, whatever key the form names."""
    owner = create_person(target, accounts, objects=(), requires=("upload",))
    inspection = Inspection(target, "mass-assignment:key", "contracts/api.md Files: R2 key")
    other = f"uploads/user-{owner.account.user_id}/cutover-asked-for.csv"
    template = target.operation("upload").object_key
    assert template, "contracts/operations.toml [upload].worker declares no object_key"
    folder, _, file = other.rpartition("/")
    for what, more, name in (
        ("a part", {"r2_key": other, "key": other}, b"own.csv"),
        ("the file's name", {}, f"/{folder}/{file}".encode()),
        ("a parent folder in the name", {}, b"../../cutover-asked-for.csv"),
    ):
        uploaded = _upload(target, owner, more, name).expect_status()
        key = template.format(user_id=owner.account.user_id, file_id=uploaded.field("file_id"))
        inspection.count("upload")
        if object_store.head(key) is None or object_store.head(other) is not None:
            inspection.report(uploaded, f"{what} sets the key", expected=template, got="no object there, or elsewhere")
    inspection.close(recorder)


def _expect_own(inspection: Inspection, owner: Person, name: str, theirs: dict[str, Any]) -> None:
    """Check that the operation ignores these additional fields."""
    target = inspection.target
    plain = valid_request(name, owner)
    before = snapshot(target, owner, Judged.DATA)
    declared = target.operation(name).json_body(plain["fields"], target.known.parameters(plain.get("path", {}))) or {}
    more = {key: value for key, value in theirs.items() if key not in declared}
    asked = {**plain, "fields": None, "content": (json_bytes({**more, **declared}), "application/json")}
    result = target.call(name, token=owner.token, **asked)
    statuses = result.operation.statuses
    if not inspection.expect_status(result, *statuses, defect="additional fields are refused", breaks=Rule.VALIDATION):
        return
    after = snapshot(target, owner, Judged.DATA)
    # Ignore the effect of the operation itself; everything else must be unchanged.
    allowed = ("/tags", "/updated_at") if name == "tags" else ("/filters",)
    found = [line for line in changes(before, after) if not any(part in line for part in allowed)]
    if found:
        inspection.report(result, "sets a protected field", expected="only its own effect", got="; ".join(found[:8]))
    created = result.answer.json.get("filter") if name == "create_filter" else None
    if isinstance(created, dict) and (
        created.get("result_count") == 99 or str(created.get("created_at", "")).startswith("2001")
    ):
        inspection.report(result, "sets a protected field", expected="result_count and created_at of the system")


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
