"""Each benchmark can be started. Tests do not run the measurements."""

import subprocess
import sys

import pytest

from cutover.config.validation import root

pytestmark = pytest.mark.unit

SCRIPTS = sorted(path.name for path in (root() / "benchmarks").glob("*.py") if "argparse" in path.read_text())


def test_benchmarks_are_listed_in_contributing() -> None:
    """The table of CONTRIBUTING.md lists every benchmark."""
    page = (root() / "CONTRIBUTING.md").read_text()
    assert SCRIPTS
    assert [name for name in SCRIPTS if f"| `{name}` |" not in page] == []


@pytest.mark.parametrize("script", SCRIPTS)
def test_benchmark_prints_its_help(script: str) -> None:
    """Each benchmark can be imported and prints its --help."""
    done = subprocess.run(
        [sys.executable, str(root() / "benchmarks" / script), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "usage:" in done.stdout


@pytest.mark.parametrize(
    "runs", ["", "smoke", "smoke=0", "smoke=-1", "smoke=x", "other=1", "smoke=1,smoke=2", "smoke=1,"]
)
def test_honest_runs_refuse_a_wrong_number(runs: str) -> None:
    """A number of runs that is missing, 0, repeated or for no gate is refused before any run starts."""
    done = subprocess.run(
        [sys.executable, str(root() / "benchmarks" / "honest_runs.py"), f"--runs={runs}"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "expected GATE=NUMBER" in done.stderr
