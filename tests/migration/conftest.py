"""Wires the migration gate: one reconciliation a run, which every check reads."""

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from cutover.environments import Environment
from cutover.migration.gate import Wanted, reconciled
from cutover.pytest_plugin import gate_session
from cutover.pytest_plugin.migrated_pair import filled_pair, last_logins_kept


@pytest.fixture(scope="session")
def reconciliation(pytestconfig: pytest.Config, environment: Environment) -> Mapping[str, Any]:
    """What reconciling this environment has shown: the data of reconciliation.json."""
    session = gate_session(pytestconfig)
    filled_pair(session, environment)
    wanted = Wanted(
        session.project,
        environment,
        session.folder,
        session.run_id,
        reverse=pytestconfig.option.cutover_direction == "reverse",
        show_values=pytestconfig.option.cutover_show_values,
    )
    return reconciled(wanted, session.journal)


@pytest.fixture
def logins_undone(
    reconciliation: Mapping[str, Any], pytestconfig: pytest.Config, environment: Environment
) -> Generator[Mapping[str, Any]]:
    """The reconciliation, which is over; on the embedded pair the times of logins are put back, so that it can be made
    again. Elsewhere a delta does that."""
    with last_logins_kept(gate_session(pytestconfig), environment):
        yield reconciliation
