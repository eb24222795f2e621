"""Operator paths are closed to users. Plan: migration control, blue-green, maintenance."""

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from cutover.accounts.registered import Accounts
from cutover.config.operations import Operation
from cutover.contract.account_snapshot import expect_unchanged, snapshot
from cutover.contract.finding_collector import Inspection
from cutover.contract.operator_paths import SWITCHES, Probe, probes
from cutover.contract.valid_requests import create_person
from cutover.core.errors import NotApplicable
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.never_waived("isolation between users"),
    pytest.mark.plan("Migration control; Blue-green switch; maintenance: /admin/…"),
    pytest.mark.rule(Rule.ISOLATION),
]


_VARIES = 64
"""Bytes by which the length of one page may differ between two requests: a nonce or a time."""
ANY_PATH = Operation("operator_path", "", "GET", "/{+path}", (200,), SafetyLevel.READ_ONLY)
"""A request to any path. The environment may have no front end, whose operation would send it."""


def test_operator_paths_are_closed(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Operator paths and hidden files are refused without a token and with a user's token."""
    declared, of_the_plan = target.environment.operator_paths.get(target.system, ()), target.system == "worker"
    if not declared and not of_the_plan:
        raise NotApplicable(f"{target.environment.name} names no operator_paths.{target.system}")
    person = create_person(target, accounts)
    inspection = Inspection(target, "admin", "contracts/api.md Front end: no /admin/; OWASP API5:2023")
    index = target.prepare("index").body if target.has("index") else None
    any_path = replace(ANY_PATH, system=target.system)
    before = snapshot(target, person)
    # An open path might execute the action, so changing requests are sent to disposable environments only.
    harmless = target.environment.safety >= SafetyLevel.DISPOSABLE
    if not harmless:
        recorder.note_undetectable(
            f"open paths among {', '.join(SWITCHES)} and the plan's changing actions: not requested here"
        )
    for probe in probes(harmless=harmless, declared=declared, only_declared=not of_the_plan):
        for token in (None, person.token):
            result = _send(target, any_path, probe, token)
            inspection.count(any_path.name)
            # The index page is the response to any route of the front end. It contains no data.
            is_page = result.status == 200 and probe.method == "GET" and result.body == index
            if is_page and not probe.path.startswith("api"):
                continue
            if probe.is_handled(result.status, partial(_status, target, any_path, token)):
                if probe.unclaimed and _changes_nothing(
                    result, partial(_send, target, any_path, probe.unclaimed, token)
                ):
                    continue
                caller = "anonymous" if token is None else "a user"
                inspection.report(
                    result,
                    f"{probe.text!r} is open to {caller}",
                    expected="401, 403, 404 or 405",
                    do_next="close this path first: it controls the deployment",
                )
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def _send(target: Target, operation: Operation, probe: Probe, token: Secret | None) -> Result:
    """Send one probe."""
    body = None if probe.body is None else (json.dumps(probe.body).encode(), "application/json")
    headers = dict([probe.header]) if probe.header else None
    return target.call(
        operation, method=probe.method, token=token, path={"path": probe.path}, query=probe.query, content=body,
        headers=headers,
    )  # fmt: skip


def _changes_nothing(claimed: Result, unclaimed: Callable[[], Result]) -> bool:
    """Return True if the response is the same without the claim of rights.

    A page that differs from time to time (a nonce) is the same if type and length are nearly those of another one.
    """
    first, second = unclaimed(), unclaimed()
    if first.status != claimed.status or first.body == claimed.body:
        return first.status == claimed.status
    types = {each.answer.headers.get("content-type") for each in (claimed, first)}
    return first.body != second.body and len(types) == 1 and abs(len(first.body) - len(claimed.body)) <= _VARIES


def _status(target: Target, operation: Operation, token: Secret | None, probe: Probe) -> int:
    """Send one probe and return the status."""
    return _send(target, operation, probe, token).status
