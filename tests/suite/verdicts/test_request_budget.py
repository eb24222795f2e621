"""The request budget keeps the suite below the rate limit, but does not stop the check that must reach the limit."""

import time
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.config.validation import root
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

LIMITER = "test_limiter_refuses_above_its_limit"
MANIFEST = f'[smoke]\n"tests/smoke/test_tiny.py::{LIMITER}[worker]" = {{ system = "worker", level = "disposable" }}\n'


def environment(found: PairState, safety: str) -> str:
    """Return an environment `tight`, whose budget for a minute is below the limit of the rate limiter."""
    worker = f'worker = {{ url = "{found.worker_url}" }}\nlegacy = {{ absent = "x" }}\n'
    budget = "budget = { requests = 20, window_s = 60 }\n"
    return f'\n[tight]\nsafety = "{safety}"\nlocal_runtime = true\n{worker}{budget}'


def test_declared_flood_ignores_the_budget(own_pair: PairState, project_factory: ProjectFactory, reports: Path) -> None:
    """A check that must reach the rate limit sends more than the budget at once, without waiting: GO."""
    checks = (root() / "tests/smoke/test_limits.py").read_text()
    project = project_factory(checks, manifest=MANIFEST, environments=environment(own_pair, "disposable"))
    started = time.monotonic()
    done = run_gate("-m", "smoke", "--env", "tight", "-k", LIMITER, reports=reports, project=project)
    assert done.code == 0, done.output
    assert time.monotonic() - started < 50  # with the budget it would take minutes
    assert done.verdict["rate_limited"] == 0


def test_undeclared_flood_is_not_sent(own_pair: PairState, project_factory: ProjectFactory, reports: Path) -> None:
    """A check that floods an environment that is not disposable is not verified, and nothing is sent."""
    checks = (root() / "tests/smoke/test_limits.py").read_text().replace('level("disposable")', 'level("read-only")')
    project = project_factory(checks, manifest=MANIFEST, environments=environment(own_pair, "test-data"))
    done = run_gate("-m", "smoke", "--env", "tight", "-k", LIMITER, reports=reports, project=project)
    assert done.code == 10, done.output
    assert "needs safety disposable" in done.output
    assert [record["observations"]["exchanges"] for record in done.records] == [[]]
