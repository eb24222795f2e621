"""The tests that are repeated, and those that are not, with one process and with two."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cutover.config.validation import root

pytestmark = pytest.mark.unit

CONFTEST = """
from tests.suite.support.repeated_measurements import RepeatedMeasurements

def pytest_configure(config):
    config.pluginmanager.register(RepeatedMeasurements())
"""
LATE = "requests of steady were sent late: the 99th percentile of the lag is 9.1 ms, more than 5 ms."
TESTS = f"""
from pathlib import Path
import pytest

@pytest.fixture
def count(request):
    file = Path(__file__).with_name(request.node.name + ".count")
    file.write_text(str(int(file.read_text()) + 1 if file.exists() else 1))
    return int(file.read_text())

@pytest.mark.alone
def test_late_once(count):
    assert count > 1, "{LATE}"

@pytest.mark.alone
def test_late_always(count):
    assert False, "{LATE}"

@pytest.mark.alone
def test_wrong_for_another_reason(count):
    assert count > 1, "another version answered"

def test_not_marked_alone(count):
    assert count > 1, "{LATE}"
"""


@pytest.mark.parametrize("processes", [[], ["-n", "2"]])
def test_only_a_late_generator_is_repeated(tmp_path: Path, processes: list[str]) -> None:
    """A test is repeated at most twice, with new fixtures, only if marked `alone`, and the summary lists it."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_them.py").write_text(TESTS)
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers =\n  alone\n")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *processes, "-p", "no:cacheprovider", "-p", "no:cutover"],
        cwd=tmp_path,
        env={**kept, "PYTHONPATH": str(root())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    counts = {file.stem: int(file.read_text()) for file in tmp_path.glob("*.count")}
    assert counts == {
        "test_late_once": 2,
        "test_late_always": 3,
        "test_wrong_for_another_reason": 1,
        "test_not_marked_alone": 1,
    }, done.stdout + done.stderr
    assert "3 failed, 1 passed" in done.stdout
    lines = [line.rpartition("::")[2] for line in done.stdout.splitlines() if line.startswith("measured again")]
    assert sorted(lines) == ["test_late_always 2x", "test_late_once 1x"]
