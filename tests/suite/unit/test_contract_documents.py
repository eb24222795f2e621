"""The documents: what lint finds in them, what breaks another; how requests are shared and what their hash is of."""

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
from cutover.contract.breaking_changes import breaking
from cutover.contract.budget_split import FUZZED, shares
from cutover.contract.document import FILES, Contract, parse_contract, read_contract
from cutover.contract.known_violations import load_known_violations
from cutover.contract.legacy_document import judge
from cutover.contract.lint import lint
from cutover.contract.request_sequence import Sequence

pytestmark = pytest.mark.unit

OPERATIONS = load_operations(root() / "contracts/operations.toml", {}, {}, "ours")
TEXTS = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=12)


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_our_documents_are_openapi_and_leave_nothing_open(system: str) -> None:
    """Valid by OpenAPI's own schema, and clean by our lint."""
    contract = read_contract(root() / FILES[system])
    errors = list(OpenAPIV31SpecValidator(dict(contract.raw)).iter_errors())
    # Patterns are ECMA's with the u flag (JSON Schema 2020-12, 6.3.3); the validator tries them with Python's re.
    assert [error.message for error in errors if "is not a 'regex'" not in error.message] == []
    assert lint(contract, OPERATIONS[system]) == []


def test_legacy_document_is_what_the_views_say() -> None:
    """After a change of the reference's views: `cutover contract legacy --write`."""
    judge(root(), write=False)


def changed(path: str, value: Any) -> Contract:
    """The Worker's document with one place set; None removes it."""
    contract = read_contract(root() / FILES["worker"])
    raw = copy.deepcopy(dict(contract.raw))
    *way, last = path.split("|")
    place: Any = raw
    for step in way:
        place = place[step]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return Contract("changed.yaml", raw)


SCHEMAS = "components|schemas"
OPEN_ANSWER = (f"{SCHEMAS}|User|additionalProperties", None, "user (GET /api/accounts/user): answer 200")


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        OPEN_ANSWER,
        (f"{SCHEMAS}|Tags|x-open", None, "tags (PATCH /api/files/{file_id}/tags): request"),
        ("security", None, "user (GET /api/accounts/user): says nothing of security"),
        (
            "paths|/api/files|get|responses|401",
            None,
            "list_files (GET /api/files): needs a token and does not name 401",
        ),
        ("paths|/api/files/{file_id}/tags|patch|responses|400", None, "does not name 400"),
        ("paths|/api/files/upload|post|responses|201", None, "does not name 201"),
        ("paths|/metrics", None, "metrics: is not described"),
        ("paths|/metrics|get|operationId", "health", "health: 2 operations have this operationId"),
        ("paths|/api/files/{file_id}/export|post|x-refuses-valid", "", "x-refuses-valid gives no reason"),
        ("paths|/metrics|get|responses|5XX", {"description": "x"}, "status '5XX' is no single status"),
        (
            "paths|/api/files|get|security",
            [{}, {"bearer": []}],
            "list_files (GET /api/files): makes its token optional",
        ),
        (f"{SCHEMAS}|Uuid", None, "a $ref leads nowhere"),
    ],
)
def test_lint_names_what_is_open_or_missing(path: str, value: Any, told: str) -> None:
    """Each kind of hole, with operation and place."""
    assert any(told in line for line in lint(changed(path, value), OPERATIONS["worker"]))


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("paths|/api/filters|post", None, "create_filter: POST /api/filters is not there"),
        ("paths|/metrics|get|security", [{"bearer": []}], "metrics: asks for a token that ours does not"),
        ("paths|/api/files|get|security", [], "list_files: asks for no token where ours does"),
        ("paths|/api/files|get|security", [{"bearer": []}, {}], "list_files: asks for no token where ours does"),
        (f"{SCHEMAS}|Registration|properties|password|minLength", 12, "register: request password: minLength 8"),
        (f"{SCHEMAS}|Registration|required", ["username", "nickname"], "without nickname is not accepted any more"),
        (f"{SCHEMAS}|User|required", ["id"], "without username may be answered now"),
        (f"{SCHEMAS}|User|properties|id", {"type": "string"}, "user: answer 200 id: string may be answered now"),
        (f"{SCHEMAS}|User|properties|is_admin", {"type": "boolean"}, "is_admin may be answered now"),
        (f"{SCHEMAS}|User|additionalProperties", True, "whatever is not named may be answered now"),
        (f"{SCHEMAS}|File|properties|upload_status|enum", ["completed", "lost"], "lost may be answered now"),
        ("paths|/api/files|get|responses|202", {"description": "x"}, "list_files: answer 202 is none of ours"),
        ("paths|/api/files|get|responses|200|headers", {}, "header Cache-Control is not promised any more"),
    ],
)
def test_breaking_differences_are_named(path: str, value: Any, told: str) -> None:
    """What clients of our contract would run into."""
    ours = read_contract(root() / FILES["worker"])
    assert any(told in line for line in breaking(ours, changed(path, value)))


def test_what_only_accepts_more_or_answers_less_breaks_nothing() -> None:
    """The same document; a shorter password accepted; an answer that says one thing less often."""
    ours = read_contract(root() / FILES["worker"])
    assert breaking(ours, ours) == []
    assert breaking(ours, changed(f"{SCHEMAS}|Registration|properties|password|minLength", 4)) == []
    assert breaking(ours, changed(f"{SCHEMAS}|File|properties|upload_status|enum", ["completed"])) == []


def test_statuses_that_yaml_reads_as_numbers_are_statuses() -> None:
    """Unquoted, as most people write them."""
    ours = read_contract(root() / FILES["worker"])
    text = re.sub(r"^( +)\"(\d{3})\":", r"\1\2:", (root() / FILES["worker"]).read_text(), flags=re.MULTILINE)
    assert '"200":' not in text
    unquoted = parse_contract(text, "unquoted.yaml")
    assert breaking(ours, unquoted) == []
    assert lint(unquoted, OPERATIONS["worker"]) == []


@pytest.mark.parametrize("name", ["responses", "parameters", "security", "requestBody"])
@pytest.mark.parametrize("value", ["null", "[1]", "{a: b}", "text"])
def test_parts_of_another_kind_are_one_clear_error(name: str, value: str) -> None:
    """Never another exception, whatever reads the document later."""
    text = f"openapi: 3.1.0\npaths:\n  /x:\n    get:\n      {name}: {value}\n"
    if (name, value) == ("requestBody", "{a: b}"):
        found = parse_contract(text, "drawn.yaml")
        assert lint(found, OPERATIONS["worker"])
        assert breaking(read_contract(root() / FILES["worker"]), found)
        return
    with pytest.raises(ConfigurationError, match=f"paths./x.get.{name}"):
        parse_contract(text, "drawn.yaml")


def _places(value: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each place of a document but for its examples, which are of any kind."""
    if way:
        yield way
    rows = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in rows:
        if key not in ("example", "examples", "value", "description"):
            yield from _places(inner, (*way, key))


DOCUMENT = json.loads(json.dumps(dict(read_contract(root() / FILES["worker"]).raw), default=str))


@settings(max_examples=150)
@given(
    st.sampled_from(sorted(_places(DOCUMENT), key=str)),
    st.sampled_from([None, "x", 7, True, [], [None], [{}], {}, {"x": None}, {"$ref": "#/openapi"}, {"$ref": []}]),
)
def test_whatever_stands_in_a_place_is_read_or_one_clear_error(way: tuple[Any, ...], value: Any) -> None:
    """An environment's own document may be odd anywhere: what reads it never ends with another exception."""
    raw = copy.deepcopy(DOCUMENT)
    place = raw
    for step in way[:-1]:
        place = place[step]
    place[way[-1]] = value
    try:
        theirs = parse_contract(json.dumps(raw), "drawn.json")
    except ConfigurationError as error:
        assert error.key  # noqa: PT017 - either is right, and an error names its place
        return
    for line in (*breaking(read_contract(root() / FILES["worker"]), theirs), *lint(theirs, OPERATIONS["worker"])):
        assert line


def test_security_of_the_whole_document_is_judged_as_well() -> None:
    """Where operations say nothing of it, the document's own word holds: optional is a difference, odd an error."""
    ours, raw = read_contract(root() / FILES["worker"]), copy.deepcopy(DOCUMENT)
    raw["security"] = [{}, {"bearer": []}]
    theirs = parse_contract(json.dumps(raw), "drawn.json")
    assert "user: asks for no token where ours does" in breaking(ours, theirs)
    assert [line for line in lint(theirs, OPERATIONS["worker"]) if "makes its token optional" in line]
    text = "openapi: 3.1.0\nsecurity: {}\npaths: {{}}\n"
    for odd in ("null", "bearer", "[bearer]"):
        with pytest.raises(ConfigurationError, match="security"):
            parse_contract(text.format(odd), "drawn.yaml")


def test_names_that_yaml_reads_as_no_texts_are_told() -> None:
    """A property called on or 1, without quotes."""
    schema = "openapi: 3.1.0\npaths: {}\ncomponents: {schemas: {A: {properties: {on: {type: string}}}}}\n"
    with pytest.raises(ConfigurationError, match=r"components.schemas.A.properties.True]: is no text"):
        parse_contract(schema, "drawn.yaml")


@given(st.text(max_size=60) | st.binary(max_size=40).map(lambda each: each.decode("latin-1")))
def test_what_is_no_document_is_one_clear_error(text: str) -> None:
    """Whatever a file or an address holds: ConfigurationError or a document, never another exception."""
    with contextlib.suppress(ConfigurationError):
        assert parse_contract(text, "drawn.yaml").raw["openapi"]


@given(
    st.dictionaries(TEXTS, st.booleans(), min_size=1, max_size=30),
    st.integers(1, 10_000),
    st.floats(1, 3600),
    st.floats(0.01, 100),
)
def test_shares_keep_to_the_budget(operations: dict[str, bool], requests: int, window_s: float, minutes: float) -> None:
    """Together no more than their part of it, and a body is worth as much as anybody's elsewhere."""
    found = shares(operations, Budget(requests, window_s), minutes)
    assert found is not None
    assert sum(found.values()) <= requests * minutes * 60 / window_s * FUZZED
    with_body = {found[name] for name, body in operations.items() if body and name != "sequences"}
    assert len(with_body) <= 1
    assert shares(operations, Budget(requests, window_s), None) is None


@given(st.lists(st.tuples(TEXTS, TEXTS, st.binary(max_size=20)), max_size=5), st.data())
def test_hash_of_a_sequence_knows_order_and_content_but_not_what_a_run_was_given(
    drawn: list[tuple[str, str, bytes]], data: st.DataObject
) -> None:
    """Ids in the place of ids change nothing; everything else does."""

    def hash_of(rows: list[tuple[str, str, bytes]], given_id: str) -> str:
        sequence = Sequence()
        sequence.know(given_id, "file_id")
        for template, rest, body in rows:
            sequence.add("GET", template, f"{rest} {given_id}", "text/csv", body + given_id.encode())
        return sequence.hash

    one, other = "11111111-0000-4000-8000-000000000001", "22222222-0000-4000-8000-000000000002"
    assert hash_of(drawn, one) == hash_of(drawn, other)
    if drawn:
        where = data.draw(st.integers(0, len(drawn) - 1))
        template, rest, body = drawn[where]
        assert hash_of([*drawn[:where], (template, rest, body + b"!"), *drawn[where + 1 :]], one) != hash_of(drawn, one)
        assert hash_of([*drawn, drawn[where]], one) != hash_of(drawn, one)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[[debt]]\nname = "ignored-auth:legacy:no auth"\noperations = ["user"]\nreason = "r"\n', "debt 1.name"),
        ('[[debt]]\nname = "a:legacy:b"\noperations = []\nreason = "r"\n', "debt 1.operations"),
        ('[[debt]]\nname = "a:legacy:b"\noperations = ["user"]\n', "debt 1.reason"),
        ('[[debts]]\nname = "a"\n', "debts"),
    ],
)
def test_debts_are_declared_in_full_and_never_of_security(tmp_path: Path, text: str, key: str) -> None:
    """One message with file and key."""
    (tmp_path / "contracts").mkdir()
    (tmp_path / "contracts/known_violations.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        load_known_violations(tmp_path)
    assert caught.value.key == key
