"""Strategies for valid user names, tags and saved filters (contracts/api.md)."""

from __future__ import annotations

import re
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from cutover.contract.generated_tables import cells
from cutover.contract.oracle import OPERATORS

NAME_LENGTH: Final = 150
_WHITE_SPACE: Final = "\t\n\v\f\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's White_Space property (PropList.txt), as the content of a character class."""
_EDGES: Final = (
    "", "", " ", "\t", "\n", "\x85", "\xa0", "\u2003", "\u3000", "\x1c", "\x1f", "\u200b", "\ufeff", "\u180e",
)  # fmt: skip
"""White space, and characters that are easily mistaken for it."""
_AROUND: Final = re.compile(f"^[{_WHITE_SPACE}]+|[{_WHITE_SPACE}]+$")
_TAGS: Final = 50


def name_endings(room: int) -> SearchStrategy[str]:
    """Return a strategy for endings of user names: Unicode letters and digits and @.+-_, at most `room` characters."""
    letters = st.characters(categories=["Lu", "Ll", "Lt", "Lm", "Lo", "Nd"])
    return st.text(st.one_of(st.sampled_from("@.+-_aZ09äЖ東\u212b\u2126\ufb01\u0130\u1e9e"), letters), max_size=room)


def tag_lists() -> SearchStrategy[list[str]]:
    """Return a strategy for valid lists of tags: after trimming, each tag has 1 to 64 characters."""
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=60)
    around = st.tuples(st.sampled_from(_EDGES), st.one_of(text, st.sampled_from(("a", "b"))), st.sampled_from(_EDGES))
    tag = around.map("".join).filter(lambda each: trimmed(each) != "")
    tag = st.one_of(tag, st.sampled_from(("\U0001f600" * 64, "x" * 64)))
    lists = st.lists(tag, max_size=_TAGS)
    return st.one_of(lists, lists.map(lambda tags: tags * 3), st.just([f"tag {number}" for number in range(_TAGS)] * 2))


def trimmed(text: str) -> str:
    """Return the text without Unicode white space at both ends."""
    return _AROUND.sub("", text)


def kept_tags(tags: list[str]) -> list[str]:
    """Return the tags that a system stores: trimmed, without duplicates, in the original order."""
    return list(dict.fromkeys(map(trimmed, tags)))


def saved_filters() -> SearchStrategy[dict[str, Any]]:
    """Return a strategy for the fields of create_filter: name, description, filter_config, is_public."""
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=40)
    operand = st.one_of(cells(), st.integers(-(2**70), 2**70))
    single = st.fixed_dictionaries(
        {"column": cells(), "operator": st.sampled_from([each for each in OPERATORS if each not in ("BETWEEN", "IN")]),
         "value": operand}
    )  # fmt: skip
    several = st.fixed_dictionaries(
        {"column": cells(), "operator": st.just("IN"), "value": st.lists(operand, min_size=1, max_size=3)}
    )
    between = st.fixed_dictionaries(
        {"column": cells(), "operator": st.just("BETWEEN"), "value": st.lists(operand, min_size=2, max_size=2)}
    )
    config = st.fixed_dictionaries(
        {"columns": st.lists(cells(), min_size=1, max_size=3),
         "filters": st.lists(st.one_of(single, several, between), max_size=3)}
    )  # fmt: skip
    return st.fixed_dictionaries(
        {"name": text.filter(lambda name: trimmed(name) != ""), "description": st.one_of(text, st.just("")),
         "filter_config": config, "is_public": st.booleans()}
    )  # fmt: skip


def boundary_filters() -> list[dict[str, Any]]:
    """Return filters whose values are at the limits of number and text types. Every run checks them.

    2^53 + 1 is the smallest integer that floating point changes (IEEE 754); 2^63 exceeds SQLite's INTEGER.
    """
    integers = [2**53 + 1, -(2**53) - 1, 2**63, 0]
    numbers = [{"column": "a", "operator": "IN", "value": integers}]
    texts = [
        {"column": "a", "operator": "=", "value": "9007199254740993"},
        {"column": "b", "operator": "=", "value": " 1.50 "},
    ]
    return [
        {
            "name": f"boundaries of {kind}",
            "description": "é e\u0301 \U0001f680",
            "is_public": False,
            "filter_config": {"columns": ["b", "a"], "filters": filters},
        }
        for kind, filters in (("numbers", numbers), ("texts", texts))
    ]
