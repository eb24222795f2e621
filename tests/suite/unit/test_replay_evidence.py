"""Tests of the evidence of replayed requests: two equal responses prove nothing if neither is what was recorded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.parity.replay.replay import has_recorded_outcome

pytestmark = pytest.mark.unit

statuses = st.integers(200, 599)


@pytest.mark.parametrize(
    ("recorded", "now", "proves"),
    [
        (200, (200, 200), True),
        (200, (200, 404), True),  # a finding
        (200, (301, 301), False),
        (200, (302, 307), False),
        (200, (302, 404), False),
        (200, (404, 404), False),
        (204, (308, 308), False),
        (None, (200, 200), True),
        (None, (302, 302), False),
        (None, (404, 404), False),
        (302, (302, 301), True),
        (302, (404, 404), False),
        (304, (200, 200), True),
        (304, (302, 302), False),
        (404, (404, 404), True),
        (404, (401, 401), True),
        (404, (302, 302), False),
        (404, (200, 200), True),
        (302, (200, 200), True),
    ],
)
def test_recorded_outcome_decides(recorded: int | None, now: tuple[int, int], proves: bool) -> None:
    """Content, a redirect and a refusal are three outcomes. Without a recorded status, content is expected."""
    assert has_recorded_outcome(recorded, now) is proves


@given(recorded=statuses.filter(lambda status: status < 300), now=st.tuples(*[st.integers(300, 599)] * 2))
def test_recorded_content_needs_content(recorded: int, now: tuple[int, int]) -> None:
    """A recorded success is never proven by redirects and refusals; 304 says that the content exists."""
    assert has_recorded_outcome(recorded, now) is (304 in now)
