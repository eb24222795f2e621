"""Tests of the search for data of other accounts in answers."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.accounts.foreign_data import failure_of, found_in
from cutover.client.account_markers import ATTACHMENT, AccountMarkers
from cutover.client.request import Answer, Request
from cutover.core.evidence import Record, Status
from cutover.core.recorder import Recorder
from cutover.core.secrets import Secret, new_password

pytestmark = pytest.mark.unit

OWN, OTHER = "cutover-0a1b2c3d-4e5f60-1", "cutover-0a1b2c3d-4e5f60-2"
URL = "https://worker.example/api/files"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=40)


def seen(
    document: Any, *, headers: dict[str, str] | None = None, status: int = 200, markers: AccountMarkers | None = None,
    system: str = "worker", answered: dict[str, str] | None = None, **sent: Any,
) -> list[str]:  # fmt: skip
    """Return the texts that the search finds in an answer to a request of the account OWN."""
    if markers is None:
        markers = AccountMarkers()
        markers.add(OWN, Secret(TOKEN))
    headers = {"authorization": f"Bearer {TOKEN}"} if headers is None else headers
    request = Request(system, "list_files", "GET", sent.pop("url", URL), headers, **sent)
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    recorder = Recorder()
    markers.search(request, Answer(request, "r-1", status, httpx.Headers(answered or {}), body, 0.0), recorder)
    return [row["contains"] for row in recorder.attachments.get(ATTACHMENT, [])]


@pytest.mark.parametrize("ending", ["", "@cutover.invalid", "-list", "-cell"])
def test_marker_of_another_is_found(ending: str) -> None:
    """A name, an address, a file name and a cell of another account, anywhere in the answer."""
    assert seen({"a": [{"b": f"by {OTHER}{ending}, today"}]}) == [OTHER + ending]


def test_marker_in_a_header_is_found() -> None:
    """A file name in Content-Disposition."""
    disposition = f"attachment; filename=\"x\"; filename*=UTF-8''{OTHER}-list.csv"
    assert seen({}, answered={"content-disposition": disposition}) == [f"{OTHER}-list"]


@pytest.mark.parametrize("ending", ["", "@cutover.invalid", "-list", "42", "é"])
def test_own_marker_is_no_finding(ending: str) -> None:
    """The account's own data, also a name that continues with digits."""
    assert seen({"name": f"{OWN}{ending}"}) == []


def test_marker_that_begins_like_another_is_found() -> None:
    """Account 12 is not account 1."""
    markers = AccountMarkers()
    markers.add(OWN, Secret(TOKEN))
    markers.add(f"{OWN}2", new_password())
    assert seen({"name": f"{OWN}2"}, markers=markers) == [f"{OWN}2"]
    assert seen({"name": f"{OWN}3"}, markers=markers) == []


@pytest.mark.parametrize(
    "sent",
    [
        {"json": {"email": f"{OTHER}@cutover.invalid"}},
        {"json": {"email": f"{OTHER}@cutover.invalid".upper()}},
        {"content": f"email={OTHER}@cutover.invalid".encode()},
        {"url": f"{URL}?email={OTHER}%40cutover.invalid"},
        {"parts": {"file": (f"{OTHER}@cutover.invalid.csv", b"a", "text/csv")}},
        {"parts": {"file": ("a.csv", f"{OTHER}@cutover.invalid".encode(), "text/csv")}},
    ],
)
def test_echo_of_the_request_is_no_finding(sent: dict[str, Any]) -> None:
    """An answer may repeat what its request contained."""
    assert seen({"error": f"{OTHER}@cutover.invalid is in use"}, **sent) == []


def test_more_than_the_request_named_is_found() -> None:
    """The address of an account whose name was sent."""
    found = seen({"error": f"{OTHER} is {OTHER}@cutover.invalid"}, json={"username": OTHER})
    assert found == [f"{OTHER}@cutover.invalid"]


def test_answer_without_a_token_is_searched() -> None:
    """A request without credentials proves no account."""
    assert seen({"name": OWN}, headers={}) == [OWN]


@pytest.mark.parametrize("value", [f"Bearer {TOKEN}x", "Basic dXNlcjpwYXNzd29yZA==", "Token unknown-to-the-suite"])
def test_answer_to_an_unknown_token_is_not_judged(value: str) -> None:
    """A forged token may be one of any account: the checks of tokens judge these answers."""
    assert seen({"name": OTHER}, headers={"Authorization": value}) == []


def test_password_proves_the_account() -> None:
    """A login with the password, in JSON and in a form, also with unusual characters."""
    for password in (new_password(), Secret('pass "word" é with=signs')):
        markers = AccountMarkers()
        markers.add(OWN, password)
        sent = {"username": OWN, "password": password.reveal()}
        assert seen({"email": f"{OWN}@cutover.invalid"}, markers=markers, headers={}, json=sent) == []
    assert seen({"email": f"{OWN}@cutover.invalid"}, headers={}, json={"username": OWN, "password": "another one"})


def test_tokens_of_an_answer_are_learned() -> None:
    """The token of a login proves the account in later requests."""
    markers, password = AccountMarkers(), new_password()
    markers.add(OWN, password)
    new = TOKEN.replace("c2ln", "bmV3")
    login = {"json": {"password": password.reveal()}, "headers": {}}
    assert seen({"access": new, "user": OWN}, markers=markers, **login) == []
    assert seen({"user": OTHER}, markers=markers, headers={"authorization": f"Bearer {new}"}) == [OTHER]
    assert markers.marker_of(Secret(new)) == OWN


@pytest.mark.parametrize(("status", "found"), [(201, []), (400, [f"{OTHER}@cutover.invalid"])])
def test_accepted_address_of_another_is_shared(status: int, found: list[str]) -> None:
    """A deployment that lets two accounts have one address returns it to both. A refusal shares nothing."""
    markers, password = AccountMarkers(), new_password()
    markers.add(OWN, password)
    fields = {"email": f"{OTHER}@cutover.invalid", "password": password.reveal()}
    request = Request("worker", "register", "POST", URL, {}, json=fields)
    markers.search(request, Answer(request, "r-1", status, httpx.Headers(), b"{}", 0.0), Recorder())
    login = {"headers": {}, "json": {"username": OWN, "password": password.reveal()}}
    assert seen({"email": f"{OTHER}@cutover.invalid"}, markers=markers, **login) == found


def test_answers_of_stores_are_not_searched() -> None:
    """The suite reads D1 and R2 with its own rights."""
    assert seen({"name": OTHER}, system="d1", headers={}) == []


@given(TEXT, TEXT, st.integers(1, 999))
def test_marker_is_found_in_any_text(before: str, after: str, number: int) -> None:
    """Whatever surrounds it, in JSON with and without escapes."""
    marker = f"cutover-99999999-abcdef-{number}"
    text = f"{before} {marker} {after}"
    for body in (json.dumps([text]).encode(), json.dumps([text], ensure_ascii=False).encode(), text.encode()):
        assert seen(body) == [marker]


@given(TEXT)
def test_text_without_a_marker_is_no_finding(text: str) -> None:
    """Words of the suite that are no account's data."""
    assert (
        seen({"text": text, "path": "/api/cutover-no-such-operation", "agent": "cutover", "x": "cutover-made-up"}) == []
    )


def test_all_findings_are_one_failure() -> None:
    """The name of the failure has no marker and no id; its text names the answers, of each check."""
    rows = [
        {"system": "worker", "operation": name, "status": 200, "request": f"r-{number}", "contains": OTHER}
        for number, name in enumerate(["user", "list_files", "user"] * 4)
    ]
    recorder = Recorder()
    recorder.attachments[ATTACHMENT] = rows
    records = [Record("check", ("smoke",), "x", Status.PASSED, 0, 0, observations=recorder.take())]
    assert found_in(records, "contract") == found_in(records, "smoke", "legacy") == []
    failure = failure_of(found_in(records, "smoke", "worker"))
    assert failure.finding == "foreign-data:list_files on worker,user on worker"
    assert "in check" in str(failure)
    assert "and 7 more" in str(failure)
    assert failure.never_waived
