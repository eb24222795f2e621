"""HTTP methods: safe ones change nothing, undeclared ones are refused.

Contract: Statuses (405 with Allow), Methods, CORS; RFC 9110 9.
"""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import can_refresh
from cutover.config.operations import Operation
from cutover.contract.access_control import comparable_parts
from cutover.contract.account_snapshot import Judged, expect_unchanged, snapshot
from cutover.contract.finding_collector import Inspection, available_operations
from cutover.contract.valid_requests import OBJECTS, UNAUTHENTICATED, Person, create_person, valid_request
from cutover.core.errors import CheckFailed
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.plan("contracts/api.md, Statuses, Methods; RFC 9110 9"),
]

UNDECLARED: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
UNKNOWN: Final = ("TRACE", "PROPFIND", "CUTOVER")
IN_THE_BODY: Final = {"body", "header content-length", "header transfer-encoding"}
ALTERS: Final = ("health", "metrics")
"""Operations whose body, and thus its length, changes with each request."""
ACTIONS: Final = (
    "_method=DELETE", "action=delete", "delete=1", "method=POST", "percentage=100", "enable=true", "confirm=yes&id=1",
)  # fmt: skip
OVERRIDES: Final = dict.fromkeys(("x-http-method-override", "x-http-method", "x-method-override"), "DELETE")


@pytest.mark.rule(Rule.METHODS)
def test_undeclared_methods_are_refused(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """Undeclared methods return 405 with the declared ones in Allow, with and without a token."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "method", "contracts/api.md Everywhere: Statuses; RFC 9110 15.5.6")
    before = snapshot(target, person)
    for declared, operation in _paths(available_operations(target, recorder)):
        whole = declared | ({"HEAD"} if "GET" in declared else set())
        path = {"path": valid_request(operation.name, person).get("path")}
        for method in (*UNDECLARED, "OPTIONS"):
            if method in whole:
                continue
            for token, headers in ((None, {}), (person.token, {}), (person.token, _override(declared))):
                result = target.call(operation.name, method=method, token=token, headers=headers, **path)
                # A server may answer OPTIONS with the options of the path (RFC 9110 9.3.7).
                statuses = (405, 200, 204) if method == "OPTIONS" else (405,)
                if not inspection.expect_status(result, *statuses, defect=f"{method} is not 405"):
                    continue
                allowed = {each.strip() for each in result.answer.headers.get("allow", "").split(",")} - {"", "OPTIONS"}
                if allowed != whole:
                    inspection.report(
                        result, "wrong Allow", expected=f"Allow: {sorted(whole)}", got=f"Allow: {sorted(allowed)}"
                    )
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.rule(Rule.DISCLOSURE)
def test_unknown_methods_have_no_effect(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """TRACE and unknown methods are refused on every path and echo no part of the request."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "method:unknown", "contracts/api.md Everywhere: Statuses; RFC 9110 9.3.8")
    before = snapshot(target, person)
    for _, operation in _paths(available_operations(target, recorder)):
        path = {"path": valid_request(operation.name, person).get("path")}
        for method in UNKNOWN:
            try:
                result = target.call(
                    operation.name, method=method, token=person.token, headers={"x-echo": "cutover-echo"}, **path
                )
            except CheckFailed:
                inspection.count(operation.name)  # the server closed the connection, which is a refusal
                continue
            inspection.expect_status(
                result, *range(400, 500), 501, defect=f"{method} is not refused", breaks=Rule.METHODS
            )
            if b"cutover-echo" in result.body or person.token.reveal().encode() in result.body:
                inspection.report(result, f"{method} echoes headers", expected="no header in the body")
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


@pytest.mark.rule(Rule.HEAD)
def test_head_is_get_without_its_body(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """HEAD returns the status and headers of GET without a body: for the owner, anonymous and an unknown id."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "head", "contracts/api.md Everywhere: Methods; RFC 9110 9.3.2")
    for operation in available_operations(target, recorder):
        if operation.method != "GET":
            continue
        for token, asked in (
            (person.token, valid_request(operation.name, person)),
            (person.token, valid_request(operation.name, person.with_unknown_ids())),
            (None, valid_request(operation.name, person)),
        ):
            get = target.call(operation.name, token=token, **asked)
            head = target.call(operation.name, token=token, method="HEAD", **asked)
            inspection.count(operation.name)
            if head.body:
                inspection.report(head, "has a body", expected="no body", got=f"{len(head.body)} bytes")
            one, other = comparable_parts(get), comparable_parts(head)
            found = [name for name in sorted({*one, *other} - IN_THE_BODY) if one.get(name) != other.get(name)]
            # A chunked GET response has no Content-Length; the one of HEAD must be right all the same.
            length = head.answer.headers.get("content-length")
            if length is not None and length != str(len(get.body)) and operation.name not in ALTERS:
                found.append("length")
            if found:
                inspection.report(head, "differs from GET", expected="GET's status and headers", got=", ".join(found))
    inspection.close(recorder)


@pytest.mark.never_waived("loss of data")
@pytest.mark.rule(Rule.DATA_LOSS)
def test_get_changes_nothing(target: Target, accounts: Accounts, recorder: Recorder) -> None:
    """GET and HEAD change no data, whatever action a query or header requests."""
    person = create_person(target, accounts, objects=OBJECTS)
    inspection = Inspection(target, "safe-method", "RFC 9110 9.2.1; plan: migration control changes state on a GET")
    before = snapshot(target, person, Judged.DATA)
    for operation in available_operations(target, recorder):
        if operation.method != "GET":
            continue
        asked = valid_request(operation.name, person)
        for query in ACTIONS:
            result = target.call(operation.name, token=person.token, query=query, **asked)
            # 503: the status of an unhealthy system on /health.
            inspection.expect_status(
                result, *result.operation.statuses, 503, defect="a query is refused", breaks=Rule.VALIDATION
            )
        for method in ("GET", "HEAD"):
            target.call(operation.name, token=person.token, method=method, headers=OVERRIDES, **asked)
    expect_unchanged(inspection, person, before)
    if not can_refresh(target, person.account):
        inspection.close(recorder)
        return
    with target.judged("refresh"):
        target.call("refresh", **valid_request("refresh", person)).expect_status(200, why="no GET ended the session")
    inspection.close(recorder)


@pytest.mark.system("worker")
@pytest.mark.rule(Rule.DATA_LOSS)
def test_preflights_have_no_effect(
    target: Target, accounts: Accounts, promises: Mapping[str, Any], recorder: Recorder
) -> None:
    """A preflight needs no token, lists the methods to the own origin only, and does not execute the request."""
    person = create_person(target, accounts)
    inspection = Inspection(target, "preflight", "contracts/api.md Everywhere: CORS; Fetch Standard, CORS-preflight")
    own = promises["cors"]["origin"]
    before = snapshot(target, person, Judged.DATA)
    for declared, operation in _paths(available_operations(target, recorder)):
        if not operation.path.startswith("/api/") or operation.name == "no_such_operation":
            continue
        for origin in (own, "https://evil.example", f"{own}.evil.example", "null"):
            _preflight(inspection, person, operation, declared, origin, own=own)
    expect_unchanged(inspection, person, before)
    inspection.close(recorder)


def _override(declared: set[str]) -> dict[str, str]:
    """Return method override headers for the most destructive declared method."""
    most_destructive = next((method for method in ("DELETE", "PATCH", "POST") if method in declared), "GET")
    return dict.fromkeys(OVERRIDES, most_destructive)


def _preflight(
    inspection: Inspection, person: Person, operation: Operation, declared: set[str], origin: str, *, own: str
) -> None:
    asked = {
        "origin": origin,
        "access-control-request-method": operation.method,
        "access-control-request-headers": "authorization",
    }
    path = valid_request(operation.name, person).get("path")
    token = person.token if operation.name not in UNAUTHENTICATED else None
    result = inspection.target.call(operation.name, method="OPTIONS", headers=asked, path=path, token=token)
    if not inspection.expect_status(result, 204, 200, defect="refused", breaks=Rule.CORS):
        return
    headers = result.answer.headers
    allowed = headers.get_list("access-control-allow-origin")
    if allowed != ([own] if origin == own else []):
        kind = "own origin" if origin == own else "foreign origin"
        inspection.report(
            result,
            f"{kind}: Allow-Origin",
            expected=own if origin == own else "none",
            got=allowed,
            breaks=Rule.CORS,
        )
    methods = {each.strip() for each in headers.get("access-control-allow-methods", "").split(",")} - {
        "",
        "HEAD",
        "OPTIONS",
    }
    if origin == own and methods != declared:
        inspection.report(result, "wrong methods", expected=sorted(declared), got=sorted(methods), breaks=Rule.CORS)
    if "access-control-allow-credentials" in headers or "*" in methods:
        inspection.report(
            result,
            "allows too much",
            expected="no credentials and no wildcard",
            got=sorted(methods),
            breaks=Rule.CORS,
        )


def _paths(operations: list[Operation]) -> list[tuple[set[str], Operation]]:
    """Return (declared methods, one of its operations) for each path in operations.toml."""
    found: dict[str, tuple[set[str], Operation]] = {}
    for operation in operations:
        if operation.name in ("front_end", "no_such_operation"):
            continue
        methods, _ = found.setdefault(operation.path, (set(), operation))
        methods.add(operation.method)
    return list(found.values())
