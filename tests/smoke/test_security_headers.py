"""The plan's security headers, exactly, on every kind of answer. Plan: SSL Certificate Configuration."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.systems.front_end import assets_of
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.plan("SSL Certificate Configuration: addSecurityHeaders"),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_api_answers_carry_security_headers(target: Target, promises: Mapping[str, Any], method: str) -> None:
    """Health and metrics, by GET and by HEAD."""
    for operation in ("health", "metrics"):
        _expect_headers(target.call(operation, method=method).expect_status(), promises)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_errors_carry_security_headers(target: Target, promises: Mapping[str, Any], method: str) -> None:
    """401 without a token, 404 of an unknown path, 405 of a method that is not the path's, by GET and by HEAD."""
    _expect_headers(target.call("user", method=method).expect_status(401), promises)
    _expect_headers(target.call("no_such_operation", method=method).expect_status(404), promises)
    _expect_headers(target.call("login", method=method).expect_status(405), promises)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_front_end_carries_security_headers(target: Target, promises: Mapping[str, Any], method: str) -> None:
    """The index, a route of the application and every asset that the index names, by GET and by HEAD."""
    index = target.call("index").expect_status()
    _expect_headers(target.call("index", method=method).expect_status(), promises)
    route = promises["front_end"]["app_routes"][0].removeprefix("/")
    for path in (route, *assets_of(index)):
        _expect_headers(target.call("front_end", path={"path": path}, method=method).expect_status(), promises)


@pytest.mark.needs("https")
def test_https_redirect_carries_security_headers(target: Target, promises: Mapping[str, Any]) -> None:
    """The way from http to https has them too."""
    _expect_headers(target.over_http("/health"), promises)


def _expect_headers(result: Result, promises: Mapping[str, Any]) -> None:
    for name, policy in promises["security_headers"].items():
        got = result.answer.headers.get(name)
        if got != policy:
            raise result.failed(
                f"header:{name}",
                expected=f"{name}: {policy} (contracts/promises.toml)",
                got=repr(got),
                do_next=f"on {result.answer.request.method} {result.answer.request.operation} ({result.status})",
            )
