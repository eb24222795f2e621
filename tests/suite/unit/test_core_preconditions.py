"""Shared preconditions: the check that owns a broken one fails, others are blocked without sending it again."""

import pytest

from cutover.core.errors import Blocked, CheckFailed
from cutover.core.preconditions import Preconditions
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel

pytestmark = pytest.mark.unit

OWNER = RequiredCheck("smoke", "uploads", "worker", SafetyLevel.TEST_DATA, owns=("upload on worker",))


class Upload:
    """An operation that refuses its first requests. sent: number of requests."""

    def __init__(self, refuses: range) -> None:
        self.sent, self._refuses = 0, refuses

    def __call__(self, preconditions: Preconditions, system: str = "worker") -> None:
        with preconditions.needed("upload", system):
            self.sent += 1
            if self.sent in self._refuses:
                raise CheckFailed("status:upload", expected="status 201", got="status 400")


def test_other_checks_are_blocked_after_one_request() -> None:
    """The first check that needs it sends the request; the next ones are blocked with what it saw."""
    preconditions, upload = Preconditions([OWNER]), Upload(range(1, 100))
    for check in ("a", "b"):
        preconditions.begin(check, ("smoke",))
        with pytest.raises(Blocked) as caught:
            upload(preconditions)
        assert caught.value.causes == {"upload on worker": "expected status 201, got status 400"}
    assert upload.sent == 1


def test_owner_fails_and_tries_again() -> None:
    """The owner sends the request although it failed before, and its own failure is raised."""
    preconditions, upload = Preconditions([OWNER]), Upload(range(1, 100))
    for _ in range(2):
        preconditions.begin("uploads", ("smoke",))
        with pytest.raises(CheckFailed):
            upload(preconditions)
    preconditions.begin("a", ("smoke",))
    with pytest.raises(Blocked):
        upload(preconditions)
    assert upload.sent == 2


@pytest.mark.parametrize(("gate", "system"), [("parity", "worker"), ("smoke", "legacy")])
def test_failure_without_an_owner_is_the_checks_own(gate: str, system: str) -> None:
    """In a gate, or on a system, without an owner the failure is raised unchanged."""
    preconditions, upload = Preconditions([OWNER]), Upload(range(1, 100))
    preconditions.begin("a", (gate,))
    for _ in range(2):
        with pytest.raises(CheckFailed):
            upload(preconditions, system)
    assert upload.sent == 2


def test_single_failure_blocks_one_check() -> None:
    """A precondition that worked before is tried again until it failed three times in a row."""
    preconditions, upload = Preconditions([OWNER]), Upload(range(2, 100))
    preconditions.begin("a", ("smoke",))
    upload(preconditions)
    for _ in range(5):
        with pytest.raises(Blocked):
            upload(preconditions)
    assert upload.sent == 4


def test_other_errors_are_no_broken_precondition() -> None:
    """Any other exception passes unchanged, and the next check tries again."""
    preconditions = Preconditions([OWNER])
    preconditions.begin("a", ("smoke",))
    with pytest.raises(KeyError), preconditions.needed("upload", "worker"):
        raise KeyError("x")
    upload = Upload(range(0))
    upload(preconditions)
    assert upload.sent == 1
