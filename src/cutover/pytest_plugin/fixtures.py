"""Fixtures of the gates. conftest.py registers them; the logic is in the classes that they return."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

import pytest

from cutover.accounts.pool import accounts_on
from cutover.accounts.registered import Accounts
from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError
from cutover.contract.operation_controls import OperationControls
from cutover.core.errors import Blocked, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.pytest_plugin import gate_session
from cutover.stores import LegacyRows, MediaFolder, ObjectStore, RowStore, row_store_of
from cutover.systems.target import Target


@pytest.fixture(scope="session")
def environment(pytestconfig: pytest.Config) -> Environment:
    """Return the environment of this run."""
    try:
        return gate_session(pytestconfig).environment
    except ConfigurationError as error:
        raise pytest.UsageError(str(error)) from None


@pytest.fixture
def recorder(pytestconfig: pytest.Config) -> Recorder:
    """Return the recorder of this check: measurements, notes, undetectable faults."""
    return gate_session(pytestconfig).recorder


@pytest.fixture
def target(request: pytest.FixtureRequest, recorder: Recorder) -> Generator[Target]:
    """Yield the system under test, one of those that @pytest.mark.system names.

    Raises Blocked after a check of which a part was blocked, NotVerified if a part was not verified. Controls create
    accounts only if they are sent.
    """
    made = gate_session(request.config).target(request.param)
    made.controls = OperationControls(made, lambda: request.getfixturevalue("accounts"))
    yield made
    for report in made.unfinished:
        report()
    if made.blocked:
        blocked = Blocked(made.blocked)
        recorder.incomplete = recorder.incomplete or str(blocked)
        raise blocked
    if made.unverified:
        why = NotVerified("; ".join(dict.fromkeys(made.unverified)))
        recorder.incomplete = recorder.incomplete or str(why)
        raise why


@pytest.fixture
def accounts(request: pytest.FixtureRequest, target: Target, recorder: Recorder) -> Generator[Accounts]:
    """Yield accounts on the target, registered or from the pool. Everything is removed or listed after the check."""
    session = gate_session(request.config)
    marker = request.node.get_closest_marker("accounts")
    made = accounts_on(target, session.run_id, session.ledger, at_once=marker.args[0] if marker else 1)
    yield made
    made.close(recorder)


@pytest.fixture
def object_store(environment: Environment, pytestconfig: pytest.Config) -> ObjectStore:
    """Return the bucket of the Worker. Raises NotVerified if the environment names none."""
    if environment.bucket is None:
        raise NotVerified(f"environments.toml [{environment.name}] names no r2, so objects cannot be read")
    return ObjectStore(environment.bucket, gate_session(pytestconfig).client)


@pytest.fixture
def row_store(environment: Environment, pytestconfig: pytest.Config) -> RowStore:
    """Return the database of the Worker. Raises NotVerified if the environment names none."""
    found = row_store_of(environment, gate_session(pytestconfig).client)
    if found is None:
        raise NotVerified(f"environments.toml [{environment.name}.d1] names no url and no file, so rows cannot be read")
    return found


@pytest.fixture
def legacy_rows(environment: Environment, pytestconfig: pytest.Config, recorder: Recorder) -> Generator[LegacyRows]:
    """Yield the database of legacy, read-only. Raises NotVerified if the environment names none."""
    if environment.postgres is None:
        raise NotVerified(f"environments.toml [{environment.name}] names no postgres, so legacy's rows cannot be read")
    rows = LegacyRows(
        environment.postgres, environment, recorder=recorder, kill_switch=KillSwitch(gate_session(pytestconfig).project)
    )
    yield rows
    rows.close()


@pytest.fixture
def media_folder(environment: Environment) -> MediaFolder:
    """Return legacy's folder of uploaded files. Raises NotVerified if the environment names none."""
    if environment.media is None:
        raise NotVerified(f"environments.toml [{environment.name}] names no media, so legacy's files cannot be read")
    return MediaFolder(environment.media)


@pytest.fixture
def promises(environment: Environment) -> Mapping[str, Any]:
    """Return contracts/promises.toml with the changes of this environment."""
    return environment.promises
