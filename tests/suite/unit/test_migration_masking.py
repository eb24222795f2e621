"""Tests of masked values in findings."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.migration.findings import Finding, Kind, Part
from cutover.migration.masking import shown_values

pytestmark = pytest.mark.unit


TEXT = st.text(st.characters(exclude_categories=["Cs"]))


_OF_USERS = [
    (Part.ROWS, Kind.CHANGED), (Part.ROWS, Kind.STORAGE_CLASS), (Part.KEYS, Kind.COLLISION),
    (Part.KEYS, Kind.BROKEN_REFERENCE), (Part.OBJECTS, Kind.CHANGED),
]  # fmt: skip
"""Findings that hold what a user wrote."""


@given(TEXT.filter(lambda text: len(text) > 6), TEXT.filter(lambda text: len(text) > 6), st.sampled_from(_OF_USERS))
def test_masked_values_show_no_character(one: str, other: str, place: tuple[Part, Kind]) -> None:
    """Length and position of the first difference are shown, also for values that are not JSON."""
    part, kind = place
    masked = [json.dumps(secret) for secret in (f"§{one}§", f"§{other}§")]
    for expected, got in (masked, ["a value that no other row has", masked[1]], ["a row of users", f"§{other}§"]):
        finding = Finding(part, "users", kind, "1", "email", expected, got)
        for text in shown_values(finding, show_values=False):
            assert "§" not in text
        assert shown_values(finding, show_values=True) == (expected, got)


def test_words_of_the_suite_are_not_masked() -> None:
    """Expected values may be words, and so may an extra row."""
    collided = Finding(Part.KEYS, "users", Kind.COLLISION, "1", "email", "a value that no other row has", '"a@b.c"')
    assert shown_values(collided, show_values=False) == ("a value that no other row has", "text of 5 characters")
    left = Finding(Part.ROWS, "x", Kind.NOT_CARRIED, "1", None, "no row", "a row")
    assert shown_values(left, show_values=False) == ("no row", "a row")
    blob = Finding(Part.ROWS, "users", Kind.STORAGE_CLASS, "1", "email", '"x"', "BLOB 414243")
    assert shown_values(blob, show_values=False) == ("text of 1 characters", "BLOB of 3 bytes")
