"""Read contracts/promises.toml with the changes of an environment: replace, drop, add."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.promise_schema import check_promises
from cutover.config.validation import ConfigurationError, Flag, known_keys, read_toml, table_of, typed, whole_of
from cutover.core.errors import NotApplicable

SYSTEMS: Final = ("worker", "legacy")
_OPEN: Final = ("security_headers", "tokens.worker.claims", "tokens.legacy.claims", "front_end.asset_types")
"""Tables in which an environment may add keys: names of headers, claims and extensions."""
_LEAST_ONE: Final = (("security_headers", ""), ("cors", "headers"), ("front_end", "app_routes"))
"""Tables and lists that may not be empty: a check of nothing cannot fail."""


class Promises(dict[str, Any]):
    """A table of promises. Reading one that the environment dropped raises NotApplicable with the reason.

    dropped: key -> reason.
    """

    def __init__(self, values: Mapping[str, Any], dropped: Mapping[str, str]) -> None:
        super().__init__(values)
        self.dropped = dict(dropped)

    def __missing__(self, key: str) -> Any:
        """Raise NotApplicable for a dropped promise, KeyError for an unknown one."""
        if key in self.dropped:
            raise NotApplicable(f"no promise about {key}: {self.dropped[key]}")
        raise KeyError(key)


def upload_limit(promises: Mapping[str, Any], system: str) -> int:
    """Return the size in bytes of the largest file that a system accepts. Raises NotApplicable if there is no limit."""
    uploads = promises["uploads"]
    limit: int = uploads[system]["limit"] if system in uploads else uploads["limit"]
    return limit


def token_claims(promises: Mapping[str, Any], system: str) -> Mapping[str, Any]:
    """Return the promised claims of a system's tokens with their values, none if the environment dropped them."""
    claims: Mapping[str, Any] = promises.get("tokens", {}).get(system, {}).get("claims", {})
    return claims


def read_promises(project: Path, name: str, changes: object, own: Path | None = None) -> Promises:
    """Return the promises of an environment.

    changes: table `promises` of the environment. own: its own file, whose tables replace those of
    contracts/promises.toml. Raises ConfigurationError.
    """
    environments = project / "environments.toml"
    file = project / "contracts" / "promises.toml"
    base = read_toml(file)
    check_promises(file, base)
    if own is not None:
        base = _merged(own, "", "", base, {name: _replacing(value) for name, value in read_toml(own).items()})
    result = _merged(environments, f"{name}.promises", "", base, changes)
    for table, key in _LEAST_ONE:
        if table not in result:
            continue  # dropped: the checks are not required
        row = table_of(file, table, result[table])
        if not (row.get(key, True) if key else row):
            raise ConfigurationError(
                environments,
                f"{name}.promises.{table}.{key}" if key else f"{name}.promises.{table}",
                "expected at least one promise, got none",
                "Add one: a check of nothing cannot fail. Or drop the table: false.",
            )
    return result


def _merged(file: Path, key: str, path: str, base: Mapping[str, Any], change: object) -> Promises:
    """Return a table with its changes. path: of the table in promises.toml ("tokens.worker"), "" for the whole file."""
    table = table_of(file, key, change)
    added = table.keys() - base.keys() - {"replace"}
    if path == "uploads":
        added -= set(SYSTEMS)
    if path not in _OPEN:
        known_keys(file, key, dict.fromkeys(added), {*base, "replace", *(SYSTEMS if path == "uploads" else ())})
    replace = Flag().read(file, f"{key}.replace", table.get("replace", False))
    values: dict[str, Any] = {}
    dropped = dict(base.dropped) if isinstance(base, Promises) else {}
    for name in (*base, *(name for name in table if name not in base and name != "replace")):
        inner, below = f"{key}.{name}".removeprefix("."), f"{path}.{name}".removeprefix(".")
        if name not in table:
            if replace:
                dropped[name] = f"{file.name} [{key}] replaces the table without it"
            else:
                value = base[name]
                values[name] = _merged(file, inner, below, value, {}) if isinstance(value, dict) else value
        elif table[name] is False:
            dropped[name] = f"{file.name} [{inner}] = false"
        elif name not in base and path == "uploads":
            values[name] = _merged(file, inner, below, {"limit": base.get("limit", 1)}, table[name])
        elif name not in base:
            values[name] = typed(file, inner, table[name], str, "a string, or false")
        elif isinstance(base[name], dict):
            values[name] = _merged(file, inner, below, base[name], table[name])
        else:
            values[name] = _like(file, inner, base[name], table[name])
    return Promises(values, dropped)


def _replacing(value: Any) -> Any:
    """Return a table of an own file as a change that drops every key that it does not have."""
    if not isinstance(value, dict):
        return value
    return {**{name: _replacing(inner) for name, inner in value.items()}, "replace": True}


def _like(file: Path, key: str, example: Any, value: Any) -> Any:
    """Return the value if it has the type of the example. Raises ConfigurationError."""
    if isinstance(example, dict):
        return table_of(file, key, value)
    if isinstance(example, int) and not isinstance(example, bool):
        return whole_of(file, key, value, least=1, most=10**13)
    if isinstance(example, list):
        return [typed(file, key, each, str, "a list of strings") for each in typed(file, key, value, list, "a list")]
    return typed(file, key, value, type(example), f"a {type(example).__name__}")
