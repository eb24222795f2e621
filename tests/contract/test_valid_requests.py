"""The valid request of each operation succeeds: the preconditions of the other checks. Contract: each operation."""

import pytest

from cutover.accounts.registered import Accounts
from cutover.accounts.sessions import TOKENS
from cutover.contract.operation_controls import send_valid
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [
    pytest.mark.contract,
    pytest.mark.level("test-data"),
    pytest.mark.plan("Staging Validation Script; contracts/api.md"),
    pytest.mark.rule(Rule.OPERATIONS),
]

ALSO = {"file": ("processing",), "register": (TOKENS,)}
REGISTRATION = ("register", "delete_account")
LEGACY = ("register", "login", "refresh", "user", "logout", "delete_account", "upload", "list_files", "download",
          "tags", "columns", "export", "delete")  # fmt: skip
WORKER = (*LEGACY, "file", "list_filters", "create_filter", "filter", "delete_filter")


def _owning(operations: tuple[str, ...]) -> list[object]:
    """Return the parameters: each check owns its operation, and what else other checks need of it."""
    return [
        pytest.param(
            name,
            marks=[
                pytest.mark.owns(name, *ALSO.get(name, ())),
                *([pytest.mark.needs("registration")] if name in REGISTRATION else []),
            ],
        )
        for name in operations
    ]


@pytest.mark.system("worker")
@pytest.mark.parametrize("operation", _owning(WORKER))
def test_worker_accepts_the_valid_request(target: Target, accounts: Accounts, operation: str) -> None:
    """The operation succeeds for a new account with the objects that it concerns."""
    send_valid(target, operation, lambda: accounts)


@pytest.mark.system("legacy")
@pytest.mark.parametrize("operation", _owning(LEGACY))
def test_legacy_accepts_the_valid_request(target: Target, accounts: Accounts, operation: str) -> None:
    """The operation succeeds for a new account with the objects that it concerns."""
    send_valid(target, operation, lambda: accounts)
