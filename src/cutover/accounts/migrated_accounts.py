"""Migrated accounts with known passwords, read from a file that the environment names.

The accounts are lent by their owners or generated. They are never created, changed or removed here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, typed
from cutover.core.errors import NotVerified
from cutover.core.secrets import Secret

ACTIVE_LIMIT: Final = 16
DISABLED_LIMIT: Final = 4
"""Largest numbers of accounts that are used, spread evenly over the list: each login hashes a password, and a generated
list has a thousand accounts."""

_FIX: Final = (
    'Write a list of {"username": …, "password": …, "is_active": true or false}. Add "email": "" for an account '
    "without an email address."
)


@dataclass(frozen=True)
class MigratedAccount:
    """A migrated account. label: its position in the list, for messages. without_email: the list gives no address."""

    username: Secret = field(repr=False)
    password: Secret = field(repr=False)
    active: bool
    label: str
    without_email: bool = False


def migrated_accounts(environment: Environment) -> list[MigratedAccount]:
    """Return the accounts of an environment, at most ACTIVE_LIMIT active and DISABLED_LIMIT disabled ones.

    Raises NotVerified if the environment names no file; ConfigurationError if the file has another form.
    """
    file = environment.migrated_accounts
    if file is None or not file.exists():  # a pair's file is written by its migration
        reason = f"environments.toml [{environment.name}] names no migrated_accounts"
        raise NotVerified(
            f"no migrated account has a known password: {reason if file is None else 'the file does not exist'}"
        )
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(file, "", f"cannot be read: {error.strerror}", "Correct the path.") from None
    except ValueError:
        raise ConfigurationError(file, "", "expected JSON", _FIX) from None
    if not isinstance(rows, list) or not rows:
        raise ConfigurationError(file, "", "expected a list of accounts", _FIX)
    numbered = [(number, _validated(file, f"account {number}", row)) for number, row in enumerate(rows, 1)]
    chosen = _evenly([one for one in numbered if one[1]["is_active"]], ACTIVE_LIMIT)
    chosen += _evenly([one for one in numbered if not one[1]["is_active"]], DISABLED_LIMIT)
    return [
        MigratedAccount(
            Secret(row["username"]),
            Secret(row["password"]),
            row["is_active"],
            f"account {number}",
            without_email=row.get("email") == "",
        )
        for number, row in chosen
    ]


def _validated(file: Path, key: str, row: Any) -> dict[str, Any]:
    """Return one entry of the list. Raises ConfigurationError."""
    if not isinstance(row, dict):
        raise ConfigurationError(file, key, f"expected an account, got {type(row).__name__}", _FIX)
    for name in ("username", "password"):
        value = row.get(name)
        if not isinstance(value, str) or not value:  # the message does not contain the value: it may be a password
            got = "an empty one" if value == "" else type(value).__name__
            raise ConfigurationError(file, f"{key}.{name}", f"expected a text, got {got}", _FIX)
    return {**row, "is_active": typed(file, f"{key}.is_active", row.get("is_active", True), bool, "true or false")}


def _evenly(rows: list[Any], limit: int) -> list[Any]:
    """Return at most `limit` rows, spread evenly over the list."""
    if len(rows) <= limit:
        return rows
    return [rows[place * len(rows) // limit] for place in range(limit)]
