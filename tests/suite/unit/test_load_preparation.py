"""Accounts whose registration had no response are removed as soon as they exist."""

import time
from collections.abc import Callable
from typing import Any, cast

import pytest

from cutover.accounts.registered import Account, Accounts
from cutover.core.secrets import Secret
from cutover.load import preparation
from cutover.load.preparation import Preparation
from cutover.systems.target import Target

pytestmark = pytest.mark.unit


class FakeAccounts:
    """Accounts that record which ones were forgotten (removed)."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []
        self.names = iter(("late", "never", "answered"))

    def name(self) -> Account:
        """Return the next account."""
        return Account(next(self.names), "a@example.invalid", Secret("a"))

    def forget(self, account: Account) -> None:
        """Record the removal."""
        self.forgotten.append(account.username)


def removing(exists_at: float) -> Callable[[Any, str, Secret], bool]:
    """Return a removal that succeeds for "late" from that moment on."""
    return lambda _, username, __: username == "late" and time.monotonic() >= exists_at


def test_late_registration_is_removed(monkeypatch: pytest.MonkeyPatch) -> None:
    """An account that appears after 0.5 s is removed; one that never appears is given up at the deadline."""
    fake = FakeAccounts()
    prepared = Preparation(cast("Accounts", fake), cast("Target", None), print)
    prepared.reserve(3)
    began = time.monotonic()
    monkeypatch.setattr(preparation, "remove_account", removing(began + 0.5))
    prepared.remove_late(cast("Target", None), {"late", "never"}, within_s=1.0)
    assert fake.forgotten == ["late"]
    assert 1.0 <= time.monotonic() - began < 3
    prepared.remove_late(cast("Target", None), set(), within_s=100)
    assert time.monotonic() - began < 3
