"""Wires a parity run: one in each process, on the environment's two systems."""

from collections.abc import Generator

import pytest

from cutover.config.environments import Environment
from cutover.core.recorder import Recorder
from cutover.parity.assembly import parity_run
from cutover.parity.parity_run import ParityRun
from cutover.pytest_plugin import gate_session


@pytest.fixture(scope="session")
def parity(pytestconfig: pytest.Config, environment: Environment) -> Generator[ParityRun]:
    """Plays journeys on Django and on the Worker and compares; also what both hold, where the stores are named."""
    session = gate_session(pytestconfig)
    with parity_run(
        session.project,
        environment,
        session.client,
        session.recorder,
        run=session.run_id,
        ledger=session.ledger,
        show_values=pytestconfig.option.cutover_show_values,
        shortening_s=pytestconfig.option.cutover_shortening_s,
    ) as run:
        yield run


@pytest.fixture(autouse=True)
def blind(recorder: Recorder, environment: Environment) -> None:
    """What no journey of this run can see."""
    for name in environment.unnamed_stores:
        recorder.note_undetectable(f"what is stored behind the API: environments.toml names no {name}")
