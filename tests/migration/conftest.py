"""Fixtures of the migration gate. All checks of a run read one reconciliation."""

from collections.abc import Collection, Generator, Mapping
from typing import Any

import pytest

from cutover.config.environments import Environment
from cutover.migration.gate import Wanted, reconciled
from cutover.migration.mapping_file import load_mapping
from cutover.pytest_plugin import gate_session
from cutover.pytest_plugin.migrated_pair import filled_pair, last_logins_kept
from cutover.systems.target import Target


@pytest.fixture(scope="session")
def reconciliation(pytestconfig: pytest.Config, environment: Environment) -> Mapping[str, Any]:
    """The content of reconciliation.json for this environment."""
    session = gate_session(pytestconfig)
    own_runs = filled_pair(session, environment)
    wanted = Wanted(
        session.project,
        environment,
        session.folder,
        session.run_id,
        reverse=pytestconfig.option.cutover_direction == "reverse",
        show_values=pytestconfig.option.cutover_show_values,
        own_runs=own_runs,
    )
    return reconciled(wanted, session.recorder)


@pytest.fixture(scope="session")
def own_tables(pytestconfig: pytest.Config, environment: Environment) -> Collection[str] | None:
    """The target tables of the environment's own mapping, None if it uses contracts/migration.toml."""
    own = environment.files.get("migration")
    if own is None:
        return None
    return [table.target for table in load_mapping(gate_session(pytestconfig).project, own).tables]


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
