"""Comparing old and new on drawn latencies: how often equal systems are called worse, and worse ones are found."""

from functools import partial
from random import Random

import pytest
from tests.suite.support.load_series import ROOT

from cutover.load.compare import MINIMUM_A_SIDE
from cutover.load.threshold_result import State, ThresholdResult, evaluate_threshold
from cutover.load.thresholds import Gate, load_gates
from cutover.traffic.ledger import LedgerTotals, Outcome

pytestmark = pytest.mark.unit

RUNS = 30
MEDIAN_US = 12_000


def drawn(
    draw: Random, sums: LedgerTotals, side: str, *, slower: float = 1.0, tail: float = 0.0, errors: float = 0.0
) -> None:
    """5,000 lognormal latencies. slower: all of them by that factor; tail: the share that takes 8 times as long."""
    cell = sums.cell("list_files", side)
    failed = sum(draw.random() < errors for _ in range(MINIMUM_A_SIDE))
    cell.latency.record_all(
        [
            int(MEDIAN_US * draw.lognormvariate(0, 0.5) * slower * (8 if draw.random() < tail else 1))
            for _ in range(MINIMUM_A_SIDE - failed)
        ]
    )
    cell.outcomes[Outcome.OK], cell.outcomes[Outcome.HTTP_ERROR] = MINIMUM_A_SIDE - failed, failed


def judged(seed: int, **new: float) -> dict[str, ThresholdResult]:
    """Each gate of a comparison by its metric."""
    draw, sums = Random(seed), LedgerTotals()  # noqa: S311 - repeatable samples, no secret
    drawn(draw, sums, "old", errors=0.001)
    drawn(draw, sums, "new", **{"errors": 0.001, **new})
    return {gate.metric.name: evaluate_threshold(gate, sums, ("old", "new")) for gate in gates()}


def gates() -> list[Gate]:
    return [gate for gate in load_gates(ROOT) if gate.metric.compares]


def states(**new: float) -> list[dict[str, State]]:
    return [{name: one.state for name, one in judged(seed, **new).items()} for seed in range(RUNS)]


def test_equal_systems_are_never_called_worse() -> None:
    """In 30 comparisons of 5,000 a side; and nearly always they are shown to be no worse."""
    found = states()
    assert not [each for each in found if State.BROKEN in each.values()]
    assert sum(set(each.values()) == {State.KEPT} for each in found) >= 0.9 * RUNS


def test_a_harmless_difference_is_not_called_worse() -> None:
    """2 % slower, which a rank test calls different in a third of comparisons."""
    assert not [each for each in states(slower=1.02) if State.BROKEN in each.values()]


def test_a_quarter_slower_is_always_found() -> None:
    """By the p95's ratio."""
    assert all(each["p95_ratio"] is State.BROKEN for each in states(slower=1.25))


def test_three_per_cent_eight_times_slower_are_always_found() -> None:
    """By the share above the old p99."""
    assert all(each["share_above_old_p99_percent"] is State.BROKEN for each in states(tail=0.03))


def test_three_per_cent_more_errors_are_always_found() -> None:
    """By the increase of the error rate."""
    assert all(each["error_rate_increase_percent"] is State.BROKEN for each in states(errors=0.031))


def test_a_ratio_at_its_limit_is_rarely_decided() -> None:
    """10 % slower: at most 5 % of comparisons may say "kept", and as many "broken", for each bound is one-sided."""
    found = [each["p95_ratio"] for each in states(slower=1.1)]
    most = 0.05 * RUNS + 3 * (0.05 * 0.95 * RUNS) ** 0.5
    assert found.count(State.KEPT) <= most
    assert found.count(State.BROKEN) <= most


def test_one_request_fewer_a_side_says_nothing() -> None:
    """4,999 are no verdict, however clear it looks."""
    sums, draw = LedgerTotals(), partial(Random, 1)
    drawn(draw(), sums, "old")
    drawn(draw(), sums, "new", slower=3)
    sums.cell("list_files", "old").outcomes[Outcome.OK] -= 1
    assert {evaluate_threshold(gate, sums, ("old", "new")).state for gate in gates()} == {State.UNDECIDED}
