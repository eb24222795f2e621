"""The audit log of user actions. Plan: Production Database Setup, audit_logs."""

import pytest

from cutover import corpus
from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.stores import RowStore
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.level("test-data"),
    pytest.mark.needs("d1", "registration"),
    pytest.mark.plan("Production Database Setup: audit_logs"),
    pytest.mark.rule(Rule.AUDIT_LOG),
]


def test_actions_are_in_the_audit_log(
    target: Target, accounts: Accounts, row_store: RowStore, recorder: Recorder
) -> None:
    """Register, login, upload, download, tags, export, delete and logout each write one audit row of the user."""
    account = accounts.new()
    token = account.access_token
    target.prepare("login", fields={"username": account.username, "password": account.password})
    file = corpus.list_file("semicolons")
    path = {"file_id": prepare_file(target, token, file)}
    target.prepare("download", token=token, path=path)
    target.prepare("tags", token=token, path=path, fields={"tags": ["audited"]})
    target.call("export", token=token, path=path, fields={"columns": [file.columns[0]], "filters": []}).expect_status()
    target.prepare("delete", token=token, path=path)
    last = target.prepare("logout", token=token, fields={"refresh_token": account.refresh_token})
    logins = ["login"] * (1 + account.logins)  # the account logs in if its registration returns no tokens
    expected = ["delete", "download", "export", *logins, "logout", "register", "tags", "upload"]

    def actions() -> list[str]:
        query = "SELECT action FROM audit_logs WHERE user_id = CAST(? AS INTEGER) ORDER BY action"
        return [str(row["action"]) for row in row_store.rows(query, str(account.user_id))]

    _, seconds, _ = target.poll(lambda: last, lambda _: actions() == expected, 5.0, interval_s=0.1)
    found = actions()
    recorder.measure("audit rows written after (s)", round(seconds, 3), "<= 5", sample=len(expected))
    if found != expected:
        raise last.failed("audit:rows", expected=expected, got=found)
