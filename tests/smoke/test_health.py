"""What /health says is true. Plan: Production Monitoring Setup (checkSystemHealth)."""

import datetime
import math
import time

import pytest

from cutover.accounts.registered import Accounts
from cutover.core.recorder import Recorder
from cutover.systems.target import Result, Target

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
# Our clock and theirs are both set by NTP; more than this is a copy or a broken clock.
CLOCKS_DIFFER = datetime.timedelta(seconds=30)
# Of these a runtime, or an idle system, may say null, which the contract calls healthy.
MAY_BE_NULL = ("memory", "response_time")


def test_health_status_is_healthy(target: Target, recorder: Recorder) -> None:
    """Health answers 200 and its word is "healthy"."""
    result = _awake(target, recorder).expect_status()
    word = result.field("status")
    recorder.measure("health status", word, "healthy")
    if word != "healthy":
        raise result.failed(
            "health:word",
            expected='status "healthy"',
            got=f"{word!r}, unhealthy parts: {', '.join(_unhealthy(result)) or 'none'}",
            do_next="the parts that are named are over their limit, or their service does not answer",
        )


def test_health_parts_are_within_limits(target: Target, recorder: Recorder) -> None:
    """Each part of health has its figure, within the plan's limit, and says "healthy" exactly when it is."""
    result = _awake(target, recorder).expect_status(200, 503)
    for part in _parts(result):
        limit, unit = LIMITS[part]
        healthy, figure = result.field(f"{part}_healthy"), result.field(f"{part}_figure")
        recorder.measure(f"{part} ({unit})", figure, f"< {limit:g}")
        if not isinstance(healthy, bool):
            raise result.failed(f"health:flag:{part}", expected="healthy: true or false", got=repr(healthy))
        if figure is None and part in MAY_BE_NULL:
            recorder.note_undetectable(f"{target.system}: {part} is not told by the runtime")
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


def test_health_status_matches_its_parts(target: Target) -> None:
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


def test_health_is_fresh(target: Target, recorder: Recorder) -> None:
    """Each answer of health is made anew: its time lies between our asking and its arriving, and may not be cached."""
    times = []
    for _ in range(2):
        asked = datetime.datetime.now(datetime.UTC)
        result = target.call("health").expect_status(200, 503)
        arrived = datetime.datetime.now(datetime.UTC)
        told = _instant(result)
        recorder.measure("health's clock against ours (s)", round((told - arrived).total_seconds(), 3), "within 30")
        if not asked - CLOCKS_DIFFER <= told <= arrived + CLOCKS_DIFFER:
            raise result.failed(
                "health:old",
                expected=f"a time near {arrived:%H:%M:%S} UTC",
                got=f"{told.isoformat()}: a copy, or a clock",
            )
        policy = result.answer.headers.get("cache-control", "")
        if "no-store" not in policy or "age" in result.answer.headers:
            raise result.failed("health:cacheable", expected="Cache-Control: no-store, no Age", got=repr(policy))
        times.append(told)
        time.sleep(0.01)  # the time stamps have milliseconds: two answers need one to differ
    if times[1] <= times[0]:
        raise result.failed(
            "health:copied",
            expected="a later time in the second answer",
            got=f"{times[0].isoformat()}, then {times[1].isoformat()}",
            do_next="health is answered from a cache: a watch would see the past",
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


def _awake(target: Target, recorder: Recorder) -> Result:
    """Health once it is awake and left alone: the second to fourth answer, the first that is healthy.

    The first after an idle time wakes the databases, and its figures say that; and our own uploads of
    another process may be in the way of one. What is unhealthy in each answer is the deployment's.
    """
    first = target.call("health")
    recorder.measure("first health answer (ms)", round(first.answer.elapsed_s * 1000, 1), "reported")
    result, seconds, healthy = target.poll(
        lambda: target.call("health"),
        lambda seen: seen.status == 200 and seen.field("status") == "healthy",
        1.0,
        interval_s=0.5,
    )
    if healthy and seconds > 0.5:
        recorder.notes.append(f"health was not healthy at once, but after {seconds:.1f} s")
    return result


def _instant(result: Result) -> datetime.datetime:
    """The answer's time. RFC 3339 in UTC, as the contract says."""
    text = result.field("timestamp")
    try:
        told = datetime.datetime.fromisoformat(text)
    except (TypeError, ValueError):
        told = None
    if told is None or told.tzinfo is None:
        raise result.failed("health:timestamp", expected="an RFC 3339 time with its zone", got=repr(text))
    return told


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
