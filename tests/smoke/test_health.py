"""What /health says is true. Plan: Production Monitoring Setup (checkSystemHealth)."""

import math

import pytest

from cutover.accounts import Accounts
from cutover.journal import Journal
from cutover.targets import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.plan("Production Monitoring Setup: checkSystemHealth"),
]

# The plan's limits: part -> (limit, unit). A figure must be below its limit to be healthy.
LIMITS = {
    "database": (100.0, "ms"),
    "storage": (200.0, "ms"),
    "memory": (0.8 * 128 * 1024 * 1024, "bytes"),
    "response_time": (200.0, "ms"),
}
# Of these a runtime, or an idle system, may say null, which the contract calls healthy.
MAY_BE_NULL = ("memory", "response_time")


def test_status_word_is_healthy(target: Target, journal: Journal) -> None:
    """Health answers 200 and its word is "healthy"."""
    result = _awake(target, journal).expect_status()
    word = result.field("status")
    journal.measure("health status", word, "healthy")
    if word != "healthy":
        raise result.failed(
            "health:word",
            expected='status "healthy"',
            got=f"{word!r}, unhealthy parts: {', '.join(_unhealthy(result)) or 'none'}",
            do_next="the parts that are named are over their limit, or their service does not answer",
        )


def test_parts_are_within_limits(target: Target, journal: Journal) -> None:
    """Each part of health has its figure, within the plan's limit, and says "healthy" exactly when it is."""
    result = _awake(target, journal).expect_status(200, 503)
    for part in _parts(result):
        limit, unit = LIMITS[part]
        healthy, figure = result.field(f"{part}_healthy"), result.field(f"{part}_figure")
        journal.measure(f"{part} ({unit})", figure, f"< {limit:g}")
        if not isinstance(healthy, bool):
            raise result.failed(f"health:flag:{part}", expected="healthy: true or false", got=repr(healthy))
        if figure is None and part in MAY_BE_NULL:
            journal.could_not_see(f"{target.system}: {part} is not told by the runtime")
            continue
        if isinstance(figure, bool) or not isinstance(figure, (int, float)) or not 0 <= figure < math.inf:
            raise result.failed(f"health:figure:{part}", expected=f"a number of {unit}", got=repr(figure))
        if healthy is not (figure < limit):
            raise result.failed(
                f"health:flag:{part}",
                expected=f"healthy = {figure < limit} at {figure:g} {unit} (limit {limit:g})",
                got=f"healthy = {healthy}",
                do_next="either the service behind this part failed, or its flag is not derived from its figure",
            )


def test_word_agrees_with_parts(target: Target) -> None:
    """No unhealthy part is "healthy", one is "degraded", two or more are "unhealthy" and answer 503."""
    result = target.call("health").expect_status(200, 503)
    count = len(_unhealthy(result))
    expected = ("healthy", "degraded")[count] if count < 2 else "unhealthy"
    status = 503 if count >= 2 else 200
    if (result.field("status"), result.status) != (expected, status):
        raise result.failed(
            "health:disagrees",
            expected=f"{expected!r} with status {status} for {count} unhealthy parts",
            got=f"{result.field('status')!r} with status {result.status}",
        )


@pytest.mark.level("test-data")
def test_healthy_database_answers_a_login(target: Target, accounts: Accounts) -> None:
    """While health calls the database healthy, what needs the database works: an unknown login is 401, not 5xx."""
    before = target.call("health").expect_status(200, 503)
    nobody = accounts.name()
    login = target.call("login", fields={"username": nobody.username, "password": nobody.password})
    after = target.call("health").expect_status(200, 503)
    claims = [_claim(result) for result in (before, after)]
    if login.status >= 500 and any(claims):
        raise after.failed(
            "health:untrue:database",
            expected="a database that answers, as health says, or health that says it does not",
            got=f"health says healthy, and a login was answered {login.answer.excerpt}",
            do_next="health is not to be believed on this deployment: every watch that reads it is blind",
        )
    login.expect_status(401, why="nobody has this name")


def _awake(target: Target, journal: Journal) -> Result:
    """Health's second answer: the first after an idle time wakes the databases, and its figures say that."""
    first = target.call("health")
    journal.measure("first health answer (ms)", round(first.answer.elapsed_s * 1000, 1), "reported")
    return target.call("health")


def _claim(result: Result) -> bool:
    return result.field("database_healthy") is True


def _parts(result: Result) -> list[str]:
    declared = [part for part in LIMITS if f"{part}_healthy" in result.operation.response]
    parts = result.field("parts")
    if not isinstance(parts, dict) or len(parts) != len(declared):
        raise result.failed("health:parts", expected=f"the parts {', '.join(declared)}", got=repr(parts)[:200])
    return declared


def _unhealthy(result: Result) -> list[str]:
    return [part for part in _parts(result) if result.field(f"{part}_healthy") is not True]
