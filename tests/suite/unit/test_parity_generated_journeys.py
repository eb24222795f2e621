"""Tests of generated journeys: an error is raised once and unchanged, and nothing is sent after it."""

from types import SimpleNamespace
from typing import Any

import pytest

from cutover.core.errors import CheckFailed, IdentityMismatch, Unreachable
from cutover.parity.journeys.generated import generate

pytestmark = pytest.mark.unit


class Passing:
    """A player that raises once, in the given call."""

    def __init__(self, where: str, at: int, error: Exception) -> None:
        self._left = {where: at}
        self._error = error
        self.raised = self.after = 0

    def call(self, name: str) -> None:
        """Count the call and raise if it is the given one."""
        self.after += self.raised
        left = self._left.get(name)
        if left is not None and not self.raised:
            self._left[name] = left - 1
            if left == 0:
                self.raised = 1
                raise self._error

    def begin(self, _journey: Any) -> Any:
        """Return a journey without differences."""
        self.call("begin")
        return SimpleNamespace(
            played=SimpleNamespace(cut_short=""),
            step=lambda _: self.call("step"),
            read_back=lambda: self.call("read_back"),
        )


@pytest.mark.parametrize("where", ["begin", "step", "read_back", "take"])
@pytest.mark.parametrize(
    "error", [Unreachable("gone for a moment"), IdentityMismatch("another"), CheckFailed("x", expected=1, got=2)]
)
@pytest.mark.parametrize("at", [0, 3])
def test_error_is_raised_once_and_unchanged(where: str, error: Exception, at: int) -> None:
    """A system that is unreachable for one request is not reported as a difference or a flaky test."""
    player: Any = Passing(where, at, error)
    with pytest.raises(type(error)) as caught:
        generate(player, lambda _: player.call("take"), journeys=8, seed=1)
    assert caught.value is error
    assert player.after == 0
