"""Access control (BOLA/IDOR): other users can neither read nor change an object, nor learn that it exists.

Contract: Statuses (404 for an object of another user), Saved filters.
"""

import pytest

from cutover.accounts.registered import Accounts
from cutover.accounts.roles import AccountRoles
from cutover.accounts.sessions import can_refresh
from cutover.contract.access_control import alternative_spellings, expect_no_access
from cutover.contract.account_snapshot import Judged, expect_unchanged, snapshot
from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import Person, create_person, valid_request
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.stores import RowStore
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.accounts(2),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("contracts/api.md, Statuses, Saved filters; OWASP API1:2023"),
    pytest.mark.rule(Rule.ISOLATION),
]

RULE = "contracts/api.md Everywhere: 404 for an object of another user"


@pytest.mark.parametrize("who", ["anonymous", "another user"])
def test_objects_of_other_users_are_inaccessible(
    target: Target, accounts: Accounts, recorder: Recorder, who: str
) -> None:
    """Requests for another user's file or filter are refused as if it did not exist."""
    owner, other = _owner(target, accounts), create_person(target, accounts)
    inspection = Inspection(target, "others", RULE)
    owner_before, other_before = snapshot(target, owner, Judged.DATA), snapshot(target, other, Judged.DATA)
    token, refusal = (other.token, 404) if who == "another user" else (None, 401)
    expect_no_access(inspection, who, token, owner, recorder, refusal=refusal)
    expect_unchanged(inspection, owner, owner_before)
    expect_unchanged(inspection, other, other_before)
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "d1", "postgres")
@pytest.mark.rule(Rule.ADMINISTRATORS)
def test_administrators_have_no_extra_access(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """An administrator has no more access to other users' objects than any user."""
    owner, admin = _owner(target, accounts), Person(accounts.new())
    AccountRoles(target.environment, row_store).make_admin(target, admin.account)
    login = target.prepare("login", having=("access_token",), **valid_request("login", admin))
    inspection = Inspection(target, "others:admin", RULE)
    before = snapshot(target, owner, Judged.DATA)
    expect_no_access(inspection, "an administrator", login.secret("access_token"), owner, recorder, refusal=404)
    expect_unchanged(inspection, owner, before)
    inspection.close(recorder)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "d1", "postgres")
@pytest.mark.rule(Rule.REVOCATION)
def test_disabled_accounts_have_no_access(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """A disabled account gets 401 for other users' objects and public filters, existing or not."""
    owner, other = _owner(target, accounts), create_person(target, accounts)
    roles = AccountRoles(target.environment, row_store)
    inspection = Inspection(target, "others:disabled", "contracts/api.md Accounts: … of an account that is disabled")
    owner_before, other_before = snapshot(target, owner, Judged.DATA), snapshot(target, other, Judged.DATA)
    public = {"token": other.token, "path": {"filter_id": owner.public_filter_id}}
    has_filters = target.has("filter") and not owner.missing
    if has_filters:
        target.prepare("filter", **public)
    roles.disable(target, other.account)
    try:
        expect_no_access(inspection, "a disabled account", other.token, owner, recorder, refusal=401)
        if has_filters:
            read = target.call("filter", **public)
            inspection.expect_refusal(read, 401, defect="a disabled account reads a public filter", role="disabled")
    finally:
        roles.enable(target, other.account)
    expect_unchanged(inspection, owner, owner_before)
    expect_unchanged(inspection, other, other_before)
    inspection.close(recorder)


def test_ids_have_one_spelling(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Another spelling of an id gives no access to the file, neither to its owner nor to another user."""
    owner = create_person(target, accounts, objects=(), requires=("upload",))
    other = Person(accounts.new())
    inspection = Inspection(target, "others:spelling", "contracts/api.md Files: file_id (UUID)")
    before = snapshot(target, owner, Judged.DATA)
    for spelling, file_id in alternative_spellings(owner.file_id).items():
        for operation in target.present("download", "columns", "delete"):
            for person in (owner, other):
                result = target.call(operation, token=person.token, path={"file_id": file_id})
                # 400 and 405: the server's own refusal of a malformed path.
                breaks = Rule.IDS if person is owner else None  # no spelling may give access to another user
                inspection.expect_refusal(
                    result, 404, 400, 405, defect=f"accepted: an id with {spelling}", why="no such id", breaks=breaks
                )
    expect_unchanged(inspection, owner, before)
    inspection.close(recorder)


@pytest.mark.system("worker")
def test_public_filters_are_read_only(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Any user can read a public filter; only its owner can list or delete it or access its file."""
    owner = create_person(target, accounts, requires=("upload", "create_filter"))
    other = Person(accounts.new())
    inspection = Inspection(target, "others:filters", "contracts/api.md Saved filters: a public one may be read …")
    before = snapshot(target, owner, Judged.DATA)
    public = {"filter_id": owner.public_filter_id}
    if target.has("filter"):
        _expect_public(inspection, owner, other)
    if target.has("delete_filter"):
        deleted = target.call("delete_filter", token=other.token, path=public)
        inspection.expect_refusal(deleted, 404, defect="a public filter can be deleted", role="another user")
    for operation in filter(target.has, ("download", "columns", "file")):
        result = target.call(operation, token=other.token, path={"file_id": owner.file_id})
        inspection.expect_refusal(result, 404, defect="the file of a public filter is accessible", role="another user")
    if target.has("list_filters"):
        listed = target.prepare("list_filters", token=other.token)
        ids = {str(row.get("id")) for row in listed.field("filters")}
        if ids & {owner.filter_id, owner.public_filter_id}:
            inspection.report(
                listed, "a filter of another user is listed", expected="own filters", got=f"{len(ids)} filters"
            )
    expect_unchanged(inspection, owner, before)
    inspection.close(recorder)


def test_logout_accepts_only_own_tokens(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """A logout with another user's refresh token returns 401 and ends no session."""
    owner, other = Person(accounts.new()), Person(accounts.new())
    inspection = Inspection(target, "others:logout", "contracts/api.md Accounts: logout … another's: 401")
    target.operation("logout").require("request", "refresh_token")
    result = target.call("logout", token=other.token, fields={"refresh_token": owner.account.refresh_token})
    inspection.expect_refusal(
        result,
        401,
        defect="accepted: refresh token of another user",
        why="the token belongs to another user",
        breaks=Rule.STATUSES,  # without an effect it is harmless, as the check shows below
    )
    for person, role in ((owner, "owner"), (other, "other")):
        after = [target.call(name, token=person.token) for name in filter(target.has, ("user",))]
        if can_refresh(target, person.account):
            after.append(target.call("refresh", **valid_request("refresh", person)))
        for each in after:
            statuses = each.operation.statuses
            inspection.expect_status(each, *statuses, defect="the logout of another user ended a session", role=role)
    inspection.close(recorder)


def _expect_public(inspection: Inspection, owner: Person, other: Person) -> None:
    """Expect that any user with a token can read the public filter, and only the owner the private."""
    target, public = inspection.target, {"filter_id": owner.public_filter_id}
    read = target.call("filter", token=other.token, path=public)
    inspection.expect_status(
        read,
        *read.operation.statuses,
        defect="a public filter cannot be read",
        role="another user",
        breaks=Rule.SAVED_FILTERS,
    )
    if read.succeeded and read.answer.json != target.call("filter", token=owner.token, path=public).answer.json:
        inspection.report(
            read,
            "a public filter differs from the owner's",
            expected="the owner's data",
            got="other data",
            breaks=Rule.SAVED_FILTERS,
        )
    anonymous = target.call("filter", path=public)
    inspection.expect_refusal(anonymous, 401, defect="a public filter needs no token", role="anonymous")
    private = target.call("filter", token=other.token, path={"filter_id": owner.filter_id})
    inspection.expect_refusal(private, 404, defect="a private filter can be read", role="another user")


def _owner(target: Target, accounts: Accounts) -> Person:
    """Return a person with a file and, if they work, filters. Without filters the check is blocked in part."""
    owner = create_person(target, accounts, requires=("upload",))
    target.blocked |= owner.missing
    return owner
