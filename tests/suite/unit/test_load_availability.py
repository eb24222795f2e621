"""Outage windows from single requests: the true outage always lies between the two bounds."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.traffic.availability import Log, longest_gap_ms, merged, windows
from cutover.traffic.engine import Call
from cutover.traffic.ledger import Outcome

pytestmark = pytest.mark.unit

MS = 1_000_000


@given(st.integers(2, 50), st.integers(200, 800), st.integers(0, 400), st.integers())
def test_bounds_enclose_the_outage(gap_ms: int, begin_ms: int, long_ms: int, seed: int) -> None:
    """Requests every gap_ms reach the system somewhat after they are sent, and are answered somewhat later still."""
    end_ms, draw = begin_ms + long_ms, Random(seed)  # noqa: S311 - delays
    rows = []
    for sent in range(0, 2000, gap_ms):
        there, back = int(draw.random() * 21), int(draw.random() * 21)
        fine = not begin_ms <= sent + there < end_ms
        rows.append((sent * MS, (sent + there + back) * MS, fine))
    rows.sort()
    found = windows("fresh", rows)
    if not found:
        assert all(fine for _, _, fine in rows)
        return
    assert sum(window.failed for window in found) == sum(not fine for _, _, fine in rows)
    for window in found:
        assert window.upper_ms is not None
        assert window.lower_ms <= long_ms
        assert window.lower_ms <= window.upper_ms
    if len(found) == 1:
        assert (found[0].upper_ms or 0) >= long_ms
    assert max(window.upper_ms or 0 for window in found) <= long_ms + 2 * gap_ms + 4 * 20 + 1


def test_outage_at_the_end_has_no_upper_bound() -> None:
    """No answer came any more: it may still go on."""
    (window,) = windows("kept", [(0, MS, True), (2 * MS, 3 * MS, False), (9 * MS, 10 * MS, False)])
    assert (window.failed, window.lower_ms, window.upper_ms) == (2, 6.0, None)


def test_longest_gap_is_between_answers() -> None:
    """None when there are not two."""
    assert longest_gap_ms([(0, MS, True), (MS, 5 * MS, False), (2 * MS, 9 * MS, True)]) == 8.0
    assert longest_gap_ms([(0, MS, True)]) is None


def test_what_never_reached_the_system_ends_no_outage() -> None:
    """A closed connection between two failures: one outage, not two short ones."""
    log = Log(0)
    call = Call("kept:user", "worker", b"", lambda _: (Outcome.OK, ""))
    for at, outcome in enumerate(
        [Outcome.OK, Outcome.TIME_OUT, Outcome.CLOSED_WHILE_IDLE, Outcome.UNSENT, Outcome.TIME_OUT, Outcome.OK]
    ):
        log(call, outcome, "", (at * MS, at * MS, (at + 1) * MS), None)
    (window,) = windows("kept", merged([log.as_message()])["kept"])
    assert (window.failed, window.lower_ms, window.upper_ms) == (2, 2.0, 6.0)


def test_log_that_was_cut_off_is_refused() -> None:
    """Three numbers a request, or it is no log."""
    with pytest.raises(ValueError, match="cut off"):
        merged([{"fresh": b"\0" * 16}])
