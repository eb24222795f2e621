"""Preparation of a load run: broken preconditions block only what needs them, and late accounts are removed."""

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cutover.accounts.registered import Account, Accounts
from cutover.core.errors import CheckFailed, NotVerified, Unreachable
from cutover.core.secrets import Secret
from cutover.load import preparation
from cutover.load.journey_preconditions import (
    ACCOUNT,
    LIST,
    NEEDS,
    OPERATIONS,
    SESSION,
    JourneyPreconditions,
    nothing_can_run,
)
from cutover.load.preparation import Preparation
from cutover.load.profiles import JOURNEYS
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
    prepared = Preparation(cast("Accounts", fake), cast("Target", SimpleNamespace(system="worker")), print)
    prepared.reserve(3)
    began = time.monotonic()
    monkeypatch.setattr(preparation, "remove_account", removing(began + 0.5))
    prepared.remove_late(cast("Target", None), {"late", "never"}, within_s=1.0)
    assert fake.forgotten == ["late"]
    assert 1.0 <= time.monotonic() - began < 3
    prepared.remove_late(cast("Target", None), set(), within_s=100)
    assert time.monotonic() - began < 3


def broken(name: str = "status:upload") -> CheckFailed:
    """Return a finding."""
    return CheckFailed(name, expected=201, got=400)


def failing(error: Exception) -> Callable[[], None]:
    """Return a step that raises this error."""

    def step() -> None:
        raise error

    return step


def test_broken_list_blocks_the_journeys_that_need_it() -> None:
    """One cause with the journeys that need a list. Sessions and logins are not blocked."""
    preconditions = JourneyPreconditions("worker")
    assert preconditions.attempt(SESSION, lambda: "token") == "token"
    for _ in range(5):
        assert preconditions.attempt(LIST, failing(broken())) is None
    (cause,) = preconditions.causes(NEEDS)
    assert cause.failed
    assert {journey.partition(" ")[0] for journey in cause.journeys} == {
        "list",
        "download",
        "cut",
        "new_list",
        "large",
        "write",
    }
    assert "2 of 2 tries failed" in cause.text
    assert "status:upload" in cause.text


def test_each_journey_is_blocked_by_one_cause() -> None:
    """Without accounts there are no sessions and lists either: only the first cause blocks."""
    preconditions = JourneyPreconditions("worker")
    for name in (ACCOUNT, SESSION, LIST):
        preconditions.attempt(name, failing(broken(f"status:{name}")))
    causes = preconditions.causes(NEEDS)
    blocked = [journey for cause in causes for journey in cause.journeys]
    assert len(blocked) == len(set(blocked)) == len(NEEDS) - 1
    assert [bool(cause.journeys) for cause in causes] == [True, False, False]


def test_precondition_that_succeeds_once_blocks_nothing() -> None:
    """A sporadic failure is still a finding."""
    preconditions = JourneyPreconditions("worker")
    preconditions.attempt(LIST, failing(broken()))
    preconditions.attempt(LIST, lambda: "id")
    (cause,) = preconditions.causes(NEEDS)
    assert cause.failed
    assert cause.journeys == ()


def test_missing_operation_is_not_verified() -> None:
    """NotVerified is no finding of the system."""
    preconditions = JourneyPreconditions("worker")
    preconditions.attempt(LIST, failing(NotVerified("worker has no upload")))
    (cause,) = preconditions.causes(NEEDS)
    assert not cause.failed
    assert isinstance(nothing_can_run([cause], {}), NotVerified)


def test_measurement_error_is_raised() -> None:
    """An unreachable system is INVALID and no finding."""
    with pytest.raises(Unreachable):
        JourneyPreconditions("worker").attempt(LIST, failing(Unreachable("refused")))


def test_every_journey_has_its_needs_and_operations() -> None:
    """A journey that is missing in a table would never be blocked."""
    assert set(NEEDS) == set(OPERATIONS) == set(JOURNEYS)
