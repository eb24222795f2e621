"""Read the journeys that an environment declares: steps as data, played like the written ones.

docs/parity.md describes the file (`files.journeys`).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.operation_schema import METHODS
from cutover.config.operations import Operations
from cutover.config.validation import (
    CORRECT,
    AnyTable,
    ConfigurationError,
    Flag,
    Items,
    Table,
    Text,
    Texts,
    read_toml,
    table_of,
)
from cutover.parity.steps import ANONYMOUS, Journey, Own, Ref, Step, Upload

_VALUES: Final = ("username", "email", "password", "refresh_token", "access_token")
_BEARERS: Final = ("access", "refresh", "old access", "none")
_FILE: Final = Table(
    {"name": Text(), "content": Text(), "media_type": Text()},
    required=("name", "content"),
    defaults={"media_type": "text/csv"},
)
_STEP: Final = Table(
    {
        "operation": Text("an operation"),
        "actor": Text("an actor"),
        "saves": Text("a name"),
        "path": AnyTable(),
        "fields": AnyTable(),
        "file": _FILE,
        "headers": Texts(),
        "method": Text(choices=METHODS),
        "bearer": Text(choices=_BEARERS),
        "owner": Text("an actor"),
        "case": Text("a name"),
        "eventually": Flag(),
    },
    required=("operation",),
)
_JOURNEY: Final = Table(
    {
        "name": Text("a name"),
        "story": Text("a sentence"),
        "actors": Items(Text("an actor"), "an array of actors"),
        "step": Items(_STEP, "an array of tables"),
    },
    required=("name", "story", "actors", "step"),
)


def load_journeys(file: Path | None, operations: Operations) -> tuple[Journey, ...]:
    """Return the journeys of a file, none without a file. Raises ConfigurationError."""
    if file is None:
        return ()
    tables = table_of(file, "", read_toml(file), {"journey"})
    rows = Items(_JOURNEY, "an array of tables").read(file, "journey", tables.get("journey", []))
    if not rows:
        raise ConfigurationError(file, "journey", "expected at least one journey, got none", "Add a [[journey]].")
    found = [_journey(file, f"journey {number}", row, operations) for number, row in enumerate(rows, 1)]
    for number, journey in enumerate(found, 1):
        if journey.name in [other.name for other in found[: number - 1]]:
            raise ConfigurationError(
                file, f"journey {number}.name", f"{journey.name!r} is used twice", "Give it another name."
            )
    return tuple(found)


def _journey(file: Path, key: str, row: Mapping[str, Any], operations: Operations) -> Journey:
    for actor in row["actors"]:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,30}", actor) or row["actors"].count(actor) > 1:
            raise ConfigurationError(
                file, f"{key}.actors", f"expected names of small letters, each once, got {actor!r}", CORRECT
            )
    if not row["step"]:
        raise ConfigurationError(file, f"{key}.step", "expected at least one step, got none", "Add a [[journey.step]].")
    steps: list[Step] = []
    for number, step in enumerate(row["step"], 1):
        saved = {earlier.saves for earlier in steps if earlier.saves}
        steps.append(_step(file, f"{key}.step {number}", step, row["actors"], saved, operations))
    return Journey(row["name"], row["story"], row["actors"], tuple(steps))


def _step(
    file: Path,
    key: str,
    row: Mapping[str, Any],
    actors: Collection[str],
    saved: Collection[str],
    operations: Operations,
) -> Step:
    name = row["operation"]
    if name not in operations["worker"]:
        raise ConfigurationError(
            file, f"{key}.operation", f"unknown operation {name!r}", "Use a name of contracts/operations.toml."
        )
    for part in ("actor", "owner"):
        if part in row and row[part] not in actors:
            raise ConfigurationError(
                file, f"{key}.{part}", f"expected one of {', '.join(actors)}, got {row[part]!r}", CORRECT
            )
    values = {
        part: _values(file, f"{key}.{part}", row[part], actors, saved) for part in ("path", "fields") if part in row
    }
    for system, table in operations.items():
        operation = table[name]
        if operation.absent is not None:
            continue
        for field in values.get("fields", {}):
            if field not in operation.request and f"request.{field}" not in operation.dropped:
                raise ConfigurationError(
                    file, f"{key}.fields.{field}", f"expected a field of {name} on {system}, got {field!r}",
                    f"Use one of: {', '.join(sorted(operation.request))}.",
                )  # fmt: skip
        for parameter in operation.parameters - values.get("path", {}).keys():
            if "file_id" not in values.get("path", {}):
                raise ConfigurationError(
                    file, f"{key}.path.{parameter}", f"missing, the path of {name} on {system} needs it", "Add it."
                )
    upload = row.get("file")
    if upload is not None and "file" not in operations["worker"][name].request:
        raise ConfigurationError(file, f"{key}.file", f"{name} takes no file", "Remove it.")
    return Step(
        name,
        row.get("actor", ANONYMOUS),
        row.get("saves", ""),
        values.get("path", {}),
        values.get("fields"),
        Upload(upload["name"], upload["content"].encode(), upload["media_type"]) if upload is not None else None,
        headers=row.get("headers", {}),
        method=row.get("method", ""),
        bearer=None if row.get("bearer") == "none" else row.get("bearer", "access"),
        owner=row.get("owner", ""),
        case=row.get("case", ""),
        eventually=row.get("eventually", False),
    )


def _values(file: Path, key: str, value: Any, actors: Collection[str], saved: Collection[str]) -> Any:
    """Return a value in which {saved, field} is a Ref and {own} is an Own."""
    if isinstance(value, dict) and ("saved" in value or "own" in value):
        if "saved" in value:
            row = Table({"saved": Text(), "field": Text()}, required=("saved", "field")).read(file, key, value)
            if row["saved"] not in saved:
                raise ConfigurationError(
                    file, f"{key}.saved", f"expected the `saves` of an earlier step, got {row['saved']!r}", CORRECT
                )
            if not re.fullmatch(r"\w+(/\d+/\w+)?", row["field"]):
                raise ConfigurationError(
                    file, f"{key}.field", f"expected FIELD or LIST/INDEX/FIELD, got {row['field']!r}", CORRECT
                )
            return Ref(row["saved"], row["field"])
        row = Table({"own": Text(choices=_VALUES), "actor": Text()}, required=("own",)).read(file, key, value)
        if row.get("actor", "") not in ("", *actors):
            raise ConfigurationError(
                file, f"{key}.actor", f"expected one of {', '.join(actors)}, got {row['actor']!r}", CORRECT
            )
        return Own(row["own"], row.get("actor", ""))
    if isinstance(value, dict):
        return {name: _values(file, f"{key}.{name}", inner, actors, saved) for name, inner in value.items()}
    if isinstance(value, list):
        return [_values(file, f"{key} {number}", inner, actors, saved) for number, inner in enumerate(value, 1)]
    if isinstance(value, (str, int, float)):
        return value
    raise ConfigurationError(file, key, f"expected a JSON value, got {value!r}", CORRECT)
