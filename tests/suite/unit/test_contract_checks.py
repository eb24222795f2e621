"""What the contract's own checks are made of: forged tokens, exercises, traces, changes, marks of the inside."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.accounts.registered import Account
from cutover.client.jwt import claims
from cutover.config.operations import Operation, load_operations
from cutover.config.validation import root
from cutover.contract.access_control import spellings
from cutover.contract.account_snapshot import changes
from cutover.contract.broken_requests import OPTIONAL, broken
from cutover.contract.forged_tokens import control, with_key, without_key
from cutover.contract.information_disclosure import disclosed_detail
from cutover.contract.valid_requests import ENDS, OPEN, Person, about_things, exercise, guarded
from cutover.core.secrets import Secret, new_password

pytestmark = pytest.mark.unit

KEY = Secret("a signing key of thirty-two bytes")
CLAIMS: dict[str, Any] = {
    "iss": "list-cutter", "aud": "list-cutter-api", "sub": "7", "jti": "x-1", "iat": 1, "exp": 2_000_000_000,
    "type": "access",
}  # fmt: skip
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)


def operations(system: str) -> list[Operation]:
    """All operations of contracts/operations.toml that the system has."""
    loaded = load_operations(root() / "contracts" / "operations.toml", {}, {}, "test")
    return [operation for operation in loaded[system].values() if operation.absent is None]


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_every_operation_has_an_exercise(system: str) -> None:
    """A new operation cannot be passed over: it needs an exercise, with the fields that it declares."""
    account = Account("name", "mail", new_password())
    for operation in operations(system):
        asked = exercise(operation.name, Person(account, spare=account))
        assert set(asked.get("fields", {})) <= set(operation.request), operation.name
        needed = {part for part in ("file_id", "filter_id", "path") if f"{part}}}" in operation.path}
        assert set(asked.get("path", {})) == needed, operation.name


def test_operations_need_a_token_unless_they_are_known_to_be_open() -> None:
    """What is not named as open is guarded, and what ends things comes last."""
    names = [operation.name for operation in guarded(operations("worker"))]
    assert {operation.name for operation in operations("worker")} == {*names, *OPEN}
    assert tuple(names[-len(ENDS) :]) == ENDS
    things = {operation.name for operation in about_things(operations("worker"))}
    assert things == {
        "file",
        "download",
        "delete",
        "tags",
        "columns",
        "export",
        "create_filter",
        "filter",
        "delete_filter",
    }


def test_forged_tokens_are_not_the_good_one() -> None:
    """No forged token is signed with the key over HS256 and good claims; the control is."""
    token = _token(CLAIMS)
    assert _verifies(control(token, KEY).reveal())
    forged = without_key(token)
    assert len(forged) == len({*forged.values()}) > 20
    assert not [name for name, text in forged.items() if _verifies(text)]


def test_signed_tokens_differ_from_the_good_one_in_what_their_name_says() -> None:
    """Each has one thing wrong, and nothing else."""
    made = with_key(_token(CLAIMS), KEY, {"iss": "list-cutter", "aud": "list-cutter-api"})
    assert not _verifies(made["alg HS512"])
    for name, text in made.items():
        if name in ("alg HS384", "alg HS512", "says RS256, is HS256", "no alg", "a list for claims"):
            continue
        header, payload = claims(Secret(text))
        assert _verifies(text), name
        wrong = {claim for claim in {*CLAIMS, *payload} if payload.get(claim) != CLAIMS.get(claim)} - {"iat", "exp"}
        if "crit" in header:
            assert name == "asks for an extension"
        elif name.startswith(("expired", "never", "expires")):
            assert not wrong, name
            assert not isinstance(payload.get("exp"), int) or payload["exp"] < 2_000_000_000
        else:
            assert len(wrong) == 1, name


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_broken_requests_break_every_field(system: str) -> None:
    """Each field of each JSON body is left out and given other types; the bodies are no valid ones."""
    account = Account("name", "mail", new_password())
    for operation in operations(system):
        valid = exercise(operation.name, Person(account, spare=account))
        tried = dict(broken(operation, valid))
        assert bool(tried) == ("fields" in valid), operation.name
        for name in valid.get("fields", {}):
            kinds = {what for what in tried if what.startswith(f"{name} is ")}
            assert len(kinds) >= 5, (operation.name, name)
            assert (f"{name} is missing" in kinds) == (name not in OPTIONAL)


@given(JSON)
def test_nothing_changed_where_nothing_changed(value: Any) -> None:
    """A value is equal to its copy."""
    assert changes(value, json.loads(json.dumps(value))) == []


@given(st.dictionaries(st.text(max_size=3), JSON, min_size=1, max_size=4), JSON, st.data())
def test_a_change_is_found_where_it_is(value: dict[str, Any], other: Any, data: st.DataObject) -> None:
    """One value replaced, or taken out, is told by its key, and 1 is not True."""
    key = data.draw(st.sampled_from(sorted(value)))
    found = changes(value, {**value, key: other})
    assert bool(found) == (json.dumps(value[key], sort_keys=True) != json.dumps(other, sort_keys=True))
    assert all(line.startswith(f"/{key}") for line in found)
    assert changes(value, {name: each for name, each in value.items() if name != key}) == [f"/{key} is gone"]


@pytest.mark.parametrize(
    "text",
    [
        'Traceback (most recent call last):\n  File "/srv/x.py", line 3',
        "Error: x\n    at handler (src/index.mjs:12:5)",
        "UNIQUE constraint failed: users.email", 'duplicate key value violates unique constraint "u"', "D1_ERROR: near",
        "column r2_key does not exist", "TypeError: Cannot read properties of undefined", "psycopg.errors.DataError",
        "SELECT * FROM users", "/usr/lib/python3", "pbkdf2_sha256$100000$x",
    ],
)  # fmt: skip
def test_marks_of_the_inside_are_found(text: str) -> None:
    """Stack traces, a database's words, SQL, paths and names of the inside."""
    assert (
        disclosed_detail(json.dumps({"error": text}).encode()) is not None
        or disclosed_detail(text.encode()) is not None
    )


@pytest.mark.parametrize(
    "text",
    ["The username or the password is wrong.", "Filter 1: unknown operator.", "There is no such file.",
     "Not valid Unicode.",
     "At most 64 characters are allowed.", "Unknown column: select", "Multipart form parse error"],
)  # fmt: skip
def test_plain_words_are_no_marks(text: str) -> None:
    """What both systems say to users."""
    assert disclosed_detail(text.encode()) is None


def test_spellings_are_none_of_the_id() -> None:
    """No spelling is the id itself, nor another one's."""
    made = spellings("0a1b2c3d-0000-4000-8000-00000000000f")
    assert "0a1b2c3d-0000-4000-8000-00000000000f" not in made.values()
    assert len({*made.values()}) == len(made)


def _token(payload: dict[str, Any]) -> Secret:
    signed = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, payload))
    return Secret(f"{signed}.{_encode(hmac.digest(KEY.reveal().encode(), signed.encode(), hashlib.sha256))}")


def _verifies(text: str) -> bool:
    """Whether the third part is HS256 of the first two with the key, the header says so, and there are three."""
    parts = text.split(".")
    if len(parts) != 3:
        return False
    try:
        header = json.loads(base64.urlsafe_b64decode(parts[0] + "=" * (-len(parts[0]) % 4)))
    except ValueError:
        return False
    signature = _encode(hmac.digest(KEY.reveal().encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256))
    return header.get("alg") == "HS256" and parts[2] == signature


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
