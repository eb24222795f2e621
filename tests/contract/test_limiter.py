"""The rate limiter counts every operation of the API and cannot be bypassed. Contract: Rate limit."""

import secrets
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.account_snapshot import expect_unchanged, snapshot
from cutover.contract.finding_collector import Inspection, available_operations
from cutover.contract.valid_requests import UNAUTHENTICATED, create_person, valid_request
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker"),
    pytest.mark.level("disposable"),
    pytest.mark.needs("limiter"),
    pytest.mark.plan("Unified Production Configuration: RATE_LIMITER, 100 in 60 s; contracts/api.md, Rate limit"),
    pytest.mark.rule(Rule.RATE_LIMIT),
]

TRIES = 3
"""Attempts: the limiter's window may end between two requests and reset the count."""


def test_limiter_holds_on_every_operation(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Every operation returns 429 to a client above its limit, whatever headers it sends, and changes nothing."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "limiter", "contracts/api.md Everywhere: Rate limit; RFC 6585 4")
    before = snapshot(target, person)
    limit, window = promises["limiter"]["requests"], promises["limiter"]["window_s"]
    client = (
        f"203.0.113.{secrets.randbelow(256)}-{secrets.token_hex(3)}"  # unique, so that no other client shares the count
    )
    address = {"cf-connecting-ip": client}
    bypasses: dict[str, dict[str, str]] = {
        "": {},
        "another forwarded address": {"x-forwarded-for": "198.51.100.7", "x-real-ip": "198.51.100.7"},
        "another client address": {"true-client-ip": "198.51.100.8", "forwarded": "for=198.51.100.8"},
        "a made-up bypass": {"x-limiter-bypass": "cutover-made-up-bypass"},
        "another user agent": {"user-agent": "Googlebot"},
    }
    for operation in available_operations(target, recorder):
        if not operation.path.startswith("/api/") or operation.name == "register":
            continue
        # Writes are sent with an invalid token: if the window ends in between, they return 401 and change nothing.
        token = None if operation.name in UNAUTHENTICATED else person.token if operation.method == "GET" else "a.b.c"
        for bypass, headers in bypasses.items():
            if bypass and operation.name not in ("login", "list_files"):
                continue
            asked = {"token": token, "headers": {**headers, **address}, **valid_request(operation.name, person)}
            for _ in range(TRIES):
                _spend(target, address, 2 * limit + 1)
                result = target.call(operation.name, expects_429=True, **asked)
                if result.status == 429:
                    break
            defect = f"is not limited{f', with {bypass}' if bypass else ''}"
            if not inspection.expect_status(result, 429, defect=defect, why=f"more than {limit} in {window} s"):
                continue
            after = result.answer.headers.get("retry-after", "")
            if not (after.isascii() and after.isdigit() and 1 <= int(after) <= window):
                inspection.report(result, "Retry-After", expected=f"Retry-After: 1 to {window}", got=repr(after))
    for name in filter(target.has, ("health", "metrics")):
        result = target.call(name, headers=address, expects_429=True)
        inspection.expect_status(result, 200, 503, defect="is limited", why="only paths below /api/ are counted")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def _spend(target: Target, address: Mapping[str, str], most: int) -> None:
    """Send requests of this client until it gets 429, at most `most`."""
    for _ in range(most):
        if target.call(target.protected_read, headers=address, expects_429=True).status == 429:
            return
