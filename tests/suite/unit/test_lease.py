"""Accounts are lent to one at a time, in the order of asking, all that are wanted or none."""

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
    """An address that no other test uses."""
    return f"https://{secrets.token_hex(6)}.example"


@pytest.fixture
def held() -> Generator[contextlib.ExitStack]:
    """What one check holds."""
    with contextlib.ExitStack() as locks:
        yield locks


def test_two_checks_never_hold_the_same(address: str, held: contextlib.ExitStack) -> None:
    """Each gets another; the third gets none until one is given back."""
    second, third = contextlib.ExitStack(), contextlib.ExitStack()
    taken = lease(held, address, NAMES, 1, 1) + lease(second, address, NAMES, 1, 1)
    assert sorted(taken) == NAMES
    with pytest.raises(NotVerified, match="did not become free"):
        lease(third, address, NAMES, 1, 0.2)
    second.close()
    with third:
        assert lease(third, address, NAMES, 1, 1) == taken[1:]


def test_same_name_elsewhere_is_another_account(address: str, held: contextlib.ExitStack) -> None:
    """Each system has accounts of its own, however they are called."""
    assert lease(held, address, NAMES, 2, 1) == lease(held, f"{address}:8443", NAMES, 2, 1) == NAMES


def test_who_wants_two_is_not_overtaken(address: str, held: contextlib.ExitStack) -> None:
    """While somebody waits for both, nobody takes the one that is free; and who waits holds nothing meanwhile."""
    lease(held, address, NAMES, 1, 1)
    patient, got = contextlib.ExitStack(), []
    waiting = threading.Thread(target=lambda: got.extend(lease(patient, address, NAMES, 2, 10)))
    waiting.start()
    try:
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:  # until the other one stands at the door
            with contextlib.ExitStack() as hasty, contextlib.suppress(NotVerified):
                lease(hasty, address, NAMES, 1, 0)
                continue
            break
        assert got == []
        with pytest.raises(NotVerified), contextlib.ExitStack() as hasty:
            lease(hasty, address, NAMES, 1, 0.3)
    finally:
        held.close()
        waiting.join(10)
        patient.close()
    assert got == NAMES


def test_more_than_there_are_is_said_at_once(address: str, held: contextlib.ExitStack) -> None:
    """Nobody waits for what cannot come."""
    with pytest.raises(NotVerified, match="uses 3 accounts at once, and 2 are named"):
        lease(held, address, NAMES, 3, 60)
