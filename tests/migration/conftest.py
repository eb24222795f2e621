"""Fixtures of the migration gate. All checks of a run read one reconciliation."""

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from cutover.config.environments import Environment
from cutover.migration.gate import Wanted, reconciled
from cutover.pytest_plugin import gate_session
from cutover.pytest_plugin.migrated_pair import filled_pair, last_logins_kept
from cutover.systems.target import Target


@pytest.fixture(scope="session")
def reconciliation(pytestconfig: pytest.Config, environment: Environment) -> Mapping[str, Any]:
    """The content of reconciliation.json for this environment."""
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
    return reconciled(wanted, session.recorder)


@pytest.fixture
def migrated_side(
    target: Target, reconciliation: Mapping[str, Any], pytestconfig: pytest.Config, environment: Environment
) -> Generator[Target]:
    """The target of the migration, after the reconciliation. After a rollback it is Django.

    On the embedded pair the times of logins are restored, so that the gate can run again. Elsewhere a delta does that.
    """
    session = gate_session(pytestconfig)
    reverse = reconciliation["direction"] == "reverse"
    with last_logins_kept(session, environment, reverse=reverse):
        yield session.target("legacy") if reverse else target
