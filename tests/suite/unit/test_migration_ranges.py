"""Tests of the plan of key ranges."""

import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.migration.ranges import KeyRange, RangePlan, merged

pytestmark = pytest.mark.unit


@given(
    st.sets(st.integers(-500, 2000), min_size=1),
    st.lists(st.tuples(st.integers(-500, 2000), st.integers(0, 300))),
    st.integers(1, 5000),
    st.booleans(),
)
@settings(max_examples=80)
def test_every_key_is_assigned_once(keys: set[int], proven: list[tuple[int, int]], batch: int, far_key: bool) -> None:
    """For any size of ranges, proven ranges, gaps and distribution of keys; proven keys are skipped."""
    keys |= {10**12} if far_key else set()
    ranges = [(first, first + more) for first, more in proven]
    plan = RangePlan(min(keys), max(keys), len(keys), batch, ranges)
    read: list[int] = []
    while (taken := plan.take(wait=True)) is not None:
        held = [key for key in sorted(keys) if taken.first <= key <= taken.last][: taken.limit]
        assert taken.limit is not None or taken.last - taken.first + 1 <= 50_000
        read += held
        last = held[-1] if len(held) == taken.limit else taken.last
        plan.learn(KeyRange(taken.first, last), len(held), 40 * len(held), 0.01)
        if not held and (later := [key for key in keys if key > taken.last]):
            plan.jump(taken.last, min(later))
        plan.done(taken, last)
    assert len(read) == len(set(read))
    spared = {key for first, last in ranges for key in range(first, last + 1)}
    assert set(read) == keys - spared


def test_returned_keys_go_to_a_waiting_thread() -> None:
    """A distant key makes the first range contain nearly all rows. A thread that waits gets half of it."""
    plan = RangePlan(1, 10**9, 10_000, 10**9)
    first, far = plan.take(), plan.take()
    assert first is not None
    assert far is not None
    found: list[KeyRange | None] = []
    plan.jump(far.last, 10**9 + 1)
    plan.done(far, far.last)
    waiting = threading.Thread(target=lambda: found.append(plan.take(wait=True)))
    waiting.start()
    plan.learn(KeyRange(1, 1000), 1000, 1000, 0.01)
    plan.done(first, 1000)
    waiting.join(10)
    assert found == [KeyRange(1001, 3000)]


def test_end_wakes_a_waiting_thread() -> None:
    """Also if an assigned range is done only after the end."""
    plan = RangePlan(1, 1000, 1000, 10**9)
    taken = plan.take()
    assert taken is not None
    waiting = threading.Thread(target=lambda: plan.take(wait=True), daemon=True)
    waiting.start()
    plan.end()
    waiting.join(10)
    assert not waiting.is_alive()
    plan.done(taken, 500)
    assert plan.take(wait=True) is None


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 9))))
def test_merged_ranges_contain_the_same_keys(pairs: list[tuple[int, int]]) -> None:
    """In order, without adjacent ranges."""
    ranges = [(first, first + more) for first, more in pairs]
    joined = merged(ranges)
    held = {key for first, last in ranges for key in range(first, last + 1)}
    assert {key for first, last in joined for key in range(first, last + 1)} == held
    assert all(joined[at][1] + 1 < joined[at + 1][0] for at in range(len(joined) - 1))
