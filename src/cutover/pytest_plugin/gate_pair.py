"""The embedded pair of a gate run: a running one that the user names, or one that is started for this run."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

import pytest

from cutover.core.verdict import ExitCode

if TYPE_CHECKING:
    from cutover.embedded.pair import PairHandle
    from cutover.embedded.pair_error import PairError

_START_TIMEOUT_S: Final = 60.0


class GatePair:
    """The pair that `embedded` means in this run. failure: why it did not start, None if it did."""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id
        self._own: PairHandle | None = None
        self.name: str | None = None
        self.failure: str | None = None

    def start(self, named: str | None) -> None:
        """Use the pair of --pair or CUTOVER_PAIR, a running default pair, or start one. Raises UsageError."""
        from cutover.embedded import pair, state
        from cutover.embedded.default_pair import unnamed_pair
        from cutover.embedded.pair_error import PairError

        named = named or os.environ.get("CUTOVER_PAIR")
        try:
            running = state.read(named) if named else unnamed_pair()
        except PairError as error:
            raise pytest.UsageError(f"--pair: {error}") from None
        if running is not None and running.healthy:
            self.name = running.name
            return
        if named:
            raise pytest.UsageError(
                f"--pair: no pair {named!r} is up. Start it with `cutover pair up --name {named}`, or leave out the "
                "option (and CUTOVER_PAIR): then one is started for this run."
            )
        self.name = f"run-{self._run_id}"
        try:
            self._own = pair.start(self.name, owned=True, options=pair.PairOptions())
        except PairError as error:
            self._failed(error)

    def wait(self) -> None:
        """Wait until the pair that this run started is up. Raises UsageError for a wrong set-up."""
        from cutover.embedded.pair_error import PairError

        if self._own is None or self.failure is not None:
            return
        try:
            self._own.wait(_START_TIMEOUT_S)
        except PairError as error:
            self._failed(error)

    def surround(self) -> None:
        """Start what the pair presents to the preflight gate (embedded/surroundings.py)."""
        from cutover.embedded import pair
        from cutover.embedded.pair_error import PairError

        if self.name is None or self.failure is not None:
            return
        try:
            pair.surround(self.name)
        except PairError as error:
            self._failed(error)

    @property
    def lost(self) -> str:
        """Return which parts of the pair ended while it was in use, "" if none did."""
        from cutover.embedded import state

        if self.name is None or self.failure is not None:
            return ""
        found = state.read(self.name)
        if found is not None and found.healthy:
            return ""
        ended = "all of it" if found is None else "; ".join(f"{part}: {how}" for part, how in found.dead.items())
        return f"the embedded pair {self.name} ended during the run: {ended}. Run it again"

    def stop(self) -> None:
        """Stop the pair if this run started it."""
        if self._own is not None:
            self._own.stop()

    def _failed(self, error: PairError) -> None:
        """A wrong set-up is a usage error (4). A part that did not start is an unreachable environment (11)."""
        if error.exit_code == ExitCode.WRONG_USAGE:
            raise pytest.UsageError(str(error)) from None
        self.failure = f"the embedded pair did not start: {error}"
