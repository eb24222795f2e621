"""Tests of the comparison of values."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.migration.database_side import whole
from cutover.migration.mapping import Form
from cutover.migration.values import Stored, identical, instant, read_column, same, shown

pytestmark = pytest.mark.unit


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


PLAIN = st.none() | st.integers() | TEXT


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner)
)


@given(PLAIN, PLAIN)
def test_values_are_identical_by_type_and_value(one: str | int | None, other: str | int | None) -> None:
    """A rendered column is parsed to exactly its values."""
    assert identical(one, other) == (json.dumps(one) == json.dumps(other))
    assert read_column(json.dumps([one, other], ensure_ascii=False).encode()) == [one, other]


@given(st.integers(-(2**63), 2**63 - 1), st.sampled_from(["", " ", "0x1", "1.0", "٣", "1 ", "+1", "abc"]))
def test_integer_is_parsed_from_digits_only(number: int, other: str) -> None:
    """All integers, also above 2^53; any other text raises."""
    assert whole(str(number).encode()) == whole(number) == number
    with pytest.raises(TypeError):
        whole(other.encode())


def test_values_of_other_storage_classes_differ() -> None:
    """1, 1.0, '1' and a BLOB differ, although Python treats some of them as equal."""
    seen = [*read_column(b'[1,1.0,"1",null,"null"]'), Stored("blob", "31")]
    for number, one in enumerate(seen):
        for form in Form:
            assert [same(form, one, other) for other in seen] == [number == place for place in range(len(seen))]


@given(JSON)
@settings(max_examples=60)
def test_json_is_equal_with_other_spaces_and_key_order(value: object) -> None:
    """A changed value or another order of a list is a difference."""
    one, other = json.dumps(value), json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False)
    assert same(Form.JSON, one, other)
    assert not same(Form.JSON, json.dumps([value]), json.dumps([value, value]))
    assert not same(Form.TEXT, one, other) or one == other


@pytest.mark.parametrize(
    ("one", "other"),
    [("[1]", "[1.0]"), ("[1,2]", "[2,1]"), ('{"a":1,"a":1}', '{"a":1}'), ("[NaN]", "[ NaN]"), ("[", "["[:0])],
)
def test_json_that_parsers_read_differently_differs(one: str, other: str) -> None:
    """Spelling of numbers, order, duplicate keys and invalid JSON."""
    assert not same(Form.JSON, one, other)


@given(st.datetimes(), st.integers(0, 3))
def test_instants_are_compared_by_time(moment: object, cut: int) -> None:
    """Milliseconds equal microseconds if no digit is lost; one microsecond more is another instant."""
    text = f"{moment:%m-%dT%H:%M:%S.%f}"
    year = f"{getattr(moment, 'year', 0):04}-"
    whole = f"{year}{text}Z"
    assert same(Form.TIMESTAMP, whole, whole.replace("Z", "+00:00"))
    short = whole[: 26 - cut] + "Z"
    assert same(Form.TIMESTAMP, whole, short) == (set(whole[26 - cut : 26]) <= {"0"})
    found = instant(whole)
    assert found is not None
    assert instant(whole[:25] + str((int(whole[25]) + 1) % 10) + "Z") != found


@pytest.mark.parametrize(
    "text",
    ["infinity", "2026-01-01", "2026-01-01 00:00:00", "2026-02-30T00:00:00Z", "2026-01-01T00:00:00.1234567Z", ""],
)
def test_invalid_instants_are_never_equal(text: str) -> None:
    """A time without a zone has several meanings."""
    assert instant(text) is None
    assert not same(Form.TIMESTAMP, text, text + " ")


def test_shown_values_are_ascii() -> None:
    """Half a surrogate pair, as invalid UTF-8 is kept, can be written."""
    shown("\udcff").encode("ascii")
