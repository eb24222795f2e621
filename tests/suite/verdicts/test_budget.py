"""A budget keeps the suite below the limiter, and keeps no check from reaching what it has to reach."""

import time
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import MakeProject

from cutover.config.validation import root
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

LIMITER = "test_limiter_refuses_above_its_limit"
MANIFEST = f'[smoke]\n"tests/smoke/test_tiny.py::{LIMITER}[worker]" = {{ system = "worker", level = "disposable" }}\n'


def environment(found: PairState, safety: str) -> str:
    """An environment `tight`, in which the whole budget of a minute is less than the limiter's limit."""
    worker = f'worker = {{ url = "{found.worker_url}" }}\nlegacy = {{ absent = "x" }}\n'
    budget = "budget = { requests = 20, window_s = 60 }\n"
    return f'\n[tight]\nsafety = "{safety}"\nlocal_runtime = true\n{worker}{budget}'


def test_flood_that_is_meant_is_not_held_back(own_pair: PairState, make_project: MakeProject, reports: Path) -> None:
    """More requests than the budget allows in a window reach the limiter within it: GO, and none is waited out."""
    checks = (root() / "tests/smoke/test_limits.py").read_text()
    project = make_project(checks, manifest=MANIFEST, environments=environment(own_pair, "disposable"))
    started = time.monotonic()
    done = run_gate("-m", "smoke", "--env", "tight", "-k", LIMITER, reports=reports, project=project)
    assert done.code == 0, done.output
    assert time.monotonic() - started < 50  # under the budget it would have been minutes
    assert done.verdict["rate_limited"] == 0


def test_flood_is_for_disposable_environments(own_pair: PairState, make_project: MakeProject, reports: Path) -> None:
    """A check that floods and does not say so is held back elsewhere: not verified, nothing sent."""
    checks = (root() / "tests/smoke/test_limits.py").read_text().replace('level("disposable")', 'level("read-only")')
    project = make_project(checks, manifest=MANIFEST, environments=environment(own_pair, "test-data"))
    done = run_gate("-m", "smoke", "--env", "tight", "-k", LIMITER, reports=reports, project=project)
    assert done.code == 10, done.output
    assert "needs safety disposable" in done.output
    assert [record["observations"]["exchanges"] for record in done.records] == [[]]
