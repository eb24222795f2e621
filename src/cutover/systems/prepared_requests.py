"""Requests that a check needs but does not judge, and proof that an operation works before its responses are judged."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from cutover.core.errors import Blocked, CheckFailed, LocalRuntimeAnswer, NotApplicable, NotVerified
from cutover.core.preconditions import Preconditions
from cutover.core.recorder import Recorder

if TYPE_CHECKING:
    from cutover.systems.target import Result

Prepared = TypeVar("Prepared")
_PROTECTED_READS: Final = ("user", "list_files")
"""Reads of one's own data that need no id, so that a token can be tried on them."""


class Controls(Protocol):
    """Proof that operations work (contract/operation_controls.py)."""

    def prove(self, operation: str) -> None:
        """Raise Blocked if a valid request to the operation fails, and another check of the gate reports that."""


class PreparedRequests:
    """The part of a target that prepares a check.

    controls: of the running check; None if no response of an operation needs one. blocked: broken precondition -> what
    was observed, of the parts of the check that could not be verified. The check ends blocked if it has no finding.
    unverified: why parts of the check could not be verified otherwise. Without a finding, the check is not verified.
    unfinished: called at the end of the check, to report what it found before an exception ended it.
    """

    system: str
    recorder: Recorder
    call: Callable[..., Result]
    present: Callable[..., list[str]]

    def __init__(self, preconditions: Preconditions) -> None:
        """Start without controls. preconditions: those of the running check."""
        self.preconditions = preconditions
        self.controls: Controls | None = None
        self.blocked: dict[str, str] = {}
        self.unverified: list[str] = []
        self.unfinished: list[Callable[[], None]] = []

    def needs(self, operation: str) -> AbstractContextManager[None]:
        """Return a context for statements that establish a precondition of the check: a failure blocks the check.

        Raises Blocked, or CheckFailed in a check whose subject the operation is (core/preconditions.py).
        """
        return self.preconditions.needed(operation, self.system)

    @property
    def protected_read(self) -> str:
        """Return an operation that reads with nothing but a token. Raises NotApplicable if the system has none."""
        return self.present(*_PROTECTED_READS)[0]

    def prepare(self, name: str, *, having: Sequence[str] = (), **sent: Any) -> Result:
        """Send a valid request that the check needs but does not judge, and return the successful response.

        having: fields that the response must contain. sent: arguments of `call`. Raises the errors of `needs` and of
        `call`.
        """
        with self.needs(name):
            result = self.call(name, **sent).expect_status()
            for each in having:
                result.field(each)
            return result

    def is_broken(self, operation: str) -> bool:
        """Return True if a valid request to the operation fails, so that its other responses prove nothing.

        Another check reports that; this one is blocked in part. False if the operation works, or cannot be proved here.
        """
        try:
            if self.controls is not None:
                self.controls.prove(operation)
        except Blocked as blocked:
            self.blocked |= blocked.causes
            return True
        return False

    @contextmanager
    def judged(self, operation: str) -> Generator[None]:
        """Run statements that judge responses of one operation. A failure is ignored if the operation is broken."""
        try:
            yield
        except CheckFailed:
            if not self.is_broken(operation):
                raise

    def if_possible(self, prepare: Callable[[], Prepared], *, without: str, judged: bool = False) -> Prepared | None:
        """Return the result of a preparation; None if it is blocked or the system has no such operation.

        without: the faults that the check cannot detect then. The record lists them. judged: the check judges what is
        prepared, so a broken precondition blocks it. A preparation that was not verified leaves any check not verified.
        """
        try:
            return prepare()
        except LocalRuntimeAnswer:
            raise
        except (Blocked, NotVerified) as why:
            self.recorder.note_undetectable(f"{without}: {why}")
            if isinstance(why, Blocked):
                self.blocked |= why.causes if judged else {}
            elif not isinstance(why, NotApplicable):
                self.unverified.append(f"{without}: {why}")
            return None
