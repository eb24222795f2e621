"""What breaks while journeys are drawn is raised as what it is, once, and nothing is sent after it."""

from types import SimpleNamespace
from typing import Any

import pytest

from cutover.core.errors import CheckFailed, IdentityMismatch, Unreachable
from cutover.parity.journeys.generated import generate

pytestmark = pytest.mark.unit


class Passing:
    """A player whose given call raises once, and whose other calls do nothing."""

    def __init__(self, where: str, at: int, error: Exception) -> None:
        self._left = {where: at}
        self._error = error
        self.raised = self.after = 0

    def call(self, name: str) -> None:
        """One more."""
        self.after += self.raised
        left = self._left.get(name)
        if left is not None and not self.raised:
            self._left[name] = left - 1
            if left == 0:
                self.raised = 1
                raise self._error

    def begin(self, _journey: Any) -> Any:
        """A journey in which nothing differs."""
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
def test_what_breaks_once_is_raised_as_it_is(where: str, error: Exception, at: int) -> None:
    """A deployment that was out of reach for one request is no difference, and no flaky test."""
    player: Any = Passing(where, at, error)
    with pytest.raises(type(error)) as caught:
        generate(player, lambda _: player.call("take"), journeys=8, seed=1)
    assert caught.value is error
    assert player.after == 0
