"""Comparison of old and new on generated latencies: equal systems are not worse, and worse ones are found."""

from functools import partial
from random import Random

import pytest
from tests.suite.support.load_series import ROOT

from cutover.load.compare import MIN_REQUESTS_PER_SIDE
from cutover.load.threshold_result import State, ThresholdResult, evaluate_threshold
from cutover.load.thresholds import Threshold, load_thresholds
from cutover.traffic.ledger import LedgerTotals, Outcome

pytestmark = pytest.mark.unit

RUNS = 30
MEDIAN_US = 12_000


def record_generated(
    random: Random, totals: LedgerTotals, side: str, *, slower: float = 1.0, tail: float = 0.0, errors: float = 0.0
) -> None:
    """Record 5,000 lognormal latencies. slower: factor for all; tail: fraction that takes 8 times as long."""
    cell = totals.cell("list_files", side)
    failed = sum(random.random() < errors for _ in range(MIN_REQUESTS_PER_SIDE))
    cell.latency.record_all(
        [
            int(MEDIAN_US * random.lognormvariate(0, 0.5) * slower * (8 if random.random() < tail else 1))
            for _ in range(MIN_REQUESTS_PER_SIDE - failed)
        ]
    )
    cell.outcomes[Outcome.OK], cell.outcomes[Outcome.HTTP_ERROR] = MIN_REQUESTS_PER_SIDE - failed, failed


def results_of(seed: int, **new: float) -> dict[str, ThresholdResult]:
    """Return the result of each threshold of a comparison by its metric."""
    random, totals = Random(seed), LedgerTotals()  # noqa: S311 - repeatable samples, not secrets
    record_generated(random, totals, "old", errors=0.001)
    record_generated(random, totals, "new", **{"errors": 0.001, **new})
    return {threshold.metric.name: evaluate_threshold(threshold, totals, ("old", "new")) for threshold in comparing()}


def comparing() -> list[Threshold]:
    return [threshold for threshold in load_thresholds(ROOT) if threshold.metric.compares]


def states(**new: float) -> list[dict[str, State]]:
    return [{name: one.state for name, one in results_of(seed, **new).items()} for seed in range(RUNS)]


def test_equal_systems_are_never_worse() -> None:
    """No threshold breaks in 30 comparisons of 5,000 requests per side; at least 90 % keep all."""
    found = states()
    assert not [each for each in found if State.BROKEN in each.values()]
    assert sum(set(each.values()) == {State.KEPT} for each in found) >= 0.9 * RUNS


def test_harmless_difference_is_not_worse() -> None:
    """A rank test calls 2 % slower different in a third of comparisons."""
    assert not [each for each in states(slower=1.02) if State.BROKEN in each.values()]


def test_quarter_slower_is_always_found() -> None:
    """The ratio of the p95 finds it."""
    assert all(each["p95_ratio"] is State.BROKEN for each in states(slower=1.25))


def test_slow_tail_is_always_found() -> None:
    """The fraction above the old p99 finds 3 % of requests that are 8 times slower."""
    assert all(each["share_above_old_p99_percent"] is State.BROKEN for each in states(tail=0.03))


def test_more_errors_are_always_found() -> None:
    """The increase of the error rate finds 3 % more errors."""
    assert all(each["error_rate_increase_percent"] is State.BROKEN for each in states(errors=0.031))


def test_ratio_at_its_limit_is_rarely_decided() -> None:
    """10 % slower: at most 5 % of comparisons are kept, and as many broken, because each bound is one-sided."""
    found = [each["p95_ratio"] for each in states(slower=1.1)]
    most = 0.05 * RUNS + 3 * (0.05 * 0.95 * RUNS) ** 0.5
    assert found.count(State.KEPT) <= most
    assert found.count(State.BROKEN) <= most


def test_too_few_requests_per_side_are_undecided() -> None:
    """4,999 requests are undecided, however clear the difference is."""
    totals, random = LedgerTotals(), partial(Random, 1)
    record_generated(random(), totals, "old")
    record_generated(random(), totals, "new", slower=3)
    totals.cell("list_files", "old").outcomes[Outcome.OK] -= 1
    assert {evaluate_threshold(threshold, totals, ("old", "new")).state for threshold in comparing()} == {
        State.UNDECIDED
    }
