"""Bring a parsed OpenAPI document into one shape: no extensions where names are read, no path-item references, and the
schemas of 3.0 written as in 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import ConfigurationError
from cutover.contract.references import resolved

METHODS: Final = ("get", "put", "post", "delete", "options", "head", "patch", "trace")
EXTENSION: Final = "x-"
_OUTSIDE: Final = "Bundle the document into one file first."


def shaped(raw: dict[str, Any], source: Path | str) -> dict[str, Any]:
    """Return the document in that shape. The input is not changed. Raises ConfigurationError.

    Extensions (x-…) are allowed in Paths, Path Items and Responses; a status is a string, although YAML reads an
    unquoted 200 as a number; a Path Item may be a reference (3.0: to any place, 3.1: mostly components.pathItems).
    """
    if not isinstance(raw["paths"], dict):
        raise ConfigurationError(source, "paths", "expected a table of path", "Correct the document.")
    if str(raw.get("openapi", "")).startswith("3.0"):
        raw = _as_3_1(raw, {})
    paths = {
        path: _path_item(raw, path, item, source)
        for path, item in raw["paths"].items()
        if not str(path).startswith(EXTENSION)
    }
    return {**raw, "paths": paths}


def _path_item(raw: Mapping[str, Any], path: str, item: Any, source: Path | str) -> Any:
    """Return a path item without references. Its own keys precede those of the item that it refers to."""
    where = f"paths.{path}"
    merged: dict[str, Any] = {}
    try:
        for _ in range(50):
            if not isinstance(item, dict):
                return item  # the check of types reports it
            merged = {**{key: value for key, value in item.items() if key != "$ref"}, **merged}
            reference = item.get("$ref")
            if reference is None:
                break
            if not isinstance(reference, str) or not reference.startswith("#"):
                raise ConfigurationError(
                    source, f"{where}.$ref", f"expected a reference into this document, got {reference!r}", _OUTSIDE
                )
            item = resolved(raw, {"$ref": reference}) if reference != "#" else None
        else:
            raise KeyError(reference)
    except KeyError as error:
        raise ConfigurationError(
            source, f"{where}.$ref", f"it has no target: {error.args[0]}", "Correct the reference."
        ) from None
    return {key: _operation(value) if key in METHODS else value for key, value in merged.items()}


def _operation(row: Any) -> Any:
    responses = row.get("responses") if isinstance(row, dict) else None
    if not isinstance(responses, dict):
        return row
    kept = {str(status): each for status, each in responses.items() if not str(status).startswith(EXTENSION)}
    return {**row, "responses": kept}


def _as_3_1(value: Any, done: dict[int, Any]) -> Any:
    """Return a part of a 3.0 document with the keywords of 3.1. done: results by identity, for YAML aliases.

    `nullable` becomes the type "null"; a boolean `exclusiveMaximum` or `exclusiveMinimum` becomes the limit itself
    (https://spec.openapis.org/oas/v3.0.4.html#schema-object).
    """
    if id(value) in done:
        return done[id(value)]
    if isinstance(value, list):
        rows: list[Any] = []
        done[id(value)] = rows
        rows += [_as_3_1(each, done) for each in value]
        return rows
    if not isinstance(value, dict):
        return value
    table: dict[Any, Any] = {}
    done[id(value)] = table
    table.update((key, _as_3_1(each, done)) for key, each in value.items())
    kind = table.get("type")
    if table.get("nullable") is True and isinstance(kind, str):
        table["type"] = [kind, "null"]
        del table["nullable"]
    for word, limit in (("exclusiveMaximum", "maximum"), ("exclusiveMinimum", "minimum")):
        if isinstance(table.get(word), bool):
            exclusive = table.pop(word)
            if exclusive and limit in table:
                table[word] = table.pop(limit)
    return table
