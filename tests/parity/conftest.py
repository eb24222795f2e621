"""Fixtures of the parity gate: one parity run in each process, on the environment's two systems."""

from collections.abc import Generator

import pytest

from cutover.config.environments import Environment
from cutover.core.recorder import Recorder
from cutover.parity.assembly import parity_run
from cutover.parity.parity_run import ParityRun
from cutover.pytest_plugin import gate_session


@pytest.fixture(scope="session")
def parity(pytestconfig: pytest.Config, environment: Environment) -> Generator[ParityRun]:
    """The parity run of this process. It also compares the stored state if the environment names the stores."""
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
def undetectable(recorder: Recorder, environment: Environment) -> None:
    """Record the faults that no journey of this run can detect."""
    for name in environment.unnamed_stores:
        recorder.note_undetectable(f"what is stored behind the API: environments.toml names no {name}")
