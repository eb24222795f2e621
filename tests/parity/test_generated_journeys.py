"""Generated journeys: the same ones in each run of the gate, new ones with `cutover parity explore`."""

import pytest

from cutover.parity.journeys.generated import generate
from cutover.parity.parity_run import ParityRun, check_generated_journeys

pytestmark = [
    pytest.mark.parity,
    pytest.mark.level("test-data"),
    pytest.mark.needs("registration"),
    pytest.mark.never_waived("a difference is declared in contracts/accepted_differences.toml, with its direction"),
    pytest.mark.plan("Gradual Rollout: canary stages"),
]

JOURNEYS = 12
"""Number of journeys for each seed: enough that all rules are combined, few enough for a gate (docs/parity.md)."""


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_drawn_journeys_differ_only_as_declared(seed: int, parity: ParityRun, request: pytest.FixtureRequest) -> None:
    """Uploads, exports, tags, deletions, refreshes and access to others' files in generated orders."""
    check_generated_journeys(
        parity, lambda player, take: generate(player, take, journeys=JOURNEYS, seed=seed), request.node.nodeid
    )
