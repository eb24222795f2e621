"""Data of other accounts in answers. Contract: Everywhere, an object of another user is not found."""

from typing import Any

import pytest

from cutover.accounts.foreign_data import failure_of
from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Account, Accounts
from cutover.client.account_markers import ATTACHMENT
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import new_password
from cutover.systems.target import Target


@pytest.mark.smoke
@pytest.mark.system("worker", "legacy")
@pytest.mark.level("test-data")
@pytest.mark.accounts(2)
@pytest.mark.never_waived("isolation between users")
@pytest.mark.plan("Security; contracts/api.md, Statuses")
@pytest.mark.rule(Rule.ISOLATION)
def test_answers_hold_no_foreign_data(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """No answer of the whole gate contains a name, address, file name or cell of another account.

    Every answer to any check is searched (client/account_markers.py), and this check reports what was found. It sends
    further requests itself, as another user and without a token, while the owner's data exist.
    """
    owner, other = accounts.new(), accounts.new()
    path = _owner_with_data(target, owner)
    own = target.prepare(target.protected_read, token=owner.access_token)
    if owner.marker.encode() not in own.body:
        recorder.note_undetectable(f"data of others in {own.operation.name}: it contains no own data either")
    reads = [name for name in ("user", "list_files", "list_filters") if target.has(name)]
    reads += [name for name in ("file", "download", "columns", "filter") if target.has(name)]
    sent = 0
    for token in (other.access_token, None):
        for name in reads:
            if name == "filter" and "filter_id" not in path:
                continue
            target.call(name, token=token, path=path)
            sent += 1
    for name in ("health", "metrics", "no_such_operation", "index"):
        if target.has(name):
            target.call(name)
            sent += 1
    sent += _refused_accounts(target, accounts, owner)
    recorder.measure("requests besides those of the other checks", sent, "searched", sample=sent)
    if found := recorder.attachments.get(ATTACHMENT):
        raise failure_of(found)


def _owner_with_data(target: Target, owner: Account) -> dict[str, str]:
    """Give the owner a file and a private filter that contain the marker. Return their ids, as path parameters."""
    path = {"file_id": prepare_file(target, owner.access_token)} if target.has("upload") else {"file_id": "0"}
    if target.has("upload", "create_filter"):
        fields: dict[str, Any] = {
            "name": f"{owner.marker}-filter",
            "description": f"{owner.marker}-description",
            "file_id": path["file_id"],
            "filter_config": {"columns": ["name"], "filters": []},
        }
        made = target.if_possible(
            lambda: target.prepare("create_filter", token=owner.access_token, fields=fields, having=("filter_id",)),
            without="data of others in answers about filters",
        )
        path |= {"filter_id": str(made.field("filter_id"))} if made is not None else {}
    return path


def _refused_accounts(target: Target, accounts: Accounts, owner: Account) -> int:
    """Send a login with a wrong password, and a registration with the owner's address. Return their number."""
    sent = 0
    if target.has("login"):
        target.call("login", fields={"username": owner.username, "password": new_password()})
        sent += 1
    if target.has("register") and "registration" not in target.environment.absent and owner.email:
        second = accounts.name()
        second.email = owner.email
        accounts.register(second)
        sent += 1
    return sent
