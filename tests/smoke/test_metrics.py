"""What /metrics says can be believed by a watch. Plan: Automated Blue-Green Deployment, Cutover Runbook step 6."""

import math
import time
from typing import Any

import pytest

from cutover.core.recorder import Recorder
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.plan("Automated Blue-Green Deployment: error_rate of /metrics, in per cent"),
]

REQUESTS = 20
BLIND = "a watch that reads these metrics sees no errors because it sees no requests"
COUNTS = ("requests", "errors")
# Null exactly when nothing was counted: a watch must not read "no traffic" as "no errors".
FIGURES = ("error_rate", "response_time_avg", "response_time_p95")


def test_metrics_are_present_and_typed(target: Target, recorder: Recorder) -> None:
    """Counts are whole numbers, figures are numbers or, when nothing was counted, null."""
    target.call("user").expect_status(401, why="there is no token")  # so that there is something to count
    result = target.call("metrics").expect_status()
    counts = {name: result.field(name) for name in COUNTS}
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise result.failed(f"metrics:type:{name}", expected=f"{name}: a whole number", got=repr(value))
    for name in FIGURES:
        value = result.field(name)
        recorder.measure(name, value, "a number, null without requests", sample=counts["requests"])
        if (value is None) != (counts["requests"] == 0):
            raise result.failed(
                f"metrics:null:{name}", expected="null exactly when requests is 0", got=f"{value!r} at {counts}"
            )
        if value is not None and not _is_figure(value):
            raise result.failed(f"metrics:type:{name}", expected=f"{name}: a number, not below 0", got=repr(value))
    window = result.field("window_s")
    if not _is_figure(window) or window <= 0:
        raise result.failed("metrics:window", expected="the window in seconds", got=repr(window))


def test_error_rate_is_in_per_cent(target: Target, recorder: Recorder) -> None:
    """error_rate is 100 x errors / requests, between 0 and 100."""
    result = target.call("metrics").expect_status()
    requests, errors, rate = (result.field(name) for name in (*COUNTS, "error_rate"))
    recorder.measure("error rate (%)", rate, "= 100 x errors / requests", sample=requests)
    if requests and (not _is_figure(rate) or not math.isclose(rate, 100 * errors / requests, abs_tol=0.01)):
        raise result.failed(
            "metrics:per-cent", expected=f"{100 * errors / requests:g} % ({errors} of {requests})", got=repr(rate)
        )
    if not errors:
        recorder.note_undetectable("whether error_rate is a fraction or in per cent: there was no error to count")


def test_requests_are_counted(target: Target, recorder: Recorder) -> None:
    """Twenty requests more are counted as at least as many, where one isolate answers them all.

    The window slides: what came a window ago leaves the count while ours comes in. So the twenty are sent anew, for
    10 s at most, until that was not in the way. What the count lacks then is only excused when it is seen to shrink.
    """
    most, deadline, tries = -math.inf, time.monotonic() + 10, 0
    while most < REQUESTS and (tries == 0 or (target.environment.local_runtime and time.monotonic() < deadline)):
        before, tries = _counted(target.call("metrics").expect_status()), tries + 1
        for _ in range(REQUESTS):
            target.call("user").expect_status(401, why="there is no token")
        result = target.call("metrics").expect_status()
        after = _counted(result)
        most = max(most, after - before)
        if target.environment.local_runtime and after < REQUESTS:  # ours alone are as many, all within the window
            raise result.failed("metrics:not-counted", expected=f"{REQUESTS} or more", got=after, do_next=BLIND)
    recorder.measure(f"requests counted of {REQUESTS}", most, f">= {REQUESTS}", sample=tries)
    if not target.environment.local_runtime:
        recorder.note_undetectable("whether all requests are counted: /metrics speaks of one isolate of many")
    elif most < REQUESTS:
        if not _shrinks(target, after):
            raise result.failed(
                "metrics:not-counted", expected=f"{REQUESTS} requests more", got=f"{most} more, at best", do_next=BLIND
            )
        recorder.note_undetectable("whether all requests are counted: as many leave the window as come, in each try")


def _shrinks(target: Target, count: int) -> bool:
    """Whether the count goes down while we only look, for 5 s at most."""
    seen = [count]

    def less(result: Result) -> bool:
        seen.append(_counted(result))
        return seen[-1] < seen[-2]

    return target.poll(lambda: target.call("metrics").expect_status(), less, 5.0, interval_s=0.05)[2]


def _counted(result: Result) -> int:
    requests = result.field("requests")
    return requests if isinstance(requests, int) else 0


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
