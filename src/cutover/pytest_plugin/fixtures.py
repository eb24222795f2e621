"""The nouns that checks are written with. conftest.py wires them; logic lives in the classes behind."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from cutover.accounts.pool import accounts_on
from cutover.accounts.registered import Accounts
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.pytest_plugin import gate_session
from cutover.stores import LegacyRows, MediaFolder, ObjectStore, RowStore
from cutover.systems.target import Target


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config) -> Environment:
    """The environment of this run."""
    try:
        return gate_session(pytestconfig).environment
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture
def recorder(pytestconfig: pytest.Config) -> Recorder:
    """The pages of this check: what it measured and could not see."""
    return gate_session(pytestconfig).recorder


@pytest.fixture
def target(request: pytest.FixtureRequest) -> Target:
    """The system that this check is made on, as @pytest.mark.system names them."""
    return gate_session(request.config).target(request.param)


@pytest.fixture
def accounts(request: pytest.FixtureRequest, target: Target, recorder: Recorder) -> Generator[Accounts]:
    """Makes test accounts on the target, or lends those that it names; all is removed after the check, or listed."""
    session = gate_session(request.config)
    marker = request.node.get_closest_marker("accounts")
    made = accounts_on(target, session.run_id, session.ledger, at_once=marker.args[0] if marker else 1)
    yield made
    made.close(recorder)


@pytest.fixture
def object_store(environment: Environment, pytestconfig: pytest.Config) -> ObjectStore:
    """The bucket behind the Worker. Not verified where the environment names none."""
    if environment.bucket is None:
        raise NotVerified(f"environments.toml [{environment.name}] names no r2, so objects cannot be seen")
    return ObjectStore(environment.bucket, gate_session(pytestconfig).client)


@pytest.fixture
def row_store(environment: Environment, pytestconfig: pytest.Config) -> RowStore:
    """The database behind the Worker. Not verified where the environment names none."""
    if environment.d1 is None:
        raise NotVerified(f"environments.toml [{environment.name}] names no d1, so rows cannot be seen")
    return RowStore(environment.d1, gate_session(pytestconfig).client)


@pytest.fixture
def legacy_rows(environment: Environment, pytestconfig: pytest.Config, recorder: Recorder) -> Generator[LegacyRows]:
    """The legacy's database, read-only. Not verified where the environment names none."""
    if environment.postgres is None:
        raise NotVerified(
            f"environments.toml [{environment.name}] names no postgres, so the legacy's rows cannot be seen"
        )
    rows = LegacyRows(
        environment.postgres, environment, recorder=recorder, kill_switch=KillSwitch(gate_session(pytestconfig).project)
    )
    yield rows
    rows.close()


@pytest.fixture
def media_folder(environment: Environment) -> MediaFolder:
    """The legacy's folder of uploaded files. Not verified where the environment names none."""
    if environment.media is None:
        raise NotVerified(
            f"environments.toml [{environment.name}] names no media, so the legacy's files cannot be seen"
        )
    return MediaFolder(environment.media)


@pytest.fixture
def promises(environment: Environment) -> Mapping[str, Any]:
    """contracts/promises.toml as this environment has it."""
    return environment.promises
