"""A pair of their own for tests that plant defects or look at whole gate runs."""

import secrets
from collections.abc import Generator

import pytest

from cutover.embedded import pair
from cutover.embedded.state import PairState


@pytest.fixture(scope="session")
def own_pair() -> Generator[PairState]:
    """A pair for these tests alone, so that planting defects disturbs nobody."""
    handle = pair.start(f"test-{secrets.token_hex(4)}", owned=True, options=pair.PairOptions())
    try:
        yield handle.wait(90)
    finally:
        handle.stop()
