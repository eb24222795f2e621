"""Tests that need the machine for themselves get it, also when two processes run tests.

Marked `alone`: a generator that shares its core with somebody else's test sends late, and says so. Every other test may
run beside every other. Not for tests that share what they start: --dist loadgroup keeps a file together.
"""

import fcntl
import os
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest


class Alone:
    """Two locks that the processes of one run share, taken around each test with its setup and its teardown."""

    def __init__(self, run: str) -> None:
        folder = Path(tempfile.gettempdir())
        self._files = [(folder / f"cutover-tests-{os.getuid()}-{run}-{name}").open("w") for name in ("door", "room")]

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Who wants the room for itself waits in the door, so that nobody else enters before it."""
        door, room = self._files
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, fcntl.LOCK_EX if item.get_closest_marker("alone") else fcntl.LOCK_SH)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            return (yield)
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)

    def pytest_unconfigure(self) -> None:
        """Close and remove the files; who still has them open keeps them."""
        for file in self._files:
            file.close()
            Path(file.name).unlink(missing_ok=True)
