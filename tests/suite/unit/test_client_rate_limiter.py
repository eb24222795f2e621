"""No window contains more requests than the budget, from all processes together."""

import multiprocessing
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.client.rate_limiter import RateLimiter
from cutover.config.environments import Budget

pytestmark = pytest.mark.unit


def _send(folder: str, count: int, times: "multiprocessing.Queue[float]") -> None:
    rate_limiter = RateLimiter(Path(folder), "http://127.0.0.1:1", Budget(10, 0.25))
    for _ in range(count):
        rate_limiter.wait()
        times.put(time.monotonic())
    rate_limiter.close()


def test_processes_share_one_budget(tmp_path: Path) -> None:
    """Three processes together send at most 10 requests in any 0.25 s, and use the whole budget."""
    context = multiprocessing.get_context("fork")
    times: multiprocessing.Queue[float] = context.Queue()
    senders = [context.Process(target=_send, args=(str(tmp_path), 12, times)) for _ in range(3)]
    for sender in senders:
        sender.start()
    seen = sorted(times.get(timeout=20) for _ in range(36))
    for sender in senders:
        sender.join()
    # The reservation keeps the distance. The time stamp is later, by the time that waking up takes.
    for earlier, later in zip(seen, seen[10:], strict=False):
        assert later - earlier > 0.25 - 0.05


@given(st.lists(st.floats(0, 0.02), min_size=1, max_size=60), st.integers(1, 7))
@settings(max_examples=50, deadline=None)
def test_reserved_times_keep_the_distance(tmp_path_factory: pytest.TempPathFactory, gaps: list[float], n: int) -> None:
    """Reservation i is at least one window after reservation i - N, whatever the gaps between calls."""
    rate_limiter = RateLimiter(tmp_path_factory.mktemp("pacing"), "http://127.0.0.1:1", Budget(n, 5.0))
    starts = []
    for _ in gaps:
        before = time.monotonic()
        starts.append(before + rate_limiter.reserve())
    rate_limiter.close()
    for earlier, later in zip(starts, starts[n:], strict=False):
        assert later - earlier >= 5.0 - 0.01


def test_hold_stops_all_processes(tmp_path: Path) -> None:
    """After a 429 every process waits for the time of Retry-After."""
    one, other = (RateLimiter(tmp_path, "http://127.0.0.1:1", Budget(100, 1.0)) for _ in range(2))
    assert one.reserve() == 0
    one.hold(30)
    assert 29 < other.reserve() <= 30


def test_times_of_an_earlier_boot_do_not_block(tmp_path: Path) -> None:
    """The monotonic clock restarts at boot. Times that are hours ahead are ignored."""
    rate_limiter = RateLimiter(tmp_path, "http://127.0.0.1:1", Budget(1, 1.0))
    rate_limiter.hold(10 * 86400)
    assert rate_limiter.reserve() == 0
