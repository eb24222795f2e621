"""Fixtures for the tests of planted faults."""

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pytest

from cutover.client.http import Client
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.embedded.state import PairState
from cutover.parity.assembly import parity_run
from cutover.parity.parity_run import ParityRun


@dataclass(frozen=True)
class FaultTableWriter:
    """A writer of cells of the table of planted faults.

    A cell is a property of the test's report, so it also reaches the table if the test ran in another process.
    """

    record: Callable[[str, object], None]

    def add(self, fault: Mapping[str, Any], check: str, mode: Literal["planted", "control"], result: str) -> None:
        """Add the result of a fault or of its control."""
        self.record("planted fault", [fault["system"], fault["name"], check.rpartition("::")[2], mode, result])


@pytest.fixture
def fault_table(record_property: Callable[[str, object], None]) -> FaultTableWriter:
    """Return a writer of cells of the table."""
    return FaultTableWriter(record_property)


@pytest.fixture(scope="session")
def parity(own_pair: PairState) -> Generator[ParityRun]:
    """Yield a runner that plays journeys on the tests' own pair, as the parity gate does."""
    environment = load_environment(root(), "embedded", pair=own_pair)
    recorder = Recorder()
    client = Client(
        environment, recorder=recorder, rate_limiter=None, kill_switch=KillSwitch(root()), run="sensitivity"
    )
    with parity_run(root(), environment, client, recorder, run="sensitivity", ledger=None) as run:
        yield run
    client.close()
