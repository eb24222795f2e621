"""A pytest plugin that runs tests marked `alone` while no other test runs, also if several processes run tests.

A load generator that shares its core with another test sends late and reports that. All other tests may run at the same
time. Tests that share what they start are not marked: --dist loadgroup keeps a file in one process.
"""

import fcntl
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest


class ExclusiveTests:
    """Two file locks that the processes of one run share. They are held for a test with its setup and teardown."""

    def __init__(self, run: str) -> None:
        folder = Path(tempfile.gettempdir())
        self._files = [(folder / f"cutover-tests-{os.getuid()}-{run}-{name}").open("w") for name in ("queue", "run")]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Run the test under an exclusive or a shared lock.

        A test that waits for the exclusive lock holds the queue, so no other test starts before it.
        """
        queue, run = self._files
        fcntl.flock(queue, fcntl.LOCK_EX)
        fcntl.flock(run, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        fcntl.flock(queue, fcntl.LOCK_UN)
        try:
            return (yield)
        finally:
            fcntl.flock(run, fcntl.LOCK_UN)

    def pytest_unconfigure(self) -> None:
        """Close and remove the files. A process that still has them open keeps its locks."""
        for file in self._files:
            file.close()
            Path(file.name).unlink(missing_ok=True)
