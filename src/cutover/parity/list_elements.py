"""Elements of lists: identify them by a key or by content, and find the ones that only moved."""

from __future__ import annotations

from typing import Any

from cutover.parity.alignment import same_elements
from cutover.parity.differences import Repeated
from cutover.parity.rules import Place

PLAIN = frozenset((str, int, bool, type(None)))
"""Types whose values are equal if and only if Python's == says so, given equal types."""
_GONE = object()


def elements_by_key(values: list[Any], key: str) -> dict[Any, Any] | None:
    """Return the elements by their key, None if one has no key or two have the same."""
    found = {}
    for value in values:
        key_value = value.get(key) if isinstance(value, dict) else None
        if key_value is None or isinstance(key_value, (dict, list)):
            return None
        found[key_value] = value
    return found if len(found) == len(values) else None


def hashable(value: Any) -> Any:
    """Return the value in a hashable form. Two forms are equal if and only if the values are."""
    if isinstance(value, Repeated):
        return "repeated", tuple((key, hashable(inner)) for key, inner in value.pairs)
    if isinstance(value, dict):
        return type(value), frozenset((key, hashable(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return "list", tuple(map(hashable, value))
    return type(value), value


def are_alike(one: dict[str, Any], other: dict[str, Any], element: Place) -> bool:
    """Return True if two objects have the same keys, and differ only in ids, tokens and instants."""
    if one.keys() != other.keys():
        return False
    return all(other[key] == value or element.child(key).value for key, value in one.items())


def literal_content(value: Any, place: Place) -> Any:
    """Return the value without ids, tokens and instants, in a hashable form."""
    if place.value:
        return place.value
    if isinstance(value, dict):
        return "object", frozenset((key, literal_content(inner, place.child(key))) for key, inner in value.items())
    if isinstance(value, list):
        return "list", tuple(literal_content(inner, place.element()) for inner in value)
    return type(value), value


def moved_positions(baseline: list[Any], candidate: list[Any]) -> set[int]:
    """Return the positions at which two lists of equal length differ only in the order of their elements."""
    pairs = enumerate(zip(baseline, candidate, strict=True))
    unequal = [index for index, (ours, theirs) in pairs if ours != theirs]
    both = [[hashable(side[index]) for index in unequal] for side in (baseline, candidate)]
    return set(unequal) if same_elements(both[0], both[1]) else set()


def have_same_elements(baseline: list[Any], candidate: list[Any]) -> bool:
    """Return True if both lists have the same elements, matched by a key that identifies the objects.

    Return False if there is no such key: the result is then unknown.
    """
    key = _identifying_key(baseline) if len(baseline) == len(candidate) else None
    if key is None:
        return False
    places = {value[key]: value for value in baseline}
    seen = set()
    for value in candidate:
        key_value = value.get(key) if type(value) is dict else None
        if (
            type(key_value) not in PLAIN
            or key_value not in places
            or key_value in seen
            or not _are_equal(places[key_value], value)
        ):
            return False
        seen.add(key_value)
    return True


def _identifying_key(values: list[Any]) -> str | None:
    """Return a key whose values are all different, None if there is none or not all values are objects."""
    if len(values) < 2 or any(type(value) is not dict for value in values):
        return None
    first: dict[str, Any] = values[0]
    for key in first:
        key_values = [value.get(key) for value in values]
        if {type(each) for each in key_values} <= {str, int} and len(set(key_values)) == len(key_values):
            return key
    return None


def _are_equal(one: Any, other: Any) -> bool:
    """Return True if two values are equal, including their types."""
    kind = type(one)
    if kind is not type(other) or kind is Repeated:
        return False
    if kind is dict:
        if len(one) != len(other):
            return False
        for key, value in one.items():
            counterpart = other.get(key, _GONE)
            inner = type(value)
            if inner is not type(counterpart):
                return False
            if inner in PLAIN:
                if value != counterpart:
                    return False
            elif not _are_equal(value, counterpart):
                return False
        return True
    if kind is list:
        return len(one) == len(other) and all(map(_are_equal, one, other))
    return bool(one == other)


def without(keys: list[Any], taken: set[Any]) -> list[Any]:
    """Return the keys that are not taken, in their order."""
    return [key for key in keys if key not in taken]
