"""Shared preconditions of checks: a broken one is one finding, and every other check that needs it is blocked.

A precondition is an operation of a system that works: "upload on worker". manifest.toml lists the checks that own
it, because it is their subject (`owns`). Only an owner fails when it is broken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterable
from contextlib import contextmanager
from typing import Final

from cutover.core.errors import Blocked, CheckFailed
from cutover.core.requirements import RequiredCheck

_TRIES: Final = 3
"""Failures in a row after which a precondition that worked before is no longer tried in this process."""


class Preconditions:
    """The preconditions of the running check, and what this process knows about all of them.

    Without an owner in the check's gate, a precondition changes nothing: its failure is the check's own.
    """

    def __init__(self, required: Iterable[RequiredCheck] = ()) -> None:
        """required: the checks of manifest.toml with the preconditions that they own."""
        self._required = [entry for entry in required if entry.owns]
        self._owned: frozenset[str] = frozenset()
        self._own: frozenset[str] = frozenset()
        self._worked: set[str] = set()
        self._broken: dict[str, str] = {}
        self._failures: Counter[str] = Counter()

    def begin(self, check: str, gates: Iterable[str]) -> None:
        """Start a check of these gates: `needed` depends on the preconditions that it owns."""
        of_gates = [entry for entry in self._required if entry.gate in gates]
        self._owned = frozenset(name for entry in of_gates for name in entry.owns)
        self._own = frozenset(name for entry in of_gates if entry.check == check for name in entry.owns)

    @property
    def is_active(self) -> bool:
        """Return True if checks of this gate own preconditions."""
        return bool(self._owned)

    def blocks(self, operation: str, system: str) -> bool:
        """Return True if another check of this gate owns the precondition, so that its failure blocks this check."""
        name = f"{operation} on {system}"
        return name in self._owned and name not in self._own

    def has_worked(self, operation: str, system: str) -> bool:
        """Return True if the precondition worked in this process and is not broken since."""
        name = f"{operation} on {system}"
        return name in self._worked and name not in self._broken

    def refuse_broken(self, operation: str, system: str) -> None:
        """Raise Blocked if the precondition is known to be broken, and another check owns it."""
        name = f"{operation} on {system}"
        if self.blocks(operation, system) and name in self._broken:
            raise Blocked({name: self._broken[name]})

    @contextmanager
    def needed(self, operation: str, system: str) -> Generator[None]:
        """Run the statements that establish a precondition. Raises Blocked, or CheckFailed in a check that owns it.

        A precondition that never worked is tried once in this process. One that worked before is tried until it failed
        three times in a row.
        """
        name = f"{operation} on {system}"
        blocks = self.blocks(operation, system)
        self.refuse_broken(operation, system)
        try:
            yield
        except CheckFailed as error:
            self._failures[name] += 1
            if name not in self._worked or self._failures[name] >= _TRIES:
                self._broken[name] = error.observed
            if not blocks:
                raise
            raise Blocked({name: error.observed}) from None
        self._worked.add(name)
        self._broken.pop(name, None)
        self._failures[name] = 0
