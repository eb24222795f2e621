"""CORS: only the origin of the front end may read the API. Plan: env.production, CORS_ORIGIN."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.config.operations import Operation
from cutover.core.rule_table import Rule
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.plan("Cloudflare Workers Configuration: CORS_ORIGIN"),
    pytest.mark.rule(Rule.CORS),
]


# Operations that the front end does not call across origins: probes, and the front end itself.
NOT_READ_BY_THE_PAGE = ("health", "metrics", "index", "front_end", "no_such_operation")


def test_own_origin_is_allowed(target: Target, promises: Mapping[str, Any]) -> None:
    """The own origin is allowed exactly, without a wildcard, and Vary contains Origin."""
    origin = promises["cors"]["origin"]
    for operation in target.present("user", "no_such_operation"):
        result = target.call(operation, headers={"origin": origin})
        got = result.answer.headers.get("access-control-allow-origin")
        if got != origin:
            raise result.failed("cors:own-origin", expected=f"access-control-allow-origin: {origin}", got=repr(got))
        _expect_vary(result)


def test_foreign_origins_are_not_allowed(target: Target, promises: Mapping[str, Any]) -> None:
    """A foreign or similar origin, plain http and "null" are not allowed, by GET and by preflight."""
    own = promises["cors"]["origin"]
    scheme, _, host = own.partition("://")
    plain = (f"http://{host}",) if scheme == "https" else ()
    for origin in ("https://evil.example", f"{own}.evil.example", f"{scheme}://evil-{host}", *plain, "null"):
        for result in (
            target.call(target.protected_read, headers={"origin": origin}),
            _preflight(target, target.protected_read, "GET", origin),
        ):
            got = result.answer.headers.get("access-control-allow-origin")
            if got in (origin, "*"):
                raise result.failed(
                    "cors:foreign-origin",
                    expected=f"no access-control-allow-origin for {origin}",
                    got=repr(got),
                    do_next="any page in a user's browser can read this API: correct the allowed origins",
                )
            _expect_vary(result)


def test_preflight_allows_every_method_in_use(target: Target, promises: Mapping[str, Any]) -> None:
    """The preflight of each operation allows its method and the required headers to the own origin."""
    count = 0
    for name, operation in target.environment.operations[target.system].items():
        if operation.absent is not None or name in NOT_READ_BY_THE_PAGE:
            continue
        count += 1
        with target.judged(name):
            _expect_preflight(target, operation, promises)
    assert count, "contracts/operations.toml names no operation that a page could call"


def _expect_preflight(target: Target, operation: Operation, promises: Mapping[str, Any]) -> None:
    own = promises["cors"]["origin"]
    result = _preflight(target, operation.name, operation.method, own)
    if result.status not in (200, 204):
        raise result.failed("cors:preflight", expected="200 or 204", got=result.answer.excerpt)
    methods = _listed(result, "access-control-allow-methods")
    headers = _listed(result, "access-control-allow-headers")
    missing = {operation.method.lower()} - methods | set(promises["cors"]["headers"]) - headers
    if missing or result.answer.headers.get("access-control-allow-origin") != own:
        raise result.failed(
            "cors:preflight",
            expected=f"{operation.method} and {', '.join(promises['cors']['headers'])} for {own}",
            got=f"methods {sorted(methods)}, headers {sorted(headers)}, "
            f"origin {result.answer.headers.get('access-control-allow-origin')!r}",
        )


def _preflight(target: Target, name: str, method: str, origin: str) -> Result:
    asked = {
        "origin": origin,
        "access-control-request-method": method,
        "access-control-request-headers": "authorization,content-type",
    }
    path = {"file_id": "00000000-0000-4000-8000-000000000000", "filter_id": "1", "path": ""}
    return target.call(name, method="OPTIONS", headers=asked, path=path)


def _expect_vary(result: Result) -> None:
    if "origin" not in _listed(result, "vary"):
        raise result.failed(
            "cors:vary",
            expected="Vary: Origin",
            got=repr(result.answer.headers.get("vary")),
            do_next="a shared cache may serve the response for one origin to another: add Vary: Origin",
        )


def _listed(result: Result, header: str) -> set[str]:
    return {part.strip().lower() for part in result.answer.headers.get(header, "").split(",")} - {""}
