"""Check the stored state of both systems after typical actions: rows, bytes, and files without a row.

Every journey compares it if the environment names the stores. If it does not, this check is not verified.
"""

import pytest

from cutover.config.environments import Environment
from cutover.core.errors import NotVerified
from cutover.parity.journeys import written
from cutover.parity.parity_run import ParityRun, check_journeys

pytestmark = [
    pytest.mark.parity,
    pytest.mark.level("test-data"),
    pytest.mark.needs("registration", "postgres", "media", "d1", "r2"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]


def test_both_hold_the_same(parity: ParityRun, environment: Environment, request: pytest.FixtureRequest) -> None:
    """Users, files, tags and bytes in PostgreSQL and on disk are equal to those in D1 and R2."""
    if environment.unnamed_stores:
        raise NotVerified(f"environments.toml [{environment.name}] names no {', '.join(environment.unnamed_stores)}")
    (journey,) = (journey for journey in written() if journey.name == "several_files_of_one_name")
    check_journeys(parity, [journey], request.node.nodeid)
    assert parity.totals.compared["state"] == 1
