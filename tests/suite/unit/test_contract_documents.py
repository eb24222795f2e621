"""OpenAPI documents: lint and breaking changes; split of the budget; hash of a sequence; known violations."""

import contextlib
import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openapi_spec_validator import OpenAPIV31SpecValidator

from cutover.config.environments import Budget
from cutover.config.operations import load_operations
from cutover.config.validation import ConfigurationError, root
from cutover.contract.breaking_changes import breaking_changes
from cutover.contract.budget_split import FUZZED, split_budget
from cutover.contract.document import FILES, Contract, parse_contract, read_contract
from cutover.contract.known_violations import load_known_violations
from cutover.contract.legacy_document import check_document
from cutover.contract.lint import lint
from cutover.contract.request_sequence import Sequence

pytestmark = pytest.mark.unit

OPERATIONS = load_operations(root() / "contracts/operations.toml", {}, {}, "ours")
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_our_documents_are_valid_and_lint_clean(system: str) -> None:
    """Our documents are valid by OpenAPI's own schema and have no lint message."""
    contract = read_contract(root() / FILES[system])
    errors = list(OpenAPIV31SpecValidator(dict(contract.raw)).iter_errors())
    # Patterns are ECMA patterns with the u flag (JSON Schema 2020-12, 6.3.3); the validator parses them by Python's re.
    assert [error.message for error in errors if "is not a 'regex'" not in error.message] == []
    assert lint(contract, OPERATIONS[system]) == []


def test_legacy_document_is_up_to_date() -> None:
    """The document equals the one generated from the views (`cutover contract legacy --write`)."""
    check_document(root(), write=False)


def changed(path: str, value: Any) -> Contract:
    """Return the Worker's document with one value set, or removed (None)."""
    contract = read_contract(root() / FILES["worker"])
    raw = copy.deepcopy(dict(contract.raw))
    *parents, last = path.split("|")
    place: Any = raw
    for step in parents:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return Contract("changed.yaml", raw)


SCHEMAS = "components|schemas"
OPEN_ANSWER = (f"{SCHEMAS}|User|additionalProperties", None, "user (GET /api/accounts/user): response 200")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        OPEN_ANSWER,
        (f"{SCHEMAS}|Tags|x-open", None, "tags (PATCH /api/files/{file_id}/tags): request"),
        ("security", None, "user (GET /api/accounts/user): security is missing"),
        (
            "paths|/api/files|get|responses|401",
            None,
            "list_files (GET /api/files): requires a token, but has no response 401",
        ),
        ("paths|/api/files/{file_id}/tags|patch|responses|400", None, "has a body, but no response 400"),
        ("paths|/api/files/upload|post|responses|201", None, "has no response 201"),
        ("paths|/metrics", None, "metrics: missing in the document"),
        ("paths|/metrics|get|operationId", "health", "health: 2 operations have this operationId"),
        ("paths|/api/files/{file_id}/export|post|x-refuses-valid", "", "x-refuses-valid has no reason"),
        ("paths|/metrics|get|responses|5XX", {"description": "x"}, "expected single statuses, got '5XX'"),
        (
            "paths|/api/files|get|security",
            [{}, {"bearer": []}],
            "list_files (GET /api/files): the token is optional",
        ),
        (f"{SCHEMAS}|Uuid", None, "$ref without a target"),
    ],
)
def test_lint_reports_open_and_missing_parts(path: str, value: Any, message: str) -> None:
    """Each kind of problem is reported with operation and place."""
    assert any(message in line for line in lint(changed(path, value), OPERATIONS["worker"]))


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("paths|/api/filters|post", None, "create_filter: POST /api/filters is missing"),
        ("paths|/metrics|get|security", [{"bearer": []}], "metrics: requires a token, ours does not"),
        ("paths|/api/files|get|security", [], "list_files: requires no token, ours does"),
        ("paths|/api/files|get|security", [{"bearer": []}, {}], "list_files: requires no token, ours does"),
        (f"{SCHEMAS}|Registration|properties|password|minLength", 12, "register: request password: minLength 8"),
        (f"{SCHEMAS}|Registration|required", ["username", "nickname"], "without nickname is no longer accepted"),
        (f"{SCHEMAS}|User|required", ["id"], "without username may now be returned"),
        (f"{SCHEMAS}|User|properties|id", {"type": "string"}, "user: response 200 id: string may now be returned"),
        (f"{SCHEMAS}|User|properties|is_admin", {"type": "boolean"}, "is_admin may now be returned"),
        (f"{SCHEMAS}|User|additionalProperties", True, "any additional property may now be returned"),
        (f"{SCHEMAS}|File|properties|upload_status|enum", ["completed", "lost"], "lost may now be returned"),
        ("paths|/api/files|get|responses|202", {"description": "x"}, "list_files: response 202 is not in our document"),
        ("paths|/api/files|get|responses|200|headers", {}, "header Cache-Control is no longer required"),
    ],
)
def test_breaking_changes_are_reported(path: str, value: Any, message: str) -> None:
    """Each change that breaks clients of our contract is reported."""
    ours = read_contract(root() / FILES["worker"])
    assert any(message in line for line in breaking_changes(ours, changed(path, value)))


def test_compatible_changes_are_not_breaking() -> None:
    """The same document, a wider request schema and a narrower response schema have no breaking change."""
    ours = read_contract(root() / FILES["worker"])
    assert breaking_changes(ours, ours) == []
    assert breaking_changes(ours, changed(f"{SCHEMAS}|Registration|properties|password|minLength", 4)) == []
    assert breaking_changes(ours, changed(f"{SCHEMAS}|File|properties|upload_status|enum", ["completed"])) == []


def test_unquoted_statuses_are_statuses() -> None:
    """Statuses without quotes, which YAML reads as numbers, are recognized."""
    ours = read_contract(root() / FILES["worker"])
    text = re.sub(r"^( +)\"(\d{3})\":", r"\1\2:", (root() / FILES["worker"]).read_text(), flags=re.MULTILINE)
    assert '"200":' not in text
    unquoted = parse_contract(text, "unquoted.yaml")
    assert breaking_changes(ours, unquoted) == []
    assert lint(unquoted, OPERATIONS["worker"]) == []


@pytest.mark.parametrize("name", ["responses", "parameters", "security", "requestBody"])
@pytest.mark.parametrize("value", ["null", "[1]", "{a: b}", "text"])
def test_part_of_wrong_type_is_a_configuration_error(name: str, value: str) -> None:
    """A part of a wrong type is a ConfigurationError that names the part, and no other exception."""
    text = f"openapi: 3.1.0\npaths:\n  /x:\n    get:\n      {name}: {value}\n"
    if (name, value) == ("requestBody", "{a: b}"):
        found = parse_contract(text, "generated.yaml")
        assert lint(found, OPERATIONS["worker"])
        assert breaking_changes(read_contract(root() / FILES["worker"]), found)
        return
    with pytest.raises(ConfigurationError, match=f"paths./x.get.{name}"):
        parse_contract(text, "generated.yaml")


def _places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each part of a document except its examples, which may have any type."""
    if path:
        yield path
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        if key not in ("example", "examples", "value", "description"):
            yield from _places(inner, (*path, key))


DOCUMENT = json.loads(json.dumps(dict(read_contract(root() / FILES["worker"]).raw), default=str))


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(_places(DOCUMENT), key=str)),
    st.sampled_from([None, "x", 7, True, [], [None], [{}], {}, {"x": None}, {"$ref": "#/openapi"}, {"$ref": []}]),
)
def test_any_value_is_read_or_a_configuration_error(path: tuple[Any, ...], value: Any) -> None:
    """Any value at any place is accepted or a ConfigurationError, and no other exception."""
    raw = copy.deepcopy(DOCUMENT)
    place = raw
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    try:
        theirs = parse_contract(json.dumps(raw), "generated.json")
    except ConfigurationError as error:
        assert error.key  # noqa: PT017 - either is right, and an error names its place
        return
    for line in (
        *breaking_changes(read_contract(root() / FILES["worker"]), theirs),
        *lint(theirs, OPERATIONS["worker"]),
    ):
        assert line


def test_security_of_the_whole_document_counts() -> None:
    """Security at the root applies to operations without their own: optional is reported, malformed is an error."""
    ours, raw = read_contract(root() / FILES["worker"]), copy.deepcopy(DOCUMENT)
    raw["security"] = [{}, {"bearer": []}]
    theirs = parse_contract(json.dumps(raw), "generated.json")
    assert "user: requires no token, ours does" in breaking_changes(ours, theirs)
    assert [line for line in lint(theirs, OPERATIONS["worker"]) if "the token is optional" in line]
    text = "openapi: 3.1.0\nsecurity: {}\npaths: {{}}\n"
    for malformed in ("null", "bearer", "[bearer]"):
        with pytest.raises(ConfigurationError, match="security"):
            parse_contract(text.format(malformed), "generated.yaml")


def test_unquoted_yaml_names_are_reported() -> None:
    """A property named true or 1 without quotes is a ConfigurationError; on is a string in YAML 1.2."""
    schema = "openapi: 3.1.0\npaths: {}\ncomponents: {schemas: {A: {properties: {NAME: {type: string}}}}}\n"
    for name, read in (("true", "True"), ("1", "1")):
        with pytest.raises(ConfigurationError, match=rf"components.schemas.A.properties.{read}]: expected a string"):
            parse_contract(schema.replace("NAME", name), "generated.yaml")
    assert parse_contract(schema.replace("NAME", "on"), "generated.yaml")


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda each: each.decode("latin-1")))
def test_any_text_is_a_document_or_configuration_error(text: str) -> None:
    """Any text is a document or a ConfigurationError, and no other exception."""
    with contextlib.suppress(ConfigurationError):
        assert parse_contract(text, "generated.yaml").raw["openapi"]


@given(
    st.dictionaries(TEXTS, st.booleans(), min_size=1, max_size=30),
    st.integers(1, 10_000),
    st.floats(1, 3600),
    st.floats(0.01, 100),
)
def test_budget_split_keeps_to_the_budget(
    operations: dict[str, bool], requests: int, window_s: float, minutes: float
) -> None:
    """The limits together stay within the budget's part, and operations with a body have equal limits."""
    found = split_budget(operations, Budget(requests, window_s), minutes)
    assert found is not None
    assert sum(found.values()) <= requests * minutes * 60 / window_s * FUZZED
    with_body = {found[name] for name, body in operations.items() if body and name != "sequences"}
    assert len(with_body) <= 1
    assert split_budget(operations, Budget(requests, window_s), None) is None


@given(st.lists(st.tuples(TEXTS, TEXTS, st.binary(max_size=20)), max_size=5), st.data())
def test_sequence_hash_ignores_ids_only(requests: list[tuple[str, str, bytes]], data: st.DataObject) -> None:
    """Other ids do not change the hash of a sequence; another order or content does."""

    def hash_of(rows: list[tuple[str, str, bytes]], given_id: str) -> str:
        sequence = Sequence()
        sequence.know(given_id, "file_id")
        for template, rest, body in rows:
            sequence.add("GET", template, f"{rest} {given_id}", "text/csv", body + given_id.encode())
        return sequence.hash

    one, other = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
    assert hash_of(requests, one) == hash_of(requests, other)
    if requests:
        index = data.draw(st.integers(0, len(requests) - 1))
        template, rest, body = requests[index]
        changed_body = [*requests[:index], (template, rest, body + b"!"), *requests[index + 1 :]]
        assert hash_of(changed_body, one) != hash_of(requests, one)
        assert hash_of([*requests, requests[index]], one) != hash_of(requests, one)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (
            '[[violation]]\nname = "ignored-auth:legacy:x"\noperations = ["user"]\nreason = "r"\n',
            "violation 1.name",
        ),
        ('[[violation]]\nname = "a:legacy:b"\noperations = []\nreason = "r"\n', "violation 1.operations"),
        ('[[violation]]\nname = "a:legacy:b"\noperations = ["user"]\n', "violation 1.reason"),
        ('[[debt]]\nname = "a"\n', "debt"),
    ],
)
def test_known_violations_are_validated(tmp_path: Path, text: str, key: str) -> None:
    """An incomplete entry, a security finding and an unknown table are errors with file and key."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/known_violations.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_known_violations(tmp_path)
    assert caught.value.key == key
