"""Fixtures and plugins for all tests of the suite itself."""

import os
import secrets
import signal
from collections.abc import Generator

import pytest
from tests.suite.support.exclusive_tests import ExclusiveTests
from tests.suite.support.fault_table import FaultTable
from tests.suite.support.repeated_measurements import RepeatedMeasurements

from cutover.embedded import pair
from cutover.embedded.state import PairState


def pytest_configure(config: pytest.Config) -> None:
    """Register the plugins that print at the end of the run."""
    config.pluginmanager.register(FaultTable())
    config.pluginmanager.register(RepeatedMeasurements())


@pytest.fixture(scope="session")
def interruptible() -> None:
    """Make processes that these tests start interruptible, also in a shell's background job.

    A shell starts a background job with SIGINT ignored, and its children inherit that. Gate runs keep the setting of
    their caller.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def same_examples() -> None:
    """Make Hypothesis generate the same examples in each run, so that a new failure has a cause in the change.

    CUTOVER_EXAMPLES=new generates others. Only for tests of our own code: gates generate new examples.
    """
    if os.environ.get("CUTOVER_EXAMPLES") != "new":
        import hypothesis.core  # gates start without it

        hypothesis.core.global_force_seed = 0  # as --hypothesis-seed does; its plugin is disabled to start faster


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Add the fixtures above, the locks for tests marked `alone`, and the groups for -n --dist loadgroup.

    The tests of a file stay in one process because they share what they start. Planted faults are distributed one by
    one: each process plants them in a pair of its own.
    """
    for item in items:
        if isinstance(item, pytest.Function):
            marks = {mark.name for mark in item.iter_markers()}
            if marks & {"verdicts", "pair"}:
                item.fixturenames.insert(0, "interruptible")
            if marks & {"unit", "pair"}:
                item.fixturenames.insert(0, "same_examples")
    run = os.environ.get("PYTEST_XDIST_TESTRUNUID")  # set in xdist workers
    if run and any(item.get_closest_marker("alone") for item in items):
        config.pluginmanager.register(ExclusiveTests(run))
    if not config.pluginmanager.has_plugin("xdist"):
        return
    for item in items:
        if item.get_closest_marker("sensitivity") is None:
            item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
def own_pair() -> Generator[PairState]:
    """Yield a pair that only these tests use, so that they may plant faults in it."""
    handle = pair.start(f"test-{secrets.token_hex(4)}", owned=True, options=pair.PairOptions())
    try:
        yield handle.wait(90)
    finally:
        handle.stop()
