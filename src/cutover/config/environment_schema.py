"""The schema of one table of environments.toml. docs/environments.md explains every key."""

from __future__ import annotations

from typing import Any, Final

from cutover.config.environment_paths import OPERATOR_PATHS, PROTECTED
from cutover.config.manifest import GATES
from cutover.config.operations import SYSTEMS
from cutover.config.preflight_settings import PREFLIGHT
from cutover.config.validation import AnyTable, Flag, Integer, Items, Number, Table, Text, Texts
from cutover.core.rule_table import HOUSE, PROFILES
from cutover.core.safety import SafetyLevel

CAPABILITIES: Final = (
    "d1", "r2", "names", "https", "limiter", "registration", "http2", "postgres", "media", "migrated",
    "wrangler", "dns", "tls", "prerequisites",
)  # fmt: skip
"""The capabilities that a check may need besides a system. Table `absent` says why an environment has none."""

DOCUMENTS: Final = tuple(f"{system}_document" for system in SYSTEMS)
"""Capabilities that the environment has if its rules are `house` or it names an OpenAPI document of the system."""

SECRETS: Final = frozenset({
    "account_key", "worker_jwt_secret", "worker_jwt_refresh_secret", "legacy_jwt_secret", "r2_access_key_id",
    "r2_secret_access_key", "limiter_bypass", "d1_api_token", "cloudflare_api_token", "postgres_dsn",
    "postgres_writer_dsn", "restore_dsn",
})  # fmt: skip
"""The secrets that table `secrets` may name, each by the environment variable that holds it."""

_VARIABLE: Final = "the name of an environment variable"

_IDENTITY: Final = Table(
    {
        "header": Text(),
        "fields": Texts(name="a JSON pointer"),
        "address_only": Text("a reason"),
        "value": Text(),
        "operations": Items(Text("an operation"), "an array of operations"),
        "success_only": Flag(),
        "version_header": Text(),
        "version": Text(choices=("required",)),
    },
)
_SYSTEM: Final = Table(
    {"url": Text("a URL"), "name": Text(), "identity": _IDENTITY, "absent": Text("a reason")},
)
_BUDGET: Final = Table(
    {"requests": Integer(1, 1_000_000), "window_s": Number(0.001, 86_400)}, required=("requests", "window_s")
)
_READINESS: Final = Table(
    {"tries": Integer(1, 10_000), "interval_s": Number(most=3600)}, defaults={"tries": 30, "interval_s": 10.0}
)
_LOAD: Final = Table(
    {
        "rate": Number(0.001, 100_000),
        "seconds": Number(1, 86_400),
        "accounts": Integer(1, 1000),
        "connections": Integer(1, 9000),
        "bytes": Integer(1, 10**13),
        "unattended": Flag(),
    },
    required=("rate", "seconds", "accounts", "connections", "bytes"),
)
_ACCOUNT: Final = Table({"username": Text(_VARIABLE), "password": Text(_VARIABLE)}, required=("username", "password"))
_DOCUMENT: Final = Table({"file": Text("a file's path"), "served": Text("a path")})

FILES: Final = Texts(
    frozenset({"accepted_differences", "parity", "migration", "known_violations", "promises", "journeys"}),
    "a file's path",
)
"""The files of an environment that replace those of the same name in contracts/."""

_DEFAULTS: Final[dict[str, Any]] = {
    "description": "",
    "budget": {"requests": 90, "window_s": 60.0},
    "readiness": _READINESS.defaults,
    "kv_propagation_s": 60.0,
    "timeout_s": 30.0,
    "pair": False,
    "local_runtime": False,
    "rules": HOUSE,
    "poses_as_clients": False,
    "names": (),
    "protected": (),
    **{
        key: {}
        for key in (
            "secrets",
            "absent",
            "operations",
            "routes",
            "promises",
            "read_only_form",
            "contract",
            "files",
            "operator_paths",
            "preflight",
        )
    },
}

ENVIRONMENT: Final = Table(
    {
        "description": Text(),
        "pair": Flag(),
        "safety": Text(choices=tuple(level.label for level in SafetyLevel)),
        "worker": _SYSTEM,
        "legacy": _SYSTEM,
        "r2": Table({"endpoint": Text("a URL"), "bucket": Text()}, required=("endpoint", "bucket")),
        "d1": Table({"url": Text("a URL"), "file": Text("a file's path"), "export": Text("a file's path")}),
        "postgres": Table({"host": Text("a host name")}),
        "media": Text("a folder's path"),
        "secrets": Texts(SECRETS, _VARIABLE),
        "migrated_accounts": Text(_VARIABLE),
        "accounts": Table({system: Items(_ACCOUNT, "an array of accounts") for system in SYSTEMS}),
        "budget": _BUDGET,
        "readiness": _READINESS,
        "kv_propagation_s": Number(most=3600),
        "timeout_s": Number(0.1, 3600),
        "ca_file": Text("a file's path"),
        "local_runtime": Flag(),
        "rules": Text(choices=PROFILES),
        "poses_as_clients": Flag(),
        "names": Items(Text("a URL"), "an array of URLs"),
        "absent": Texts(frozenset(CAPABILITIES), "a reason"),
        "read_only_form": Texts(frozenset(GATES), "a reason"),
        "contract": Table(dict.fromkeys(SYSTEMS, _DOCUMENT)),
        "load": _LOAD,
        "files": FILES,
        "protected": PROTECTED,
        "operator_paths": OPERATOR_PATHS,
        "preflight": PREFLIGHT,
        "operations": AnyTable(),
        "routes": AnyTable(),
        "promises": AnyTable(),
    },
    required=("safety", *SYSTEMS),
    defaults=_DEFAULTS,
)
