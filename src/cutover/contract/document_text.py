"""Parse the text of an OpenAPI document: JSON as JSON (RFC 8259), YAML by the core schema of YAML 1.2.

PyYAML reads YAML 1.1, in which `1e6` is a string, `no` is false and `2024-01-01` is a date, and it accepts duplicate
keys. OpenAPI requires YAML 1.2 (https://spec.openapis.org/oas/v3.1.1.html#format).
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

import yaml

from cutover.config.validation import ConfigurationError

_FIX: Final = "Correct the document."
_BOM: Final = "\ufeff"
DEEPEST: Final = 200
"""Levels of nesting. Deeper schemas are accepted by no tool, and would exhaust the stack of recursive checks."""
_SURROGATE: Final = re.compile(r"[\ud800-\udfff]")
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _DuplicateKeyError(ValueError):
    """A table has two equal keys. The message names the key."""


def parse_text(text: str, source: Path | str) -> Any:
    """Return the value of a JSON or YAML text. source: file or URL for messages. Raises ConfigurationError.

    A text that begins with a brace is JSON; if it is none and the file is not named .json, it is read as YAML.
    """
    text = text.removeprefix(_BOM)
    named_json = str(source).lower().endswith(".json")
    if named_json or text.lstrip().startswith(("{", "[")):
        try:
            return _checked(json.loads(text, object_pairs_hook=_table, parse_constant=_not_a_number), source)
        except _DuplicateKeyError as error:
            raise ConfigurationError(source, str(error), "the key exists twice", "Remove one of the two.") from None
        except (ValueError, RecursionError) as error:
            if named_json:
                raise ConfigurationError(source, "", f"expected JSON: {_short(error)}", _FIX) from None
    try:
        return _checked(_read_yaml(text), source)
    except _DuplicateKeyError as error:
        raise ConfigurationError(source, str(error), "the key exists twice", "Remove one of the two.") from None
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ConfigurationError(source, "", f"expected YAML or JSON: {_short(error)}", _FIX) from None


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        names = [name for name, _ in pairs]
        raise _DuplicateKeyError(next(name for name in names if names.count(name) > 1))
    return table


def _not_a_number(text: str) -> Any:
    raise ValueError(f"{text} is no number in JSON")


def _read_yaml(text: str) -> Any:
    """Return the value of a YAML text. Raises _DuplicateKeyError, YAMLError."""
    loader = _Yaml12(text)
    try:
        root = loader.get_single_node()
        seen: set[int] = set()
        waiting = [root] if root is not None else []
        while waiting:
            node = waiting.pop()
            if id(node) in seen or isinstance(node, yaml.ScalarNode):
                continue
            seen.add(id(node))
            if isinstance(node, yaml.MappingNode):
                _refuse_duplicates(node)
                waiting += [each for pair in node.value for each in pair]
            else:
                waiting += node.value
        return loader.construct_document(root) if root is not None else None
    finally:
        loader.dispose()


def _refuse_duplicates(node: yaml.MappingNode) -> None:
    names = set()
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in names:
                raise _DuplicateKeyError(f"{key.value} (line {key.start_mark.line + 1})")
            names.add(key.value)


def _checked(value: Any, source: Path | str) -> Any:
    """Return the value. Raises ConfigurationError if it is nested too deeply or a string is no Unicode text."""
    seen: set[int] = set()
    waiting = [(value, 0)]
    while waiting:
        each, depth = waiting.pop()
        if isinstance(each, str) and _SURROGATE.search(each):
            shown = each.encode("ascii", "backslashreplace").decode()[:80]
            raise ConfigurationError(source, "", f"expected Unicode text, got an unpaired surrogate in {shown!r}", _FIX)
        if isinstance(each, (dict, list)) and id(each) not in seen:
            if depth > DEEPEST:
                raise ConfigurationError(source, "", f"it is nested deeper than {DEEPEST} levels", _FIX)
            seen.add(id(each))
            inner = [*each.keys(), *each.values()] if isinstance(each, dict) else each
            waiting += [(one, depth + 1) for one in inner]
    return value


def _short(error: Exception) -> str:
    return " ".join((str(error) or "it is nested too deeply").split())[:200]


class _Yaml12(_LOADER):  # type: ignore[misc, valid-type]  # PyYAML has it only if libyaml was found
    """A safe loader with the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema) and merge keys."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's interface

    def construct_integer(self, node: yaml.ScalarNode) -> int:
        """Return an integer: decimal, 0o17 or 0x1f."""
        return int(node.value, 8 if node.value.startswith("0o") else 16 if node.value.startswith("0x") else 10)

    def construct_number(self, node: yaml.ScalarNode) -> float:
        """Return a float; .inf and .nan too."""
        return float(
            node.value.replace(".inf", "inf").replace(".nan", "nan") if node.value[-1:] in "fFnN" else node.value
        )


_MERGE: Final = "tag:yaml.org,2002:merge"
for _tag, _pattern, _first in (
    ("null", r"~|null|Null|NULL|", "~nN\0"),
    ("bool", r"true|True|TRUE|false|False|FALSE", "tTfF"),
    ("int", r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    ("float", r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
     "-+0123456789."),
    ("merge", r"<<", "<"),
):  # fmt: skip
    _Yaml12.add_implicit_resolver(
        f"tag:yaml.org,2002:{_tag}",
        re.compile(rf"(?:{_pattern})\Z"),
        [first if first != "\0" else "" for first in _first],
    )
_Yaml12.add_constructor("tag:yaml.org,2002:int", _Yaml12.construct_integer)
_Yaml12.add_constructor("tag:yaml.org,2002:float", _Yaml12.construct_number)
