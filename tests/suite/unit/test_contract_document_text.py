"""Reading OpenAPI documents: JSON and YAML, duplicate keys, references, extensions, 3.0 and 3.1."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.validation import ConfigurationError, root
from cutover.contract.breaking_changes import breaking_changes
from cutover.contract.document import FILES, parse_contract, read_contract
from cutover.contract.document_text import parse_text
from cutover.contract.lint import lint
from cutover.contract.references import resolved, target_of

pytestmark = pytest.mark.unit

SAMPLES = Path(__file__).parent / "samples" / "documents"
HEAD = "openapi: 3.1.0\ninfo: {title: T, version: '1'}\n"
OPERATION = {"operationId": "list_files", "security": [], "responses": {"200": {"description": "d"}}}


def document(version: str = "3.1.0", **parts: Any) -> str:
    """Return a JSON document with these parts."""
    return json.dumps({"openapi": version, "info": {"title": "T", "version": "1"}, "paths": {}, **parts})


@pytest.mark.parametrize("name", ["1e6.json", "emoji.json", "x_in_paths.json", "path_item_ref.json", "percent.json"])
def test_field_document_is_read(name: str) -> None:
    """The documents found in the field are read, and their operation is described."""
    contract = read_contract(SAMPLES / name)
    described = [each.name for each in contract.operations()]
    assert described == ([] if name in ("1e6.json", "emoji.json") else ["list_files"])
    assert not [line for line in lint(contract, {}) if "$ref" in line]
    assert "/api/files" in contract.raw["paths"] or not described


def test_field_document_with_a_duplicate_is_refused() -> None:
    """A path that exists twice is named: the first one would be lost silently."""
    with pytest.raises(ConfigurationError, match=r"/api/files\]: the key exists twice"):
        read_contract(SAMPLES / "duplicate_path.json")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "paths:\n  /a: {}\n  /b: {}\n  /a: {}\n", r"/a \(line 6\)\]: the key exists twice"),
        (HEAD + "paths: {}\npaths: {}\n", "the key exists twice"),
        (HEAD + "paths: {/a: {get: {responses: {200: {description: a}, '200': {description: b}}}}}\n", "200"),
        ('{"openapi": "3.1.0", "paths": {}, "a": NaN}', "NaN"),
        ('{"openapi": "3.1.0", "paths": {"/a": {}, }}', "Expecting property name|Illegal trailing comma"),
        ('{"openapi": "3.1.0", "paths": {}, "a": "\\ud83d"}', "unpaired surrogate"),
        ('{"openapi": "3.1.0", "paths": ' + "[" * 300 + "]" * 300 + "}", "nested deeper"),
        ("[" * 5000, "nested too deeply|expected"),
        ('{"swagger": "2.0", "paths": {}}', "got Swagger 2.0"),
        (HEAD + "paths: {/a: {$ref: './a.yaml'}}\n", "expected a reference into this document"),
        (HEAD + "paths: {/a: {$ref: '#/paths/~1b'}}\n", "it has no target"),
        (HEAD + "paths: {/a: {$ref: '#/paths/~1a'}}\n", "it has no target"),
        (HEAD + "paths: [a]\n", "expected a table of path"),
        (HEAD + "paths: {/a: 5}\n", "expected a path"),
        (HEAD + "paths: {}\ncomponents: {schemas: {N: {maximum: .inf}}}\n", "expected a number"),
        (HEAD + "a: !!python/object/apply:os.getcwd []\npaths: {}\n", "could not determine a constructor"),
    ],
)  # fmt: skip
def test_wrong_document_has_one_message(text: str, said: str) -> None:
    """Each mistake is named once, with file and key."""
    with pytest.raises(ConfigurationError, match=said):
        parse_contract(text, "d.json" if text.startswith(("{", "[")) else "d.yaml")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xfd7zXZ\0\0\0", "compressed as xz"),
        (b"\x1f\x8b\x08\0", "compressed as gzip"),
        (document().encode("utf-16"), "encoded in UTF-16"),
        (b'{"openapi": "\xe9"}', "cannot be read"),
    ],
)
def test_foreign_document_is_named(tmp_path: Path, content: bytes, said: str) -> None:
    """A compressed document, or one in another encoding, is named."""
    (tmp_path / "d.json").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        read_contract(tmp_path / "d.json")
    with pytest.raises(ConfigurationError, match="no regular file"):
        read_contract(tmp_path)


def test_yaml_is_read_by_version_1_2() -> None:
    """Words of YAML 1.1 are strings, numbers with exponents are numbers, dates are strings; merge keys work."""
    text = (
        "a: no\nb: 1e6\nc: 2024-01-01\nd: on\ne: 0x1f\nf: ~\ng:\nh: 1.5\ni: -3\nj: 1_000\nk: 12:30\nl: True\nm: 0o17\n"
    )
    assert parse_text(text, "d.yaml") == {
        "a": "no", "b": 1e6, "c": "2024-01-01", "d": "on", "e": 31, "f": None, "g": None, "h": 1.5, "i": -3,
        "j": "1_000", "k": "12:30", "l": True, "m": 15,
    }  # fmt: skip
    merged = "a: &x {p: 1, q: 2}\nb: &y {<<: *x, q: 3}\nc: {<<: *y, q: 4, r: 5}\n"
    assert parse_text(merged, "d.yaml")["c"] == {"p": 1, "q": 4, "r": 5}


@pytest.mark.parametrize("system", ["worker", "legacy"])
def test_our_documents_are_read_as_before(system: str) -> None:
    """For our documents YAML 1.1 and 1.2 give the same values."""
    file = root() / FILES[system]
    assert parse_text(file.read_text(), file) == yaml.safe_load(file.read_text())


VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
)  # fmt: skip


@given(VALUES, st.booleans())
def test_json_is_read_as_json(value: Any, ascii_only: bool) -> None:
    """Any JSON value is read back, with escapes and without, behind a byte-order mark, too."""
    text = json.dumps({"v": value}, ensure_ascii=ascii_only)
    assert parse_text(text, "d.json") == {"v": value}
    assert parse_text(f"\ufeff{text}", "http://a.example/openapi") == {"v": value}


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=6)


@given(st.lists(NAMES, min_size=1, max_size=4, unique=True), st.data())
def test_duplicate_key_is_found_at_any_depth(names: list[str], data: st.DataObject) -> None:
    """In JSON and in YAML, in any table, the duplicate is refused and named."""
    twice = data.draw(st.sampled_from(names))
    row = ", ".join(f"{json.dumps(name, ensure_ascii=False)}: 1" for name in [*names, twice])
    text = f"{{{row}}}"
    for name in data.draw(st.lists(NAMES, max_size=3)):
        text = f"{{{json.dumps(name, ensure_ascii=False)}: [{text}]}}"
    for source in ("d.json", "d.yaml"):
        with pytest.raises(ConfigurationError, match="the key exists twice") as caught:
            parse_text(text if source == "d.json" else f"k:\n  - {text}\n", source)
        assert twice in caught.value.key


@given(st.lists(NAMES | st.sampled_from(["~", "/", "~1", "a/b", "%", "%25", "<>", " ", "é"]), min_size=1, max_size=4))
def test_pointer_is_followed_in_every_encoding(names: list[str]) -> None:
    """A reference is followed with and without percent-encoding of characters that a fragment cannot contain."""
    from urllib.parse import quote

    inner: Any = {"type": "string"}
    tree: Any = inner
    for name in reversed(names):
        tree = {name: [0, tree]}
    raw: Any = {"x": tree}
    escaped = [name.replace("~", "~0").replace("/", "~1") for name in names]
    encoded = "#/x/" + "/".join(f"{quote(name, safe='~')}/1" for name in escaped)
    assert target_of(raw, encoded) is inner
    assert resolved(raw, {"$ref": encoded}) is inner
    if not any("%" in name for name in names):
        assert target_of(raw, "#/x/" + "/".join(f"{name}/1" for name in escaped)) is inner
    with pytest.raises(KeyError):
        target_of(raw, f"{encoded}/nothing")


@pytest.mark.parametrize("reference", ["", "a", "#a", "a.yaml#/x", "#/x/%ff", "#/y", "http://a.example/#/x"])
def test_reference_without_a_target_is_a_key_error(reference: str) -> None:
    """Other documents, anchors and invalid encoding have no target in this document."""
    with pytest.raises(KeyError):
        target_of({"x": 1}, reference)


@pytest.mark.parametrize("version", ["3.0.3", "3.1.0"])
def test_path_item_reference_is_followed(version: str) -> None:
    """A path item refers to components or to another path; own keys and shared parameters are kept."""
    parameter = {"name": "q", "in": "query", "schema": {"type": "string"}}
    paths = {
        "/a": {"$ref": "#/x-items/A"}, "/b": {"$ref": "#/paths/~1a", "parameters": [parameter]}, "x-a": 1, "/c": {},
    }  # fmt: skip
    item = {"get": {**OPERATION, "responses": {200: {"description": "d"}, "x-note": "n"}}, "x-more": {}}
    contract = parse_contract(document(version, paths=paths, **{"x-items": {"A": item}}), "d.json")
    assert [(each.path, each.name) for each in contract.operations()] == [("/a", "list_files"), ("/b", "list_files")]
    assert contract.raw["paths"]["/b"]["parameters"] == [parameter]
    assert list(contract.raw["paths"]["/a"]["get"]["responses"]) == ["200"]
    assert "x-a" not in contract.raw["paths"]


def test_version_3_0_is_read_as_3_1() -> None:
    """`nullable` is the type null, and a boolean exclusiveMaximum makes the limit exclusive."""

    def with_schema(version: str, schema: dict[str, Any]) -> Any:
        content = {"application/json": {"schema": schema}}
        get = {**OPERATION, "responses": {"200": {"description": "d", "content": content}}}
        return parse_contract(document(version, paths={"/a": {"get": get}}), "d.json")

    old = with_schema("3.0.3", {"type": "integer", "nullable": True, "maximum": 5, "exclusiveMaximum": True})
    new = with_schema("3.1.0", {"type": ["integer", "null"], "exclusiveMaximum": 5})
    assert breaking_changes(old, new) == breaking_changes(new, old) == []
    never_null = with_schema("3.1.0", {"type": "integer", "exclusiveMaximum": 5})
    assert breaking_changes(never_null, old) == ["list_files: response 200: null may now be returned"]


def test_document_has_no_breaking_change_against_itself() -> None:
    """Neither an empty enum nor an operationId that exists twice makes a document differ from itself."""
    reference = {"$ref": "#/components/schemas/S"}
    parameter = {"name": "q", "in": "query", "schema": {"enum": [], "allOf": [reference]}}
    paths = {"/a": {"get": {**OPERATION, "parameters": [parameter]}}, "/b": {"get": OPERATION, "post": OPERATION}}
    text = document(paths=paths, components={"schemas": {"S": {"type": "string"}}})
    contract = parse_contract(text, "d.json")
    assert breaking_changes(contract, contract) == []
