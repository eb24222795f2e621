"""Errors: correct status, JSON, no information disclosure. Contract: Everywhere, Statuses."""

import itertools
from collections.abc import Mapping
from typing import Any

import pytest

from cutover.accounts.prepared_files import list_own, prepare_file
from cutover.accounts.registered import Accounts
from cutover.contract.information_disclosure import expect_no_disclosure
from cutover.core.recorder import Recorder
from cutover.core.rule_table import Rule
from cutover.systems.target import Result, Target

pytestmark = [
    pytest.mark.smoke,
    pytest.mark.system("worker", "legacy"),
    pytest.mark.plan("Staging Validation Script; contracts/api.md, Statuses"),
]


@pytest.mark.rule(Rule.ERROR_FORMAT)
def test_unknown_path_is_a_json_404(target: Target) -> None:
    """An unknown API path returns 404 as JSON, not the page of the front end."""
    _expect_error(target.call("no_such_operation"), 404)


@pytest.mark.parametrize("method", ["GET", pytest.param("PUT", marks=pytest.mark.level("test-data"))])
@pytest.mark.rule(Rule.METHODS)
def test_wrong_method_is_405_with_allow(target: Target, promises: Mapping[str, Any], method: str) -> None:
    """An undeclared method returns 405, and Allow lists the declared methods."""
    for name in target.present(*{"GET": ("login", "logout"), "PUT": ("user", "list_files")}[method]):
        operation = target.operation(name)
        result = target.call(name, method=method)
        with target.judged(name):
            _expect_error(result, promises["refusals"][target.system]["wrong_method"])
            allowed = {method.strip() for method in result.answer.headers.get("allow", "").split(",")}
            if operation.method not in allowed or method in allowed:
                raise result.failed(
                    "error:allow", expected=f"Allow with {operation.method}", got=f"Allow: {sorted(allowed)}"
                )


@pytest.mark.rule(Rule.AUTHENTICATION)
def test_missing_token_is_401_with_a_challenge(target: Target) -> None:
    """A missing or invalid token returns 401 with a WWW-Authenticate challenge (RFC 9110 11.6.1)."""
    for name, token in itertools.product(target.present("user", "list_files"), (None, "no-token-of-ours", "a.b.c")):
        result = target.call(name, token=token)
        with target.judged(name):
            _expect_error(result, 401)
            challenge = result.answer.headers.get("www-authenticate", "")
            if not challenge.lower().startswith("bearer") and target.judges(Rule.CHALLENGE):
                raise result.failed(
                    "error:challenge",
                    expected="WWW-Authenticate: Bearer",
                    got=repr(challenge),
                    breaks=Rule.CHALLENGE,
                )


@pytest.mark.level("test-data")
@pytest.mark.parametrize(
    "body",
    [b'{"username": ', b"", b"[]", b'"text"', b"\xff\xfe{}", b'{"username": 1, "password": {}}', b"[" * 5000],
    ids=["cut off", "empty", "list", "text", "not UTF-8", "wrong types", "deep"],
)
@pytest.mark.rule(Rule.DISCLOSURE)
def test_malformed_json_is_400(target: Target, recorder: Recorder, body: bytes) -> None:
    """A body that is not a JSON object of the right types returns 400 without internal details."""
    for name in target.present("login", "register", "refresh"):
        if target.operation(name).needs in target.environment.absent:
            recorder.note_undetectable(f"handling of malformed JSON by {name}: the operation is absent here")
            continue
        result = target.call(name, content=(body, "application/json"))
        expect_no_disclosure(result)
        if result.status >= 500:
            raise result.failed("error:5xx", expected="a status below 500", got=result.answer.excerpt)
        if target.judges(Rule.VALIDATION):
            _expect_error(result, 400, breaks=Rule.VALIDATION)


@pytest.mark.level("test-data")
@pytest.mark.rule(Rule.DISCLOSURE)
def test_errors_disclose_no_internals(target: Target, accounts: Accounts) -> None:
    """Malformed ids, tokens and bodies, and an unknown path, cause no 5xx and disclose no stack trace, SQL or path."""
    account = accounts.new()
    token = account.access_token
    odd = ["'", "%00", "../../etc/passwd", "1e999", "\uff19", "00000000-0000-4000-8000-00000000000g", "a" * 3000]
    results = [
        target.call(name, token=token, path={"file_id": text})
        for name in filter(target.has, ("download", "delete", "columns"))
        for text in odd
    ]
    results += [target.call(name) for name in ("no_such_operation",) if target.has(name)]
    results += [
        target.call(target.protected_read, token=text)
        for text in ("x", "a.b.c", "eyJhbGciOiJub25lIn0.e30.", "é".encode().hex())
    ]
    if target.has("upload"):
        results += [
            target.call("upload", token=token, content=(b"--x\r\nbroken", "multipart/form-data; boundary=x")),
            target.call("upload", token=token, content=(b"a,b\n", "text/csv")),
        ]
    if target.has("login"):
        half = "\ud800".encode("utf-16", "surrogatepass").hex()
        results.append(target.call("login", fields={"username": half, "password": "\x00" * 9}))
    if target.has("export"):
        body = (b'{"columns": null}', "application/json")
        results.append(target.call("export", token=token, path={"file_id": odd[0]}, content=body))
    for result in results:
        expect_no_disclosure(result)
        if result.status >= 500:
            raise result.failed("error:5xx", expected="a status below 500", got=result.answer.excerpt)


@pytest.mark.level("test-data")
@pytest.mark.rule(Rule.FILE_TYPES)
def test_wrong_kind_of_file_is_refused(target: Target, accounts: Accounts, promises: Mapping[str, Any]) -> None:
    """A file with another extension than a list file is refused and not stored."""
    account = accounts.new()
    accepted = prepare_file(target, account.access_token)  # a list file is accepted, so a refusal has another reason
    result = target.call("upload", token=account.access_token, file=("picture.png", b"\x89PNG\r\n", "image/png"))
    _expect_error(result, promises["refusals"][target.system]["wrong_type"])
    found = target.if_possible(
        lambda: list_own(target, account), without="a stored file of a refused kind", judged=True
    )
    if found is None:
        return
    files, listed = found
    stored, total = [str(entry["file_id"]) for entry in files], listed.field_if_declared("total")
    if stored != [accepted] or total not in (None, len(account.before) + 1):
        raise listed.failed("error:kept", expected="the list file only", got=f"{len(stored)} files, total {total!r}")


def _expect_error(result: Result, status: int, *, breaks: Rule | None = None) -> None:
    """Expect a refusal with this status, a JSON object as the body, and no internal details.

    breaks: the rule that an acceptance breaks, if it is not the one that the check names.
    """
    expect_no_disclosure(result)
    result.expect_refusal(status, breaks=breaks)
    if not result.judges(Rule.ERROR_FORMAT):
        return
    media = result.answer.headers.get("content-type", "").partition(";")[0].strip()
    if media != "application/json" or not isinstance(result.answer.json, dict):
        raise result.failed(
            "error:shape",
            expected="a JSON object, application/json",
            got=result.answer.excerpt,
            breaks=Rule.ERROR_FORMAT,
        )
