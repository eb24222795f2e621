"""Read the further paths of an environment that must be protected: with exact refusals, and operators' paths."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.operation_schema import METHODS, Statuses
from cutover.config.operations import SYSTEMS
from cutover.config.validation import CORRECT, AnyTable, ConfigurationError, Flag, Items, Table, Text, typed


@dataclass(frozen=True)
class ProtectedPath:
    """A path that refuses requests. body: of the request as JSON, None without one.

    anonymous: statuses without a token and with an invalid one. user: statuses with a user's token, empty if that is
    not judged. harmless: the request changes nothing even if it is accepted.
    """

    system: str
    path: str
    method: str
    anonymous: tuple[int, ...]
    user: tuple[int, ...] = ()
    body: Mapping[str, Any] | None = field(default=None, hash=False)
    harmless: bool = False

    @property
    def shown(self) -> str:
        """Return method and path, for messages."""
        return f"{self.method} {self.path}"


@dataclass(frozen=True)
class _LiteralPath:
    """A path that begins with a slash and is sent as it is."""

    def read(self, file: Path, key: str, value: object) -> str:
        """Return the path. Raises ConfigurationError."""
        path: str = typed(file, key, value, str, "a path")
        if not re.fullmatch(r"/[!-~]*", path) or "#" in path:
            raise ConfigurationError(
                file, key, f"expected a path that begins with / and is percent-encoded, got {path!r}", CORRECT
            )
        return path


PROTECTED: Final = Items(
    Table(
        {
            "system": Text(choices=SYSTEMS),
            "path": _LiteralPath(),
            "method": Text(choices=METHODS),
            "body": AnyTable(),
            "anonymous": Statuses(300, 499),
            "user": Statuses(200, 499),
            "harmless": Flag(),
        },
        required=("system", "path"),
        defaults={"method": "GET", "anonymous": (401,), "user": (), "harmless": False, "body": None},
    ),
    "an array of tables",
)
OPERATOR_PATHS: Final = Table({system: Items(_LiteralPath(), "an array of paths") for system in SYSTEMS})


def read_protected(file: Path, name: str, rows: tuple[Mapping[str, Any], ...]) -> tuple[ProtectedPath, ...]:
    """Return the protected paths of an environment, as read by PROTECTED. Raises ConfigurationError."""
    found: list[ProtectedPath] = []
    for number, row in enumerate(rows, 1):
        path = ProtectedPath(**row)
        if any((each.system, each.shown) == (path.system, path.shown) for each in found):
            raise ConfigurationError(
                file, f"{name}.protected {number}", f"{path.shown} on {path.system} is listed twice", "Remove one."
            )
        if path.body is not None and path.method in ("GET", "HEAD", "OPTIONS"):
            raise ConfigurationError(
                file, f"{name}.protected {number}.body", f"expected no body for {path.method}, got one", "Remove it."
            )
        found.append(path)
    return tuple(found)
