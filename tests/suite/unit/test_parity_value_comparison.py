"""Tests of JSON bodies: lossless reading, and every change of a document is found at its place."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.parity import lossless_json
from cutover.parity.alignment import align
from cutover.parity.differences import Kind, Lexeme, Repeated, every
from cutover.parity.id_mapping import IdMapping
from cutover.parity.rules import ListRule, Rules
from cutover.parity.value_comparison import Comparison

pytestmark = pytest.mark.unit

RULES = Rules(
    bodies={},
    values={"*/file_id": "id file", "/user/id": "id user", "/access_token": "token", "*/created_at": "instant"},
    lists={"/files": ListRule("file_id"), "/users": ListRule("name", ordered=False), "/bag": ListRule(None, False)},
    errors={},
    ignored_headers={},
    cells=(),
)
Found = list[tuple[str, str, str, str]]


def compared(baseline: Any, candidate: Any, known: IdMapping | None = None) -> Found:
    """Return (path, class, both words) of each difference of two values."""
    found: Found = []
    Comparison(
        known or IdMapping(), lambda path, kind, ours, theirs, *_: found.append((path, kind.value, ours, theirs))
    ).compare(baseline, candidate, RULES.root("any"))
    return found


def of_texts(baseline: str, candidate: str, known: IdMapping | None = None) -> Found:
    return compared(lossless_json.read(baseline.encode()), lossless_json.read(candidate.encode()), known)


def places(found: Found) -> list[tuple[str, str]]:
    return [(path, kind) for path, kind, _, _ in found]


# --- reading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        b"", b"{", b"NaN", b"[Infinity]", b"[-Infinity]", b'\xef\xbb\xbf{"a":1}', b'{"a":"\xff"}', b'{"a":1}x',
        b"{'a':1}", b'["\x01"]', b"[01]", b"[1.]", b"[+1]", b"[,]", b"[" * 100_000 + b"]" * 100_000,
        b'{"a":' * 100_000, b'"\xed\xa0\x80"',
    ],
)  # fmt: skip
def test_refusal_of_json_contains_nothing_of_the_body(body: bytes) -> None:
    """The message contains no position and no text of the body, so that it is the same in each run."""
    with pytest.raises(lossless_json.NotJson) as caught:
        lossless_json.read(body)
    assert str(caught.value)
    assert "char" not in str(caught.value).replace("character", "")
    assert "position" not in str(caught.value)


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    """No other exception is raised."""
    try:
        lossless_json.read(body)
    except lossless_json.NotJson:
        return
    json.loads(body)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0), ("-1", -1), ("9007199254740993", 9007199254740993), ("1" * 400, int("1" * 400)),
        ("1.0", Lexeme("1.0")), ("1.50", Lexeme("1.50")), ("1e0", Lexeme("1e0")), ("-0", Lexeme("-0")),
        ("-0.0", Lexeme("-0.0")), ("1E400", Lexeme("1E400")), ("9" * 5000, Lexeme("9" * 5000)),
    ],
)  # fmt: skip
def test_numbers_keep_their_spelling(text: str, value: Any) -> None:
    """Also in an object with a date that contains "-0"."""
    for document in (f"[{text}]", f'[{text},"2026-01-05",-0]'):
        read = lossless_json.read(document.encode())
        assert read[0] == value
        assert type(read[0]) is type(value)


def test_surrogates_and_repeated_keys_are_kept() -> None:
    """Half of a surrogate pair, and all values of a repeated key."""
    read = lossless_json.read(b'{"a":[{"b":"\\ud800","b":{"c":1,"c":2}}]}')
    inner = read["a"][0]
    assert isinstance(inner, Repeated)
    assert every(inner, "b")[0] == "\ud800"
    assert isinstance(inner["b"], Repeated)
    assert inner["b"].pairs == (("c", 1), ("c", 2))


# --- one value --------------------------------------------------------------------------------------------

SCALARS = ["1", "1.0", "1e0", "1.50", "1.5", "0", "-0", "-0.0", "true", "false", "null", '""', '"1"', '"1.0"', "[]",
           "{}", "9007199254740992", "9007199254740993", "9007199254740993.0", '"\\ud800"', '"A"', '"a"',
           '"\\u00e9"', '"e\\u0301"', '" a"', "1e99999999999999999999", "1e99999999999999999998"]  # fmt: skip


@pytest.mark.parametrize("one", SCALARS)
@pytest.mark.parametrize("other", SCALARS)
def test_numbers_differ_if_their_spelling_does(one: str, other: str) -> None:
    """Two spellings are never equal, at any place, and each equals itself."""
    for form in ("{}", '{{"x":{}}}', "[{}]", '{{"bag":[{}]}}', '{{"x":[0,{}]}}', '{{"x":[{{"y":{}}}]}}'):
        assert bool(of_texts(form.format(one), form.format(other))) == (one != other), form


@pytest.mark.parametrize(
    ("one", "other", "kind", "words"),
    [
        ("5", '"5"', "type", ("integer", "text")),
        ("1", "1.0", "type", ("integer", "number")),
        ("1", "true", "type", ("integer", "boolean")),
        ("null", '""', "type", ("null", "empty text")),
        ("[]", "{}", "type", ("empty list", "empty object")),
        ("0", "-0", "type", ("integer", "number")),
        ("1.5", "1.50", "value", ("number", "number with another spelling")),
        ("1e99999999999999999999", "2e99999999999999999999", "value", ("number", "number")),
        ("true", "false", "value", ("true", "false")),
        ('"a"', '""', "value", ("text", "empty text")),
    ],
)
def test_difference_has_its_class_and_direction(one: str, other: str, kind: str, words: tuple[str, str]) -> None:
    """The type is compared before the value, and the words contain no value."""
    assert of_texts(f'{{"x":{one}}}', f'{{"x":{other}}}') == [("/x", kind, *words)]


def test_repeated_key_is_found_and_hides_nothing() -> None:
    """On one side, on both with other values, with another number of values, and in a matched list."""
    assert places(of_texts('{"x":{"a":1}}', '{"x":{"a":1,"a":1}}')) == [("/x/a", "semantics")]
    assert sorted(places(of_texts('{"x":{"a":1,"b":2}}', '{"x":{"a":1,"a":1}}'))) == [
        ("/x/a", "semantics"),
        ("/x/b", "missing"),
    ]
    assert places(of_texts('{"a":1,"a":2}', '{"a":3,"a":2}')) == [("/a", "value")]
    assert places(of_texts('{"a":1,"a":2}', '{"a":1,"a":1,"a":2}')) == [("/a", "semantics")]
    assert places(of_texts('{"bag":[{"a":1}]}', '{"bag":[{"a":1,"a":1}]}')) == [("/bag/*/a", "semantics")]
    assert places(of_texts('[{"a":1},{"a":2}]', '[{"a":1,"a":1}]')) == [("/*/a", "semantics"), ("/*", "missing")]
    assert of_texts('{"a":1,"a":2}', '{"a":1,"a":2}') == []


# --- lists ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([1, 2, 3], [1, 3, 2], [("/*", "order")]),
        ([1, 2, 3], [1, 2], [("/*", "missing")]),
        ([1, 2], [1, 2, 3], [("/*", "extra")]),
        ([1, 2, 1], [1, 2], [("/*", "missing")]),
        ([1, 2, 1, 3, 1], [2, 1, 3], [("/*", "missing")] * 2),
        ([1, 1], [1], [("/*", "missing")]),
        ([1, 2, 3], [3, 1], [("/*", "missing"), ("/*", "order")]),
        ([1, 2, 3], [1, 9, 3], [("/*", "value")]),
        ([1, 1, 2], [1, 2, 2], [("/*", "value")]),
        ([{"a": 1}, {"a": 2}], [{"a": 2}, {"a": 1}], [("/*", "order")]),
        ([{"a": 1}, {"a": 2}], [{"a": 1}, {"a": 3}], [("/*/a", "value")]),
        ([[1, 2], [3]], [[2, 1], [3]], [("/*/*", "order")]),
        ([1], [True], [("/*", "type")]),
        ([1, True], [True, 1], [("/*", "type"), ("/*", "type")]),
        ([], [None], [("/*", "extra")]),
    ],
)
def test_list_without_key_is_compared_in_order(one: Any, other: Any, expected: list[tuple[str, str]]) -> None:
    """Each kind of change has its class, and a missing duplicate is not another order."""
    assert places(compared({"x": one}, {"x": other})) == [(f"/x{path}", kind) for path, kind in expected]


@given(st.lists(st.integers(0, 3), max_size=12), st.randoms())
def test_free_list_ignores_order_but_not_omissions(values: list[int], chance: random.Random) -> None:
    """Each omitted element is one difference, also if the order is compared."""
    shuffled = chance.sample(values, len(values))
    assert compared({"bag": values}, {"bag": shuffled}) == []
    fewer = [value for value in values if chance.random() < 0.5]
    lost = len(values) - len(fewer)
    assert places(compared({"bag": values}, {"bag": fewer})) == [("/bag/*", "missing")] * lost
    assert places(compared({"x": values}, {"x": fewer})) == [("/x/*", "missing")] * lost
    assert places(compared({"x": fewer}, {"x": values})) == [("/x/*", "extra")] * lost


@given(st.lists(st.integers(0, 4), max_size=10), st.lists(st.integers(0, 4), max_size=10))
def test_alignment_pairs_all_common_elements(ours: list[int], theirs: list[int]) -> None:
    """All common elements are paired, and pairs and gaps contain each element once."""
    aligned = align(ours, theirs)
    assert all(ours[i] == theirs[j] for i, j in aligned.pairs)
    assert len(aligned.pairs) == sum(min(ours.count(value), theirs.count(value)) for value in set(ours))
    left = [i for i, _ in aligned.pairs] + [i for gap in aligned.gaps for i in gap[0]]
    right = [j for _, j in aligned.pairs] + [j for gap in aligned.gaps for j in gap[1]]
    assert sorted(left) == list(range(len(ours)))
    assert sorted(right) == list(range(len(theirs)))
    assert aligned.moved == ([j for _, j in aligned.pairs] != sorted(j for _, j in aligned.pairs))
    assert not align(ours, ours).gaps


def files(*rows: tuple[Any, str]) -> dict[str, Any]:
    return {"files": [{"file_id": key, "name": name} for key, name in rows]}


def known(**pairs: str) -> IdMapping:
    held = IdMapping()
    for baseline, candidate in pairs.items():
        assert held.bind("file", baseline, candidate) is None
    return held


def test_list_keyed_by_id_is_matched_by_the_mapping() -> None:
    """Known ids reordered, swapped, reused or lost; new ids by the other content."""
    abc = files(("a", "x"), ("b", "y"), ("c", "z"))
    assert compared(abc, files(("A", "x"), ("B", "y"), ("C", "z"))) == []
    assert places(compared(abc, files(("B", "y"), ("A", "x"), ("C", "z")))) == [("/files/*", "order")]
    assert places(compared(abc, files(("B", "y"), ("A", "x"), ("C", "z")), known(a="A", b="B"))) == [
        ("/files/*", "order")
    ]
    assert places(compared(abc, files(("B", "x"), ("A", "y"), ("C", "z")), known(a="A", b="B", c="C"))) == [
        ("/files/*/file_id", "semantics")
    ]
    assert places(compared(abc, files(("A", "x"), ("C", "z")))) == [("/files/*", "missing")]
    assert places(compared(abc, files(("A", "x"), ("C", "z")), known(b="B"))) == [("/files/*", "missing")]
    assert places(compared(files(("a", "x")), files(("A", "x"), ("B", "y")))) == [("/files/*", "extra")]
    assert places(compared(abc, files(("A", "x"), ("Q", "q"), ("C", "z")))) == [("/files/*/name", "value")]
    # The id of something else, that was seen before.
    assert places(compared(files(("n", "new")), files(("A", "new")), known(a="A"))) == [
        ("/files/*", "missing"), ("/files/*", "extra"),
    ]  # fmt: skip
    # Elements without the key, on one side or with two the same.
    assert ("/files", "semantics") in places(compared(abc, files(("A", "x"), ("A", "y"), ("C", "z"))))
    assert ("/files", "semantics") in places(compared(abc, {"files": [{"name": "x"}, {}, {}]}))
    assert ("/files", "semantics") in places(compared(abc, {"files": [1, 2, 3]}))


def test_list_keyed_by_name_may_be_in_any_order() -> None:
    """Matched by name, or by content without a name, in any order."""
    ours = {"users": [{"name": "ann", "x": 1}, {"name": "bob", "x": 2}]}
    assert compared(ours, {"users": ours["users"][::-1]}) == []
    assert places(compared(ours, {"users": [{"name": "bob", "x": 3}, {"name": "eve", "x": 1}]})) == [
        ("/users/*/x", "value"), ("/users/*", "missing"), ("/users/*", "extra"),
    ]  # fmt: skip
    nameless = [{"x": 1}, {"x": 2}]
    assert compared({"users": nameless}, {"users": nameless[::-1]}) == []


def test_ids_of_another_type_are_still_mapped() -> None:
    """An accepted change of the type of ids does not hide a swap."""
    held = IdMapping()
    assert places(compared({"user": {"id": 1}}, {"user": {"id": "u1"}}, held)) == [("/user/id", "type")]
    assert places(compared({"user": {"id": 1}}, {"user": {"id": "u2"}}, held)) == [
        ("/user/id", "type"), ("/user/id", "semantics"),
    ]  # fmt: skip
    assert places(compared({"user": {"id": 1}}, {"user": {"id": None}})) == [("/user/id", "type")]


def test_invalid_instant_on_one_side_is_another_type() -> None:
    """It is a type difference, because noise may hide a value."""
    found = compared({"x": {"created_at": "2026-11-22T10:00:00Z"}}, {"x": {"created_at": "yesterday"}})
    assert found == [("/x/created_at", "type", "instant", "text, not an instant")]


# --- properties -------------------------------------------------------------------------------------------

leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.sampled_from(["1.0", "1.5", "-0", "1e3"]).map(Lexeme)
    | st.text(max_size=5)
)
keys = st.text("abxyz~/*é", max_size=3)
documents = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def written(value: Any, chance: random.Random) -> str:
    """Return the value as JSON text with keys in any order, any spacing, and letters escaped or not."""

    def space() -> str:
        return chance.choice(["", " ", "\n", "\t "])

    if isinstance(value, dict):
        pairs = list(value.items())
        chance.shuffle(pairs)
        inner = ",".join(f"{space()}{written(k, chance)}{space()}:{written(v, chance)}{space()}" for k, v in pairs)
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{','.join(f'{space()}{written(v, chance)}{space()}' for v in value)}]"
    return str(value) if isinstance(value, Lexeme) else json.dumps(value, ensure_ascii=chance.random() < 0.5)


@given(documents, st.randoms(use_true_random=False))
def test_equal_documents_in_any_spelling_are_equal(document: Any, chance: random.Random) -> None:
    """Key order, spacing and escapes are irrelevant."""
    assert of_texts(written(document, chance), written(document, chance)) == []


def nodes(value: Any, path: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield (path, container, key) of every value in a document."""
    if isinstance(value, (dict, list)):
        for key in value if isinstance(value, dict) else range(len(value)):
            word = "*" if isinstance(value, list) else key.replace("~", "~0").replace("/", "~1")
            yield f"{path}/{word}", value, key
            yield from nodes(value[key], f"{path}/{word}")


MISSING_ONE = {"missing": "extra", "extra": "missing"}


@given(documents, st.data())
def test_single_change_is_found_in_both_directions(document: Any, data: st.DataObject) -> None:
    """A value is left out, added, or replaced by one of another or the same type."""
    changed = copy.deepcopy(document)
    found = list(nodes(changed))
    if not found:
        return
    path, container, key = data.draw(st.sampled_from(found))
    word = data.draw(st.sampled_from(["missing", "extra", "type", "value"]))
    old = container[key]
    if word == "missing":
        del container[key]
    elif word == "extra":
        if isinstance(container, list):
            container.insert(key, "new here")
        else:
            path = f"{path.rpartition('/')[0]}/new here"
            container["new here"] = old
    elif word == "type":
        container[key] = Lexeme("7.25") if not isinstance(old, Lexeme) else 7
    elif type(old) is int:
        container[key] = old + 1
    elif type(old) is str:
        container[key] = old + "x"
    else:
        return
    there, back = compared(document, changed), compared(changed, document)
    assert places(there) == [(path, word)]
    mirrored = [(path, MISSING_ONE.get(kind, kind), theirs, ours) for path, kind, ours, theirs in there]
    assert sorted(back) == sorted(mirrored)


@given(documents, documents)
def test_documents_differ_if_and_only_if_not_equal(one: Any, other: Any) -> None:
    """Two documents differ if and only if their exact forms do, in both directions."""

    def exact(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: exact(inner) for key, inner in value.items()}
        return [exact(inner) for inner in value] if isinstance(value, list) else (type(value).__name__, value)

    assert bool(compared(one, other)) == bool(compared(other, one)) == (exact(one) != exact(other))


def test_kinds_are_the_documented_ones() -> None:
    """The words of the file and of the report."""
    assert {kind.value for kind in Kind} == {
        "missing", "extra", "type", "value", "order", "status", "header", "semantics"
    }  # fmt: skip
