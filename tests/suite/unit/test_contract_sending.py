"""Accounts of generated registrations in the ledger."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from cutover.accounts.registered import Accounts
from cutover.client.account_markers import AccountMarkers
from cutover.contract.sending import Sender
from cutover.core.errors import CheckFailed

pytestmark = pytest.mark.unit

FIELDS = {"username": "username", "email": "email", "password": "password", "password_again": "password2"}


class Registering:
    """A target whose registrations end with a given status, or without a response (None)."""

    system, url = "worker", "http://127.0.0.1:1"

    def __init__(self, status: int | None) -> None:
        self._status = status
        self.environment = SimpleNamespace(name="staging", secrets={}, safety=1)
        self.client = SimpleNamespace(markers=AccountMarkers())

    def operation(self, _name: str) -> Any:
        """Return the same operation for every name."""
        return SimpleNamespace(request=FIELDS, statuses=(201,), method="POST", response={})

    def send_generated(self, *_: Any) -> Any:
        """Return the response, or raise CheckFailed for none."""
        if self._status is None:
            raise CheckFailed("no-answer:register", expected="an answer", got="none in 30 s")
        headers = SimpleNamespace(multi_items=list)
        request = SimpleNamespace(method="POST")
        answer = {"status": self._status, "headers": headers, "body": b"", "elapsed_s": 0.1, "protocol": "HTTP/1.1"}
        return SimpleNamespace(answer=SimpleNamespace(request=request, **answer))


class Case:
    """A valid registration as schemathesis generates it."""

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
        """Return the arguments for requests."""
        return {"method": "POST", "url": f"{base_url}{self.path}", "json": self.body}


@pytest.mark.parametrize(("again", "repeats"), [("longenough1", True), ("longenough2", False), (None, False)])
def test_different_passwords_are_no_valid_request(again: str | None, repeats: bool) -> None:
    """A refused registration with two different passwords is no finding about a valid request."""
    case, target, unused = Case(), Registering(400), SimpleNamespace()
    case.body["password2"] = again
    anything: Any = unused
    assert Sender(target, anything, anything, {}).repeats_password(case) is repeats  # type: ignore[arg-type]


@pytest.mark.parametrize("username", ["someone", "a\0b", 7, None])
@pytest.mark.parametrize("password", ["longenough1", "short", "with\0zero-byte", ""])
@pytest.mark.parametrize("is_positive", [True, False])
def test_valid_registration_repeats_its_password(
    tmp_path: Path, username: Any, password: str, is_positive: bool
) -> None:
    """The passwords of a valid registration are equal whatever the rest of it is; those of an invalid one stay."""
    target: Any = Registering(400)
    case: Any = Case()
    case.body |= {"username": username, "password": password, "password2": "another one"}
    mode = SimpleNamespace(is_negative=not is_positive, is_positive=is_positive)
    case.meta = SimpleNamespace(generation=SimpleNamespace(mode=mode))
    accounts = Accounts(target, "run", tmp_path / "test-data.jsonl")
    prerequisites: Any = SimpleNamespace(accounts=accounts, issued=lambda _: None, bearers={}, value=lambda _: None)
    sequence: Any = SimpleNamespace(add=lambda *_: None, know=lambda *_: None)
    Sender(target, prerequisites, sequence, {}).send(case)
    assert (case.body["password"] == case.body["password2"]) is is_positive


@pytest.mark.parametrize(
    ("status", "may_exist"),
    [(400, False), (409, False), (408, True), (418, True), (None, True), (500, True), (503, True)],
)
def test_account_is_forgotten_only_after_a_refusal(status: int | None, may_exist: bool, tmp_path: Path) -> None:
    """Without a response, or with a 5xx or undocumented status, the account may exist and stays in the ledger."""
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
    assert events == (["named"] if may_exist else ["named", "removed"])
