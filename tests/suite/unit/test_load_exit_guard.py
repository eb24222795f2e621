"""The exit code of a Locust process never claims a verdict that was not reached."""

import sys

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cutover.locust_plugin.exit_guard import ExitGuard

pytestmark = pytest.mark.unit

ARGUMENTS = st.lists(st.sampled_from(["-f", "x.py", "--env", "--env=staging", "staging", "-V", "--headless"]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(-9, 255), ARGUMENTS)
def test_process_without_a_run_claims_no_verdict(
    monkeypatch: pytest.MonkeyPatch, code: int, arguments: list[str]
) -> None:
    """Locust's 1, argparse's 2 and -1 are 4; 0 stays 0 only if no run was asked for (locust --help)."""
    monkeypatch.setattr(sys, "argv", ["locust", *arguments])
    found = ExitGuard().translated(code)
    asked = any(word.startswith("--env") for word in arguments)
    assert found not in (1, 2)
    assert (found == 0) == (code == 0 and not asked)
    if code in (3, 4, 10, 11):
        assert found == code


@given(st.integers(-9, 255), st.sampled_from([0, 1, 2, 3, 4, 10, 11]))
def test_process_with_a_run_ends_with_its_verdict(code: int, verdict: int) -> None:
    """0 and 1 pass only if they are the verdict."""
    guard = ExitGuard()
    guard.run_code = lambda: verdict
    found = guard.translated(code)
    assert found not in (0, 1) or found == verdict
    assert guard.translated(verdict) == verdict


@given(st.integers(-9, 255))
def test_worker_process_never_claims_no_go(code: int) -> None:
    """Only the master decides."""
    guard = ExitGuard()
    guard.worker = True
    assert guard.translated(code) in (0, 3, 4, 11)
