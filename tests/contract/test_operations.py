"""Each operation of the Worker against contracts/worker.openapi.yaml: examples, coverage of the schema, fuzzing.

Each run of the gate sends the same requests; `cutover contract explore` sends others (docs/contract.md).
"""

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.fuzzing import Fuzzer
from cutover.core.rule_table import Rule

pytestmark = [
    pytest.mark.contract,
    pytest.mark.plan("Staging Validation Script"),
    pytest.mark.rule(Rule.OPENAPI),
    pytest.mark.needs("worker_document"),
]

OPEN = [
    pytest.param(name, marks=pytest.mark.owns(name))
    for name in ("health", "metrics", "no_such_operation", "index", "front_end")
]
WITH_ACCOUNT = (
    "register",
    "login",
    "refresh",
    "user",
    "logout",
    "delete_account",
    "upload",
    "list_files",
    "file",
    "download",
    "tags",
    "columns",
    "export",
    "delete",
    "list_filters",
    "create_filter",
    "filter",
    "delete_filter",
)
REGISTRATION = {name: pytest.mark.needs("registration") for name in ("register", "delete_account")}
OWNING = [
    pytest.param(name, marks=[pytest.mark.owns(name), *([REGISTRATION[name]] if name in REGISTRATION else [])])
    for name in WITH_ACCOUNT
]


@pytest.mark.system("worker")
@pytest.mark.parametrize("operation", OPEN)
def test_open_operation_keeps_its_contract(operation: str, fuzzer: Fuzzer) -> None:
    """Responses of an unauthenticated operation match the contract, and other methods are refused."""
    fuzzer.check_operation(operation, None)


@pytest.mark.system("worker")
@pytest.mark.level("test-data")
@pytest.mark.parametrize("operation", OWNING)
def test_operation_keeps_its_contract(operation: str, fuzzer: Fuzzer, accounts: Accounts) -> None:
    """Valid requests are accepted, invalid ones refused, and all responses match the contract."""
    fuzzer.check_operation(operation, accounts)


@pytest.mark.system("worker")
@pytest.mark.level("test-data")
@pytest.mark.needs("registration")
def test_linked_operations_keep_their_contract(fuzzer: Fuzzer, accounts: Accounts) -> None:
    """In sequences along the contract's links, created objects exist and deleted objects do not."""
    fuzzer.check_sequences(accounts)
