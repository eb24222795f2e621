"""What becomes of the accounts that drawn registrations may have made."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from cutover.accounts.registered import Accounts
from cutover.contract.sending import Sender
from cutover.core.errors import CheckFailed

pytestmark = pytest.mark.unit

FIELDS = {"username": "username", "email": "email", "password": "password", "password_again": "password2"}


class Registering:
    """A target whose registrations end as told: a status, or None for no answer."""

    system, url = "worker", "http://127.0.0.1:1"

    def __init__(self, status: int | None) -> None:
        self._status = status
        self.environment = SimpleNamespace(name="staging", secrets={}, safety=1)

    def operation(self, _name: str) -> Any:
        """The same for each."""
        return SimpleNamespace(request=FIELDS, statuses=(201,), method="POST", response={})

    def send_drawn(self, *_: Any) -> Any:
        """The answer, or what comes in its place."""
        if self._status is None:
            raise CheckFailed("no-answer:register", expected="an answer", got="none in 30 s")
        headers = SimpleNamespace(multi_items=list)
        request = SimpleNamespace(method="POST")
        answer = {"status": self._status, "headers": headers, "body": b"", "elapsed_s": 0.1, "protocol": "HTTP/1.1"}
        return SimpleNamespace(answer=SimpleNamespace(request=request, **answer))


class Case:
    """A valid registration, as schemathesis draws it."""

    method, path = "POST", "/api/accounts/register"
    meta = SimpleNamespace(generation=SimpleNamespace(mode=SimpleNamespace(is_negative=False, is_positive=True)))
    row: ClassVar = {"operationId": "register", "responses": {"201": {}, "400": {}, "409": {}, "500": {}}}
    operation = SimpleNamespace(definition=SimpleNamespace(raw=row), label="register")

    def __init__(self) -> None:
        self.path_parameters: dict[str, Any] = {}
        self.headers: dict[str, str] = {}
        self.body = {
            "username": "someone",
            "email": "a@b.example",
            "password": "longenough1",
            "password2": "longenough1",
        }

    def as_transport_kwargs(self, base_url: str) -> dict[str, Any]:
        """What requests is given."""
        return {"method": "POST", "url": f"{base_url}{self.path}", "json": self.body}


@pytest.mark.parametrize(
    ("status", "is_there"),
    [(400, False), (409, False), (408, True), (418, True), (None, True), (500, True), (503, True)],
)
def test_only_a_refusal_says_that_no_account_was_made(status: int | None, is_there: bool, tmp_path: Path) -> None:
    """Without an answer, or behind a 5xx or a status that the contract does not name, it may be stored.

    Then it stays to be removed, in the ledger as well.
    """
    ledger = tmp_path / "test-data.jsonl"
    target: Any = Registering(status)
    accounts = Accounts(target, "run", ledger)
    prerequisites: Any = SimpleNamespace(accounts=accounts, issued=lambda _: None, bearers={}, value=lambda _: None)
    sequence: Any = SimpleNamespace(add=lambda *_: None, know=lambda *_: None)
    sender = Sender(target, prerequisites, sequence, {})
    if status is None:
        with pytest.raises(CheckFailed):
            sender.send(Case())
    else:
        sender.send(Case())
    events = [json.loads(line)["event"] for line in ledger.read_text().splitlines()]
    assert events == (["named"] if is_there else ["named", "removed"])
