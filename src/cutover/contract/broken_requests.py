"""Invalid variants of a valid request: a field that is missing, too long, of another type or not valid Unicode.

The variants are the same in every run, and contracts/api.md requires that each is refused.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from cutover.config.operation import names_in
from cutover.config.operations import Operation
from cutover.core.secrets import Secret

OPTIONAL: Final = frozenset({"filters", "description", "is_public"})
"""Fields that may be omitted. Two of them may be null."""
_WRONG_TYPES: Final[Mapping[str, Any]] = {
    "a number": 7, "a boolean": True, "an object": {"a": 1}, "a list in a list": [[1]], "NUL": "a\0b",
    "half a surrogate pair": "\ud800",
}  # fmt: skip
_TYPES_THAT_FIT: Final = frozenset({("is_public", "a boolean")})
_NOT_JSON: Final[Mapping[str, tuple[bytes, str]]] = {
    "nothing": (b"", "application/json"),
    "cut off": (b'{"a": ', "application/json"),
    "a list": (b"[]", "application/json"),
    "null": (b"null", "application/json"),
    "two objects": (b"{}{}", "application/json"),
    "not UTF-8": (b'{"a": "\xff"}', "application/json"),
    "NaN": (b'{"a": NaN}', "application/json"),
    "a comment": (b'{} // "a"', "application/json"),
    "deep": (b'{"a": ' + b"[" * 100_000, "application/json"),
    "above 1 MiB": (b'{"a": "' + b"x" * (1 << 20) + b'"}', "application/json"),
}
_OTHER_TYPES: Final = (
    "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/json",
    "application/jsonp",
)  # fmt: skip
REFUSED: Final = (400, 401, 403, 404, 413, 415)
"""Statuses of a refusal. 401, 403 and 404 are for well-formed wrong values: a token, a password, an id."""
_CONDITION: Final[Mapping[str, Any]] = {"column": "name", "operator": "=", "value": "x"}
_WRONG_VALUES: Final[Mapping[tuple[str, str], tuple[Any, ...]]] = {
    ("register", "username"): ("ab", "a b", "a/b", "x" * 151, " abc", "abc\n", ""),
    ("register", "email"): ("no address", "a@", "@b.example", "a b@c.example", "a@b.example\n", ""),
    ("register", "password"): ("short", ""),
    ("register", "password_again"): ("another one than the first", ""),
    ("refresh", "refresh_token"): ("", "x", "a.b.c"),
    ("logout", "refresh_token"): ("", "x", "a.b.c"),
    ("delete_account", "password"): ("", "x"),
    ("tags", "tags"): (
        [""], ["kept", " "], ["x" * 65], [f"tag {number}" for number in range(51)], [1], [True], [None],
        [["a"]], "a", {}, ["a\0"], ["\ud800"],
    ),
    ("export", "columns"): ([], "name", ["no such column"], ["name", 1], [None], {}),
    ("export", "filters"): (
        {}, "x", [1], [None], [[]], [{}], [{**_CONDITION, "column": "no such column"}],
        [{**_CONDITION, "operator": "~"}], [{**_CONDITION, "operator": "between"}],
        [{**_CONDITION, "operator": "constructor"}], [{**_CONDITION, "value": True}],
        [{**_CONDITION, "value": None}], [{**_CONDITION, "value": {}}], [{**_CONDITION, "value": ["x"]}],
        [{**_CONDITION, "operator": "IN", "value": []}], [{**_CONDITION, "operator": "IN", "value": "x"}],
        [{**_CONDITION, "operator": "BETWEEN", "value": ["a"]}],
        [{**_CONDITION, "operator": "BETWEEN", "value": [1, 2, 3]}],
        [{**_CONDITION, "operator": "IN", "value": ["x", False]}], [_CONDITION, {**_CONDITION, "value": "a\0"}],
    ),
    ("create_filter", "name"): ("", " ", "x" * 1000),
    ("create_filter", "file_id"): ("", "x", "00000000-0000-4000-8000-000000000000"),
    ("create_filter", "filter_config"): (
        {}, [], {"columns": []}, {"columns": ["name"], "filters": [1]}, {"columns": ["name"], "filters": [{}]},
    ),
}  # fmt: skip
"""(operation, field) -> values that must be refused although their type is right or almost right."""


def broken(operation: Operation, valid: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (defect, arguments of Target.call) for an operation with a JSON body; nothing for other operations.

    valid: the arguments of a request that succeeds (valid_requests.py).
    """
    fields: Mapping[str, Any] | None = valid.get("fields")
    if fields is None:
        return
    rest = {key: value for key, value in valid.items() if key != "fields"}
    for what, content in _NOT_JSON.items():
        yield f"the body is {what}", {**rest, "content": content}
    fields = {name: value for name, value in fields.items() if f"request.{name}" not in operation.dropped}
    whole = {operation.request[name]: _plain(value) for name, value in fields.items()}
    whole |= {key: text for key, text in operation.constants.items() if not names_in(text)}
    for media in _OTHER_TYPES:
        yield f"the body is {media.partition(';')[0]}", {**rest, "content": (json_bytes(whole), media)}
    for name in fields:
        key = operation.request[name]
        for number, value in enumerate(_WRONG_VALUES.get((operation.name, name), ())):
            yield f"wrong {name}, number {number + 1}", {**rest, "content": _changed(whole, key, value)}
        if name not in OPTIONAL:
            yield f"{name} is missing", {**rest, "content": _changed(whole, key, None, drop=True)}
            yield f"{name} is null", {**rest, "content": _changed(whole, key, None)}
        for what, value in _WRONG_TYPES.items():
            if (name, what) not in _TYPES_THAT_FIT:
                yield f"{name} is {what}", {**rest, "content": _changed(whole, key, value)}


def _changed(whole: Mapping[str, Any], key: str, value: Any, *, drop: bool = False) -> tuple[bytes, str]:
    body = {**whole, key: value}
    if drop:
        del body[key]
    return json_bytes(body), "application/json"


def _plain(value: Any) -> Any:
    return value.reveal() if isinstance(value, Secret) else value


def json_bytes(value: Any) -> bytes:
    """Return the value as ASCII JSON. Texts with lone surrogates are allowed."""
    return json.dumps(value).encode()
