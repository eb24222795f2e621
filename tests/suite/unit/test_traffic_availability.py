"""Outages found from single requests: the true outage is always between the two bounds."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.traffic.availability import AvailabilityLog, find_outages, longest_gap_ms, merged
from cutover.traffic.engine import Call
from cutover.traffic.ledger import Outcome

pytestmark = pytest.mark.unit

MS = 1_000_000


@given(st.integers(2, 50), st.integers(200, 800), st.integers(0, 400), st.integers())
def test_bounds_enclose_the_outage(gap_ms: int, begin_ms: int, long_ms: int, seed: int) -> None:
    """Requests reach the system up to 20 ms after their sending, and responses take up to 20 ms."""
    end_ms, random = begin_ms + long_ms, Random(seed)  # noqa: S311 - delays
    rows = []
    for sent in range(0, 2000, gap_ms):
        there, back = int(random.random() * 21), int(random.random() * 21)
        good = not begin_ms <= sent + there < end_ms
        rows.append((sent * MS, (sent + there + back) * MS, good))
    rows.sort()
    found = find_outages("fresh", rows)
    if not found:
        assert all(good for _, _, good in rows)
        return
    assert sum(outage.failed for outage in found) == sum(not good for _, _, good in rows)
    for outage in found:
        assert outage.upper_ms is not None
        assert outage.lower_ms <= long_ms
        assert outage.lower_ms <= outage.upper_ms
    if len(found) == 1:
        assert (found[0].upper_ms or 0) >= long_ms
    assert max(outage.upper_ms or 0 for outage in found) <= long_ms + 2 * gap_ms + 4 * 20 + 1


def test_outage_at_the_end_has_no_upper_bound() -> None:
    """The outage may continue after the run."""
    (outage,) = find_outages("kept", [(0, MS, True), (2 * MS, 3 * MS, False), (9 * MS, 10 * MS, False)])
    assert (outage.failed, outage.lower_ms, outage.upper_ms) == (2, 6.0, None)


def test_longest_gap_is_between_successful_requests() -> None:
    """Return None with fewer than two successful requests."""
    assert longest_gap_ms([(0, MS, True), (MS, 5 * MS, False), (2 * MS, 9 * MS, True)]) == 8.0
    assert longest_gap_ms([(0, MS, True)]) is None


def test_request_that_never_arrived_ends_no_outage() -> None:
    """A connection closed while idle between two failures does not split the outage."""
    log = AvailabilityLog(0)
    call = Call("kept:user", "worker", b"", lambda _: (Outcome.OK, ""))
    for at, outcome in enumerate(
        [Outcome.OK, Outcome.TIME_OUT, Outcome.CLOSED_WHILE_IDLE, Outcome.UNSENT, Outcome.TIME_OUT, Outcome.OK]
    ):
        log(call, outcome, "", (at * MS, at * MS, (at + 1) * MS), None)
    (outage,) = find_outages("kept", merged([log.as_message()])["kept"])
    assert (outage.failed, outage.lower_ms, outage.upper_ms) == (2, 2.0, 6.0)


def test_truncated_log_is_refused() -> None:
    """A log has three numbers per request."""
    with pytest.raises(ValueError, match="truncated"):
        merged([{"fresh": b"\0" * 16}])
