"""Journeys that a state machine draws: the same ones in each run of the gate, others with `cutover parity explore`."""

import pytest

from cutover.parity.journeys.generated import generate
from cutover.parity.parity_run import ParityRun, show_drawn

pytestmark = [
    pytest.mark.parity,
    pytest.mark.level("test-data"),
    pytest.mark.needs("registration"),
    pytest.mark.never_waived("a difference is declared in contracts/accepted_differences.toml, with its direction"),
    pytest.mark.plan("Gradual Rollout: canary stages"),
]

JOURNEYS = 12
"""In each of the seeds: enough that the rules meet one another, few enough for a gate (docs/parity.md)."""


@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_drawn_journeys_differ_only_as_declared(seed: int, parity: ParityRun, request: pytest.FixtureRequest) -> None:
    """Uploads, cuts, tags, deletions, refreshes and trespasses in orders that nobody thought of."""
    show_drawn(parity, lambda player, take: generate(player, take, journeys=JOURNEYS, seed=seed), request.node.nodeid)
