"""The environments that a run can be pointed at: environments.toml, ad-hoc URLs, named secrets.

Not for the paths below an address: that is operations.py. Nothing here opens a connection.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.configuration import ConfigurationError, known_keys, read_toml, typed
from cutover.operations import SYSTEMS, Operations, load_operations
from cutover.safety import AllowList, SafetyLevel
from cutover.secrets import Secret, remember

if TYPE_CHECKING:
    from cutover.embedded.state import PairState

_KEYS: Final = {
    "description", "pair", "safety", "worker", "legacy", "r2", "secrets", "budget", "readiness",
    "kv_propagation_s", "timeout_s", "ca_file", "local_runtime", "operations", "routes",
}  # fmt: skip
_SYSTEM_KEYS: Final = {"url", "name", "identity", "absent"}
_IDENTITY_KEYS: Final = {"header", "value", "version_header"}
_SECRET_KEYS: Final = {
    "worker_jwt_secret", "legacy_jwt_secret", "r2_access_key_id", "r2_secret_access_key", "limiter_bypass",
}  # fmt: skip


@dataclass(frozen=True)
class Identity:
    """How a system proves who answered: this header has this value; another holds its version."""

    header: str
    value: str
    version_header: str | None = None


@dataclass(frozen=True)
class System:
    """One of the two systems. name: the Worker's script name, for Cloudflare's version override."""

    system: str
    url: str
    identity: Identity | None
    name: str | None = None


@dataclass(frozen=True)
class Budget:
    """At most so many requests in any window of so many seconds, over all processes of this machine."""

    requests: int
    window_s: float


@dataclass(frozen=True)
class Readiness:
    """How often to ask before the first check, and how many seconds apart."""

    tries: int
    interval_s: float


@dataclass(frozen=True)
class Bucket:
    """R2 over S3: endpoint, bucket, keys."""

    endpoint: str
    bucket: str
    access_key_id: Secret
    secret_access_key: Secret


@dataclass(frozen=True)
class Environment:
    """One environment, complete: what it is, where it is, and what may be done to it.

    systems holds those that exist; absent says of the others why. kv_propagation_s and timeout_s in
    seconds.
    """

    name: str
    description: str
    safety: SafetyLevel
    systems: Mapping[str, System]
    absent: Mapping[str, str]
    budget: Budget
    readiness: Readiness
    kv_propagation_s: float
    timeout_s: float
    operations: Operations
    allowed: AllowList = field(repr=False)
    secrets: Mapping[str, Secret] = field(default_factory=dict, repr=False)
    bucket: Bucket | None = field(default=None, repr=False)
    ca_file: str | None = None
    local_runtime: bool = False

    @property
    def url(self) -> str:
        """The Worker's address, for the verdict's line."""
        return self.systems["worker"].url if "worker" in self.systems else self.systems["legacy"].url


def environment_names(project: Path) -> list[str]:
    """The names in environments.toml, in its order. Raises ConfigurationError."""
    return list(read_toml(project / "environments.toml"))


def no_environment(project: Path) -> ConfigurationError:
    """The error for a gate run that names no environment."""
    names = ", ".join(environment_names(project))
    return ConfigurationError(
        "--env", "", "a gate names its environment, and none was given", f"Use --env with one of: {names}."
    )


def is_embedded(project: Path, name: str) -> bool:
    """Whether the environment is the pair that the suite starts itself. Raises ConfigurationError."""
    return bool(_table(project, name).get("pair", False))


def load_environment(
    project: Path, name: str, *, pair: PairState | None = None, variables: Mapping[str, str] | None = None
) -> Environment:
    """The environment of that name, or of that https URL.

    pair: the running pair, for an environment that is embedded. variables: where the named secrets
    are read, os.environ when None. Raises ConfigurationError, naming file, key and fix.
    """
    variables = os.environ if variables is None else variables
    if "://" in name:
        return _ad_hoc(project, name)
    file = project / "environments.toml"
    table = _table(project, name)
    known_keys(file, name, table, _KEYS)
    if table.get("pair", False):
        if pair is None:
            raise ConfigurationError(
                file, f"{name}.pair", "the pair is not running", "Start it with `cutover pair up`."
            )
        table, variables = _from_pair(table, pair)
    systems, absent = _systems(file, name, table)
    secrets = _secrets(file, name, table.get("secrets", {}), variables)
    bucket = _bucket(file, name, table.get("r2"), secrets)
    urls = {system.system: system.url for system in systems.values()} | ({"r2": bucket.endpoint} if bucket else {})
    try:
        allowed = AllowList(urls)
    except ValueError as error:
        raise ConfigurationError(file, name, str(error), "Mend the URL.") from None
    try:
        safety = SafetyLevel.parse(str(_needed(file, name, table, "safety")))
    except ValueError as error:
        raise ConfigurationError(file, f"{name}.safety", str(error), "Mend the value.") from None
    return Environment(
        name=name,
        description=str(table.get("description", "")),
        safety=safety,
        systems=systems,
        absent=absent,
        budget=_budget(file, name, table),
        readiness=_readiness(file, name, table),
        kv_propagation_s=_number(file, f"{name}.kv_propagation_s", table.get("kv_propagation_s", 60)),
        timeout_s=_number(file, f"{name}.timeout_s", table.get("timeout_s", 30)),
        operations=load_operations(
            project / "contracts" / "operations.toml", table.get("operations", {}), table.get("routes", {}), name
        ),
        allowed=allowed,
        secrets=secrets,
        bucket=bucket,
        ca_file=table.get("ca_file"),
        local_runtime=typed(file, f"{name}.local_runtime", table.get("local_runtime", False), bool, "true or false"),
    )


def _table(project: Path, name: str) -> dict[str, Any]:
    file = project / "environments.toml"
    if "://" in name:
        return {}
    tables = read_toml(file)
    if name not in tables:
        raise ConfigurationError(
            file, "", f"no environment {name!r}", f"Use one of: {', '.join(tables)}; or an https URL."
        )
    return dict(typed(file, name, tables[name], dict, "a table"))


def _ad_hoc(project: Path, url: str) -> Environment:
    """A Worker that no table names: read-only, no secret, nobody known by identity."""
    try:
        allowed = AllowList({"worker": url})
    except ValueError as error:
        raise ConfigurationError("--env", "", str(error), "Give an https URL, or a name.") from None
    return Environment(
        name=url,
        description="ad-hoc URL",
        safety=SafetyLevel.READ_ONLY,
        systems={"worker": System("worker", url.rstrip("/"), None)},
        absent={"legacy": "an ad-hoc URL names the Worker only"},
        budget=Budget(90, 60.0),
        readiness=Readiness(30, 10.0),
        kv_propagation_s=60.0,
        timeout_s=30.0,
        operations=load_operations(project / "contracts" / "operations.toml", {}, {}, url),
        allowed=allowed,
    )


def _from_pair(table: dict[str, Any], pair: PairState) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Fill the addresses and secrets of the running pair into the table; they stand nowhere else."""
    filled = {
        **table,
        "worker": {**table.get("worker", {}), "url": pair.worker_url},
        "legacy": {**table.get("legacy", {}), "url": pair.legacy_url},
        "r2": {"endpoint": pair.s3_url, "bucket": pair.s3_bucket},
        "secrets": {key: key for key in _SECRET_KEYS},
    }
    for value in (pair.jwt_refresh_secret, pair.pg_dsn):
        remember(value)
    return filled, {
        "worker_jwt_secret": pair.jwt_secret,
        "legacy_jwt_secret": pair.legacy_secret_key,
        "r2_access_key_id": pair.s3_access_key,
        "r2_secret_access_key": pair.s3_secret_key,
        "limiter_bypass": pair.limiter_bypass,
    }


def _systems(file: Path, name: str, table: Mapping[str, Any]) -> tuple[dict[str, System], dict[str, str]]:
    systems: dict[str, System] = {}
    absent: dict[str, str] = {}
    for system in SYSTEMS:
        key = f"{name}.{system}"
        row = typed(file, key, _needed(file, name, table, system), dict, "a table")
        known_keys(file, key, row, _SYSTEM_KEYS)
        if "absent" in row:
            absent[system] = typed(file, f"{key}.absent", row["absent"], str, "a reason")
            continue
        url = typed(file, f"{key}.url", _needed(file, key, row, "url"), str, "a URL")
        systems[system] = System(system, url.rstrip("/"), _identity(file, key, row), row.get("name"))
    if not systems:
        raise ConfigurationError(file, name, "neither system has a URL", "Give at least one.")
    return systems, absent


def _identity(file: Path, key: str, row: Mapping[str, Any]) -> Identity | None:
    if "identity" not in row:
        return None
    identity = typed(file, f"{key}.identity", row["identity"], dict, "a table")
    known_keys(file, f"{key}.identity", identity, _IDENTITY_KEYS)
    header = _needed(file, f"{key}.identity", identity, "header")
    value = _needed(file, f"{key}.identity", identity, "value")
    return Identity(str(header).lower(), str(value), identity.get("version_header"))


def _secrets(file: Path, name: str, table: Mapping[str, Any], variables: Mapping[str, str]) -> dict[str, Secret]:
    known_keys(file, f"{name}.secrets", dict(table), _SECRET_KEYS)
    secrets = {}
    for key, variable in table.items():
        value = variables.get(typed(file, f"{name}.secrets.{key}", variable, str, "a variable's name"))
        if not value:
            raise ConfigurationError(
                file,
                f"{name}.secrets.{key}",
                f"the environment variable {variable} is not set",
                f"Set {variable}; or remove the key, and the checks that need it count as not verified.",
            )
        secrets[key] = Secret(value)
    return secrets


def _bucket(file: Path, name: str, row: Any, secrets: Mapping[str, Secret]) -> Bucket | None:
    if row is None:
        return None
    known_keys(file, f"{name}.r2", typed(file, f"{name}.r2", row, dict, "a table"), {"endpoint", "bucket"})
    for key in ("r2_access_key_id", "r2_secret_access_key"):
        if key not in secrets:
            raise ConfigurationError(
                file, f"{name}.secrets.{key}", "missing, and [r2] needs it", "Name the variable that holds it."
            )
    return Bucket(
        str(_needed(file, f"{name}.r2", row, "endpoint")).rstrip("/"),
        str(_needed(file, f"{name}.r2", row, "bucket")),
        secrets["r2_access_key_id"],
        secrets["r2_secret_access_key"],
    )


def _budget(file: Path, name: str, table: Mapping[str, Any]) -> Budget:
    row = typed(file, f"{name}.budget", table.get("budget", {"requests": 90, "window_s": 60}), dict, "a table")
    known_keys(file, f"{name}.budget", row, {"requests", "window_s"})
    requests = typed(file, f"{name}.budget.requests", row.get("requests"), int, "a whole number")
    window = _number(file, f"{name}.budget.window_s", row.get("window_s"))
    if requests < 1 or window <= 0:
        raise ConfigurationError(file, f"{name}.budget", "not above 0", "Mend the value.")
    return Budget(requests, window)


def _readiness(file: Path, name: str, table: Mapping[str, Any]) -> Readiness:
    row = typed(file, f"{name}.readiness", table.get("readiness", {}), dict, "a table")
    known_keys(file, f"{name}.readiness", row, {"tries", "interval_s"})
    tries = typed(file, f"{name}.readiness.tries", row.get("tries", 30), int, "a whole number")
    interval = _number(file, f"{name}.readiness.interval_s", row.get("interval_s", 10))
    if tries < 1 or interval < 0:
        raise ConfigurationError(file, f"{name}.readiness", "no try at all", "Give at least one.")
    return Readiness(tries, interval)


def _number(file: Path, key: str, value: object) -> float:
    return float(typed(file, key, value, (int, float), "a number"))


def _needed(file: Path, key: str, table: Mapping[str, Any], name: str) -> Any:
    if name not in table:
        raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
    return table[name]
