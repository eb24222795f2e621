"""A pytest plugin that ends xdist workers early: `-p tests.suite.support.lost_processes`, LOSE=WAY."""

import os

import pytest

_WAY = os.environ.get("LOSE", "")
_WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
_calls = 0


@pytest.hookimpl(tryfirst=True)
def pytest_configure() -> None:
    """Fail to configure the first worker."""
    if _WORKER == "gw0" and _WAY == "configure":
        raise RuntimeError("this worker cannot be configured")
    if _WORKER == "gw0" and _WAY == "usage":
        raise pytest.UsageError("this worker refuses its options")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Collect one check less in the second worker, or leave."""
    if _WORKER == "gw1" and _WAY == "collect other checks":
        items.pop()
    if _WORKER and _WAY == "exit while collecting":
        pytest.exit("leaving", returncode=0)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_call() -> None:
    """End the process of the first worker in its first check."""
    global _calls
    _calls += 1
    if _WORKER == "gw0" and _WAY == "end in a check" and _calls == 1:
        os._exit(0)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish() -> None:
    """End the process of the first worker after its last check."""
    if _WORKER == "gw0" and _WAY == "end after the last check":
        os._exit(0)
