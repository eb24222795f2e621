"""Read the secrets and accounts of an environment from the environment variables that its table names."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from cutover.config.environment import ForeignKey, NamedAccount, System
from cutover.config.validation import ConfigurationError
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret

PAIR_ACCOUNTS: Final = "the pair's migrated accounts"
"""The "variable" of an embedded pair's file of migrated accounts. No real variable can have this name."""

_ACCOUNT_KEY_LENGTH: Final = 32
SIGNING: Final = ("worker_jwt_secret", "worker_jwt_refresh_secret", "legacy_jwt_secret")
"""The secrets that sign tokens. Django signs both types of token with one key."""


def read_secrets(file: Path, name: str, table: Mapping[str, str], variables: Mapping[str, str]) -> dict[str, Secret]:
    """Return the secrets of table `secrets`. Raises ConfigurationError for a variable that is not set or too short."""
    secrets = {}
    for identifier, variable in table.items():
        key = f"{name}.secrets.{identifier}"
        without = "; or remove the key, and the checks that need it count as not verified"
        value = read_variable(file, key, variable, variables, without)
        if identifier == "account_key" and len(value) < _ACCOUNT_KEY_LENGTH:
            raise ConfigurationError(
                file,
                key,
                f"expected at least {_ACCOUNT_KEY_LENGTH} characters in {variable} (passwords are derived from it), "
                f"got {len(value)}",
                "Use a random key: openssl rand -hex 32.",
            )
        secrets[identifier] = Secret(value)
    return secrets


def read_foreign_keys(
    tables: Mapping[str, Any], name: str, urls: Mapping[str, str], variables: Mapping[str, str]
) -> tuple[ForeignKey, ...]:
    """Return the keys with which the other environments sign their tokens.

    tables: of environments.toml. urls: system -> URL of this environment. Not foreign are the key of a system that this
    environment names too, and a key in a variable that it names itself: the tables declare that these are the same.
    """
    own = tables[name].get("secrets", {}) if isinstance(tables.get(name), Mapping) else {}
    known = {url.lower().rstrip("/") for url in urls.values()}
    found = []
    for other, table in tables.items():
        named = table.get("secrets") if isinstance(table, Mapping) and other != name else None
        if not isinstance(named, Mapping):
            continue  # a mistake in its table is reported when that environment is used
        for identifier in SIGNING:
            variable, system = named.get(identifier), table.get(identifier.partition("_")[0], {})
            url = system.get("url", "") if isinstance(system, Mapping) else ""
            if not isinstance(variable, str) or variable in own.values() or str(url).lower().rstrip("/") in known:
                continue
            value = variables.get(variable)
            found.append(ForeignKey(other, identifier, variable, Secret(value) if value else None))
    return tuple(found)


def read_variable(file: Path, key: str, variable: str, variables: Mapping[str, str], without: str = "") -> str:
    """Return the variable's value. Raises ConfigurationError if it is not set or empty.

    without: continues the advice, starting with "; or".
    """
    value = variables.get(variable)
    if not value:
        raise ConfigurationError(
            file, key, f"the environment variable {variable} is not set", f"Set {variable}{without}."
        )
    return value


def read_accounts(
    file: Path, name: str, table: Mapping[str, Any], systems: Mapping[str, System], safety: SafetyLevel,
    variables: Mapping[str, str],
) -> dict[str, tuple[NamedAccount, ...]]:  # fmt: skip
    """Return the account pool of each system. table: the whole environment.

    Raises ConfigurationError if the environment allows registration or no logins, or names fewer than two accounts.
    """
    key = f"{name}.accounts"
    if "accounts" not in table:
        return {}
    if "registration" not in table["absent"]:
        raise ConfigurationError(
            file, f"{name}.absent.registration", "missing, although accounts are named", "Add the reason."
        )
    if safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(
            file, key, f"expected safety test-data or higher (logins write), got {safety.label}", "Remove the accounts."
        )
    accounts = {}
    for system, rows in table["accounts"].items():
        if system not in systems:
            raise ConfigurationError(file, f"{key}.{system}", f"{name} has no {system}", "Remove the accounts.")
        pool = []
        for number, row in enumerate(rows, 1):
            username, password = (
                Secret(read_variable(file, f"{key}.{system} {number}.{part}", row[part], variables))
                for part in ("username", "password")
            )
            pool.append(NamedAccount(username, password, row["username"]))
        different = len({account.username for account in pool})
        if different < max(2, len(pool)):
            raise ConfigurationError(
                file,
                f"{key}.{system}",
                f"expected two or more accounts, all different, got {len(pool)} of which {different} differ",
                "Name two accounts: checks verify that one user cannot see the other's files.",
            )
        accounts[system] = tuple(pool)
    return accounts


def read_migrated_accounts(file: Path, name: str, variable: str | None, variables: Mapping[str, str]) -> Path | None:
    """Return the file of migrated accounts that the variable names, None if there is no variable.

    Raises ConfigurationError if it is no file. The file of an embedded pair may be missing: the migration writes it.
    """
    if variable is None:
        return None
    key = f"{name}.migrated_accounts"
    path = Path(read_variable(file, key, variable, variables))
    if variable != PAIR_ACCOUNTS and not path.is_file():
        raise ConfigurationError(file, key, f"expected a file's path in {variable}, got no file", "Correct the path.")
    return path
