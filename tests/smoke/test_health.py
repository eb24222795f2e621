"""Correctness of /health. Plan: Production Monitoring Setup (checkSystemHealth)."""

import datetime
import math
import time
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.registered import Accounts
from cutover.config.operations import Operation
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.plan("Production Monitoring Setup: checkSystemHealth"),
    pytest.mark.rule(Rule.HEALTH),
]

# The plan's limits: part -> (limit, unit). A part is healthy if its figure is below the limit.
LIMITS = {
    "database": (100.0, "ms"),
    "storage": (200.0, "ms"),
    "memory": (0.8 * 128 * 1024 * 1024, "bytes"),
    "response_time": (200.0, "ms"),
}
# NTP sets both clocks; a larger difference means a cached response or a wrong clock.
CLOCKS_DIFFER = datetime.timedelta(seconds=30)
# Figures that may be null on some runtimes or an idle system. The contract counts null as healthy.
MAY_BE_NULL = ("memory", "response_time")


def test_health_status_is_healthy(target: Target, promises: Mapping[str, Any], recorder: Recorder) -> None:
    """Health returns 200 with the status "healthy"."""
    target.operation("health").require("response", "status")
    word = promises["health"]["healthy"]
    result = _warmed_up(target, recorder, word).expect_status()
    status = result.field("status")
    recorder.measure("health status", status, word)
    if status != word:
        raise result.failed(
            "health:word",
            expected=f"status {word!r}",
            got=f"{status!r}, unhealthy parts: {', '.join(_unhealthy(result)) or 'none'}",
            do_next="check these parts: they exceed their limit, or their service does not respond",
        )


def test_health_parts_are_within_limits(target: Target, promises: Mapping[str, Any], recorder: Recorder) -> None:
    """Each part of /health has a figure within the plan's limit and a flag that matches it."""
    parts = _declared(target.operation("health"))
    result = _warmed_up(target, recorder, promises["health"]["healthy"]).expect_status(200, 503)
    _expect_parts(result, parts)
    for part in parts:
        limit, unit = LIMITS[part]
        healthy = result.field(f"{part}_healthy")
        if not result.operation.has(f"{part}_figure"):
            if not isinstance(healthy, bool):
                raise result.failed(f"health:flag:{part}", expected="healthy: true or false", got=repr(healthy))
            continue
        figure = result.field(f"{part}_figure")
        recorder.measure(f"{part} ({unit})", figure, f"< {limit:g}")
        if not isinstance(healthy, bool):
            raise result.failed(f"health:flag:{part}", expected="healthy: true or false", got=repr(healthy))
        if figure is None and part in MAY_BE_NULL:
            recorder.note_undetectable(f"{target.system}: the runtime does not report {part}")
            continue
        if isinstance(figure, bool) or not isinstance(figure, (int, float)) or not 0 <= figure < math.inf:
            raise result.failed(f"health:figure:{part}", expected=f"a number of {unit}", got=repr(figure))
        if healthy is not (figure < limit):
            raise result.failed(
                f"health:flag:{part}",
                expected=f"healthy = {figure < limit} at {figure:g} {unit} (limit {limit:g})",
                got=f"healthy = {healthy}",
                do_next="check the service of this part, and how its flag is derived from its figure",
            )


def test_health_status_matches_its_parts(target: Target, promises: Mapping[str, Any]) -> None:
    """The status is "healthy" without unhealthy parts, "degraded" with one, and "unhealthy" (503) with more."""
    health = target.operation("health")
    health.require("response", "status")
    parts = _declared(health)
    result = target.call("health").expect_status(200, 503)
    _expect_parts(result, parts)
    count = len(_unhealthy(result))
    expected = promises["health"][("healthy", "degraded", "unhealthy")[min(count, 2)]]
    status = 503 if count >= 2 else 200
    if (result.field("status"), result.status) != (expected, status):
        raise result.failed(
            "health:disagrees",
            expected=f"{expected!r} with status {status} for {count} unhealthy parts",
            got=f"{result.field('status')!r} with status {result.status}",
        )


def test_health_is_fresh(target: Target, recorder: Recorder) -> None:
    """Each response of /health is new and not cacheable: its time is between request and response."""
    times = []
    for _ in range(2):
        sent = datetime.datetime.now(datetime.UTC)
        result = target.call("health").expect_status(200, 503)
        received = datetime.datetime.now(datetime.UTC)
        stamp = _timestamp(result)
        recorder.measure("clock difference of health (s)", round((stamp - received).total_seconds(), 3), "within 30")
        if not sent - CLOCKS_DIFFER <= stamp <= received + CLOCKS_DIFFER:
            raise result.failed(
                "health:old",
                expected=f"a time near {received:%H:%M:%S} UTC",
                got=f"{stamp.isoformat()}: a cached response or a wrong clock",
            )
        policy = result.answer.headers.get("cache-control", "")
        if "no-store" not in policy or "age" in result.answer.headers:
            raise result.failed("health:cacheable", expected="Cache-Control: no-store, no Age", got=repr(policy))
        times.append(stamp)
        time.sleep(0.01)  # the resolution of the time stamps is 1 ms
    if times[1] <= times[0]:
        raise result.failed(
            "health:copied",
            expected="a later time in the second response",
            got=f"{times[0].isoformat()}, then {times[1].isoformat()}",
            do_next="health is served from a cache, so monitoring would see old data: disable the cache",
        )


@pytest.mark.level("test-data")
def test_healthy_database_answers_a_login(target: Target, accounts: Accounts) -> None:
    """If health reports a healthy database, a login of an unknown user returns 401 and not 5xx."""
    target.operation("health").require("response", "database_healthy")
    before = target.call("health").expect_status(200, 503)
    unknown = accounts.name()
    login = target.call("login", fields={"username": unknown.username, "password": unknown.password})
    after = target.call("health").expect_status(200, 503)
    claims = [_claim(result) for result in (before, after)]
    if login.status >= 500 and any(claims):
        raise after.failed(
            "health:untrue:database",
            expected="a working database, or /health reports that it is unhealthy",
            got=f"/health reports a healthy database, and the login returned {login.answer.excerpt}",
            do_next="correct the health check: monitoring cannot rely on it",
        )
    login.expect_status(401, why="the name is not registered")


def _warmed_up(target: Target, recorder: Recorder, word: str) -> Result:
    """Return the first healthy of the second to fourth responses of /health, or the last of them.

    The first response after an idle time includes the start of the databases, and uploads of another process can slow
    down a single response. A deployment that is unhealthy in all responses is unhealthy.
    """
    first = target.call("health")
    recorder.measure("first health response (ms)", round(first.answer.elapsed_s * 1000, 1), "reported")
    result, seconds, healthy = target.poll(
        lambda: target.call("health"),
        lambda seen: seen.succeeded and seen.field_if_declared("status") in (word, None),
        1.0,
        interval_s=0.5,
    )
    if healthy and seconds > 0.5:
        recorder.notes.append(f"/health was healthy only after {seconds:.1f} s")
    return result


def _timestamp(result: Result) -> datetime.datetime:
    """Return the time of the response (RFC 3339, UTC)."""
    text = result.field("timestamp")
    try:
        stamp = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        stamp = None
    if stamp is None or stamp.tzinfo is None:
        raise result.failed("health:timestamp", expected="an RFC 3339 time with its zone", got=repr(text))
    return stamp


def _claim(result: Result) -> bool:
    return result.field("database_healthy") is True


def _declared(health: Operation) -> list[str]:
    """Return the parts whose flag the response has. Raises NotApplicable if the environment dropped all of them."""
    declared = [part for part in LIMITS if health.has(f"{part}_healthy")]
    if not declared:
        health.require("response", "database_healthy")
    return declared


def _expect_parts(result: Result, declared: list[str]) -> None:
    """Expect the declared parts and no others."""
    if not result.operation.has("parts"):
        return
    parts = result.field("parts")
    if not isinstance(parts, dict) or len(parts) != len(declared):
        raise result.failed("health:parts", expected=f"the parts {', '.join(declared)}", got=repr(parts)[:200])


def _unhealthy(result: Result) -> list[str]:
    declared = [part for part in LIMITS if result.operation.has(f"{part}_healthy")]
    return [part for part in declared if result.field(f"{part}_healthy") is not True]
