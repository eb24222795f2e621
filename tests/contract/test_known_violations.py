"""The legacy system held to its own document, which drf-spectacular wrote from its views: its debts are declared.

contracts/known_violations.toml lists them. They excuse nobody else, and what concerns security is none of them.
"""

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.fuzzing import Fuzzer

pytestmark = [
    pytest.mark.contract,
    pytest.mark.plan("Staging Validation Script"),
    pytest.mark.system("legacy"),
    pytest.mark.level("test-data"),
]
REGISTRATION = [pytest.mark.needs("registration")]
OPERATIONS = [
    "health",
    pytest.param("register", marks=REGISTRATION),
    "login",
    "refresh",
    "user",
    "logout",
    pytest.param("delete_account", marks=REGISTRATION),
    "upload",
    "list_files",
    "download",
    "tags",
    "columns",
    "export",
    "delete",
]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_legacy_violations_are_declared(operation: str, fuzzer: Fuzzer, accounts: Accounts) -> None:
    """Django may break its own document only where that is declared, and no longer than it does."""
    fuzzer.hold(operation, accounts)
