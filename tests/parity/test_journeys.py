"""Check the written journeys on Django and on the Worker: every difference must be declared.

contracts/accepted_differences.toml declares the differences. The plan reads the report at each canary stage.
"""

import pytest

from cutover.config.environments import Environment
from cutover.core.errors import NotApplicable
from cutover.parity.journeys import written
from cutover.parity.journeys.declared import load_journeys
from cutover.parity.parity_run import ParityRun, check_journeys
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
    """Every response and the stored state afterwards are equal, or differ as declared."""
    check_journeys(parity, [journey], request.node.nodeid)


@pytest.mark.level("disposable")
@pytest.mark.needs("registration", "postgres", "d1")
@pytest.mark.parametrize("journey", ADMINISTRATORS, ids=lambda journey: journey.name)
def test_administrator_differs_only_as_declared(
    journey: Journey, parity: ParityRun, request: pytest.FixtureRequest
) -> None:
    """The same for an administrator, who is created by a write to both databases."""
    check_journeys(parity, [journey], request.node.nodeid)


def test_declared_journeys_differ_only_as_declared(
    parity: ParityRun, environment: Environment, request: pytest.FixtureRequest
) -> None:
    """The journeys of the environment's own file (`files.journeys`) differ only as declared."""
    journeys = load_journeys(environment.files.get("journeys"), environment.operations)
    if not journeys:
        raise NotApplicable(f"{environment.name} declares no files.journeys")
    check_journeys(parity, journeys, request.node.nodeid)
