"""Each benchmark can be started; what it measures is measured by starting it, never by a test."""

import subprocess
import sys

import pytest

from cutover.config.validation import root

pytestmark = pytest.mark.unit

SCRIPTS = sorted(path.name for path in (root() / "benchmarks").glob("*.py") if "argparse" in path.read_text())


def test_benchmarks_are_those_that_contributing_names() -> None:
    """The table of CONTRIBUTING.md is whole."""
    page = (root() / "CONTRIBUTING.md").read_text()
    assert SCRIPTS
    assert [name for name in SCRIPTS if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_benchmark_says_what_it_measures(script: str) -> None:
    """What it imports is there, and --help names its figures; a module that was renamed shows here."""
    done = subprocess.run(
        [sys.executable, str(root() / "benchmarks" / script), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout
