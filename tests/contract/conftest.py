"""Fixtures of the contract gate."""

import time

import pytest

from cutover.config.environments import Environment
from cutover.contract.allure_labels import name_in_reports
from cutover.contract.fuzzing import Fuzzer
from cutover.core.errors import NotVerified
from cutover.pytest_plugin import gate_session
from cutover.systems.target import Target


@pytest.fixture(scope="session")
def fuzzers() -> dict[str, Fuzzer]:
    """Return the fuzzers of this process by system. Each counts the requests without a response."""
    return {}


@pytest.fixture
def fuzzer(fuzzers: dict[str, Fuzzer], target: Target, environment: Environment, pytestconfig: pytest.Config) -> Fuzzer:
    """Return the fuzzer of the target's system."""
    session = gate_session(pytestconfig)
    if target.system not in fuzzers:
        minutes = pytestconfig.option.cutover_contract_minutes
        fuzzers[target.system] = Fuzzer(session.project, environment, target, session.recorder, minutes=minutes)
    fuzzers[target.system].target = target  # of this check
    return fuzzers[target.system]


@pytest.fixture(autouse=True)
def time_left(pytestconfig: pytest.Config) -> None:
    """Raise NotVerified if the time of --contract-minutes is over, so that the check sends nothing."""
    minutes = pytestconfig.option.cutover_contract_minutes
    if minutes is not None and time.time() - gate_session(pytestconfig).started > minutes * 60:
        raise NotVerified(f"the {minutes:g} minutes of --contract-minutes were over before the check started")


@pytest.fixture(autouse=True)
def named_operation(request: pytest.FixtureRequest) -> None:
    """Label the check with its operation in Allure, which otherwise shows the operations as retries of one test."""
    name_in_reports(request.node)
