"""What all tests of the suite itself share."""

import signal
from collections.abc import Generator

import pytest


@pytest.fixture(autouse=True)
def signal_handlers() -> Generator[None]:
    """Restore the handlers of SIGINT and SIGTERM: a command that a test runs in this process ends by ignoring them."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        if signal.getsignal(number) is not handler:
            signal.signal(number, handler)
