"""Tests marked `alone` run while no other test runs, with two processes."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cutover.config.validation import root

pytestmark = pytest.mark.unit

CONFTEST = """
import os
from tests.suite.support.exclusive_tests import ExclusiveTests

def pytest_collection_modifyitems(config):
    config.pluginmanager.register(ExclusiveTests(os.environ["PYTEST_XDIST_TESTRUNUID"]))
"""
TESTS = """
import time
from pathlib import Path
import pytest

@pytest.mark.parametrize("name", [*"abcdef", "alone-g", *"hijk", "alone-l", *"mn"])
def test_one(name):
    began = time.monotonic()
    time.sleep(0.05)
    Path(__file__).with_name(f"{name}.span").write_text(f"{began} {time.monotonic()}")
"""
MARKING = """
def pytest_itemcollected(item):
    if "alone" in item.name:
        item.add_marker("alone")
"""


def test_exclusive_test_runs_alone(tmp_path: Path) -> None:
    """No other test overlaps a test marked `alone`, and other tests do overlap each other."""
    (tmp_path / "conftest.py").write_text(CONFTEST + MARKING)
    (tmp_path / "test_them.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  alone\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider", "-p", "no:cutover"],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(root())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    spans = {file.stem: tuple(float(part) for part in file.read_text().split()) for file in tmp_path.glob("*.span")}
    assert len(spans) == 14

    def overlapping(name: str) -> list[str]:
        began, ended = spans[name]
        return [other for other, (first, last) in spans.items() if other != name and first < ended and began < last]

    assert [overlapping(name) for name in spans if "alone" in name] == [[], []]
    assert any(overlapping(name) for name in spans)
