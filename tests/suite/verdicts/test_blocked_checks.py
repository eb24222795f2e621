"""The contract gate with a broken operation: one cause, and every check that does not need the operation runs.

The same for smoke is the run of the whole gate in tests/suite/sensitivity/test_planted_faults.py.
"""

import datetime
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

INDEPENDENT = (
    "test_operations_need_a_token", "test_forged_tokens_are_refused", "test_tokens_after_logout_are_refused",
    "test_tokens_of_a_disabled_account_are_refused", "test_operator_paths_are_closed",
    "test_undeclared_methods_are_refused", "test_preflights_have_no_effect", "test_cors_allows_only_the_own_origin",
    "test_private_responses_are_not_cacheable", "test_limiter_holds_on_every_operation",
    "test_operation_keeps_its_contract[worker-register]", "test_operation_keeps_its_contract[worker-list_filters]",
)  # fmt: skip
"""Checks of the Worker that must pass although the operation is broken."""
OWNER = "tests/smoke/test_tiny.py::test_health_answers[worker]"
CHECKS = '''"""A check that owns an operation, and one that needs it."""

import pytest

from cutover.systems.target import Target

pytestmark = [pytest.mark.smoke, pytest.mark.system("worker")]


@pytest.mark.owns("health")
def test_health_answers(target: Target) -> None:
    """Health is 418."""
    target.call("health").expect_status(418)


def test_user_is_refused(target: Target) -> None:
    """Without a token the account is 401."""
    with target.needs("health"):
        target.call("health").expect_status(418)
'''
MANIFEST = """
[smoke]
"tests/smoke/test_tiny.py::test_health_answers[worker]" = { system = "worker", level = "read-only", owns = "health on worker" }
"tests/smoke/test_tiny.py::test_user_is_refused[worker]" = { system = "worker", level = "read-only" }
"""  # noqa: E501


def test_broken_operation_is_one_cause(own_pair: PairState, tmp_path: Path, reports: Path) -> None:
    """The gate is NO-GO for one reason, which is printed once; all other checks passed or are blocked by it."""
    summary = tmp_path / "summary.md"
    pair.serve(own_pair.name, "worker", "every-upload-refused", "planted")
    try:
        done = run_gate(
            "-n", "2", "-m", "contract", "--env", "embedded", "--pair", own_pair.name,
            reports=reports, GITHUB_STEP_SUMMARY=str(summary),
        )  # fmt: skip
    finally:
        pair.serve(own_pair.name, "worker", None)
    (verdict,) = done.verdict["gates"]
    counts = verdict["counts"]
    assert done.code == 1, done.output
    assert [(each["name"], each["outcome"]) for each in verdict["causes"]] == [("upload on worker", "failed")], (
        done.output
    )
    assert verdict["reasons"] == [verdict["causes"][0]["line"]]
    assert verdict["failed"] == verdict["causes"][0]["reported_by"]
    assert counts["passed"] + counts["failed"] + counts["blocked"] == counts["required"], done.output
    line = "- upload on worker: "
    assert (done.output.count(line), summary.read_text().count(line)) == (1, 1), done.output
    passed = [record["check"] for record in done.records if record["status"] == "passed"]
    missing = [name for name in INDEPENDENT if not any(name in check and "worker" in check for check in passed)]
    assert missing == [], done.output


def test_waived_or_deselected_owner_is_inconclusive(
    own_pair: PairState, project_factory: ProjectFactory, tmp_path: Path
) -> None:
    """The owner's finding is NO-GO; waived, or without the owner, the blocked check leaves INCONCLUSIVE."""
    project = project_factory(CHECKS, manifest=MANIFEST)
    named = ("-m", "smoke", "--env", "embedded", "--pair", own_pair.name)
    failed = run_gate(*named, "-n", "2", reports=tmp_path / "failed", project=project)
    assert failed.code == 1, failed.output
    assert "health on worker: 1 finding, blocks 1 check: " in failed.output
    alone = run_gate(*named, "-k", "user", reports=tmp_path / "alone", project=project)
    assert alone.code == 10, alone.output
    assert f"did not run or was not verified: {OWNER}" in alone.output
    (owner,) = [record for record in failed.records if record["check"] == OWNER]
    (project / "waivers.toml").write_text(
        f'[[waiver]]\ncheck = "{OWNER}"\nenvironment = "embedded"\nfingerprint = "{owner["fingerprint"]}"\n'
        f'reason = "r"\nowner = "o"\nexpires = {datetime.date(2100, 1, 1)}\n'
    )
    waived = run_gate(*named, reports=tmp_path / "waived", project=project)
    assert waived.code == 10, waived.output
    assert "does not verify the blocked checks" in waived.output
