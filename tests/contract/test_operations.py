"""Each operation of the Worker held to contracts/worker.openapi.yaml: examples, coverage of the schema, drawn requests.

The same requests come in each run of the gate; `cutover contract explore` draws others. docs/contract.md.
"""

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.fuzzing import Fuzzer

pytestmark = [pytest.mark.contract, pytest.mark.plan("Staging Validation Script")]

OPEN = ["health", "metrics", "no_such_operation", "index", "front_end"]
REGISTRATION = [pytest.mark.needs("registration")]
WITH_ACCOUNT = [
    pytest.param("register", marks=REGISTRATION),
    "login",
    "refresh",
    "user",
    "logout",
    pytest.param("delete_account", marks=REGISTRATION),
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
]


@pytest.mark.system("worker")
@pytest.mark.parametrize("operation", OPEN)
def test_open_operation_keeps_its_contract(operation: str, fuzzer: Fuzzer) -> None:
    """What anybody may ask: statuses, headers and bodies as the contract says, other methods refused."""
    fuzzer.hold(operation, None)


@pytest.mark.system("worker")
@pytest.mark.level("test-data")
@pytest.mark.parametrize("operation", WITH_ACCOUNT)
def test_operation_keeps_its_contract(operation: str, fuzzer: Fuzzer, accounts: Accounts) -> None:
    """Valid and invalid requests with an account's token: accepted or refused, and answered, as the contract says."""
    fuzzer.hold(operation, accounts)


@pytest.mark.system("worker")
@pytest.mark.level("test-data")
@pytest.mark.needs("registration")
def test_linked_operations_keep_their_contract(fuzzer: Fuzzer, accounts: Accounts) -> None:
    """Sequences along the contract's links: what was made is there, what was deleted is gone."""
    fuzzer.hold_together(accounts)
