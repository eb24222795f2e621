"""Tests of contracts/parity.toml: valid content is read, each mistake is one clear message."""

import copy
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cutover.config.operations import load_operations
from cutover.config.validation import ConfigurationError, root
from cutover.parity import rules
from cutover.parity.rules import FILE, Rules, load_rules

pytestmark = pytest.mark.unit

OPERATIONS = load_operations(root() / "contracts/operations.toml", {}, {}, "unit")
REAL = tomllib.loads((root() / FILE).read_text())


def loaded(tables: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Rules:
    monkeypatch.setattr(rules, "read_toml", lambda _: tables)  # what TOML gives; writing it is no part of this
    return load_rules(Path(), OPERATIONS)


def changed(way: str, value: Any) -> dict[str, Any]:
    tables = copy.deepcopy(REAL)
    held = tables
    *above, last = way.split("|")
    for key in above:
        held = held[key]
    if value is None:
        del held[last]
    else:
        held[last] = value
    return tables


@pytest.mark.parametrize(
    ("way", "value", "told"),
    [
        *((name, None, "missing") for name in REAL),
        *((name, 5, "expected a table") for name in REAL),
        *((name, [], "expected a table") for name in REAL),
        ("more", {}, "unknown key"),
        ("bodies|downloads", "bytes", "unknown operation"),
        ("bodies|download", "byte", "unknown body format"),
        ("bodies|download", 5, "expected a "),
        ("values|file_id", "id file", "expected a path"),
        ("values|*/file_id", "id", "unknown meaning"),
        ("values|*/file_id", "token file", "unknown meaning"),
        ("values|*/file_id", "uuid", "unknown meaning"),
        ("lists|files", {"key": "file_id"}, "expected a path"),
        ("lists|/files", {"keys": "file_id"}, "unknown key"),
        ("lists|/files", {"key": ""}, "name is missing"),
        ("lists|/files", {"order": "any"}, "unknown order"),
        ("lists|/files", "file_id", "expected a table"),
        ("errors|legacy", None, "missing"),
        ("errors|worker", None, "missing"),
        ("errors|other", {"form": "a", "reason": "/b"}, "unknown key"),
        ("errors|worker|reason", None, "missing"),
        ("errors|worker|reason", "message", "expected a JSON pointer"),
        ("errors|worker|required", "/error/code", "expected a list of JSON pointers"),
        ("errors|worker|required", ["code"], "expected a JSON pointer"),
        ("errors|worker|optional", [5], "expected a JSON pointer"),
        ("errors|worker|fields", ["/error/fields"], "expected a "),
        ("errors|worker|fields", "fields", "expected a JSON pointer"),
        ("ignored_headers|date", " ", "reason is missing"),
        ("ignored_headers|date", True, "expected a "),
        ("coverage", {}, "empty"),
        ("coverage|user", {}, "role is missing"),
        ("coverage|users", {"owner": [200]}, "unknown operation"),
        ("coverage|user|owners", [200], "unknown key"),
        ("coverage|user|owner", [], "status is missing"),
        ("coverage|user|owner", 200, "expected a list of statuses"),
        *(("coverage|user|owner", [status], "expected a status")
          for status in (True, 200.0, -200, 99, 600, "200/", "/200", "200/400/401", "", "\uff12\uff10\uff10", "ok")),
    ],
)  # fmt: skip
def test_invalid_rules_are_refused(way: str, value: Any, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names file and key. A rule that would never match is refused too."""
    with pytest.raises(ConfigurationError) as caught:
        loaded(changed(way, value), monkeypatch)
    assert told in str(caught.value)
    assert "parity.toml [" in str(caught.value)


def nodes(value: Any, keys: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the keys that lead to the value and to each value inside of it."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [keys, *(node for key, below in inner for node in nodes(below, (*keys, key)))]


def is_allowed(keys: tuple[Any, ...], value: Any) -> bool:
    """Return True if that value is allowed at that place of parity.toml. Independent of the code under test."""
    text = value if type(value) is str else ""
    status = text == "400/413" or (type(value) is int and 100 <= value <= 599)
    match keys:
        case ("bodies" | "values" | "lists" | "ignored_headers",) | ("lists", _):
            return bool(value == {} and type(value) is dict)
        case ("bodies", _):
            return text in ("json", "csv", "bytes")
        case ("values", _):
            return text in ("token", "instant", "id x")
        case ("lists", _, "key") | ("errors", _, "form") | ("ignored_headers", _):
            return bool(text)
        case ("lists", _, "order"):
            return text in ("free", "promised")
        case ("errors", _, "required" | "optional"):
            return bool(value == [] and type(value) is list)
        case ("errors", _, "fields"):
            return text.startswith("/") or (type(value) is str and not value)
        case ("errors", _, "reason") | ("errors", _, _, _):
            return text.startswith("/")
        case ("coverage", _, _):
            return bool(value == [200])
        case ("coverage", _, _, _):
            return status
        case _:
            return False


REPLACEMENTS = [
    5, -1.5, True, "", "x", [], [5], [[]], {}, {"a": {}}, "json", "token", "id x", "free", "promised", "/x", 200,
    "400/413", [200],
]  # fmt: skip


@settings(max_examples=600)
@given(st.sampled_from(nodes(REAL)[1:]), st.sampled_from(REPLACEMENTS))
def test_replaced_value_is_refused_or_takes_effect(keys: tuple[Any, ...], value: Any) -> None:
    """A value that is not allowed is refused with its key; an allowed one changes the rules.

    Fails for a reader that refuses everything, accepts everything, or returns the same rules for every file.
    """
    tables = copy.deepcopy(REAL)
    holder = tables
    for key in keys[:-1]:
        holder = holder[key]
    holder[keys[-1]] = value
    with pytest.MonkeyPatch.context() as monkeypatch:
        real = loaded(REAL, monkeypatch)
        if not is_allowed(keys, value):
            with pytest.raises(ConfigurationError) as caught:
                loaded(tables, monkeypatch)
            assert f"parity.toml [{keys[0]}" in str(caught.value)
            return
        assert (loaded(tables, monkeypatch) == real) is (tables == REAL)


@pytest.mark.parametrize("text", [None, b"\xff", b"[bodies", b""])
def test_unreadable_file_is_refused(tmp_path: Path, text: bytes | None) -> None:
    """Missing, not UTF-8, not TOML, or empty."""
    if text is not None:
        (tmp_path / FILE).parent.mkdir()
        (tmp_path / FILE).write_bytes(text)
    with pytest.raises(ConfigurationError):
        load_rules(tmp_path, OPERATIONS)


def test_place_is_matched_exactly_or_by_its_end() -> None:
    """An exact path before a pattern; patterns match whole keys only."""
    real = load_rules(root(), OPERATIONS)
    assert real.value_of("/files/*/file_id") == "id file"
    assert real.value_of("/files/*/other_file_id") == ""
    assert real.value_of("/user/id") == "id user"
    assert real.value_of("/x/id") == ""
    assert not real.list_of("/anything/orphans").ordered
    assert real.list_of("/columns") == rules.ListRule()
    assert real.root("user").child("a/b").child("~").path == "/a~1b/~0"
