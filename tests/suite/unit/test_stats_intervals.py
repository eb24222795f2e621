"""Intervals compared with exact sums, published figures and generated samples; required numbers of samples."""

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.stats.histogram import Histogram
from cutover.stats.intervals import (
    CONFIDENCE,
    Interval,
    binomial_at_most,
    difference,
    mean,
    min_samples_for_quantile,
    min_samples_for_rate,
    newcombe,
    quantile,
    quantile_ranks,
    wilson,
)

pytestmark = pytest.mark.unit
timeless = settings(deadline=None)  # a busy machine is slow, but that is not tested here

counts = st.integers(1, 400).flatmap(lambda total: st.tuples(st.integers(0, total), st.just(total)))
fractions = st.floats(0.001, 0.999)


def exact_at_most(events: int, total: int, fraction: float) -> float:
    return math.fsum(math.comb(total, k) * fraction**k * (1 - fraction) ** (total - k) for k in range(events + 1))


@timeless
@given(counts, fractions)
def test_binomial_probability_is_the_exact_sum(events: tuple[int, int], fraction: float) -> None:
    """Compared with the sum of the terms, to nine digits."""
    assert binomial_at_most(*events, fraction) == pytest.approx(min(1.0, exact_at_most(*events, fraction)), abs=1e-9)


def test_binomial_probability_is_right_for_millions() -> None:
    """The median of a symmetric distribution, and both ends."""
    assert binomial_at_most(500_000, 1_000_001, 0.5) == pytest.approx(0.5, abs=1e-7)
    assert binomial_at_most(10_000_000, 10_000_000, 0.99) == 1
    assert binomial_at_most(-1, 10, 0.5) == 0


def test_required_samples_are_the_known_numbers() -> None:
    """299 requests without an error prove a rate below 1 %, 298 do not; ten are beyond each quantile."""
    assert [min_samples_for_rate(limit) for limit in (0.05, 0.01, 0.001)] == [59, 299, 2995]
    assert 0.99**299 <= 1 - CONFIDENCE < 0.99**298
    assert [min_samples_for_quantile(fraction) for fraction in (0.5, 0.95, 0.99, 0.999)] == [20, 200, 1000, 10_000]
    for refused in (min_samples_for_rate, min_samples_for_quantile):
        for fraction in (0.0, 1.0, -1.0, math.nan):
            with pytest.raises(ValueError, match="expected"):
                refused(fraction)


def test_interval_agrees_with_published_figures() -> None:
    """Newcombe 1998: Wilson's intervals of 81 in 263, 15 in 148 and 0 in 20; differences (a) and (g) of table II of his
    second paper by method 10, two-sided 95 %."""
    two_sided = 0.975
    for events, total, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611)):
        found = wilson(events, total, two_sided)
        assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    for new, old, low, high in (((56, 70), (48, 80), 0.0524, 0.3339), ((10, 10), (0, 20), 0.6791, 1.0)):
        found = difference(wilson(*new, two_sided), wilson(*old, two_sided))
        assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@timeless
@given(counts)
def test_rate_is_within_its_bounds(events: tuple[int, int]) -> None:
    """The bounds are from 0 to 1, and mirrored for the complement."""
    found = wilson(*events)
    assert 0 <= found.low <= found.estimate <= found.high <= 1
    mirrored = wilson(events[1] - events[0], events[1])
    assert (1 - mirrored.high, 1 - mirrored.low) == (pytest.approx(found.low), pytest.approx(found.high))


def test_empty_sample_has_no_bounds() -> None:
    """Zero of zero is not a rate of zero."""
    assert (wilson(0, 0).low, wilson(0, 0).high) == (0, 1)
    assert (newcombe(0, 0, 0, 10).low, newcombe(0, 0, 0, 10).high) == (-1, 1)
    empty = quantile(Histogram(), 0.95)
    assert (empty.low, empty.high) == (0, math.inf)
    assert mean(Histogram()).high == math.inf
    assert empty.as_json() == {"estimate": None, "low": 0.0, "high": None}
    with pytest.raises(ValueError, match="a count from 0 to 2"):
        wilson(3, 2)


@timeless
@given(counts, counts)
def test_reversed_difference_changes_its_sign(new: tuple[int, int], old: tuple[int, int]) -> None:
    """The bounds are from -1 to 1 and include the difference of the rates."""
    one, other = newcombe(*new, *old), newcombe(*old, *new)
    assert (one.low, one.high) == (pytest.approx(-other.high), pytest.approx(-other.low))
    assert -1 - 1e-12 <= one.low <= one.estimate <= one.high <= 1 + 1e-12


@timeless
@given(st.integers(1, 3000), st.sampled_from([0.5, 0.9, 0.95, 0.99, 0.999]))
def test_ranks_bound_a_quantile_with_the_promised_confidence(total: int, fraction: float) -> None:
    """Each bound is wrong in at most 5 % of samples, and the next rank would be wrong in more."""
    low, high = quantile_ranks(fraction, total)
    assert 0 <= low <= high <= total + 1
    wrong = 1 - CONFIDENCE + 1e-9
    if low:
        assert binomial_at_most(low - 1, total, fraction) <= wrong  # the true quantile is below this value
    assert binomial_at_most(low, total, fraction) > wrong - 2e-9
    if high <= total:
        assert 1 - binomial_at_most(high - 1, total, fraction) <= wrong
    assert high == 1 or 1 - binomial_at_most(high - 2, total, fraction) > wrong - 2e-9


def test_failed_request_is_never_fast() -> None:
    """With 6 % failed requests p95 is infinite, and the median is not."""
    values = Histogram()
    for _ in range(940):
        values.record(10_000)
    assert quantile(values, 0.95).high == 10_000
    found = quantile(values, 0.95, failed=60)
    assert found.estimate == math.inf
    assert quantile(values, 0.5, failed=60).high == 10_000
    # 4.6 % failed: p95 is finite, but its upper bound is not.
    assert quantile(values, 0.95, failed=45) == Interval(10_000, 10_000, math.inf)


def test_bounds_hold_for_generated_samples() -> None:
    """For 1,000 samples of known distributions, the truth is outside a one-sided bound in about 5 %."""
    generator = random.Random(20261122)  # noqa: S311 - repeatable samples, not secrets
    runs, outside = 1000, {"p95 low": 0, "p95 high": 0, "mean low": 0, "mean high": 0}
    truth_p95, truth_mean = -math.log(0.05) * 20_000, 20_000
    for _ in range(runs):
        values = Histogram()
        values.record_all([int(generator.expovariate(1 / 20_000)) for _ in range(300)])
        p95, average = quantile(values, 0.95), mean(values)
        outside["p95 low"] += p95.low > truth_p95 * 1.0025
        outside["p95 high"] += p95.high < truth_p95 * 0.9975
        outside["mean low"] += average.low > truth_mean
        outside["mean high"] += average.high < truth_mean
    # Five standard deviations of a count that should be 50 at most, with the mean's skewness of 300 exponentials.
    assert all(count <= 50 + 5 * math.sqrt(50) for count in outside.values()), outside
    assert all(count >= 10 for count in outside.values()), outside
