"""The audit log of user actions. Plan: Production Database Setup, audit_logs."""

from typing import Any

import pytest

from cutover import corpus
from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import id_of
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
    token, user_id = account.access_token, str(id_of(target, account))
    target.prepare("login", fields={"username": account.username, "password": account.password})
    file = corpus.list_file("semicolons")
    path = {"file_id": prepare_file(target, token, file)}
    requests: dict[str, dict[str, Any]] = {
        "download": {"path": path},
        "tags": {"path": path, "fields": {"tags": ["audited"]}},
        "export": {"path": path, "fields": {"columns": [file.columns[0]], "filters": []}},
        "delete": {"path": path},
        "logout": {"fields": {"refresh_token": account.refresh_token}},
    }
    sent = {name: request for name, request in requests.items() if target.has(name)}
    for name, request in sent.items():
        last = target.prepare(name, token=token, **request)
    logins = ["login"] * (1 + account.logins)  # the account logs in if its registration returns no tokens
    expected = sorted(["register", *logins, "upload", *sent])

    def actions() -> list[str]:
        query = "SELECT action FROM audit_logs WHERE CAST(user_id AS TEXT) = ? ORDER BY action"
        return [str(row["action"]) for row in row_store.rows(query, user_id)]

    _, seconds, _ = target.poll(lambda: last, lambda _: actions() == expected, 5.0, interval_s=0.1)
    found = actions()
    recorder.measure("audit rows written after (s)", round(seconds, 3), "<= 5", sample=len(expected))
    if found != expected:
        raise last.failed("audit:rows", expected=expected, got=found)
