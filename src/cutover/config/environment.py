"""The types that describe one environment. environments.py reads them from environments.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cutover.config.environment_paths import ProtectedPath
from cutover.config.local_runtime import RuntimeAnswer
from cutover.config.operations import Operations
from cutover.config.postgres_uri import PostgresAddress
from cutover.config.preflight_settings import PreflightSettings
from cutover.core.rule_table import HOUSE
from cutover.core.safety import AllowList, SafetyLevel
from cutover.core.secrets import Secret


@dataclass(frozen=True)
class Identity:
    """The proof that a system sent a response: a header, a JSON field, or nothing but its address.

    header, value: this header must have this value. pointers: operation -> JSON pointer of a field that must have it
    instead; a system without header and pointers is known by its address only. address_only: the reason, "" if there is
    a proof. operations: only their answers carry the header, all if empty. success_only: answers with a status from
    400 do not carry it. version_header: contains the system's version. version_required: another system sends the same
    value (the other colour), so a run must ask for a version.
    """

    header: str = ""
    value: str = ""
    version_header: str | None = None
    version_required: bool = False
    pointers: Mapping[str, str] = field(default_factory=dict)
    operations: frozenset[str] = frozenset()
    success_only: bool = False
    address_only: str = ""

    def is_carried(self, operation: str, status: int) -> bool:
        """Return True if an answer of this operation with this status must carry the proof."""
        if self.address_only or (status >= 400 and (self.pointers or self.success_only)):
            return False
        return operation in self.pointers if self.pointers else not self.operations or operation in self.operations

    @property
    def place(self) -> str:
        """Return what carries the proof, for messages."""
        return self.header or f"the field at {' or '.join(sorted(set(self.pointers.values())))}"

    @property
    def blind_spot(self) -> str:
        """Return the answers that prove nothing, "" if every answer proves the system."""
        if self.address_only:
            return f"another system at the same address: no answer proves who sent it ({self.address_only})"
        named = sorted(self.pointers or self.operations)
        only = [f"of {', '.join(named)}"] if named else []
        only += ["with a status below 400"] if self.success_only or self.pointers else []
        return f"another system behind other answers than those {' '.join(only)}: only they carry {self.place}" * bool(
            only
        )


@dataclass(frozen=True)
class System:
    """One of the two systems. name: the Worker's script name, for Cloudflare's version override."""

    system: str
    url: str
    identity: Identity | None
    name: str | None = None


@dataclass(frozen=True)
class Budget:
    """The request budget: at most `requests` in any `window_s` seconds, over all processes of this machine."""

    requests: int
    window_s: float


@dataclass(frozen=True)
class LoadCaps:
    """The upper limits of a load run.

    rate: arrivals per second; seconds: duration; accounts: test accounts; connections: per process; bytes: transferred
    in the whole run. unattended: the run may start without naming the environment a second time.
    """

    rate: float
    seconds: float
    accounts: int
    connections: int
    bytes: int
    unattended: bool = False


@dataclass(frozen=True)
class Readiness:
    """The number of health requests before the first check, and the seconds between them."""

    tries: int
    interval_s: float


@dataclass(frozen=True)
class Bucket:
    """R2 over the S3 API: endpoint, bucket and keys."""

    endpoint: str
    bucket: str
    access_key_id: Secret
    secret_access_key: Secret


@dataclass(frozen=True)
class Database:
    """D1 over Cloudflare's REST API: URL of the database and API token (None on loopback)."""

    url: str
    token: Secret | None


@dataclass(frozen=True)
class NamedAccount:
    """An account of the account pool. variable: the environment variable that holds its user name, for messages."""

    username: Secret
    password: Secret
    variable: str


@dataclass(frozen=True)
class ForeignKey:
    """A key with which another environment signs its tokens. name: of that environment; variable: where its key is.

    identifier: "worker_jwt_secret", "worker_jwt_refresh_secret" or "legacy_jwt_secret". key: None if the variable is
    not set.
    """

    name: str
    identifier: str
    variable: str
    key: Secret | None


@dataclass(frozen=True)
class OwnContract:
    """An OpenAPI document of an environment's own system: a file, or the path below its URL that serves it."""

    file: Path | None = None
    served: str | None = None


@dataclass(frozen=True)
class Environment:
    """One complete environment: its systems, its stores and its limits.

    runtime_answers: the answers that the local runtime makes itself; empty without local_runtime. rules: the profile
    of rules that checks judge (core/rule_table.py).
    systems: the existing systems. absent: system or capability that does not exist -> reason. promises:
    contracts/promises.toml with the environment's own values. poses_as_clients: the runtime trusts CF-Connecting-IP, so
    the client changes that address every few requests to stay below the rate limit. names: further URLs of the front
    end (apex and www). read_only_form: gate -> reason why only its read-only checks are required; empty unless safety
    is read-only. accounts: system -> account pool, if accounts cannot be registered. kv_propagation_s, timeout_s:
    seconds. postgres, media: the database and the absolute folder of uploaded files of the legacy system, read-only.
    contracts: system -> OpenAPI document of its own, which is compared with ours. migrated_accounts: file of migrated
    accounts and their passwords (accounts/migrated_accounts.py). d1_file, d1_export: SQLite file or SQL export that the
    migration gate reads instead of D1. files: name of a file in contracts/ without .toml -> the environment's own file.
    foreign_keys: the keys with which the other environments sign their tokens.
    protected: further paths that refuse requests. operator_paths: system -> further paths that only operators may use.
    preflight: what the preflight gate checks, by section. postgres_writer: as postgres, for account roles on disposable
    environments, if another role writes. restore: a PostgreSQL server on which backups may be restored for a test.
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
    runtime_answers: tuple[RuntimeAnswer, ...] = ()
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
    files: Mapping[str, Path] = field(default_factory=dict)
    protected: tuple[ProtectedPath, ...] = ()
    operator_paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    rules: str = HOUSE
    preflight: PreflightSettings = field(default_factory=PreflightSettings)
    foreign_keys: tuple[ForeignKey, ...] = field(default=(), repr=False)
    postgres_writer: PostgresAddress | None = field(default=None, repr=False)
    restore: PostgresAddress | None = field(default=None, repr=False)

    @property
    def writable_postgres(self) -> PostgresAddress | None:
        """Return the legacy database with the role that changes accounts, None if the environment names none."""
        return self.postgres_writer or self.postgres

    @property
    def unnamed_stores(self) -> list[str]:
        """Return the stores behind both systems that the environment does not name, so no check can read them."""
        stores = {"postgres": self.postgres, "media": self.media, "d1": self.d1, "r2": self.bucket}
        return [name for name, store in stores.items() if store is None]

    @property
    def url(self) -> str:
        """Return the Worker's URL (the legacy system's if there is no Worker), for the verdict line."""
        return self.systems["worker"].url if "worker" in self.systems else self.systems["legacy"].url
