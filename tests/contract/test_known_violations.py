"""The legacy system against its own document, which drf-spectacular generates from its views.

contracts/known_violations.toml lists the tolerated deviations. They apply to the legacy system only and never cover
security findings.
"""

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.fuzzing import Fuzzer
from cutover.core.rule_table import Rule

pytestmark = [
    pytest.mark.contract,
    pytest.mark.plan("Staging Validation Script"),
    pytest.mark.system("legacy"),
    pytest.mark.level("test-data"),
    pytest.mark.rule(Rule.OPENAPI),
    pytest.mark.needs("legacy_document"),
]
REGISTRATION = {name: pytest.mark.needs("registration") for name in ("register", "delete_account")}
OPERATIONS = (
    "health",
    "register",
    "login",
    "refresh",
    "user",
    "logout",
    "delete_account",
    "upload",
    "list_files",
    "download",
    "tags",
    "columns",
    "export",
    "delete",
)
OWNING = [
    pytest.param(name, marks=[pytest.mark.owns(name), *([REGISTRATION[name]] if name in REGISTRATION else [])])
    for name in OPERATIONS
]


@pytest.mark.parametrize("operation", OWNING)
def test_legacy_violations_are_declared(operation: str, fuzzer: Fuzzer, accounts: Accounts) -> None:
    """The legacy system violates its document only as declared, and each declared violation still occurs."""
    fuzzer.check_operation(operation, accounts)
