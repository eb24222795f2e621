"""The suite itself: clocks, secrets, request budget, disk, versions, limiter bypass and identity proofs."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.config.environments import Environment
from cutover.config.preflight_suite import SuiteSettings
from cutover.core.errors import NotApplicable
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.preflight.findings import conclude
from cutover.preflight.suite_limiter import bypass_findings
from cutover.preflight.suite_machine import disk_findings, version_findings
from cutover.preflight.suite_state import budget_findings, clock_findings, identity_findings, secret_findings
from cutover.pytest_plugin import gate_session
from cutover.systems.target import Target

pytestmark = [pytest.mark.preflight, pytest.mark.plan("Environment Configuration")]


@pytest.fixture
def targets(environment: Environment, pytestconfig: pytest.Config) -> list[Target]:
    """Return the systems of the environment."""
    return [gate_session(pytestconfig).target(system) for system in environment.systems]


@pytest.fixture
def limits(environment: Environment) -> SuiteSettings:
    """Return the limits of these checks."""
    return environment.preflight.suite or SuiteSettings()


def test_clocks_agree(targets: list[Target], limits: SuiteSettings, recorder: Recorder) -> None:
    """The clock of each system differs from this machine's by less than the limit."""
    conclude(clock_findings(targets, recorder, limits.clock_s), recorder)


def test_identity_proofs_differ(targets: list[Target], recorder: Recorder) -> None:
    """Each system sends its declared proof, and no system sends that of the other."""
    conclude(identity_findings(targets, recorder), recorder)


def test_secrets_are_complete(environment: Environment, recorder: Recorder) -> None:
    """Every secret that the gates need is named; none is a placeholder, too short or used twice."""
    conclude(secret_findings(environment), recorder)


def test_budget_suffices(environment: Environment, limits: SuiteSettings, recorder: Recorder) -> None:
    """The request budget is within the limiter's promise, and suffices for each gate."""
    bypass = "limiter_bypass" in environment.secrets
    conclude(budget_findings(environment, recorder, minutes=limits.gate_minutes, bypass=bypass), recorder)


def test_disk_has_space(limits: SuiteSettings, recorder: Recorder, pytestconfig: pytest.Config) -> None:
    """The folder of the reports can be written and has free space."""
    conclude(disk_findings(gate_session(pytestconfig).folder, recorder, limits.free_mb), recorder)


def test_versions_are_as_locked(recorder: Recorder, pytestconfig: pytest.Config) -> None:
    """Python, the suite and its dependencies have the versions that it was tested with."""
    conclude(version_findings(gate_session(pytestconfig).project / "requirements.lock", recorder), recorder)


@pytest.mark.needs("limiter")
@pytest.mark.rule(Rule.RATE_LIMIT)
def test_limiter_has_no_foreign_bypass(
    environment: Environment,
    limits: SuiteSettings,
    promises: Mapping[str, Any],
    recorder: Recorder,
    pytestconfig: pytest.Config,
) -> None:
    """The limiter_bypass of another environment does not lift the limiter."""
    session = gate_session(pytestconfig)
    if "worker" not in environment.systems:
        raise NotApplicable("the environment has no Worker")
    target = session.target("worker")
    found = bypass_findings(target, session.client, session.project, promises["limiter"], recorder, burst=limits.burst)
    conclude(found, recorder)
