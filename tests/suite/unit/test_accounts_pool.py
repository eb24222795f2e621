"""Accounts of the pool are lent to one check at a time, in the order of the requests, all requested ones or none."""

import contextlib
import secrets
import threading
import time
from collections.abc import Generator

import pytest

from cutover.accounts.pool import lease
from cutover.core.errors import NotVerified

pytestmark = pytest.mark.unit

NAMES = ["a", "b"]


@pytest.fixture
def address() -> str:
    """Return an address that no other test uses."""
    return f"https://{secrets.token_hex(6)}.example"


@pytest.fixture
def leased() -> Generator[contextlib.ExitStack]:
    """Return the accounts of one lease."""
    with contextlib.ExitStack() as locks:
        yield locks


def test_account_is_lent_to_one_check_at_a_time(address: str, leased: contextlib.ExitStack) -> None:
    """Each check gets another account. The third gets none until one is returned."""
    second, third = contextlib.ExitStack(), contextlib.ExitStack()
    taken = lease(leased, address, NAMES, 1, 1) + lease(second, address, NAMES, 1, 1)
    assert sorted(taken) == NAMES
    with pytest.raises(NotVerified, match="did not become free"):
        lease(third, address, NAMES, 1, 0.2)
    second.close()
    with third:
        assert lease(third, address, NAMES, 1, 1) == taken[1:]


def test_same_name_on_another_system_is_another_account(address: str, leased: contextlib.ExitStack) -> None:
    """Each system has its own accounts, whatever their names are."""
    assert lease(leased, address, NAMES, 2, 1) == lease(leased, f"{address}:8443", NAMES, 2, 1) == NAMES


def test_request_for_two_accounts_is_not_overtaken(address: str, leased: contextlib.ExitStack) -> None:
    """While a check waits for two accounts, no other check gets a free one, and the waiting check holds none."""
    lease(leased, address, NAMES, 1, 1)
    patient, got = contextlib.ExitStack(), []
    waiting = threading.Thread(target=lambda: got.extend(lease(patient, address, NAMES, 2, 10)))
    waiting.start()
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:  # until the other one waits in the queue
            with contextlib.ExitStack() as hasty, contextlib.suppress(NotVerified):
                lease(hasty, address, NAMES, 1, 0)
                continue
            break
        assert got == []
        with pytest.raises(NotVerified), contextlib.ExitStack() as hasty:
            lease(hasty, address, NAMES, 1, 0.3)
    finally:
        leased.close()
        waiting.join(10)
        patient.close()
    assert got == NAMES


def test_more_accounts_than_exist_fail_at_once(address: str, leased: contextlib.ExitStack) -> None:
    """A request for more accounts than exist does not wait."""
    with pytest.raises(NotVerified, match=r"uses 3 accounts at once, and environments\.toml names 2"):
        lease(leased, address, NAMES, 3, 60)
