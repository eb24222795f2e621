"""Tests that rows survive the migration program in both directions, and that lossy values are refused."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cutover.config.validation import root

sys.path.append(str(root() / "reference"))  # the program's own folder, from which it is started

from migration.d1 import CALL_BYTES, calls

from migration import mapping, values

pytestmark = pytest.mark.unit

# How long a row takes to make is the machine's matter.
PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MAPPING = mapping.load()
# PostgreSQL holds neither NUL nor half a surrogate pair.
TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 30), timezones=ZONES)  # noqa: DTZ001 - the zones are given beside them
IDS = st.integers(1, 2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)


def users() -> st.SearchStrategy[dict[str, Any]]:
    """Generate rows as they are read from auth_user."""
    return st.booleans().flatmap(
        lambda is_staff: st.fixed_dictionaries(
            {
                "id": IDS,
                "username": TEXTS,
                "email": TEXTS,
                "password": TEXTS,
                "is_active": st.booleans(),
                "is_staff": st.just(is_staff),
                "is_superuser": st.just(is_staff),
                "first_name": st.just(""),
                "last_name": st.just(""),
                "date_joined": INSTANTS.map(values.iso),
                "last_login": st.none() | INSTANTS.map(values.iso),
            }
        )
    )


def files() -> st.SearchStrategy[dict[str, Any]]:
    """Generate rows as they are read from list_cutter_savedfile."""
    return st.fixed_dictionaries(
        {
            "id": IDS,
            "user_id": IDS,
            "file_id": st.uuids().map(str),
            "file_name": TEXTS,
            "file_size": IDS,
            "uploaded_at": INSTANTS.map(values.iso),
            "metadata": JSON.map(lambda value: json.dumps(value)),
            "user_tags": st.lists(TEXTS, max_size=5),
            "system_tags": st.just(["uploaded"]),
        }
    ).map(lambda row: row | {"file_path": f"uploads/{row['user_id']}/{row['file_id']}.csv"})


@PATIENT
@given(row=users())
def test_user_survives_both_directions(row: dict[str, Any]) -> None:
    """All columns of Django, including those without a column in D1."""
    carried = values.forward(MAPPING.users, row, {})
    assert carried["email"] == (row["email"] or None)
    assert {type(value) for value in carried.values()} <= {int, str, type(None)}
    made = values.backward(MAPPING.users, carried)
    assert made | values.added(MAPPING.users, carried, made) == row


@PATIENT
@given(row=files())
def test_file_survives_both_directions(row: dict[str, Any]) -> None:
    """JSON and tags are compared by value."""
    carried = values.forward(MAPPING.files, row, {"status": "completed", "sha256": "0" * 64})
    assert carried["r2_key"] == f"uploads/user-{row['user_id']}/{row['file_id']}.csv"
    assert json.loads(carried["tags"]) == row["user_tags"]
    made = values.backward(MAPPING.files, carried)
    assert made | values.added(MAPPING.files, carried, made) == row


def test_null_metadata_becomes_empty_in_django() -> None:
    """NULL of the Worker becomes {}, which Django's column can store; another NULL is refused."""
    column = next(column for column in MAPPING.files.columns if column.name == "columns_metadata")
    assert values._to_django(column, None) == "{}"  # noqa: SLF001 - one column of it
    name = next(column for column in MAPPING.files.columns if column.name == "filename")
    with pytest.raises(values.NotCarriedError, match="NULL"):
        values._to_django(name, None)  # noqa: SLF001 - the same


@PATIENT
@given(row=users(), name=st.sampled_from(["first_name", "last_name"]), text=st.text("ab", min_size=1))
def test_value_without_a_d1_column_is_refused(row: dict[str, Any], name: str, text: str) -> None:
    """The error names the column."""
    with pytest.raises(values.NotCarriedError, match=name):
        values.forward(MAPPING.users, row | {name: text}, {})
    with pytest.raises(values.NotCarriedError, match="is_superuser"):
        values.forward(MAPPING.users, row | {"is_superuser": not row["is_staff"]}, {})


@PATIENT
@given(moment=INSTANTS, digits=st.integers(0, 6), blank=st.booleans())
def test_every_written_instant_format_is_parsed(moment: datetime, digits: int, *, blank: bool) -> None:
    """Three or six digits, an offset or none, T or a space."""
    moment = moment.replace(microsecond=moment.microsecond // 10 ** (6 - digits) * 10 ** (6 - digits))
    utc = moment.astimezone(UTC)
    fraction = f".{utc.microsecond:06d}"[: digits + 1] if digits else ""
    text = f"{utc.year:04d}-" + utc.strftime(f"%m-%d{' ' if blank else 'T'}%H:%M:%S") + fraction
    for suffix in ("", "Z", "+00:00"):
        assert values.instant(text + suffix, None) == moment
    assert values.instant(values.iso(moment), None) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2024-02-30T00:00:00Z", "2024-01-01", "2024-01-01T24:00:00Z", "infinity"]
)
def test_invalid_instant_is_reported(text: str) -> None:
    """It is never guessed."""
    with pytest.raises(values.NotCarriedError):
        values.instant(text, "created_at")


@PATIENT
@given(value=JSON)
def test_json_is_compared_by_value(value: Any) -> None:
    """White space and key order are not significant; the spelling of numbers is."""
    column = next(column for column in MAPPING.files.columns if column.kind == "json")
    text = json.dumps(value)
    assert values.same(column, text, json.dumps(value, indent=3, sort_keys=True, ensure_ascii=False))
    assert not values.same(column, text, json.dumps([value]))
    for one, other in (("1", "1.0"), ("1.5", "1.50"), ("1", '"1"'), ("1", "true"), (str(2**53 + 1), str(2**53))):
        assert not values.same(column, f"[{one}]", f"[{other}]")


@PATIENT
@given(left=st.sampled_from([1, 1.0, True, "1", None, 0, "", "blob:31"]), right=st.sampled_from([1, "1", None, 0, ""]))
def test_values_of_other_types_differ(left: Any, right: Any) -> None:
    """Python's 1 == 1.0 == True is not SQLite's."""
    column = next(column for column in MAPPING.users.columns if column.name == "is_active")
    assert values.same(column, left, right) == (repr(left) == repr(right))


@PATIENT
@given(rows=st.lists(st.integers(0, 3 * CALL_BYTES // 2).map(lambda size: "x" * size), max_size=6))
def test_calls_contain_all_rows_in_order(rows: list[str]) -> None:
    """Each call is within its size limit unless one row exceeds it."""
    groups = list(calls(rows))
    assert [row for group in groups for row in group] == rows
    assert all(len(group) == 1 or sum(map(len, group)) <= CALL_BYTES for group in groups)
