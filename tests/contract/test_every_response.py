"""Promises that hold of every answer: not cached, no cookie, nothing for foreign pages, the id of its request.

Contract: Everywhere (Cache, CORS, Request id, Security headers).
"""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.finding_collector import Inspection, present
from cutover.contract.sample_responses import tour
from cutover.contract.valid_requests import settle
from cutover.core.recorder import Recorder
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, Everywhere"),
]


@pytest.mark.never_waived("isolation between users")
def test_private_responses_are_not_cacheable(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Below the API every answer, errors and parts of files included, forbids caches; health and metrics, too."""
    inspection = Inspection(target, "cache", "contracts/api.md Everywhere: Cache; RFC 9111 5.2.2.5")
    for role, result in tour(target, settle(target, accounts), present(target, recorder)):
        name = result.operation.name
        if name in ("index", "front_end"):
            continue
        inspection.looked(name)
        wanted = {"no-store"} if name in ("health", "metrics") else {"no-store", "private"}
        got = {part.strip().lower() for part in result.answer.headers.get("cache-control", "").split(",")}
        if got != wanted:
            inspection.see(
                result,
                "may be cached",
                expected=f"Cache-Control: {', '.join(sorted(wanted))}",
                got=repr(result.answer.headers.get("cache-control")),
                role=role,
                do_next="a shared cache gives one user's answer to another: look at what puts the header on",
            )
    inspection.close(recorder)


def test_responses_set_no_cookies(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """No answer sets a cookie: sessions are bearer tokens, which no foreign page's request carries along."""
    inspection = Inspection(target, "cookie", "contracts/api.md Accounts: tokens are JWTs, sent as Bearer")
    for role, result in tour(target, settle(target, accounts), present(target, recorder)):
        inspection.looked(result.operation.name)
        if cookie := result.answer.headers.get("set-cookie"):
            inspection.see(result, "sets a cookie", expected="no Set-Cookie", got=cookie.partition("=")[0], role=role)
    inspection.close(recorder)


def test_responses_carry_the_request_id(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Every answer carries the request's id, and of the Worker also each of the security headers."""
    inspection = Inspection(target, "header", "contracts/api.md Everywhere: Request id, Security headers")
    policies = promises["security_headers"] if target.system == "worker" else {}
    for role, result in tour(target, settle(target, accounts), present(target, recorder)):
        inspection.looked(result.operation.name)
        headers = result.answer.headers
        if headers.get_list("x-request-id") != [result.answer.request_id]:
            got = headers.get("x-request-id")
            inspection.see(result, "another request id", expected="the id that was sent", got=got, role=role)
        if target.system == "worker" and result.status >= 400 and result.answer.request.method != "HEAD":
            error = result.answer.json.get("error")
            told = error if isinstance(error, dict) else {}
            if told.get("request_id") != result.answer.request_id or not {"code", "message"} <= set(told):
                inspection.see(
                    result, "another error", expected="code, message, request_id", got=sorted(told), role=role
                )
        for name, policy in policies.items():
            if headers.get_list(name) != [policy]:
                inspection.see(result, f"no {name}", expected=f"{name}: {policy}", got=headers.get(name), role=role)
    for sent in ("a b", "x" * 65, "<script>", "a,b", "a;b", "a\tb", "''"):
        result = target.call("no_such_operation", headers={"x-request-id": sent})
        got = result.answer.headers.get("x-request-id", "")
        if got == sent or re.fullmatch(r"[A-Za-z0-9._-]{1,64}", got) is None:
            inspection.see(result, "an odd request id", expected="a new id of A-Za-z0-9._-", got=repr(got))
    inspection.close(recorder)


@pytest.mark.system("worker")
def test_cors_allows_only_the_own_origin(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """No answer to a foreign origin names it, a star or credentials; each to the own origin names exactly that."""
    inspection = Inspection(target, "cors", "contracts/api.md Everywhere: CORS; Fetch Standard, CORS protocol")
    own = promises["cors"]["origin"]
    for origin in (own, f"{own}.evil.example"):
        for role, result in tour(target, settle(target, accounts), present(target, recorder), {"origin": origin}):
            operation = result.operation
            inspection.looked(operation.name)
            headers = result.answer.headers
            below_api = operation.path.startswith("/api/") and origin == own
            got, wanted = headers.get_list("access-control-allow-origin"), [own] if below_api else []
            if got != wanted:
                whose = "the own origin" if origin == own else "a foreign origin"
                inspection.see(result, f"{whose}: Allow-Origin", expected=wanted or "none", got=got, role=role)
            if "access-control-allow-credentials" in headers:
                inspection.see(result, "allows credentials", expected="none", got="Allow-Credentials", role=role)
    inspection.close(recorder)
