"""Fill the addresses and secrets of a running embedded pair into its environment's table."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutover.config.environment_schema import ENVIRONMENT, SECRETS
from cutover.config.environment_secrets import PAIR_ACCOUNTS

if TYPE_CHECKING:
    from cutover.embedded.state import PairState


def with_pair(table: dict[str, Any], pair: PairState) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Return a copy of the (validated) table with the pair's addresses, and its secrets as if they were variables."""
    from cutover.embedded.folders import pair_folder  # imported here: only an embedded environment needs it

    accounts = pair_folder(pair.name) / "migration" / "accounts.json"
    filled = {
        **table,
        "worker": {**table["worker"], "url": pair.worker_url},
        "legacy": {**table["legacy"], "url": pair.legacy_url},
        "r2": {"endpoint": pair.s3_url, "bucket": pair.s3_bucket},
        "d1": {"url": pair.d1_url},
        "postgres": {},
        "media": pair.media_root,
        "migrated_accounts": PAIR_ACCOUNTS,
        "secrets": {key: key for key in SECRETS - {"d1_api_token", "cloudflare_api_token"}},
    }
    if pair.surroundings is not None:
        from cutover.embedded.surroundings import SETTINGS

        file = Path(pair.surroundings) / SETTINGS
        presented = json.loads(file.read_text(encoding="utf-8"))
        filled |= {key: ENVIRONMENT.rules[key].read(file, key, value) for key, value in presented.items()}
    if not accounts.exists():
        reason = "this pair has no migrated accounts (pytest -m migration creates them)"
        filled["absent"] = {"migrated": reason, **table["absent"]}
    if pair.kv_delay_s:
        # Two seconds more: checks ask once per second, and the machine may be busy.
        filled["kv_propagation_s"] = max(table["kv_propagation_s"], pair.kv_delay_s + 2)
    return filled, {
        "worker_jwt_secret": pair.jwt_secret,
        "worker_jwt_refresh_secret": pair.jwt_refresh_secret,
        "legacy_jwt_secret": pair.legacy_secret_key,
        "r2_access_key_id": pair.s3_access_key,
        "r2_secret_access_key": pair.s3_secret_key,
        "limiter_bypass": pair.limiter_bypass,
        "postgres_dsn": pair.pg_reader_dsn,
        "postgres_writer_dsn": pair.pg_dsn,
        "restore_dsn": pair.pg_restore_dsn,
        PAIR_ACCOUNTS: str(accounts),
        # As random as the pair's secrets, and lost with it: its id distinguishes this pair from the next of this name.
        "account_key": hmac.digest(pair.legacy_secret_key.encode(), b"cutover: account_key", "sha256").hex(),
    }
