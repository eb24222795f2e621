"""Tests of the proof of two systems without registration: one system must refuse the other's token."""

from types import SimpleNamespace
from typing import Any

import pytest

from cutover.core.errors import CheckFailed, IdentityMismatch
from cutover.core.secrets import Secret
from cutover.corpus import LARGE_MINIMUM, UPLOAD_LIMIT
from cutover.parity.player import Player
from cutover.parity.steps import Journey, Step, Upload, at_limit

pytestmark = pytest.mark.unit

NAMES = {"ann": "two-systems-ann-4711", "bob": "two-systems-bob-4711"}
"""These secrets are masked everywhere from now on, so they contain no word that another test looks for."""


class System:
    """A system that lets some accounts log in and accepts the tokens of some systems."""

    def __init__(self, system: str, *, accepts: set[str], accounts: set[str]) -> None:
        self.system, self.url = system, f"http://{system}.invalid"
        self.environment = SimpleNamespace(name="staging", absent={"registration": "closed"}, kv_propagation_s=0)
        self._accepts, self._accounts = accepts, accounts
        self.asked: list[str] = []

    def call(self, name: str, *, token: Any = None, fields: Any = None) -> Any:
        """Return the response to that operation."""
        self.asked.append(name)
        if name == "health":
            return SimpleNamespace(field=self._no_field)
        if name == "login":
            status = 200 if fields["username"] in self._accounts else 401
        else:
            status = 200 if token.reveal() in self._accepts else 401
        operation = SimpleNamespace(statuses=(200,))
        return SimpleNamespace(status=status, operation=operation, secret=lambda _: Secret(f"token of {self.system}"))

    def has(self, name: str) -> bool:
        """Return True: this system has every operation."""
        return bool(name)

    def _no_field(self, _name: str) -> Any:
        raise CheckFailed("x", expected=1, got=2)


def player(worker_accepts: set[str]) -> tuple[Any, System, System]:
    """Return a player of two systems, on which ann may log in and bob is disabled."""
    legacy = System("legacy", accepts={"token of legacy"}, accounts={NAMES["ann"]})
    worker = System("worker", accepts=worker_accepts, accounts={NAMES["ann"]})
    means: Any = SimpleNamespace(seed=1, rules=SimpleNamespace(), declared=None, show_values=False)
    made: Any = Player(legacy, worker, lambda *_: None, means)  # type: ignore[arg-type]  # all that it uses of a target
    return made, legacy, worker


def begin(made: Any, who: str) -> None:
    """Begin a journey of an account that both systems have."""
    made.begin_migrated(Journey("migrated", "x", (who,), ()), {who: (Secret(NAMES[who]), Secret("Pw-of-nobody-4711"))})


def test_worker_that_accepts_django_token_is_refused() -> None:
    """Compared with itself, everything would be equal."""
    made, _, _ = player({"token of legacy"})
    with pytest.raises(IdentityMismatch, match="accepts a token issued by"):
        begin(made, "ann")


def test_two_systems_are_proven_once() -> None:
    """A disabled account proves nothing. After the proof no further request is made."""
    made, legacy, worker = player({"token of worker"})
    begin(made, "bob")
    assert worker.asked.count("user") == 0
    begin(made, "ann")
    begin(made, "ann")
    assert worker.asked.count("user") == 1
    assert legacy.asked.count("login") == 2


def test_largest_file_has_the_size_of_the_limit() -> None:
    """Files at and above our upload limit get the sizes of the deployment's limit; other files are unchanged."""
    limit = LARGE_MINIMUM + 5000
    for size, expected in ((UPLOAD_LIMIT, limit), (UPLOAD_LIMIT + 1, limit + 1), (10, 10)):
        step = Step("upload", "ann", file=Upload("a.csv", bytes(size)))
        changed = at_limit(step, limit).file
        assert changed is not None
        assert len(changed.content) == expected
        assert at_limit(step, UPLOAD_LIMIT) == step
