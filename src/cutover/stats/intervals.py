"""Confidence intervals for rates, quantiles, averages and differences, and the number of samples that they need.

Every interval consists of two one-sided bounds. Each is wrong with probability 1 - CONFIDENCE, because a threshold has
one side only. Requests are taken as independent. During a stall they are not, and the interval is too narrow. This is
why a report also shows the latency over time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Final

from cutover.stats.histogram import Histogram, rank_of

CONFIDENCE: Final = 0.95
"""The confidence of each bound. Both bounds together contain the true value in 90 % of runs."""

_SAMPLES_BEYOND: Final = 10
"""Samples required beyond a quantile: 200 in all for p95, 1,000 for p99, 10,000 for p99.9."""


_CONVERGED: Final = 1e-13
_TINY: Final = 1e-300
_MOST_STEPS: Final = 1_000_000  # about the square root of the larger count is needed


@dataclass(frozen=True)
class Interval:
    """An estimate with its bounds, low <= estimate <= high; math.inf if there is no bound."""

    estimate: float
    low: float
    high: float

    def scaled(self, factor: float) -> Interval:
        """Return the interval in another unit. factor: above zero."""
        return Interval(self.estimate * factor, self.low * factor, self.high * factor)

    def as_json(self) -> dict[str, Any]:
        """Return plain data. Values that are not finite are null, because JSON has no infinity."""
        return {name: value if math.isfinite(value) else None for name, value in vars(self).items()}


def min_samples_for_rate(limit: float) -> int:
    """Return the number of requests without an error that prove a rate below the limit: 299 for 1 %, 59 for 5 %.

    Solves (1 - limit)^n <= 1 - CONFIDENCE. limit: a fraction, above 0 and below 1. Hanley and Lippman-Hand, "If nothing
    goes wrong, is everything all right?", JAMA 249 (1983): the exact form of the rule of three.
    """
    if not 0 < limit < 1:
        raise ValueError(f"expected a rate above 0 and below 1, got {limit}")
    return math.ceil(math.log(1 - CONFIDENCE) / math.log1p(-limit))


def min_samples_for_quantile(fraction: float) -> int:
    """Return the number of requests that a quantile needs, so that ten are beyond it.

    200 for 0.95, 1,000 for 0.99, 10,000 for 0.999.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"expected a quantile above 0 and below 1, got {fraction}")
    return math.ceil(round(_SAMPLES_BEYOND / min(fraction, 1 - fraction), 6))


def wilson(events: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """Return the score interval of a rate.

    E. B. Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). events of
    total; without any request the interval is 0 to 1. Raises ValueError for impossible counts.
    """
    if not 0 <= events <= total:
        raise ValueError(f"expected a count from 0 to {total}, got {events}")
    if not total:
        return Interval(math.nan, 0.0, 1.0)
    z = NormalDist().inv_cdf(confidence)
    rate = events / total
    spread = z * z / total
    middle = (rate + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(rate * (1 - rate) / total + spread / (4 * total))
    low = 0.0 if events == 0 else max(0.0, middle - half)
    high = 1.0 if events == total else min(1.0, middle + half)
    return Interval(rate, min(low, rate), max(high, rate))


def difference(new: Interval, old: Interval, factor: float = 1.0) -> Interval:
    """Return new - factor * old, from the intervals of two independent estimates.

    The bounds are squared and added: Zou and Donner, "Construction of confidence limits about effect measures",
    Statistics in Medicine 27 (2008); with Wilson's intervals it is method 10 of Newcombe, "Interval estimation for
    the difference between independent proportions", Statistics in Medicine 17 (1998).
    """
    old = old.scaled(factor)
    estimate = new.estimate - old.estimate
    down = math.hypot(new.estimate - new.low, old.high - old.estimate)
    up = math.hypot(new.high - new.estimate, old.estimate - old.low)
    return Interval(estimate, estimate - down, estimate + up)


def ratio(new: Interval, old: Interval) -> Interval:
    """Return new / old for estimates that are not negative: the factors for which `difference` includes zero.

    The same as MOVER-R of Donner and Zou, "Closed-form confidence intervals for functions of the normal mean and
    standard deviation", Statistical Methods in Medical Research 21 (2012). Infinite if the old one may be zero.
    """
    if not math.isfinite(old.estimate) or old.estimate <= 0 or math.isnan(new.estimate):
        return Interval(math.nan, 0.0, math.inf)
    if not math.isfinite(new.estimate):
        return Interval(math.inf, new.low / old.high if math.isfinite(old.high) else 0.0, math.inf)
    estimate = new.estimate / old.estimate
    # Both bounds of the difference fall as the factor grows, so each crosses zero once.
    low = _crossing(lambda factor: difference(new, old, factor).low, estimate)
    high = _crossing(lambda factor: difference(new, old, factor).high, estimate)
    return Interval(estimate, min(low, estimate), max(high, estimate))


def _crossing(falling: Callable[[float], float], near: float) -> float:
    """Return the zero of a falling function, between 0 and a million times the value near it."""
    low, high = 0.0, max(near, 1.0) * 1e6
    if not falling(low) > 0:
        return low
    if falling(high) > 0 or math.isnan(falling(high)):
        return math.inf
    for _ in range(100):
        middle = (low + high) / 2
        if falling(middle) > 0:
            low = middle
        else:
            high = middle
    return high


def newcombe(new_events: int, new_total: int, old_events: int, old_total: int) -> Interval:
    """Return new rate - old rate: Newcombe's method 10 (see `difference`). -1 to 1 without samples."""
    if not new_total or not old_total:
        return Interval(math.nan, -1.0, 1.0)
    return difference(wilson(new_events, new_total), wilson(old_events, old_total))


def quantile_ranks(fraction: float, total: int, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Return the ranks of the bounds of a quantile among sorted values; 0 and total + 1 mean "no bound".

    Of n values the number below the quantile is binomial (n, fraction) for every distribution. Conover, "Practical
    Nonparametric Statistics", 3.2; David and Nagaraja, "Order Statistics", 7.1.
    """
    low = _first(lambda k: binomial_at_most(k - 1, total, fraction) > 1 - confidence, total) - 1
    high = _first(lambda k: binomial_at_most(k - 1, total, fraction) >= confidence, total)
    return low, high


def quantile(values: Histogram, fraction: float, failed: int = 0) -> Interval:
    """Return a quantile of durations with its bounds, in µs.

    failed: the number of failed requests. A failed request is not a fast one: it ranks after every value, so a quantile
    among the failed ones is infinite. Without any value the bounds are 0 and infinity.
    """
    total = values.total + failed
    if not total:
        return Interval(math.nan, 0.0, math.inf)
    low, high = quantile_ranks(fraction, total)
    estimate = _value(values, rank_of(fraction, total))
    return Interval(estimate, min(_value(values, low) if low else 0.0, estimate), max(_value(values, high), estimate))


def mean(values: Histogram, confidence: float = CONFIDENCE) -> Interval:
    """Return the average of durations with its bounds, in µs, by the central limit theorem: for 30 values or more.

    With fewer than two values the bounds are 0 and infinity.
    """
    average, variance = values.mean(), values.variance()
    if average is None or variance is None:
        return Interval(math.nan if average is None else average, 0.0, math.inf)
    half = NormalDist().inv_cdf(confidence) * math.sqrt(variance / values.total)
    return Interval(average, max(0.0, average - half), average + half)


def binomial_at_most(events: int, total: int, fraction: float) -> float:
    """Return the probability of at most `events` events in `total` independent trials.

    By the incomplete beta function: P(X <= k) = I(1-p; n-k, k+1), NIST Digital Library of Mathematical Functions
    8.17.5 with the continued fraction 8.17.22.
    """
    if events < 0:
        return 0.0
    if events >= total:
        return 1.0
    return _incomplete_beta(1 - fraction, total - events, events + 1)


def _value(values: Histogram, rank: int) -> float:
    found = values.at_rank(rank)
    return math.inf if found is None else found


def _first(holds: Callable[[int], bool], total: int) -> int:
    """Return the least k from 1 to total for which `holds` is true, total + 1 if none. It must be true above k."""
    low, high = 1, total + 1
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return low


def _incomplete_beta(x: float, a: float, b: float) -> float:
    if x <= 0 or x >= 1:
        return 0.0 if x <= 0 else 1.0
    if x > (a + 1) / (a + b + 2):  # the fraction converges fast only on the other side
        return 1 - _incomplete_beta(1 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    ) / a  # fmt: skip
    return front * _fraction(x, a, b)


def _fraction(x: float, a: float, b: float) -> float:
    """Return the continued fraction 1/(1 + d1/(1 + d2/(1 + ...))) of DLMF 8.17.22, by the modified Lentz algorithm."""
    value = above = 1.0
    below = 0.0
    for step in range(1, _MOST_STEPS):
        m = step // 2
        if step % 2:
            part = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        else:
            part = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        below = 1 / ((1 + part * below) or _TINY)
        above = (1 + part / above) or _TINY
        value *= above * below
        if abs(above * below - 1) < _CONVERGED:
            return 1 / value
    raise ArithmeticError(f"the continued fraction does not converge for {a} and {b}")
