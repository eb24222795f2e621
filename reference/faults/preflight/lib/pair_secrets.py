"""The secrets of the embedded environment under the names of other secrets."""

from __future__ import annotations

NAMES = (
    "worker_jwt_secret",
    "worker_jwt_refresh_secret",
    "legacy_jwt_secret",
    "r2_access_key_id",
    "r2_secret_access_key",
    "limiter_bypass",
    "account_key",
    "postgres_dsn",
    "postgres_writer_dsn",
    "restore_dsn",
)


def exchanged_secrets(**other: str) -> dict[str, str]:
    """Return the table `secrets` of the environment, with other variables for some of them."""
    return {name: name for name in NAMES} | other
