"""Schedules: arrival counts match the rate, a seed repeats them, and processes split them exactly."""

import statistics
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.traffic.arrivals import NS, Shape, generate_schedule

pytestmark = pytest.mark.unit

MIX = [("list", 3.0), ("cut", 1.0)]

shapes = st.lists(
    st.builds(
        Shape,
        name=st.just("part"),
        shape=st.sampled_from(["constant", "poisson", "ramp", "step", "spike"]),
        seconds=st.floats(0.5, 20),
        rate=st.floats(1, 80),
        to_rate=st.floats(1, 80),
        steps=st.integers(1, 5),
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=30, deadline=None)
@given(shapes, st.integers(0, 2**32), st.integers(1, 7))
def test_parts_of_all_processes_are_the_whole_schedule(parts: list[Shape], seed: int, of: int) -> None:
    """Each arrival is in exactly one part for any number of processes; the same seed gives the same schedule."""
    whole = generate_schedule(parts, MIX, seed)
    assert sorted(arrival for index in range(of) for arrival in whole.part(index, of)) == sorted(whole)
    assert list(generate_schedule(parts, MIX, seed)) == list(whole)
    assert list(whole.at_ns) == sorted(whole.at_ns)
    for at, phase, _ in whole:
        assert whole.phase_starts_ns[phase] <= at < whole.phase_starts_ns[phase + 1] + 1000


@given(st.floats(0.5, 500), st.floats(0, 500), st.floats(0.5, 20))
def test_arrival_count_is_the_integral_of_the_rate(rate: float, to_rate: float, seconds: float) -> None:
    """The counts differ from the integral by at most one arrival."""
    for shape in (Shape("a", "constant", seconds, rate), Shape("a", "ramp", seconds, rate, to_rate)):
        assert abs(len(generate_schedule([shape], MIX, 1)) - shape.arrivals) <= 1


def test_ramp_is_linear() -> None:
    """Of a ramp from 0 to 100/s in 10 s, a quarter of the arrivals are in the first half."""
    times = generate_schedule([Shape("a", "ramp", 10, 0, 100)], MIX, 1).at_ns
    assert len(times) == 500
    assert sum(at < 5 * NS for at in times) == pytest.approx(125, abs=1)


def test_poisson_gaps_are_exponential() -> None:
    """Mean and standard deviation of the gaps are both 1/rate; the count is within 5 sigma."""
    times = generate_schedule([Shape("a", "poisson", 200, 100)], MIX, 7).at_ns
    gaps = [(later - earlier) / NS for earlier, later in pairwise(times)]
    assert len(times) == pytest.approx(20_000, abs=5 * 141)
    assert statistics.mean(gaps) == pytest.approx(0.01, rel=0.05)
    assert statistics.stdev(gaps) == pytest.approx(0.01, rel=0.05)


def test_each_step_and_spike_part_is_a_phase() -> None:
    """Each phase has its own name and rate."""
    plan = generate_schedule([Shape("step", "step", 30, 10, 30, 3), Shape("s", "spike", 30, 10, 100)], MIX, 3)
    assert plan.phases == ("step-1", "step-2", "step-3", "s-before", "s-peak", "s-after")
    counts = [plan.phase.count(number) for number in range(6)]
    for count, expected in zip(counts, [100, 200, 300, 100, 1000, 100], strict=True):
        assert count == pytest.approx(expected, abs=5 * expected**0.5)


def test_mix_follows_its_weights() -> None:
    """Weights 3 and 1 are kept within 5 sigma."""
    plan = generate_schedule([Shape("a", "constant", 100, 100)], MIX, 5)
    assert plan.count("list") == pytest.approx(7500, abs=5 * 43)
    assert plan.count("list") + plan.count("cut") == len(plan)


@given(st.integers(0, 2**32), st.sampled_from([("",), ("worker", "legacy")]))
def test_each_weighted_journey_has_an_arrival_after_warm_up(seed: int, sides: tuple[str, ...]) -> None:
    """This includes rare journeys; journeys without weight have none; times and count do not change."""
    mix = [("list", 99.0), ("register", 0.01), ("cut", 0.01), ("login", 0.0)]
    parts = [Shape("warm-up", "constant", 5, 20), Shape("steady", "poisson", 2, 20)]
    plan = generate_schedule(parts, mix, seed, sides=sides)
    found = {plan.journeys[journey].split()[0] for _, phase, journey in plan if plan.phases[phase] == "steady"}
    assert found == {"list", "register", "cut"}
    assert list(plan.at_ns) == list(generate_schedule(parts, mix[:1], seed, sides=sides).at_ns)
    if len(sides) > 1:
        assert plan.count("register worker") == plan.count("register legacy") >= 1


def test_too_few_arrivals_leave_journeys_out() -> None:
    """A schedule of one arrival has one journey."""
    plan = generate_schedule([Shape("steady", "constant", 1, 1)], MIX, 1)
    assert len(plan) == 1


def test_compared_systems_get_the_same_journeys() -> None:
    """Two arrivals in a row are the same journey, one for each side; neither side is always first."""
    plan = generate_schedule([Shape("a", "poisson", 20, 100)], MIX, 5, sides=("worker", "legacy"))
    pairs = list(zip(plan.journey[::2], plan.journey[1::2], strict=True))
    assert all({a % 2, b % 2} == {0, 1} and a // 2 == b // 2 for a, b in pairs)
    assert 0.4 < sum(a % 2 for a, _ in pairs) / len(pairs) < 0.6
    assert plan.count("list worker") == plan.count("list legacy")


def test_largest_count_in_a_window_is_exact() -> None:
    """Compared with a count for each arrival."""
    plan = generate_schedule([Shape("a", "poisson", 30, 5)], MIX, 11)
    expected = max(sum(begin <= at < begin + 2 * NS for at in plan.at_ns) for begin in plan.at_ns)
    assert plan.max_in_window(2) == expected


def test_part_that_does_not_exist_is_refused() -> None:
    """Part 2 of 2 processes does not exist."""
    with pytest.raises(ValueError, match="from 0 to 1, got 2"):
        generate_schedule([Shape("a", "constant", 1, 10)], MIX, 1).part(2, 2)


@given(st.integers(0, 2**32), st.sets(st.sampled_from(["list", "cut"])))
def test_left_out_journeys_change_no_other_arrival(seed: int, left_out: set[str]) -> None:
    """Blocked journeys are removed; all others keep their times, phases and journeys."""
    whole = generate_schedule([Shape("a", "poisson", 3, 20)], MIX, seed)
    kept = whole.without(left_out)
    assert list(kept) == [row for row in whole if whole.journeys[row[2]] not in left_out]
    assert (kept.phases, kept.phase_starts_ns) == (whole.phases, whole.phase_starts_ns)
