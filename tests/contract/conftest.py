"""Wires the fuzzing of the contract gate: one fuzzer for each system in each process."""

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
    """The fuzzers of this process by system: they know how often the deployment was silent."""
    return {}


@pytest.fixture
def fuzzer(fuzzers: dict[str, Fuzzer], target: Target, environment: Environment, pytestconfig: pytest.Config) -> Fuzzer:
    """Draws requests from the target's contract, sends and judges them."""
    session = gate_session(pytestconfig)
    if target.system not in fuzzers:
        minutes = pytestconfig.option.cutover_contract_minutes
        fuzzers[target.system] = Fuzzer(session.project, environment, target, session.recorder, minutes=minutes)
    return fuzzers[target.system]


@pytest.fixture(autouse=True)
def time_left(pytestconfig: pytest.Config) -> None:
    """With --contract-minutes, what has not begun when they are over is not verified, and sends nothing."""
    minutes = pytestconfig.option.cutover_contract_minutes
    if minutes is not None and time.time() - gate_session(pytestconfig).started > minutes * 60:
        raise NotVerified(f"the {minutes:g} minutes given were over before it began")


@pytest.fixture(autouse=True)
def named_operation(request: pytest.FixtureRequest) -> None:
    """One entry an operation in Allure: without a parameter of its own, it would be retries of one test."""
    name_in_reports(request.node)
