"""Promises for every response: caching, cookies, CORS, request id, security headers. Contract: Everywhere."""

import re
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.finding_collector import Inspection, available_operations
from cutover.contract.sample_responses import sample_responses
from cutover.contract.valid_requests import create_person
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, Everywhere"),
]


SHARED = {"public", "s-maxage", "must-revalidate"}
"""Directives that let a shared cache store the response to a request with a token (RFC 9111 3.5)."""


@pytest.mark.never_waived("isolation between users")
@pytest.mark.rule(Rule.ISOLATION)
def test_private_responses_are_not_cacheable(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Every API response forbids caching, also errors, ranges of files, health and metrics."""
    inspection = Inspection(target, "cache", "contracts/api.md Everywhere: Cache; RFC 9111 5.2.2.5")
    for role, result in sample_responses(
        target, create_person(target, accounts), available_operations(target, recorder)
    ):
        name = result.operation.name
        if name in ("index", "front_end"):
            continue
        inspection.count(name)
        wanted = {"no-store"} if name in ("health", "metrics") else {"no-store", "private"}
        got = {part.strip().lower() for part in result.answer.headers.get("cache-control", "").split(",")}
        names = {part.partition("=")[0] for part in got}
        if "authorization" in result.answer.request.headers and names & SHARED and not names & {"no-store", "private"}:
            inspection.report(
                result,
                "a shared cache may store it",
                expected="no response to a request with a token in a shared cache (RFC 9111 3.5)",
                got=repr(result.answer.headers.get("cache-control")),
                role=role,
                do_next="a shared cache could serve one user's response to another: check where the header is set",
            )
        if got != wanted:
            inspection.report(
                result,
                "cacheable",
                expected=f"Cache-Control: {', '.join(sorted(wanted))}",
                got=repr(result.answer.headers.get("cache-control")),
                role=role,
                do_next="a shared cache could serve one user's response to another: check where the header is set",
                breaks=Rule.CACHE_CONTROL,
            )
    inspection.close(recorder)


@pytest.mark.rule(Rule.COOKIES)
def test_responses_set_no_cookies(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """No response sets a cookie: sessions use bearer tokens, which browsers do not attach to foreign requests."""
    inspection = Inspection(target, "cookie", "contracts/api.md Accounts: tokens are JWTs, sent as Bearer")
    for role, result in sample_responses(
        target, create_person(target, accounts), available_operations(target, recorder)
    ):
        inspection.count(result.operation.name)
        if cookie := result.answer.headers.get("set-cookie"):
            inspection.report(
                result, "sets a cookie", expected="no Set-Cookie", got=cookie.partition("=")[0], role=role
            )
    inspection.close(recorder)


@pytest.mark.rule(Rule.REQUEST_ID)
def test_responses_carry_the_request_id(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Every response has the id of its request. Responses of the Worker also have the security headers."""
    inspection = Inspection(target, "header", "contracts/api.md Everywhere: Request id, Security headers")
    policies = promises["security_headers"] if target.system == "worker" else {}
    for role, result in sample_responses(
        target, create_person(target, accounts), available_operations(target, recorder)
    ):
        inspection.count(result.operation.name)
        headers = result.answer.headers
        if headers.get_list("x-request-id") != [result.answer.request_id]:
            got = headers.get("x-request-id")
            inspection.report(result, "wrong request id", expected="the id that was sent", got=got, role=role)
        if target.system == "worker" and result.status >= 400 and result.answer.request.method != "HEAD":
            error = result.answer.json.get("error")
            members = error if isinstance(error, dict) else {}
            if members.get("request_id") != result.answer.request_id or not {"code", "message"} <= set(members):
                inspection.report(
                    result,
                    "wrong error object",
                    expected="code, message, request_id",
                    got=sorted(members),
                    role=role,
                    breaks=Rule.ERROR_FORMAT,
                )
        for name, policy in policies.items():
            if headers.get_list(name) != [policy]:
                inspection.report(
                    result,
                    f"no {name}",
                    expected=f"{name}: {policy}",
                    got=headers.get(name),
                    role=role,
                    breaks=Rule.SECURITY_HEADERS,
                )
    asked = target.present("no_such_operation", "health", "user", "list_files")[0]
    for sent in ("a b", "x" * 65, "<script>", "a,b", "a;b", "a\tb", "''"):
        result = target.call(asked, headers={"x-request-id": sent})
        got = result.answer.headers.get("x-request-id", "")
        if got == sent or re.fullmatch(r"[A-Za-z0-9._-]{1,64}", got) is None:
            inspection.report(result, "invalid request id", expected="a new id of A-Za-z0-9._-", got=repr(got))
    inspection.close(recorder)


@pytest.mark.system("worker")
@pytest.mark.rule(Rule.ISOLATION)
def test_cors_allows_only_the_own_origin(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """Responses allow exactly the own origin, no foreign origin, no wildcard and no credentials."""
    inspection = Inspection(target, "cors", "contracts/api.md Everywhere: CORS; Fetch Standard, CORS protocol")
    own = promises["cors"]["origin"]
    for origin in (own, f"{own}.evil.example"):
        for role, result in sample_responses(
            target, create_person(target, accounts), available_operations(target, recorder), {"origin": origin}
        ):
            operation = result.operation
            inspection.count(operation.name)
            headers = result.answer.headers
            below_api = operation.path.startswith("/api/") and origin == own
            got, wanted = headers.get_list("access-control-allow-origin"), [own] if below_api else []
            if got != wanted:
                kind = "own origin" if origin == own else "foreign origin"
                inspection.report(
                    result, f"{kind}: Allow-Origin", expected=wanted or "none", got=got, role=role, breaks=Rule.CORS
                )
            if "access-control-allow-credentials" in headers:
                # With credentials, a page of the allowed origin can use the user's session (Fetch, CORS protocol).
                foreign = origin != own and got == [origin]
                inspection.report(
                    result,
                    "allows credentials to a foreign origin" if foreign else "allows credentials",
                    expected="none",
                    got="Allow-Credentials",
                    role=role,
                    breaks=None if foreign else Rule.CORS,
                )
    inspection.close(recorder)
