"""A pair of their own for tests that plant defects or look at whole gate runs."""

import os
import secrets
import signal
from collections.abc import Generator

import pytest
from tests.suite.support.alone import Alone
from tests.suite.support.measured_again import MeasuredAgain
from tests.suite.support.planted_table import Table

from cutover.embedded import pair
from cutover.embedded.state import PairState


def pytest_configure(config: pytest.Config) -> None:
    """The table of planted defects is printed by the process that prints."""
    config.pluginmanager.register(Table())
    config.pluginmanager.register(MeasuredAgain())


@pytest.fixture(scope="session")
def interruptible() -> None:
    """What these tests start can be interrupted, also when they run in the background of a shell.

    It starts what it puts there with SIGINT ignored, and so would all that is started by it. Gate runs keep what their
    caller gave them.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def same_examples() -> None:
    """Hypothesis draws the same in each run, so that what is red came with a change. CUTOVER_EXAMPLES=new draws others.

    For tests of our own code; what gates draw is their own.
    """
    if os.environ.get("CUTOVER_EXAMPLES") != "new":
        import hypothesis.core  # gates start without it

        hypothesis.core.global_force_seed = 0  # what --hypothesis-seed sets; its plugin is left out, for its start


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Under -n --dist loadgroup: the tests of a file stay together, for they share what they start.

    Planted defects are dealt out one by one: each process plants them in a pair of its own.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            marks = {mark.name for mark in item.iter_markers()}
            if marks & {"verdicts", "pair"}:
                item.fixturenames.insert(0, "interruptible")
            if marks & {"unit", "pair"}:
                item.fixturenames.insert(0, "same_examples")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")  # of a process that tests beside others
    if run and any(item.get_closest_marker("alone") for item in items):
        config.pluginmanager.register(Alone(run))
    if not config.pluginmanager.has_plugin("xdist"):
        return
    for item in items:
        if item.get_closest_marker("sensitivity") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def own_pair() -> Generator[PairState]:
    """A pair for these tests alone, so that planting defects disturbs nobody."""
    handle = pair.start(f"test-{secrets.token_hex(4)}", owned=True, options=pair.PairOptions())
    try:
        yield handle.wait(90)
    finally:
        handle.stop()
