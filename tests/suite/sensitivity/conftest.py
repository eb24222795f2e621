"""What the tests of planted defects share: a system under them, and a way to tell the table what came of each."""

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
class Told:
    """What a test tells the table: kept in its report, which reaches the process that prints it."""

    record: Callable[[str, object], None]

    def __call__(self, fault: Mapping[str, Any], check: str, mode: Literal["planted", "neutral"], came: str) -> None:
        """One cell: what came of a defect or of its twin."""
        self.record("planted defect", [fault["system"], fault["name"], check.rpartition("::")[2], mode, came])


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Told:
    """Writes a cell of the table."""
    return Told(record_property)


@pytest.fixture(scope="session")
def parity(own_pair: PairState) -> Generator[ParityRun]:
    """Plays journeys on that pair, as the parity gate does."""
    environment = load_environment(root(), "embedded", pair=own_pair)
    recorder = Recorder()
    client = Client(
        environment, recorder=recorder, rate_limiter=None, kill_switch=KillSwitch(root()), run="sensitivity"
    )
    with parity_run(root(), environment, client, recorder, run="sensitivity", ledger=None) as run:
        yield run
    client.close()
