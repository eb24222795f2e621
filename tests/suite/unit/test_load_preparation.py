"""Accounts whose registration nobody answered: removed as soon as they come to be."""

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


class Noted:
    """Accounts that only write down what was forgotten, which means removed."""

    def __init__(self) -> None:
        self.forgotten: list[str] = []
        self.names = iter(("late", "never", "answered"))

    def name(self) -> Account:
        """One more."""
        return Account(next(self.names), "a@example.invalid", Secret("a"))

    def forget(self, account: Account) -> None:
        """It is gone."""
        self.forgotten.append(account.username)


def removing(there_at: float) -> Callable[[Any, str, Secret], bool]:
    """The system makes "late" at that moment, and nothing else."""
    return lambda _, username, __: username == "late" and time.monotonic() >= there_at


def test_registration_that_was_cut_off_is_removed_when_it_has_come_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second after the run; what never comes is given up at the deadline, what was answered is not asked for."""
    noted = Noted()
    prepared = Preparation(cast("Accounts", noted), cast("Target", None), print)
    prepared.names(3)
    began = time.monotonic()
    monkeypatch.setattr(preparation, "remove_account", removing(began + 0.5))
    prepared.remove_late(cast("Target", None), {"late", "never"}, within_s=1.0)
    assert noted.forgotten == ["late"]
    assert 1.0 <= time.monotonic() - began < 3
    prepared.remove_late(cast("Target", None), set(), within_s=100)
    assert time.monotonic() - began < 3
