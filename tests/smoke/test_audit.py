"""The audit log of user actions. Plan: Production Database Setup, audit_logs."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from cutover import corpus
from cutover.accounts.prepared_files import prepare_file
from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import id_of
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.secrets import new_password
from cutover.stores import RowStore
from cutover.systems.target import Result, Target

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
    """Every action of contracts/api.md, from the registration to the deletion of the account, writes one row."""
    account = accounts.new()
    token, user_id = account.access_token, str(id_of(target, account))
    target.prepare("login", fields={"username": account.username, "password": account.password})
    target.call("login", fields={"username": account.username, "password": new_password()}).expect_refusal(401)
    file = corpus.list_file("semicolons")
    path = {"file_id": prepare_file(target, token, file)}
    selection = {"columns": [file.columns[0]], "filters": []}
    requests: dict[str, dict[str, Any]] = {
        "download": {"path": path},
        "tags": {"path": path, "fields": {"tags": ["audited"]}},
        "export": {"path": path, "fields": selection},
        "create_filter": {
            "fields": {"name": "audited", "file_id": path["file_id"], "filter_config": selection},
        },
        "delete_filter": {},
        "delete": {"path": path},
        "logout": {"fields": {"refresh_token": account.refresh_token}},
    }
    sent = {name: request for name, request in requests.items() if target.has(name)}
    if "create_filter" not in sent:
        sent.pop("delete_filter", None)
    for name, request in sent.items():
        last = target.prepare(name, token=token, **request)
        if name == "create_filter" and "delete_filter" in sent:
            sent["delete_filter"]["path"] = {"filter_id": str(last.field("filter_id"))}
    logins = ["login"] * (1 + account.logins)  # the account logs in if its registration returns no tokens
    expected = sorted(["register", *logins, "login_failed", "upload", *sent])
    of_user = "SELECT action FROM audit_logs WHERE CAST(user_id AS TEXT) = ? ORDER BY action"
    _expect_rows(target, last, expected, lambda: row_store.rows(of_user, user_id), recorder)
    if not target.has("delete_account"):
        return
    last = target.prepare("login", fields={"username": account.username, "password": account.password})
    deletion = {"token": last.secret("access_token"), "fields": {"password": account.password}}
    last = target.prepare("delete_account", **deletion)
    accounts.forget(account)
    # The row of a deleted account has no user_id any more.
    of_object = "SELECT action FROM audit_logs WHERE action = ? AND resource_type = ? AND CAST(resource_id AS TEXT) = ?"
    _expect_rows(
        target, last, ["delete_account"], lambda: row_store.rows(of_object, "delete_account", "user", user_id), recorder
    )


def _expect_rows(
    target: Target,
    last: Result,
    expected: list[str],
    rows: Callable[[], Sequence[Mapping[str, Any]]],
    recorder: Recorder,
) -> None:
    """Expect these actions within 5 s, because rows may be written after the response."""

    def actions() -> list[str]:
        return [str(row["action"]) for row in rows()]

    _, seconds, _ = target.poll(lambda: last, lambda _: actions() == expected, 5.0, interval_s=0.1)
    found = actions()
    recorder.measure("audit rows written after (s)", round(seconds, 3), "<= 5", sample=len(expected))
    if found != expected:
        raise last.failed("audit:rows", expected=expected, got=found)
