"""What belongs to a user is neither read nor changed by anybody else, and nobody learns that it exists.

Contract: Statuses (404 for what belongs to another user), Saved filters.
"""

import pytest

from cutover.accounts.registered import Accounts
from cutover.accounts.roles import AccountRoles
from cutover.contract.access_control import spellings, trespass
from cutover.contract.account_snapshot import belongings, expect_unchanged
from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import exercise, settle
from cutover.core.recorder import Recorder
from cutover.stores import RowStore
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.accounts(2),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("contracts/api.md, Statuses, Saved filters; OWASP API1:2023"),
]

RULE = "contracts/api.md Everywhere: 404 for what belongs to another user"


@pytest.mark.parametrize("who", ["anonymous", "another user"])
def test_objects_of_other_users_are_inaccessible(
    target: Target, accounts: Accounts, recorder: Recorder, who: str
) -> None:
    """Reading, changing, exporting and deleting another's file or filter is refused as if it did not exist."""
    owner, other = settle(target, accounts), settle(target, accounts)
    inspection = Inspection(target, "others", RULE)
    owned, had = belongings(target, owner), belongings(target, other)
    token, refusal = (other.token, 404) if who == "another user" else (None, 401)
    trespass(inspection, who, token, owner, recorder, refusal=refusal)
    expect_unchanged(inspection, owner, owned)
    expect_unchanged(inspection, other, had)
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "d1", "postgres")
def test_administrators_have_no_extra_access(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """The API knows no administrators: who is one gets at another's things no more than anybody else."""
    owner, admin = settle(target, accounts), settle(target, accounts)
    AccountRoles(target.environment, row_store).make_admin(target, admin.account)
    login = target.call("login", **exercise("login", admin)).expect_status()
    inspection = Inspection(target, "others:admin", RULE)
    owned = belongings(target, owner)
    trespass(inspection, "an administrator", login.secret("access_token"), owner, recorder, refusal=404)
    expect_unchanged(inspection, owner, owned)
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "d1", "postgres")
def test_disabled_accounts_have_no_access(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """Who is disabled is nobody: another's things and public filters are 401, whether they are there or not."""
    owner, other = settle(target, accounts), settle(target, accounts)
    standing = AccountRoles(target.environment, row_store)
    inspection = Inspection(target, "others:disabled", "contracts/api.md Accounts: … of an account that is disabled")
    owned, had = belongings(target, owner), belongings(target, other)
    public = {"token": other.token, "path": {"filter_id": owner.public_filter_id}}
    has_filters = target.environment.operations[target.system]["filter"].absent is None
    if has_filters:
        target.call("filter", **public).expect_status()
    standing.disable(target, other.account)
    try:
        trespass(inspection, "a disabled account", other.token, owner, recorder, refusal=401)
        if has_filters:
            read = target.call("filter", **public)
            inspection.expect_status(read, 401, defect="a disabled account reads a public filter", role="disabled")
    finally:
        standing.enable(target, other.account)
    expect_unchanged(inspection, owner, owned)
    expect_unchanged(inspection, other, had)
    inspection.close(recorder)


def test_ids_have_one_spelling(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Another spelling of an id is no id: neither its owner nor another user gets at the file by it."""
    owner, other = settle(target, accounts), settle(target, accounts)
    inspection = Inspection(target, "others:spelling", "contracts/api.md Files: file_id (UUID)")
    owned = belongings(target, owner)
    for way, file_id in spellings(owner.file_id).items():
        for operation in ("download", "columns", "delete"):
            for person in (owner, other):
                result = target.call(operation, token=person.token, path={"file_id": file_id})
                # 400 and 405: what is no path of this API at all is the server's to refuse.
                inspection.expect_status(result, 404, 400, 405, defect=f"an id with {way} is taken", why="no such id")
    expect_unchanged(inspection, owner, owned)
    inspection.close(recorder)


@pytest.mark.system("worker")
def test_public_filters_are_read_only(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Any user reads a public filter, nobody but its owner lists or deletes it, and its file stays out of reach."""
    owner, other = settle(target, accounts), settle(target, accounts)
    inspection = Inspection(target, "others:filters", "contracts/api.md Saved filters: a public one may be read …")
    owned = belongings(target, owner)
    public = {"filter_id": owner.public_filter_id}
    read = target.call("filter", token=other.token, path=public)
    inspection.expect_status(read, 200, defect="a public filter cannot be read", role="another user")
    if read.status == 200 and read.answer.json != target.call("filter", token=owner.token, path=public).answer.json:
        inspection.see(read, "a public filter is not what its owner has", expected="the owner's data", got="other data")
    anonymous = target.call("filter", path=public)
    inspection.expect_status(anonymous, 401, defect="a public filter needs no token", role="anonymous")
    private = target.call("filter", token=other.token, path={"filter_id": owner.filter_id})
    inspection.expect_status(private, 404, defect="a private filter can be read", role="another user")
    deleted = target.call("delete_filter", token=other.token, path=public)
    inspection.expect_status(deleted, 404, defect="a public filter can be deleted", role="another user")
    for operation in ("download", "columns", "file"):
        result = target.call(operation, token=other.token, path={"file_id": owner.file_id})
        inspection.expect_status(result, 404, defect="the file of a public filter is open", role="another user")
    listed = target.call("list_filters", token=other.token).expect_status()
    ids = {str(row.get("id")) for row in listed.field("filters")}
    if ids & {owner.filter_id, owner.public_filter_id}:
        inspection.see(listed, "another's filter is listed", expected="own filters", got=f"{len(ids)} filters")
    expect_unchanged(inspection, owner, owned)
    inspection.close(recorder)


def test_logout_accepts_only_own_tokens(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Logging out with another's refresh token is 401, and both sessions go on."""
    owner, other = settle(target, accounts), settle(target, accounts)
    inspection = Inspection(target, "others:logout", "contracts/api.md Accounts: logout … another's: 401")
    result = target.call("logout", token=other.token, fields={"refresh_token": owner.account.refresh_token})
    inspection.expect_status(result, 401, defect="another's refresh token is taken", why="it is another's")
    for person, role in ((owner, "owner"), (other, "other")):
        refreshed = target.call("refresh", **exercise("refresh", person))
        inspection.expect_status(refreshed, 200, defect="a session ended by another's logout", role=role)
        seen = target.call("user", token=person.token)
        inspection.expect_status(seen, 200, defect="a session ended by another's logout", role=role)
    inspection.close(recorder)
