"""What both systems hold after an ordinary day: rows, bytes and what lies there without a row.

Every journey compares this where the stores are named; this check is what is missing where they are not.
"""

import pytest

from cutover.config.environments import Environment
from cutover.core.errors import NotVerified
from cutover.parity.journeys import written
from cutover.parity.parity_run import ParityRun, show

pytestmark = [
    pytest.mark.parity,
    pytest.mark.level("test-data"),
    pytest.mark.needs("registration", "postgres", "media", "d1", "r2"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]


def test_both_hold_the_same(parity: ParityRun, environment: Environment, request: pytest.FixtureRequest) -> None:
    """Users, files, tags and bytes in PostgreSQL and on disk are those in D1 and R2."""
    if environment.unnamed_stores:
        raise NotVerified(f"environments.toml [{environment.name}] names no {', '.join(environment.unnamed_stores)}")
    (journey,) = (journey for journey in written() if journey.name == "several_files_of_one_name")
    show(parity, [journey], request.node.nodeid)
    assert parity.totals.compared["state"] == 1
