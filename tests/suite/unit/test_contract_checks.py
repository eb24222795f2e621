"""Parts of the contract's own checks: valid and broken requests, forged tokens, snapshots, disclosed internals."""

import base64
import hashlib
import hmac
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.accounts.registered import Account
from cutover.client.jwt import claims
from cutover.config.operations import Operation, load_operations
from cutover.config.validation import root
from cutover.contract.access_control import alternative_spellings
from cutover.contract.account_snapshot import changes
from cutover.contract.broken_requests import OPTIONAL, broken
from cutover.contract.error_responses import rule_of_negotiation
from cutover.contract.forged_tokens import control_token, forged_with_key, forged_without_key
from cutover.contract.information_disclosure import disclosed_detail
from cutover.contract.payloads import EVALUATED, TEMPLATES
from cutover.contract.valid_requests import (
    DESTRUCTIVE,
    UNAUTHENTICATED,
    Person,
    authenticated_operations,
    object_operations,
    valid_request,
)
from cutover.core.rule_table import Rule
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
    """Return the operations of contracts/operations.toml that the system has."""
    loaded = load_operations(root() / "contracts" / "operations.toml", {}, {}, "test")
    return [operation for operation in loaded[system].values() if operation.absent is None]


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_every_operation_has_a_valid_request(system: str) -> None:
    """Each operation has a valid request with declared fields, so that no new operation is skipped."""
    account = Account("name", "mail", new_password())
    for operation in operations(system):
        arguments = valid_request(operation.name, Person(account, spare=account))
        assert set(arguments.get("fields", {})) <= set(operation.request), operation.name
        needed = {part for part in ("file_id", "filter_id", "path") if f"{part}}}" in operation.path}
        assert set(arguments.get("path", {})) == needed, operation.name


def test_operations_require_a_token_by_default() -> None:
    """Every operation that is not listed as unauthenticated requires a token, and destructive ones are last."""
    names = [operation.name for operation in authenticated_operations(operations("worker"))]
    assert {operation.name for operation in operations("worker")} == {*names, *UNAUTHENTICATED}
    assert tuple(names[-len(DESTRUCTIVE) :]) == DESTRUCTIVE
    about_objects = {operation.name for operation in object_operations(operations("worker"))}
    assert about_objects == {
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


def test_forged_tokens_have_no_valid_signature() -> None:
    """No token forged without the key has a valid HS256 signature; the control token has one."""
    token = _token(CLAIMS)
    assert _verifies(control_token(token, KEY).reveal())
    forged = forged_without_key(token)
    assert len(forged) == len({*forged.values()}) > 20
    assert not [name for name, text in forged.items() if _verifies(text)]


def test_signed_tokens_have_exactly_one_defect() -> None:
    """Each signed token differs from a valid one only by the defect in its name."""
    made = forged_with_key(_token(CLAIMS), KEY, {"iss": "list-cutter", "aud": "list-cutter-api"})
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
def test_broken_requests_cover_every_field(system: str) -> None:
    """Each field of each JSON body is omitted and given other types."""
    account = Account("name", "mail", new_password())
    for operation in operations(system):
        valid = valid_request(operation.name, Person(account, spare=account))
        variants = dict(broken(operation, valid))
        assert bool(variants) == ("fields" in valid), operation.name
        for name in valid.get("fields", {}):
            kinds = {what for what in variants if what.startswith(f"{name} is ")}
            assert len(kinds) >= 5, (operation.name, name)
            assert (f"{name} is missing" in kinds) == (name not in OPTIONAL)


@given(JSON)
def test_equal_values_have_no_changes(value: Any) -> None:
    """A value and its copy have no changes."""
    assert changes(value, json.loads(json.dumps(value))) == []


@given(st.dictionaries(st.text(max_size=3), JSON, min_size=1, max_size=4), JSON, st.data())
def test_change_is_found_at_its_key(value: dict[str, Any], other: Any, data: st.DataObject) -> None:
    """A replaced or removed value is reported with its key, and 1 differs from True."""
    key = data.draw(st.sampled_from(sorted(value)))
    found = changes(value, {**value, key: other})
    assert bool(found) == (json.dumps(value[key], sort_keys=True) != json.dumps(other, sort_keys=True))
    assert all(line.startswith(f"/{key}") for line in found)
    assert changes(value, {name: each for name, each in value.items() if name != key}) == [f"/{key} is missing"]


@pytest.mark.parametrize(
    "text",
    [
        'Traceback (most recent call last):\n  File "/srv/x.py", line 3',
        "Error: x\n    at handler (src/index.mjs:12:5)",
        "UNIQUE constraint failed: users.email", 'duplicate key value violates unique constraint "u"', "D1_ERROR: near",
        "column r2_key does not exist", "TypeError: Cannot read properties of undefined", "psycopg.errors.DataError",
        "SELECT * FROM users", "/usr/lib/python3", "pbkdf2_sha256$100000$x",
        "<p>Using the URLconf defined in <code>shop.urls</code>, Django tried", "Rails.root: /srv/shop",
        "<title>ZeroDivisionError // Werkzeug Debugger</title>",
    ],
)  # fmt: skip
def test_internal_details_are_found(text: str) -> None:
    """Stack traces, database errors, SQL, paths and internal names are detected."""
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
def test_user_messages_are_no_internal_details(text: str) -> None:
    """Error messages of both systems to users contain no internal detail."""
    assert disclosed_detail(text.encode()) is None


def test_alternative_spellings_differ_from_the_id() -> None:
    """No spelling equals the id or another spelling, also for ids without dashes or letters."""
    for file_id in ("0a1b2c3d-0000-4000-8000-00000000000f", "0a1b2c3d0000400080000000", "4711"):
        made = alternative_spellings(file_id)
        assert file_id not in made.values()
        assert len({*made.values()}) == len(made) > 5


def test_every_claim_of_the_owner_is_forged() -> None:
    """A token that names its owner by a claim of its own is forged for another owner, too."""
    payload = {**{name: CLAIMS[name] for name in CLAIMS if name != "sub"}, "account": "a1b2"}
    token = _token(payload)
    forged = forged_without_key(token)["claims of another user"]
    assert claims(Secret(forged))[1] == {**payload, "account": "1"}
    assert "account is unknown" in forged_with_key(token, KEY, {})


def _token(payload: dict[str, Any]) -> Secret:
    signed = ".".join(_encode(json.dumps(part).encode()) for part in ({"alg": "HS256", "typ": "JWT"}, payload))
    return Secret(f"{signed}.{_encode(hmac.digest(KEY.reveal().encode(), signed.encode(), hashlib.sha256))}")


def _verifies(text: str) -> bool:
    """Return True if the token has three parts, alg HS256, and a valid signature by the key."""
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


TRACE = "at async Object.fetch (file:///x/node_modules/miniflare/dist/src/workers/core/entry.worker.js:4765:22)"


def test_trace_of_miniflare_is_no_disclosure() -> None:
    """Local Miniflare adds the text and a trace of its own to an exception; Cloudflare's page has neither."""
    assert disclosed_detail(f"TypeError: boom\n    {TRACE}".encode()) is None


@pytest.mark.parametrize(
    "body",
    [
        f"TypeError: boom\n    at handle (/app/src/index.mjs:3:1)\n    {TRACE}",
        f'{{"error": "TypeError: boom {TRACE}"}}',
        "TypeError: boom\n    at async Object.fetch (file:///x/index.js:1:1)",
    ],
    ids=["more of the trace", "in JSON", "another file"],
)
def test_trace_of_the_worker_is_a_disclosure(body: str) -> None:
    """A trace that the Worker itself puts into its response discloses internals."""
    assert disclosed_detail(body.encode()) is not None


@pytest.mark.parametrize(
    ("status", "sent", "rule"),
    [
        (406, {"accept": "text/html"}, Rule.DOWNLOADS), (406, {}, None), (404, {"accept": "text/html"}, None),
        (406, {"range": "bytes=0-"}, None),
    ],
)  # fmt: skip
def test_refused_media_type_loses_no_data(status: int, sent: dict[str, str], rule: Rule | None) -> None:
    """406 to a request for another media type is a matter of convention; any other refusal is lost data."""
    assert rule_of_negotiation(status, sent) is rule


def test_template_payloads_evaluate_to_a_rare_number() -> None:
    """Every expression has the result, which is too long to occur in a large error page by chance."""
    products = {int(a) * int(b) for text in TEMPLATES for a, b in re.findall(r"(\d+) ?\\?\\?\* ?(\d+)", text)}
    assert products == {int(EVALUATED)}
    assert len(EVALUATED) >= 8
