"""The plan's exact security headers on every kind of response. Plan: SSL Certificate Configuration."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.core.rule_table import Rule
from cutover.systems.front_end import assets_of
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.plan("SSL Certificate Configuration: addSecurityHeaders"),
    pytest.mark.rule(Rule.SECURITY_HEADERS),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_api_answers_carry_security_headers(target: Target, promises: Mapping[str, Any], method: str) -> None:
    """Health and metrics have the security headers, by GET and by HEAD."""
    for operation in target.present("health", "metrics"):
        _expect_headers(target.call(operation, method=method).expect_status(), promises)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_errors_carry_security_headers(target: Target, promises: Mapping[str, Any], method: str) -> None:
    """Responses 401, 404 and 405 have the security headers, by GET and by HEAD."""
    expected = {"user": 401, "no_such_operation": 404, "login": 405}
    for operation in target.present(*expected):
        _expect_headers(target.call(operation, method=method).expect_status(expected[operation]), promises)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_front_end_carries_security_headers(target: Target, promises: Mapping[str, Any], method: str) -> None:
    """The index, a route and every asset of the index have the security headers, by GET and by HEAD."""
    index = target.call("index").expect_status()
    _expect_headers(target.call("index", method=method).expect_status(), promises)
    route = promises["front_end"]["app_routes"][0].removeprefix("/")
    for path in (route, *assets_of(index)):
        _expect_headers(target.call("front_end", path={"path": path}, method=method).expect_status(), promises)


@pytest.mark.needs("https")
def test_https_redirect_carries_security_headers(target: Target, promises: Mapping[str, Any]) -> None:
    """The redirect from http to https has the security headers."""
    _expect_headers(target.over_http("/health"), promises)


def _expect_headers(result: Result, promises: Mapping[str, Any]) -> None:
    for name, policy in promises["security_headers"].items():
        got = result.answer.headers.get(name)
        if got != policy:
            raise result.failed(
                f"header:{name}",
                expected=f"{name}: {policy} (contracts/promises.toml)",
                got=repr(got),
                do_next=f"correct the header of {result.answer.request.method} {result.answer.request.operation} "
                f"({result.status})",
            )
