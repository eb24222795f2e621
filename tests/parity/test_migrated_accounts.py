"""Check migrated accounts: list, bytes, columns and exports are equal on both systems, with the same ids."""

from collections.abc import Generator

import pytest

from cutover.accounts.migrated_accounts import MigratedAccount, migrated_accounts
from cutover.config.environments import Environment
from cutover.parity.migrated_journeys import play_migrated
from cutover.parity.parity_run import ParityRun, check_migrated_journeys
from cutover.pytest_plugin import gate_session
from cutover.pytest_plugin.migrated_pair import logins_carried_over

pytestmark = [
    pytest.mark.parity,
    pytest.mark.level("test-data"),
    pytest.mark.needs("migrated"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]


@pytest.fixture
def accounts(environment: Environment, pytestconfig: pytest.Config) -> Generator[list[MigratedAccount]]:
    """The migrated accounts with known passwords. On the embedded pair their login times are migrated afterwards."""
    with logins_carried_over(gate_session(pytestconfig)):
        yield migrated_accounts(environment)


def test_migrated_accounts_find_what_they_had(
    parity: ParityRun, accounts: list[MigratedAccount], request: pytest.FixtureRequest
) -> None:
    """Login with the old password, list, download, columns, export and ids are equal."""
    check_migrated_journeys(parity, lambda player, take: play_migrated(player, take, accounts), request.node.nodeid)
