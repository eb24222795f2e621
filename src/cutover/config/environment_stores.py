"""Read the stores of an environment: R2, D1, PostgreSQL and the media folder."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from cutover.config.environment import Bucket, Database
from cutover.config.postgres_uri import PostgresAddress, read_postgres_uri
from cutover.config.validation import ConfigurationError, require
from cutover.core.secrets import Secret


def read_bucket(file: Path, name: str, table: Mapping[str, str] | None, secrets: Mapping[str, Secret]) -> Bucket | None:
    """Return R2's bucket, None if the environment has no table `r2`. Raises ConfigurationError without its keys."""
    if table is None:
        return None
    parts = ("r2_access_key_id", "r2_secret_access_key")
    keys = [_needed_secret(file, name, part, secrets, "r2") for part in parts]
    return Bucket(table["endpoint"].rstrip("/"), table["bucket"], *keys)


def read_database(
    file: Path, name: str, table: Mapping[str, str] | None, secrets: Mapping[str, Secret]
) -> Database | None:
    """Return D1's REST address, None if the environment has none or names a file in its place."""
    if table is None or ("url" not in table and len(table) == 1):
        return None
    url: str = require(file, f"{name}.d1", table, "url")
    return Database(url.rstrip("/"), secrets.get("d1_api_token"))


def read_d1_file(file: Path, name: str, table: Mapping[str, str] | None, kind: str) -> Path | None:
    """Return the file of that kind ("file" or "export") that is read instead of D1, None if there is none.

    Raises ConfigurationError if the file cannot be read, or both kinds are given.
    """
    if table is None or kind not in table:
        return None
    if len(table.keys() & {"file", "export"}) > 1:
        raise ConfigurationError(file, f"{name}.d1", "expected a file or an export, got both", "Remove one of them.")
    path = Path(table[kind])
    if not path.is_absolute() or not path.is_file() or not os.access(path, os.R_OK):
        raise ConfigurationError(
            file,
            f"{name}.d1.{kind}",
            f"expected the absolute path of a readable file, got {str(path)!r}",
            "Correct the path.",
        )
    return path


def read_postgres(
    file: Path, name: str, table: Mapping[str, str] | None, secrets: Mapping[str, Secret]
) -> PostgresAddress | None:
    """Return the address of the legacy system's database, None if the environment has no table `postgres`.

    Raises ConfigurationError if its URI is missing, unsafe, or leads to another host than the table names.
    """
    if table is None:
        return None
    _needed_secret(file, name, "postgres_dsn", secrets, "postgres")
    address = read_address(file, name, "postgres_dsn", secrets)
    assert address is not None, "its secret exists"
    expected = table.get("host", address.host)
    if expected.lower() != address.host:
        raise ConfigurationError(
            file,
            f"{name}.postgres.host",
            f"expected {expected!r}, the PostgreSQL URI names {address.host!r}",
            "Set the variable to this environment's URI, or correct the host.",
        )
    return address


def read_address(file: Path, name: str, secret: str, secrets: Mapping[str, Secret]) -> PostgresAddress | None:
    """Return the PostgreSQL address that a secret holds, None if the environment does not name the secret.

    Raises ConfigurationError if its URI cannot be used.
    """
    if secret not in secrets:
        return None
    try:
        return read_postgres_uri(secrets[secret].reveal())
    except ValueError as error:
        raise ConfigurationError(
            file,
            f"{name}.secrets.{secret}",
            f"the PostgreSQL URI cannot be used: {error}",
            "Correct the variable's value; docs/environments.md shows the form.",
        ) from None


def read_media(file: Path, name: str, value: str | None) -> Path | None:
    """Return the resolved media folder of the legacy system, None if the environment names none.

    Raises ConfigurationError if it is no readable folder.
    """
    if value is None:
        return None
    key = f"{name}.media"
    folder = Path(value)
    fix = "Name the folder as this machine sees it (mounted, or a copy)."
    if not folder.is_absolute():
        raise ConfigurationError(file, key, f"expected an absolute path, got {value!r}", fix)
    try:
        folder = folder.resolve(strict=True)
        usable = folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "not a path"
        raise ConfigurationError(file, key, f"expected a readable folder, got {value!r} ({reason})", fix) from None
    if not usable:
        raise ConfigurationError(file, key, f"expected a readable folder, got {value!r}", fix)
    return folder


def require_cloudflare_token(file: Path, name: str, secrets: Mapping[str, Secret]) -> None:
    """Raise ConfigurationError without the token of Cloudflare's API."""
    _needed_secret(file, name, "cloudflare_api_token", secrets, "preflight.wrangler.account")


def _needed_secret(file: Path, name: str, secret: str, secrets: Mapping[str, Secret], needed_by: str) -> Secret:
    if secret not in secrets:
        raise ConfigurationError(
            file,
            f"{name}.secrets.{secret}",
            f"missing, and [{name}.{needed_by}] needs it",
            "Add the name of the variable that holds it.",
        )
    return secrets[secret]
