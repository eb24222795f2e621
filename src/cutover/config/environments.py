"""The environments that a run can be pointed at: environments.toml, ad-hoc URLs, named secrets.

Not for the paths below an address: that is operations.py. Nothing here opens a connection.
"""

from __future__ import annotations

import hmac
import os
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from cutover.config.manifest import GATES
from cutover.config.operations import SYSTEMS, Operations, load_operations
from cutover.config.postgres_uri import PostgresAddress, read_dsn
from cutover.config.validation import (
    ConfigurationError,
    known_keys,
    number_of,
    read_toml,
    table_of,
    texts_of,
    typed,
    whole_of,
)
from cutover.core.safety import AllowList, SafetyLevel
from cutover.core.secrets import Secret

if TYPE_CHECKING:
    from cutover.embedded.state import PairState

_KEYS: Final = {
    "description", "pair", "safety", "worker", "legacy", "r2", "d1", "secrets", "budget", "readiness",
    "kv_propagation_s", "timeout_s", "ca_file", "local_runtime", "operations", "routes",
    "promises", "absent", "poses_as_clients", "names", "read_only_form", "accounts", "postgres", "media", "contract",
    "load", "migrated_accounts",
}  # fmt: skip
_SYSTEM_KEYS: Final = {"url", "name", "identity", "absent"}
_IDENTITY_KEYS: Final = {"header", "value", "version_header", "version"}
CAPABILITIES: Final = (
    "d1", "r2", "names", "https", "limiter", "registration", "http2", "postgres", "media", "migrated",
)  # fmt: skip
"""What a check may need beside a system. An environment that cannot have it says why, in its table `absent`."""
_SECRET_KEYS: Final = {
    "account_key",
    "worker_jwt_secret", "worker_jwt_refresh_secret", "legacy_jwt_secret", "r2_access_key_id", "r2_secret_access_key",
    "limiter_bypass", "d1_api_token", "postgres_dsn",
}  # fmt: skip
_ACCOUNT_KEY_LENGTH: Final = 32
_PAIR_ACCOUNTS: Final = "the pair's migrated accounts"


@dataclass(frozen=True)
class Identity:
    """How a system proves who answered: this header has this value; another holds its version.

    version_required: others have the same value (the other colour, production), so only a version that was asked for
    says which of them answered.
    """

    header: str
    value: str
    version_header: str | None = None
    version_required: bool = False


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
class LoadCaps:
    """The most that a load run may do: arrivals a second, seconds, accounts, connections of a process, bytes in all.

    unattended: it may be started without saying the environment's name twice.
    """

    rate: float
    seconds: float
    accounts: int
    connections: int
    bytes: int
    unattended: bool = False


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
class Database:
    """D1 in Cloudflare's REST shape: URL of the database, API token (None on loopback)."""

    url: str
    token: Secret | None


@dataclass(frozen=True)
class NamedAccount:
    """An account that somebody gave to the suite. variable: that which holds its name, to speak of it."""

    username: Secret
    password: Secret
    variable: str


@dataclass(frozen=True)
class OwnContract:
    """An OpenAPI document of an environment's own system: a file, or the path below its URL where it is served."""

    file: Path | None = None
    served: str | None = None


@dataclass(frozen=True)
class Environment:
    """One environment, complete: what it is, where it is, and what may be done to it.

    systems holds those that exist; absent says of systems and capabilities that do not, why. promises:
    contracts/promises.toml with the environment's own values. poses_as_clients: the runtime believes
    CF-Connecting-IP, so each few requests are sent as another client's and no limiter is in the way.
    names: further URLs of the front end, apex and www. read_only_form: gate -> why no more of it is asked for
    here than the checks that only look; empty unless safety is read-only. accounts: system -> those given to the
    suite, where it cannot register any. kv_propagation_s and timeout_s in seconds.
    postgres, media: the legacy's database and its folder of uploaded files (absolute), to be read only.
    contracts: system -> OpenAPI documents of its own, to be held against ours.
    migrated_accounts: file of accounts that came by the migration, with passwords (migration/migrated_accounts.py).
    d1_file, d1_export: an SQLite file or an export that the migration gate reads in D1's place.
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
    poses_as_clients: bool = False
    names: tuple[str, ...] = ()
    promises: Mapping[str, Any] = field(default_factory=dict, repr=False)
    d1: Database | None = field(default=None, repr=False)
    read_only_form: Mapping[str, str] = field(default_factory=dict)
    accounts: Mapping[str, tuple[NamedAccount, ...]] = field(default_factory=dict, repr=False)
    postgres: PostgresAddress | None = field(default=None, repr=False)
    media: Path | None = None
    load: LoadCaps | None = None
    contracts: Mapping[str, OwnContract] = field(default_factory=dict)
    d1_file: Path | None = None
    d1_export: Path | None = None
    migrated_accounts: Path | None = None

    @property
    def unnamed_stores(self) -> list[str]:
        """The stores behind both systems that the environment does not name: nobody can look into them."""
        stores = {"postgres": self.postgres, "media": self.media, "d1": self.d1, "r2": self.bucket}
        return [name for name, there in stores.items() if there is None]

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
    file = project / "environments.toml"
    return _flag(file, name, _table(project, name), "pair")


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
    given = variables
    if _flag(file, name, table, "pair"):
        if pair is None:
            raise ConfigurationError(
                file, f"{name}.pair", "the pair is not running", "Start it with `cutover pair up`."
            )
        table, variables = _from_pair(table, pair)
    systems, absent = _systems(file, name, table)
    secrets = _secrets(file, name, table.get("secrets", {}), variables)
    bucket = _bucket(file, name, table.get("r2"), secrets)
    database = _database(file, name, table.get("d1"), secrets)
    postgres = _postgres(file, name, table.get("postgres"), secrets)
    urls = {system.system: system.url for system in systems.values()}
    names = _names(file, name, table.get("names", []))
    urls |= {f"name {url}": url for url in names}
    urls |= ({"r2": bucket.endpoint} if bucket else {}) | ({"d1": database.url} if database else {})
    try:
        allowed = AllowList(urls, {"postgres": (postgres.host, postgres.port)} if postgres else {})
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
        absent={**_absent(file, name, table.get("absent", {})), **absent},
        budget=_budget(file, name, table),
        readiness=_readiness(file, name, table),
        kv_propagation_s=number_of(file, f"{name}.kv_propagation_s", table.get("kv_propagation_s", 60), most=3600),
        timeout_s=number_of(file, f"{name}.timeout_s", table.get("timeout_s", 30), least=0.1, most=3600),
        operations=load_operations(
            project / "contracts" / "operations.toml", table.get("operations", {}), table.get("routes", {}), name
        ),
        allowed=allowed,
        secrets=secrets,
        bucket=bucket,
        ca_file=_ca_file(file, name, table.get("ca_file")),
        promises=_promises(project, name, table.get("promises", {})),
        d1=database,
        d1_file=_file(file, name, table.get("d1"), "file"),
        d1_export=_file(file, name, table.get("d1"), "export"),
        postgres=postgres,
        media=_media(file, name, table.get("media")),
        load=_load(file, name, table.get("load")),
        contracts=_contracts(file, name, table.get("contract", {}), systems),
        migrated_accounts=_migrated_accounts(file, name, table.get("migrated_accounts"), variables),
        names=names,
        accounts=_accounts(file, name, table, systems, safety, given),
        read_only_form=_read_only_form(file, name, safety, table.get("read_only_form", {})),
        poses_as_clients=_flag(file, name, table, "poses_as_clients"),
        local_runtime=_flag(file, name, table, "local_runtime"),
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
        promises=_promises(project, url, {}),
        allowed=allowed,
    )


def _from_pair(table: dict[str, Any], pair: PairState) -> tuple[dict[str, Any], Mapping[str, str]]:
    """Fill the addresses and secrets of the running pair into the table; they stand nowhere else."""
    from cutover.embedded.folders import pair_folder  # here, since an environment without a pair does not need it

    accounts = pair_folder(pair.name) / "migration" / "accounts.json"
    filled = {
        **table,
        "worker": {**table.get("worker", {}), "url": pair.worker_url},
        "legacy": {**table.get("legacy", {}), "url": pair.legacy_url},
        "r2": {"endpoint": pair.s3_url, "bucket": pair.s3_bucket},
        "d1": {"url": pair.d1_url},
        "postgres": {},
        "media": pair.media_root,
        "migrated_accounts": _PAIR_ACCOUNTS,
        "secrets": {key: key for key in _SECRET_KEYS - {"d1_api_token"}},
    }
    absent = table.get("absent", {})
    if not accounts.exists() and isinstance(absent, dict):  # what is no table is refused where it is read
        why = "this pair holds no migrated accounts (pytest -m migration makes them)"
        filled["absent"] = {"migrated": why, **absent}
    granted = table.get("kv_propagation_s", 60)
    if pair.kv_delay_s and isinstance(granted, (int, float)):  # what is no number is refused where it is read
        # Two seconds more: checks ask once a second, and the machine may be busy.
        filled["kv_propagation_s"] = max(granted, pair.kv_delay_s + 2)
    return filled, {
        "worker_jwt_secret": pair.jwt_secret,
        "worker_jwt_refresh_secret": pair.jwt_refresh_secret,
        "legacy_jwt_secret": pair.legacy_secret_key,
        "r2_access_key_id": pair.s3_access_key,
        "r2_secret_access_key": pair.s3_secret_key,
        "limiter_bypass": pair.limiter_bypass,
        "postgres_dsn": pair.pg_dsn,
        _PAIR_ACCOUNTS: str(accounts),
        # As random as the pair's secrets and gone with it, so that its id tells this pair from the next of its name.
        "account_key": hmac.digest(pair.legacy_secret_key.encode(), b"cutover: account_key", "sha256").hex(),
    }


def _systems(file: Path, name: str, table: Mapping[str, Any]) -> tuple[dict[str, System], dict[str, str]]:
    systems: dict[str, System] = {}
    absent: dict[str, str] = {}
    for system in SYSTEMS:
        key = f"{name}.{system}"
        row = typed(file, key, _needed(file, name, table, system), dict, "a table")
        known_keys(file, key, row, _SYSTEM_KEYS)
        if "absent" in row:
            if len(row) > 1:
                raise ConfigurationError(file, key, "absent and yet described", "Keep absent, or the rest.")
            absent[system] = typed(file, f"{key}.absent", row["absent"], str, "a reason")
            continue
        url = typed(file, f"{key}.url", _needed(file, key, row, "url"), str, "a URL")
        script = typed(file, f"{key}.name", row["name"], str, "a text") if "name" in row else None
        systems[system] = System(system, url.rstrip("/"), _identity(file, key, row), script)
    if not systems:
        raise ConfigurationError(file, name, "neither system has a URL", "Give at least one.")
    if len({system.url.lower() for system in systems.values()}) < len(systems):
        raise ConfigurationError(file, name, "both systems have the same URL", "Then one of them is not looked at.")
    return systems, absent


def _identity(file: Path, key: str, row: Mapping[str, Any]) -> Identity | None:
    if "identity" not in row:
        return None
    identity = typed(file, f"{key}.identity", row["identity"], dict, "a table")
    known_keys(file, f"{key}.identity", identity, _IDENTITY_KEYS)
    told = texts_of(file, f"{key}.identity", identity)
    header = _needed(file, f"{key}.identity", told, "header")
    value = _needed(file, f"{key}.identity", told, "value")
    required = told.get("version")
    if required not in (None, "required"):
        raise ConfigurationError(file, f"{key}.identity.version", f"{required!r}", 'It is "required", or left out.')
    if required and "version_header" not in told:
        raise ConfigurationError(
            file, f"{key}.identity.version_header", "missing", "Name the header that tells the version."
        )
    return Identity(header.lower(), value, told.get("version_header"), required is not None)


def _secrets(file: Path, name: str, table: Any, variables: Mapping[str, str]) -> dict[str, Secret]:
    table = texts_of(file, f"{name}.secrets", table_of(file, f"{name}.secrets", table, _SECRET_KEYS))
    secrets = {}
    for key, variable in table.items():
        value = variables.get(variable)
        if not value:
            raise ConfigurationError(
                file,
                f"{name}.secrets.{key}",
                f"the environment variable {variable} is not set",
                f"Set {variable}; or remove the key, and the checks that need it count as not verified.",
            )
        if key == "account_key" and len(value) < _ACCOUNT_KEY_LENGTH:
            raise ConfigurationError(
                file,
                f"{name}.secrets.{key}",
                f"{variable} has fewer than {_ACCOUNT_KEY_LENGTH} characters, and passwords follow from it",
                "Use a random one: openssl rand -hex 32.",
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
    told = texts_of(file, f"{name}.r2", row)
    return Bucket(
        _needed(file, f"{name}.r2", told, "endpoint").rstrip("/"),
        _needed(file, f"{name}.r2", told, "bucket"),
        secrets["r2_access_key_id"],
        secrets["r2_secret_access_key"],
    )


def _database(file: Path, name: str, row: Any, secrets: Mapping[str, Secret]) -> Database | None:
    if row is None:
        return None
    known_keys(file, f"{name}.d1", typed(file, f"{name}.d1", row, dict, "a table"), {"url", "file", "export"})
    if "url" not in row and len(row) == 1:
        return None
    url = typed(file, f"{name}.d1.url", _needed(file, f"{name}.d1", row, "url"), str, "a URL")
    return Database(url.rstrip("/"), secrets.get("d1_api_token"))


def _file(file: Path, name: str, row: Any, key: str) -> Path | None:
    """A file that stands in D1's place, when it can be read."""
    if not isinstance(row, dict) or key not in row:
        return None
    if len(row.keys() & {"file", "export"}) > 1:
        raise ConfigurationError(file, f"{name}.d1", "a file and an export", "Name the one that is to be read.")
    path = Path(typed(file, f"{name}.d1.{key}", row[key], str, "a file's path"))
    if not path.is_absolute() or not path.is_file() or not os.access(path, os.R_OK):
        raise ConfigurationError(
            file, f"{name}.d1.{key}", f"{str(path)!r} is no absolute path of a file that may be read", "Mend the path."
        )
    return path


def _postgres(file: Path, name: str, row: Any, secrets: Mapping[str, Secret]) -> PostgresAddress | None:
    """The legacy's database, when its DSN leads to one host and proves who answers there."""
    if row is None:
        return None
    table_of(file, f"{name}.postgres", row, {"host"})
    key = f"{name}.secrets.postgres_dsn"
    if "postgres_dsn" not in secrets:
        raise ConfigurationError(file, key, "missing, and postgres needs it", "Name the variable that holds it.")
    try:
        address = read_dsn(secrets["postgres_dsn"].reveal())
    except ValueError as error:
        raise ConfigurationError(
            file,
            key,
            f"the DSN cannot be used: {error}",
            "Mend the variable's value; docs/environments.md has its form.",
        ) from None
    expected = typed(file, f"{name}.postgres.host", row.get("host", address.host), str, "a host's name")
    if expected.lower() != address.host:
        raise ConfigurationError(
            file,
            f"{name}.postgres.host",
            f"{expected!r} is expected, the DSN leads to {address.host!r}",
            "Is the variable another environment's? Set the right one, or mend the host.",
        )
    return address


def _media(file: Path, name: str, value: Any) -> Path | None:
    """The legacy's folder of uploaded files, when it is one that can be read."""
    if value is None:
        return None
    key = f"{name}.media"
    folder = Path(typed(file, key, value, str, "a folder's path"))
    fix = "Name the folder as this machine sees it (mounted, or a copy)."
    if not folder.is_absolute():
        raise ConfigurationError(file, key, f"{value!r} is no absolute path", fix)
    try:
        folder = folder.resolve(strict=True)
        usable = folder.is_dir() and os.access(folder, os.R_OK | os.X_OK)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or "no path"
        raise ConfigurationError(file, key, f"{value!r} cannot be used: {reason}", fix) from None
    if not usable:
        raise ConfigurationError(file, key, f"{value!r} is no folder that may be read", fix)
    return folder


def _names(file: Path, name: str, urls: Any) -> tuple[str, ...]:
    for url in typed(file, f"{name}.names", urls, list, "a list of URLs"):
        typed(file, f"{name}.names", url, str, "a URL")
    return tuple(urls)


def _absent(file: Path, name: str, table: Any) -> dict[str, str]:
    known_keys(file, f"{name}.absent", typed(file, f"{name}.absent", table, dict, "a table"), set(CAPABILITIES))
    return {key: typed(file, f"{name}.absent.{key}", why, str, "a reason") for key, why in table.items()}


def _read_only_form(file: Path, name: str, safety: SafetyLevel, table: Any) -> dict[str, str]:
    """The gates of which the environment asks for the read-only form, each with the reason."""
    key = f"{name}.read_only_form"
    known_keys(file, key, typed(file, key, table, dict, "a table"), set(GATES))
    reasons = texts_of(file, key, table)
    for gate, reason in reasons.items():
        if not reason.strip():
            raise ConfigurationError(file, f"{key}.{gate}", "no reason", "Say why the rest is not asked for.")
    if reasons and safety is not SafetyLevel.READ_ONLY:
        raise ConfigurationError(
            file, key, f"safety is {safety.label}, so checks that write may run", "Remove it, or lower safety."
        )
    return reasons


def _accounts(
    file: Path,
    name: str,
    table: Mapping[str, Any],
    systems: Mapping[str, System],
    safety: SafetyLevel,
    variables: Mapping[str, str],
) -> dict[str, tuple[NamedAccount, ...]]:
    """The accounts of each system that were given to the suite, read from the variables that are named."""
    key = f"{name}.accounts"
    if "accounts" not in table:
        return {}
    if "registration" not in table.get("absent", {}):
        raise ConfigurationError(file, f"{name}.absent.registration", "missing, and accounts are named", "Say why.")
    if safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(file, key, f"safety is {safety.label}, so none would log in", "Remove it.")
    accounts = {}
    for system, rows in table_of(file, key, table["accounts"], set(systems)).items():
        found = []
        for number, row in enumerate(typed(file, f"{key}.{system}", rows, list, "a list of accounts"), 1):
            where = f"{key}.{system} {number}"
            told = texts_of(file, where, table_of(file, where, row, {"username", "password"}))
            named = {part: _needed(file, where, told, part) for part in ("username", "password")}
            values = {part: _value(file, f"{where}.{part}", variable, variables) for part, variable in named.items()}
            found.append(NamedAccount(values["username"], values["password"], named["username"]))
        if len({account.username for account in found}) < max(2, len(found)):
            raise ConfigurationError(
                file,
                f"{key}.{system}",
                "not two or more, all different",
                "Name two: one user must not see the other's.",
            )
        accounts[system] = tuple(found)
    return accounts


def _value(file: Path, key: str, variable: str, variables: Mapping[str, str]) -> Secret:
    if not (value := variables.get(variable)):
        raise ConfigurationError(file, key, f"the environment variable {variable} is not set", f"Set {variable}.")
    return Secret(value)


def _promises(project: Path, name: str, changes: Any) -> dict[str, Any]:
    """contracts/promises.toml, with each value that the environment names in place of it."""
    file = project / "environments.toml"
    promises = read_toml(project / "contracts" / "promises.toml")

    def merged(base: dict[str, Any], change: Any, key: str) -> dict[str, Any]:
        known_keys(file, key, typed(file, key, change, dict, "a table"), set(base))
        return {
            inner: merged(value, change[inner], f"{key}.{inner}")
            if isinstance(value, dict) and inner in change
            else typed(file, f"{key}.{inner}", change.get(inner, value), type(value), f"a {type(value).__name__}")
            for inner, value in base.items()
        }

    result = merged(promises, changes, f"{name}.promises")
    for table, key in (("security_headers", ""), ("cors", "headers"), ("front_end", "app_routes")):
        row = result.get(table)
        if not isinstance(row, dict) or not (row.get(key) if key else row):
            where = f"{table}.{key}" if key else table
            raise ConfigurationError(
                project / "contracts" / "promises.toml", where, "promises nothing", "A check of nothing cannot fail."
            )
    return result


def _contracts(file: Path, name: str, value: Any, systems: Mapping[str, System]) -> dict[str, OwnContract]:
    found = {}
    for system, row in table_of(file, f"{name}.contract", value, set(SYSTEMS)).items():
        key = f"{name}.contract.{system}"
        told = texts_of(file, key, table_of(file, key, row, {"file", "served"}))
        if system not in systems:
            raise ConfigurationError(file, key, f"{name} has no {system}", "Remove it.")
        if not told:
            raise ConfigurationError(file, key, "names no file and no place where one is served", "Add one.")
        document = file.parent / told["file"] if "file" in told else None
        if document is not None and not document.is_file():
            raise ConfigurationError(file, f"{key}.file", f"there is no {document}", "Name an OpenAPI document.")
        if not told.get("served", "/").startswith("/"):
            raise ConfigurationError(file, f"{key}.served", "no path", "It begins with a slash.")
        found[system] = OwnContract(document, told.get("served"))
    return found


def _budget(file: Path, name: str, table: Mapping[str, Any]) -> Budget:
    row = typed(file, f"{name}.budget", table.get("budget", {"requests": 90, "window_s": 60}), dict, "a table")
    known_keys(file, f"{name}.budget", row, {"requests", "window_s"})
    requests = whole_of(file, f"{name}.budget.requests", row.get("requests"), least=1, most=1_000_000)
    window = number_of(file, f"{name}.budget.window_s", row.get("window_s"), least=0.001, most=86_400)
    return Budget(requests, window)


def _load(file: Path, name: str, row: Any) -> LoadCaps | None:
    """The caps of a load run; without a table there is none, and so no load."""
    if row is None:
        return None
    key = f"{name}.load"
    table = table_of(file, key, row, {"rate", "seconds", "accounts", "connections", "bytes", "unattended"})
    return LoadCaps(
        number_of(file, f"{key}.rate", _needed(file, key, table, "rate"), least=0.001, most=100_000),
        number_of(file, f"{key}.seconds", _needed(file, key, table, "seconds"), least=1, most=86_400),
        whole_of(file, f"{key}.accounts", _needed(file, key, table, "accounts"), least=1, most=1000),
        whole_of(file, f"{key}.connections", _needed(file, key, table, "connections"), least=1, most=9000),
        whole_of(file, f"{key}.bytes", _needed(file, key, table, "bytes"), least=1, most=10**13),
        _flag(file, key, table, "unattended"),
    )


def _readiness(file: Path, name: str, table: Mapping[str, Any]) -> Readiness:
    row = typed(file, f"{name}.readiness", table.get("readiness", {}), dict, "a table")
    known_keys(file, f"{name}.readiness", row, {"tries", "interval_s"})
    tries = whole_of(file, f"{name}.readiness.tries", row.get("tries", 30), least=1, most=10_000)
    interval = number_of(file, f"{name}.readiness.interval_s", row.get("interval_s", 10), most=3600)
    return Readiness(tries, interval)


def _ca_file(file: Path, name: str, value: Any) -> str | None:
    """The certificate authorities' file, when it is one that can be read as such."""
    if value is None:
        return None
    path: str = typed(file, f"{name}.ca_file", value, str, "a file's name")
    try:
        ssl.create_default_context(cafile=path)
    except (OSError, ValueError) as error:
        raise ConfigurationError(file, f"{name}.ca_file", f"cannot be used: {error}", "Name a PEM file.") from None
    return path


def _migrated_accounts(file: Path, name: str, variable: Any, variables: Mapping[str, str]) -> Path | None:
    """The file that the variable names. A pair's may not be there yet: it is written when it is migrated into."""
    if variable is None:
        return None
    key = f"{name}.migrated_accounts"
    value = variables.get(typed(file, key, variable, str, "a variable's name"))
    if not value:
        raise ConfigurationError(file, key, f"the environment variable {variable} is not set", f"Set {variable}.")
    path = Path(value)
    if variable != _PAIR_ACCOUNTS and not path.is_file():
        raise ConfigurationError(file, key, f"{variable} names no file", "Mend the path.")
    return path


def _flag(file: Path, name: str, table: Mapping[str, Any], key: str) -> bool:
    return bool(typed(file, f"{name}.{key}", table.get(key, False), bool, "true or false"))


def _needed(file: Path, key: str, table: Mapping[str, Any], name: str) -> Any:
    if name not in table:
        raise ConfigurationError(file, f"{key}.{name}", "missing", "Add it.")
    return table[name]
