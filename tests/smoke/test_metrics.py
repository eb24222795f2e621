"""Correctness of /metrics. Plan: Automated Blue-Green Deployment, Cutover Runbook step 6."""

import hashlib
import math
import secrets
import time
from typing import Any

import pytest

from cutover import corpus
from cutover.accounts.registered import Account, Accounts
from cutover.accounts.sessions import object_key_of
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.stores import ObjectStore
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker"),
    pytest.mark.plan("Automated Blue-Green Deployment: error_rate of /metrics, in per cent"),
    pytest.mark.rule(Rule.METRICS),
]

REQUESTS = 20
ERRORS = 3
TRIES = 5
BLIND = "correct the metrics: monitoring sees no errors because it sees no requests"
UNSEEN = "correct the metrics: users get errors, and error_rate stays 0. No watch of the cutover would roll back"
COUNTS = ("requests", "errors")
# Null exactly if no request was counted: monitoring must not read "no traffic" as "no errors".
FIGURES = ("error_rate", "response_time_avg", "response_time_p95")


def test_metrics_are_present_and_typed(target: Target, recorder: Recorder) -> None:
    """Counts are integers, and figures are numbers, or null without requests."""
    target.operation("metrics")
    target.call(target.protected_read).expect_status(401, why="there is no token")  # at least one request to count
    result = target.call("metrics").expect_status()
    counts = {name: result.field(name) for name in COUNTS}
    for name, value in counts.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise result.failed(f"metrics:type:{name}", expected=f"{name}: an integer, 0 or more", got=repr(value))
    for name in FIGURES:
        value = result.field(name)
        recorder.measure(name, value, "a number, null without requests", sample=counts["requests"])
        if (value is None) != (counts["requests"] == 0):
            raise result.failed(
                f"metrics:null:{name}", expected="null exactly when requests is 0", got=f"{value!r} at {counts}"
            )
        if value is not None and not _is_figure(value):
            raise result.failed(f"metrics:type:{name}", expected=f"{name}: a number, 0 or more", got=repr(value))
    window = result.field("window_s")
    if not _is_figure(window) or window <= 0:
        raise result.failed("metrics:window", expected="the window in seconds", got=repr(window))


def test_error_rate_is_in_per_cent(target: Target, recorder: Recorder) -> None:
    """error_rate is 100 x errors / requests, between 0 and 100."""
    result = target.call("metrics").expect_status()
    if not _expect_per_cent(result, recorder):
        recorder.note_undetectable("error_rate as a fraction instead of per cent: no error was counted")


def test_requests_are_counted(target: Target, recorder: Recorder) -> None:
    """Twenty further requests increase the count by at least twenty if one isolate handles them all.

    The window slides, so older requests leave the count meanwhile. The twenty requests are repeated for at most 10 s
    until the count increases enough. A smaller increase is only accepted if the count is seen to decrease.
    """
    most, deadline, tries = -math.inf, time.monotonic() + 10, 0
    while most < REQUESTS and (tries == 0 or (target.environment.local_runtime and time.monotonic() < deadline)):
        before, tries = _counted(target.call("metrics").expect_status()), tries + 1
        for _ in range(REQUESTS):
            target.call(target.protected_read).expect_status(401, why="there is no token")
        result = target.call("metrics").expect_status()
        after = _counted(result)
        most = max(most, after - before)
        if target.environment.local_runtime and after < REQUESTS:  # our own requests are within the window
            raise result.failed("metrics:not-counted", expected=f"{REQUESTS} or more", got=after, do_next=BLIND)
    recorder.measure(f"requests counted of {REQUESTS}", most, f">= {REQUESTS}", sample=tries)
    if not target.environment.local_runtime:
        recorder.note_undetectable("uncounted requests: /metrics describes one of many isolates")
    elif most < REQUESTS:
        if not _shrinks(target, after):
            raise result.failed(
                "metrics:not-counted", expected=f"{REQUESTS} more requests", got=f"{most} more at most", do_next=BLIND
            )
        recorder.note_undetectable("uncounted requests: in each try as many requests left the window as were sent")


@pytest.mark.level("test-data")
@pytest.mark.needs("r2")
def test_errors_are_counted(target: Target, accounts: Accounts, object_store: ObjectStore, recorder: Recorder) -> None:
    """Three downloads of an own file that end with 5xx, because its object was removed, increase errors by three.

    The window slides as for requests: the downloads are repeated until the count increases enough, at most five times.
    """
    target.operation("metrics")
    account = accounts.new()
    path = _file_without_object(target, account, object_store)
    if path is None:
        recorder.note_undetectable("uncounted errors: the keys of r2 may not delete the object of a test file")
        return
    for tries in range(1, TRIES + 1):  # noqa: B007 - `tries` is measured after the loop
        before = _counted(target.call("metrics").expect_status(), "errors")
        for _ in range(ERRORS):
            lost = target.call("download", token=account.access_token, path=path)
            if lost.succeeded:
                raise lost.failed(
                    "metrics:lost-object",
                    expected="an error: the object of the file does not exist",
                    got=lost.answer.excerpt,
                    breaks=Rule.DATA_LOSS,
                )
            if lost.status < 500:
                recorder.note_undetectable(f"uncounted errors: this download ends with {lost.status}, not with 5xx")
                return
        result = target.call("metrics").expect_status()
        after = _counted(result, "errors")
        if after - before >= ERRORS:
            break
        if target.environment.local_runtime and after < ERRORS:  # our own errors are within the window
            break
    recorder.measure(f"errors counted of {ERRORS}", after - before, f">= {ERRORS}", sample=tries)
    if after - before >= ERRORS:
        _expect_per_cent(result, recorder)
    elif target.environment.local_runtime:
        raise result.failed(
            "metrics:errors-not-counted", expected=f"{ERRORS} more errors", got=f"{after - before} more", do_next=UNSEEN
        )
    else:
        recorder.note_undetectable("uncounted errors: /metrics describes one of many isolates")


def _file_without_object(target: Target, account: Account, object_store: ObjectStore) -> dict[str, str] | None:
    """Upload a file, remove its object, and return the path parameters. None if the keys may only read."""
    content = corpus.list_file("tabs").content + secrets.token_hex(16).encode() + b"\n"
    sent = ("without-object.csv", content, "text/csv")
    uploaded = target.prepare("upload", token=account.access_token, file=sent, having=("file_id",))
    path = {"file_id": str(uploaded.field("file_id"))}
    target.prepare("download", token=account.access_token, path=path)
    removed = object_store.remove_own(object_key_of(target, account, uploaded), hashlib.sha256(content).hexdigest())
    return path if removed else None


def _expect_per_cent(result: Result, recorder: Recorder) -> bool:
    """Expect that error_rate is 100 x errors / requests. Return True if an error was counted."""
    requests, errors, rate = (result.field(name) for name in (*COUNTS, "error_rate"))
    recorder.measure("error rate (%)", rate, "= 100 x errors / requests", sample=requests)
    if requests and (not _is_figure(rate) or not math.isclose(rate, 100 * errors / requests, abs_tol=0.01)):
        raise result.failed(
            "metrics:per-cent", expected=f"{100 * errors / requests:g} % ({errors} of {requests})", got=repr(rate)
        )
    return bool(errors)


def _shrinks(target: Target, count: int) -> bool:
    """Return True if the count decreases within 5 s without further requests."""
    seen = [count]

    def less(result: Result) -> bool:
        seen.append(_counted(result))
        return seen[-1] < seen[-2]

    return target.poll(lambda: target.call("metrics").expect_status(), less, 5.0, interval_s=0.05)[2]


def _counted(result: Result, name: str = "requests") -> int:
    count = result.field(name)
    return count if isinstance(count, int) else 0


def _is_figure(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf
