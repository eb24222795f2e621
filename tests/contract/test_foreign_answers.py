"""Data of other accounts in responses. Contract: Statuses (404 for an object of another user)."""

import pytest

from cutover.accounts.foreign_data import failure_of
from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.client.account_markers import ATTACHMENT
from cutover.contract.finding_collector import Inspection, available_operations
from cutover.contract.sample_responses import sample_responses
from cutover.contract.valid_requests import Person, create_person, valid_request
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target


@pytest.mark.contract
@pytest.mark.system("worker", "legacy")
@pytest.mark.level("test-data")
@pytest.mark.accounts(2)
@pytest.mark.never_waived("isolation between users")
@pytest.mark.plan("contracts/api.md, Statuses; OWASP API3:2023")
@pytest.mark.rule(Rule.ISOLATION)
def test_responses_hold_no_foreign_data(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """No response of the whole gate contains a name, address, file name or cell of another account.

    Every response to any check is searched (client/account_markers.py), and this check reports what was found. It sends
    each operation itself, valid and invalid, while another account with a file exists.
    """
    owner = Person(accounts.new())
    file_id = target.if_possible(
        lambda: prepare_file(target, owner.token), without="names and cells of another user's file"
    )
    owner = Person(owner.account, file_id=file_id) if file_id is not None else owner
    inspection = Inspection(target, "foreign-data", "contracts/api.md Everywhere: Statuses")
    for _, result in sample_responses(target, create_person(target, accounts), available_operations(target, recorder)):
        inspection.count(result.operation.name)
    other = accounts.new() if "registration" not in target.environment.absent else None
    for name in ("file", "download", "columns", "export", "tags", "delete"):
        if target.has(name) and other is not None:
            target.call(name, token=other.access_token, **valid_request(name, owner))
            inspection.count(name)
    inspection.close(recorder)
    if found := recorder.attachments.get(ATTACHMENT):
        raise failure_of(found)
