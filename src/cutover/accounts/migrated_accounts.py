"""Accounts that came by the migration and whose passwords are known: people who lent theirs, or generated ones.

Read from a file that the environment names; never made, changed or removed here. Not for logging in: logins.py,
parity/migrated.py.
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
"""So many of a longer list are used, evenly from its beginning to its end: each login is a derivation of its password,
and a generator lists a thousand."""

_FIX: Final = 'Write a list of {"username": …, "password": …, "is_active": true or false}; "email": "" for one without.'


@dataclass(frozen=True)
class MigratedAccount:
    """One account. label: its place in the list, to speak of it. without_email: it has none, says the list."""

    username: Secret = field(repr=False)
    password: Secret = field(repr=False)
    active: bool
    label: str
    without_email: bool = False


def migrated_accounts(environment: Environment) -> list[MigratedAccount]:
    """The accounts of that environment, at most ACTIVE_LIMIT active and DISABLED_LIMIT disabled ones.

    Raises NotVerified where none are named; ConfigurationError for a file that is none of that form.
    """
    file = environment.migrated_accounts
    if file is None or not file.exists():  # a pair's is written when it is migrated into
        why = f"environments.toml [{environment.name}] names no migrated_accounts" if file is None else "none was made"
        raise NotVerified(f"no account that came by the migration has a known password: {why}")
    try:
        rows = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(file, "", f"cannot be read: {error.strerror}", "Mend the path.") from None
    except ValueError:
        raise ConfigurationError(file, "", "it is no JSON", _FIX) from None
    if not isinstance(rows, list) or not rows:
        raise ConfigurationError(file, "", "it is no list of accounts", _FIX)
    numbered = [(number, _judged(file, f"account {number}", row)) for number, row in enumerate(rows, 1)]
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


def _judged(file: Path, key: str, row: Any) -> dict[str, Any]:
    table: dict[str, Any] = typed(file, key, row, dict, "an account")
    for name in ("username", "password"):
        if not typed(file, f"{key}.{name}", table.get(name), str, "a text"):
            raise ConfigurationError(file, f"{key}.{name}", "empty", _FIX)
    return {**table, "is_active": typed(file, f"{key}.is_active", table.get("is_active", True), bool, "true or false")}


def _evenly(rows: list[Any], most: int) -> list[Any]:
    if len(rows) <= most:
        return rows
    return [rows[place * len(rows) // most] for place in range(most)]
