"""The written journeys: what users do, played on Django and on the Worker, every difference declared or found.

Plan: canary stages; the report is read at each. contracts/accepted_differences.toml says what may differ.
"""

import pytest

from cutover.parity.journeys import written
from cutover.parity.parity_run import ParityRun, show
from cutover.parity.steps import Journey

USERS = [journey for journey in written() if not journey.admins]
ADMINISTRATORS = [journey for journey in written() if journey.admins]
pytestmark = [
    pytest.mark.parity,
    pytest.mark.level("test-data"),
    pytest.mark.needs("registration"),
    pytest.mark.never_waived("a difference is declared in contracts/accepted_differences.toml, with its direction"),
    pytest.mark.plan("Gradual Rollout: canary stages"),
]


@pytest.mark.parametrize(
    "journey", [journey for journey in written() if not journey.admins], ids=lambda each: each.name
)
def test_journey_differs_only_as_declared(journey: Journey, parity: ParityRun, request: pytest.FixtureRequest) -> None:
    """Every answer to every step, and what both hold afterwards, is equal or differs as it is declared."""
    show(parity, [journey], request.node.nodeid)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "postgres", "d1")
@pytest.mark.parametrize("journey", ADMINISTRATORS, ids=lambda journey: journey.name)
def test_administrator_differs_only_as_declared(
    journey: Journey, parity: ParityRun, request: pytest.FixtureRequest
) -> None:
    """The same for an administrator, who is made by writing into both databases."""
    show(parity, [journey], request.node.nodeid)
