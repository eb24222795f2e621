"""What the plan gives to operators is closed to everybody else. Plan: migration control, blue-green, maintenance."""

import json

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.account_snapshot import belongings, expect_unchanged
from cutover.contract.finding_collector import Inspection
from cutover.contract.operator_paths import SWITCHES, questions
from cutover.contract.valid_requests import settle
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker"),
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("Migration control; Blue-green switch; maintenance: /admin/…"),
]


def test_operator_paths_are_closed(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Without a token and with a user's, operators' paths and hidden files give nothing."""
    person = settle(target, accounts)
    inspection = Inspection(target, "admin", "contracts/api.md Front end: /admin/ is none of it; OWASP API5:2023")
    index = target.call("index").expect_status().body
    before = belongings(target, person)
    # A path that is there and open might do what it says: what changes something only where that harms nobody.
    harmless = target.environment.safety >= SafetyLevel.DISPOSABLE
    if not harmless:
        recorder.note_undetectable(
            f"whether {', '.join(SWITCHES)} or the plan's changing actions are open: not asked here"
        )
    for question in questions(harmless=harmless):
        for token in (None, person.token):
            body = None if question.body is None else (json.dumps(question.body).encode(), "application/json")
            result = target.call(
                "front_end",
                method=question.method,
                token=token,
                path={"path": question.path},
                query=question.query,
                content=body,
            )
            inspection.looked("front_end")
            # A route of the application is the page, whatever it is called; it holds nothing of anybody's.
            is_page = result.status == 200 and question.method == "GET" and result.body == index
            if is_page and not question.path.startswith("api"):
                continue
            if question.is_open(result.status):
                whose = "nobody" if token is None else "a user"
                inspection.see(
                    result,
                    f"{question.path!r} is open to {whose}",
                    expected="401, 403 or 404",
                    do_next="whoever finds this path runs the deployment: close it before anything else",
                )
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)
