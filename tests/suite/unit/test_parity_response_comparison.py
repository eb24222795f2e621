"""Tests of response comparison: status, body, request id, and any JSON as an error body."""

import datetime
import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from cutover.client.http import Answer, Request
from cutover.config.operations import load_operations
from cutover.config.validation import root
from cutover.parity import lossless_json
from cutover.parity.accepted_differences import AcceptedDifference, AcceptedDifferences
from cutover.parity.differences import Difference, Kind
from cutover.parity.error_bodies import compare_errors, view
from cutover.parity.id_mapping import IdMapping
from cutover.parity.response_comparison import ResponseComparison, rename_fields
from cutover.parity.rules import load_rules
from cutover.systems.target import Result

pytestmark = pytest.mark.unit

OPERATIONS = load_operations(root() / "contracts/operations.toml", {}, {}, "unit")
RULES = load_rules(root(), OPERATIONS)
GOOD = {"error": {"code": "invalid", "message": "no", "request_id": "r"}}


def result(system: str, operation: str, status: int, body: Any, *, headers: dict[str, str] | None = None) -> Result:
    """Return a response as the client returns it. A body that is not bytes is written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = Request(system, operation, "GET", f"https://{system}.example/x")
    answer = Answer(request, "r", status, httpx.Headers({"x-request-id": "r", **(headers or {})}), raw, 0.0)
    return Result(answer, OPERATIONS[system][operation])


def found(operation: str, legacy: tuple[int, Any], worker: tuple[int, Any], **options: Any) -> list[tuple[str, str]]:
    comparison = ResponseComparison(RULES, IdMapping())
    return [
        (difference.path, difference.kind.value)
        for difference in comparison.compare(
            result("legacy", operation, *legacy), result("worker", operation, *worker, **options)
        )
    ]


def test_status_difference_and_shared_5xx_are_found() -> None:
    """5xx on both systems is a finding. Bodies are compared if both succeed or both refuse."""
    assert found("user", (200, {}), (201, {})) == [("status", "status")]
    assert found("user", (500, b""), (500, b"")) == [("status", "semantics")]
    assert found("user", (503, b""), (500, b"")) == [("status", "status")]
    assert found("user", (200, {"a": 1}), (401, GOOD)) == [("status", "status")]


def test_body_missing_added_or_not_json_is_found() -> None:
    """A 204 with a body, HTML instead of JSON, and other bytes of a file are reported."""
    assert found("delete", (204, b""), (204, b"x")) == [("body", "extra")]
    assert found("user", (200, {}), (200, b"")) == [("body", "missing")]
    assert found("user", (200, {}), (200, b"<html>")) == [("body", "type")]
    assert found("user", (200, b"<html>"), (200, b"<body>")) == [("body", "type")]
    assert found("user", (200, {}), (200, [])) == [("body", "type")]
    assert found("download", (200, b"a"), (200, b"b")) == [("body", "value")]
    assert found("download", (200, b"{}"), (200, b"{ }")) == [("body", "value")]
    assert found("export", (200, b"a\r\n1\r\n"), (200, b"a\r\n2\r\n")) == [("csv/*/a", "value")]
    deep = b'{"a":' * 700 + b"1" + b"}" * 700
    assert found("user", (200, deep), (200, deep.replace(b"1", b"2"))) == [("body", "semantics")]


def test_foreign_request_id_is_found_on_each_side() -> None:
    """In the header and in the error body."""
    assert found("user", (200, {}), (200, {}), headers={"x-request-id": "s"}) == [("header:x-request-id", "semantics")]
    other = {"error": {**GOOD["error"], "request_id": "another"}}
    assert ("/error/request_id", "semantics") in found("user", (400, {"detail": "no"}), (400, other))
    assert found("user", (400, {"detail": "no"}), (400, GOOD)) == [("/error", "type")]


def test_request_id_that_no_system_returns_is_equal() -> None:
    """Two systems that both return no request id do not differ."""
    for_both = [result(system, "user", 200, {}) for system in ("legacy", "worker")]
    for each in for_both:
        del each.answer.headers["x-request-id"]
    assert ResponseComparison(RULES, IdMapping()).compare(*for_both) == []


@pytest.mark.parametrize(
    ("legacy", "worker", "words"),
    [
        (None, "own", ("absent", "another id")), ("r", "own", ("the request's id", "another id")),
        (None, "r", ("absent", "the request's id")), ("other", "own", None), ("r", "r", None),
    ],
)  # fmt: skip
def test_request_ids_of_one_kind_are_equal(legacy: str | None, worker: str, words: tuple[str, str] | None) -> None:
    """A system that makes ids of its own differs once from one that sends none, and never claims to echo."""
    both = [result(system, "user", 200, {}) for system in ("legacy", "worker")]
    for each, sent in zip(both, (legacy, worker), strict=True):
        del each.answer.headers["x-request-id"]
        if sent is not None:
            each.answer.headers["x-request-id"] = sent
    differences = ResponseComparison(RULES, IdMapping()).compare(*both)
    assert [(each.baseline, each.candidate) for each in differences] == ([words] if words else [])


def test_list_under_another_name_is_compared_by_element() -> None:
    """Elements of a list whose name and fields differ on both systems are compared field by field."""
    overrides = {
        "list_files": {
            "worker": {
                "replace": True,
                "response": {"files": "/lists", "total": "/n"},
                "entry": {"filename": "/title"},
            },
            "legacy": {"replace": True, "response": {"files": "/items", "total": "/n"}, "entry": {"filename": "/name"}},
        }
    }
    operations = load_operations(root() / "contracts/operations.toml", overrides, {}, "unit")
    rules = load_rules(root(), operations)
    ours = {"items": [{"name": "a.csv"}, {"name": "b.csv"}], "n": 2}
    for theirs, difference in (("b.csv", []), ("c.csv", ["/lists/*/title"])):
        body = {"lists": [{"title": "a.csv"}, {"title": theirs}], "n": 2}
        two = (result("legacy", "list_files", 200, ours), result("worker", "list_files", 200, body))
        assert [each.path for each in ResponseComparison(rules, IdMapping()).compare(*two)] == difference


def lost(legacy: dict[str, str], worker: dict[str, str]) -> list[str]:
    """Return the paths of the differences of two responses, with nosniff declared as always added by the Worker."""
    day = datetime.date(2099, 1, 1)
    path = ("header:x-content-type-options",)
    rule = AcceptedDifference(
        1, ("every",), path, Kind.EXTRA, None, ("nosniff",), "", "r", "o", day, always=True
    )  # fmt: skip
    comparison = ResponseComparison(RULES, IdMapping(), declared=AcceptedDifferences((rule,)))
    answers = (result(*side, headers=sent) for side, sent in ((("legacy", "user", 200, {}), legacy),
                                                              (("worker", "user", 200, {}), worker)))  # fmt: skip
    return [f"{each.kind.value} {each.path}" for each in comparison.compare(*answers)]


def test_header_that_both_systems_send_is_not_lost() -> None:
    """Only a response of the Worker without the header is a loss; an equal header on both systems is none."""
    sniff = {"X-Content-Type-Options": "nosniff"}
    assert lost(sniff, sniff) == []
    assert lost({}, sniff) == ["extra header:x-content-type-options"]
    assert lost({}, {}) == ["missing header:x-content-type-options"]
    assert lost({}, {"X-Content-Type-Options": "sniff"}) == ["extra header:x-content-type-options"]


def test_fields_renamed_by_configuration_are_equal() -> None:
    """Fields are renamed as operations.toml says. A field that exists under both names is reported."""
    user = {"id": 1, "username": "u"}
    worker = {"access_token": "a" * 20, "refresh_token": "b" * 20, "user": user}
    assert found("login", (200, {"access": "c" * 20, "refresh": "d" * 20, "user": user}), (200, worker)) == []
    both = {"access": "c" * 20, "access_token": "c" * 20, "refresh": "d" * 20, "user": user}
    assert found("login", (200, both), (200, worker)) == [("/access", "missing")]
    assert found("login", (200, {"refresh": "d" * 20, "user": user}), (200, worker)) == [("/access_token", "extra")]
    twice = b'{"access":"c","access":"d","refresh":"e","user":{"id":1,"username":"u"}}'
    assert ("/access", "missing") in found("login", (200, twice), (200, worker))  # which of the two is the token?
    given_ = {"a": {"b": 1}, "l": [{"x": 1}, {"x": 2}, 3]}
    moved = rename_fields(given_, (("/a/b", "/c/d"), ("/l/*/x", "/l/*/y")))
    assert moved == {"c": {"d": 1}, "l": [{"y": 1}, {"y": 2}, 3]}
    assert rename_fields({"a": {"b": 1, "e": 2}}, (("/a/b", "/b"),)) == {"a": {"e": 2}, "b": 1}
    assert given_ == {"a": {"b": 1}, "l": [{"x": 1}, {"x": 2}, 3]}


@pytest.mark.parametrize(
    ("body", "reasoned"),
    [({"detail": "no"}, True), ({"error": "no"}, True), ({"detail": " "}, False), ({"code": "no"}, False), ({}, False)],
)
def test_error_has_its_reason_in_one_of_several_places(tmp_path: Path, body: Any, reasoned: bool) -> None:
    """A deployment may write its errors in two formats; each place is a reason and no field of the request."""
    text = (root() / "contracts" / "parity.toml").read_text()
    file = tmp_path / "parity.toml"
    file.write_text(text.replace('reason = "/detail"', 'reason = ["/detail", "/error"]'))
    form = load_rules(root(), OPERATIONS, file).errors["legacy"]
    seen = view(body, form, {})
    assert (seen.reasoned, seen.fields) == (reasoned, frozenset())


def faults(body: Any, legacy: Any = None) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    names = [RULES.fields[system, "upload"] for system in ("legacy", "worker")]
    ours = view({"detail": "no"} if legacy is None else legacy, RULES.errors["legacy"], names[0])
    theirs = view(lossless_json.read(json.dumps(body).encode() if not isinstance(body, bytes) else body),
                  RULES.errors["worker"], names[1])  # fmt: skip
    compare_errors(ours, theirs, lambda path, kind, *_: told.append((path, kind.value)))
    return [row for row in told if row != ("/error", "type")]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"stack": "at line 5"}, [("/error/stack", "extra")]),
        ({"a/b": 1}, [("/error/a~1b", "extra")]),
        ({"code": None}, [("/error/code", "type")]),
        ({"code": 1.5}, [("/error/code", "type")]),
        ({"code": " "}, [("/error/code", "value")]),
        ({"message": {"sql": "x"}}, [("/error/message", "type"), ("/error/message", "missing")]),
        ({"fields": "boom"}, [("/error/fields", "type")]),
        ({"fields": None}, [("/error/fields", "type")]),
        ({"fields": ["file"]}, [("/error/fields", "type")]),
        ({"fields": {"file": "boom"}}, [("/error/fields/file", "type"), ("/error/fields/file", "extra")]),
        ({"fields": {"file": ["empty"]}}, [("/error/fields/file", "extra")]),
    ],
)
def test_error_of_another_format_is_found_at_its_place(change: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Additional keys, wrong types, and fields that only one system names are reported."""
    assert faults({"error": {**GOOD["error"], **change}}) == expected


def test_error_with_unknown_keys_is_found() -> None:
    """Keys next to the error, with a slash in the name, repeated, or missing."""
    assert faults({**GOOD, "trace": "x"}) == [("/trace", "extra")]
    assert faults({**GOOD, "error/code": "x"}) == [("/error~1code", "extra")]
    twice = b'{"error":{"code":"a","message":"b","message":"c","request_id":"d"}}'
    assert faults(twice) == [("/error", "semantics")]
    assert ("/error/message", "missing") in faults({"error": {"code": "a", "request_id": "d"}})
    assert faults(GOOD, legacy=["no", {"stack": 1}]) == [("/error", "semantics")]
    assert faults(GOOD, legacy={}) == [("/error/message", "extra")]
    blamed = {"error": {**GOOD["error"], "fields": {"file": ["empty"]}}}
    assert faults(blamed, legacy={"file": ["empty"]}) == []


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=4) | st.sampled_from([1.5, "\ud800"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "message", "request_id", "fields", "detail", "a/b", "~", "", "0"])
            | st.text(max_size=3),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


def exact(value: Any) -> Any:
    """Return the value with its JSON types, so that 1, 1.0 and True are three values."""
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    return [exact(inner) for inner in value] if isinstance(value, list) else (type(value).__name__, value)


def holds_an_id(value: Any) -> bool:
    """Return True if the key "id" is in it: ids are mapped, not compared (contracts/parity.toml)."""
    if isinstance(value, dict):
        return "id" in value or any(map(holds_an_id, value.values()))
    return isinstance(value, list) and any(map(holds_an_id, value))


def all_differences(operation: str, status: int, legacy: Any, worker: Any) -> list[Difference]:
    """Return the differences of two responses with that status; each must survive being written as JSON."""
    comparison = ResponseComparison(RULES, IdMapping(), show_values=True)
    differences = comparison.compare(result("legacy", operation, status, legacy),
                                     result("worker", operation, status, worker))  # fmt: skip
    for difference in differences:
        written = json.loads(json.dumps(difference.as_json()))
        assert type(difference).from_json(written) == difference
    return differences


JSON_OPERATIONS = sorted(name for name in OPERATIONS["worker"] if RULES.body_of(name) == "json")


@settings(max_examples=300)
@given(anything, anything, st.booleans(), st.sampled_from(JSON_OPERATIONS))
def test_any_json_differs_exactly_if_not_equal(legacy: Any, other: Any, same: bool, operation: str) -> None:
    """Two successful JSON responses differ if and only if their values or JSON types do.

    Fails for a comparison that finds nothing, finds something always, or ignores bodies.
    """
    worker = legacy if same else other
    assume(not holds_an_id([legacy, worker]))
    assert bool(all_differences(operation, 200, legacy, worker)) is (exact(legacy) != exact(worker))


well_formed = st.builds(
    lambda code, message: {"error": {"code": code, "message": message, "request_id": "r"}},
    st.sampled_from(["invalid", "not_found"]), st.sampled_from(["no", "No such file."]),
)  # fmt: skip


def is_error_object(body: Any) -> bool:
    """Return True if the body is the error object of contracts/api.md, with nothing that does not belong there."""
    error = body.get("error") if isinstance(body, dict) and len(body) == 1 else None
    required = {"code", "message", "request_id"}
    return (
        isinstance(error, dict)
        and error.keys() == required
        and all(isinstance(error[key], str) and bool(error[key].strip()) for key in required)
        and error["request_id"] == "r"
    )


@settings(max_examples=300)
@given(well_formed | anything, st.sampled_from([400, 401, 404]), st.sampled_from(JSON_OPERATIONS))
def test_any_error_is_accepted_exactly_if_well_formed(worker: Any, status: int, operation: str) -> None:
    """The two documented forms are one difference, /error. Anything else in the Worker's error is a further one.

    Fails for a comparison that finds nothing, finds something always, or does not look into errors.
    """
    places = [difference.path for difference in all_differences(operation, status, {"detail": "no"}, worker)]
    assert (places == ["/error"]) is is_error_object(worker)
    assert places


def is_json(body: bytes) -> bool:
    """Return True if the bytes are JSON."""
    try:
        json.loads(body)
    except ValueError:
        return False
    return True


@settings(max_examples=200)
@given(st.binary(max_size=30), st.binary(max_size=30), st.booleans(), st.sampled_from([200, 404]))
def test_any_bytes_differ_exactly_if_not_equal(legacy: bytes, other: bytes, same: bool, status: int) -> None:
    """Bodies that are not JSON differ if and only if their bytes do; a table never differs from itself.

    Fails for a comparison that finds nothing, finds something always, or compares lengths only.
    """
    worker = legacy if same else other
    assume(not is_json(legacy))  # b"1" and b" 1" are equal as JSON
    for operation in ("user", "download"):
        assert bool(all_differences(operation, status, legacy, worker)) is (legacy != worker)
    assert all_differences("export", status, legacy, legacy) == []
