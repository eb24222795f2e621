"""Load an environment: a table of environments.toml, or an ad-hoc Worker URL. Nothing here opens a connection."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cutover.config.certificate_file import read_ca_file
from cutover.config.embedded_environment import with_pair
from cutover.config.environment import (
    Bucket,
    Budget,
    Database,
    Environment,
    Identity,
    LoadCaps,
    NamedAccount,
    OwnContract,
    Readiness,
    System,
)
from cutover.config.environment_identity import read_identity
from cutover.config.environment_paths import read_protected
from cutover.config.environment_promises import read_promises
from cutover.config.environment_schema import CAPABILITIES, DOCUMENTS, ENVIRONMENT, FILES
from cutover.config.environment_secrets import read_accounts, read_foreign_keys, read_migrated_accounts, read_secrets
from cutover.config.environment_stores import (
    read_address,
    read_bucket,
    read_d1_file,
    read_database,
    read_media,
    read_postgres,
    require_cloudflare_token,
)
from cutover.config.local_runtime import runtime_answers
from cutover.config.operations import SYSTEMS, Operations, load_operations
from cutover.config.preflight_prerequisites import require_secrets
from cutover.config.preflight_settings import read_preflight
from cutover.config.validation import CORRECT, ConfigurationError, Flag, read_toml, require, typed
from cutover.core.rule_table import UNIVERSAL
from cutover.core.safety import AllowList, SafetyLevel

if TYPE_CHECKING:
    from cutover.embedded.state import PairState

__all__ = [
    "CAPABILITIES",
    "Bucket",
    "Budget",
    "Database",
    "Environment",
    "Identity",
    "LoadCaps",
    "NamedAccount",
    "OwnContract",
    "Readiness",
    "System",
    "environment_names",
    "is_embedded",
    "load_environment",
    "no_environment",
]


def environment_names(project: Path) -> list[str]:
    """Return the names in environments.toml, in file order. Raises ConfigurationError."""
    return list(read_toml(project / "environments.toml"))


def no_environment(project: Path) -> ConfigurationError:
    """Return the error for a run that names no environment."""
    names = ", ".join(environment_names(project))
    return ConfigurationError("--env", "", "expected an environment, got none", f"Use --env with one of: {names}.")


def is_embedded(project: Path, name: str) -> bool:
    """Return True if the environment is the pair that the suite starts itself. Raises ConfigurationError."""
    table = _table(project, name)
    return Flag().read(project / "environments.toml", f"{name}.pair", table.get("pair", False))


def load_environment(
    project: Path, name: str, *, pair: PairState | None = None, variables: Mapping[str, str] | None = None
) -> Environment:
    """Return the environment of that name, or of that https URL.

    pair: the running pair, for an embedded environment. variables: where the named secrets are read, os.environ if
    None. Raises ConfigurationError with file, key and fix.
    """
    variables = os.environ if variables is None else variables
    if "://" in name:
        return _ad_hoc(project, name)
    file = project / "environments.toml"
    table = ENVIRONMENT.read(file, name, _table(project, name))
    own_variables = variables
    if table["pair"]:
        if pair is None:
            raise ConfigurationError(
                file, f"{name}.pair", "the pair is not running", "Start it with `cutover pair up`."
            )
        table, own_variables = with_pair(table, pair)
    files = environment_files(project, name)
    operations = load_operations(project / "contracts" / "operations.toml", table["operations"], table["routes"], name)
    systems, absent = _systems(file, name, table, operations)
    safety = SafetyLevel.parse(table["safety"])
    secrets = read_secrets(file, name, table["secrets"], own_variables)
    bucket = read_bucket(file, name, table.get("r2"), secrets)
    d1 = read_database(file, name, table.get("d1"), secrets)
    postgres = read_postgres(file, name, table.get("postgres"), secrets)
    preflight = read_preflight(file, name, table["preflight"])
    require_secrets(file, name, preflight.prerequisites, secrets)
    writer, restore = (read_address(file, name, f"{each}_dsn", secrets) for each in ("postgres_writer", "restore"))
    urls = {system.system: system.url for system in systems.values()}
    urls |= {f"name {url}": url for url in table["names"]}
    urls |= ({"r2": bucket.endpoint} if bucket else {}) | ({"d1": d1.url} if d1 else {})
    if preflight.wrangler is not None and preflight.wrangler.api is not None:
        require_cloudflare_token(file, name, secrets)
        urls["cloudflare"] = preflight.wrangler.api
    named = {"restore": restore, "postgres_writer": writer, "postgres": postgres}
    servers = {each: (at.host, at.port) for each, at in named.items() if at is not None}
    if preflight.dns is not None:
        urls |= {f"preflight.dns.names {host}": f"https://{host}" for host in preflight.dns.names}
        servers |= preflight.dns.servers
    try:
        allowed = AllowList(urls, servers)
    except ValueError as error:
        raise ConfigurationError(file, name, str(error), "Correct the URL.") from None
    return Environment(
        name=name,
        description=table["description"],
        safety=safety,
        systems=systems,
        absent={**table["absent"], **absent, **_undocumented(table["rules"], table["contract"])},
        budget=Budget(**table["budget"]),
        readiness=Readiness(**table["readiness"]),
        kv_propagation_s=table["kv_propagation_s"],
        timeout_s=table["timeout_s"],
        operations=operations,
        allowed=allowed,
        secrets=secrets,
        bucket=bucket,
        ca_file=read_ca_file(file, name, table.get("ca_file")),
        promises=read_promises(project, name, table["promises"], files.get("promises")),
        files=files,
        protected=read_protected(file, name, table["protected"]),
        operator_paths=table["operator_paths"],
        d1=d1,
        d1_file=read_d1_file(file, name, table.get("d1"), "file"),
        d1_export=read_d1_file(file, name, table.get("d1"), "export"),
        postgres=postgres,
        postgres_writer=writer,
        restore=restore,
        media=read_media(file, name, table.get("media")),
        load=LoadCaps(**table["load"]) if "load" in table else None,
        contracts=_contracts(file, name, table["contract"], systems),
        migrated_accounts=read_migrated_accounts(file, name, table.get("migrated_accounts"), own_variables),
        names=table["names"],
        accounts=read_accounts(file, name, table, systems, safety, variables),
        read_only_form=_read_only_form(file, name, safety, table["read_only_form"]),
        poses_as_clients=table["poses_as_clients"],
        local_runtime=table["local_runtime"],
        rules=table["rules"],
        preflight=preflight,
        foreign_keys=read_foreign_keys(
            read_toml(file), name, {system.system: system.url for system in systems.values()}, variables
        ),
        runtime_answers=runtime_answers(project) if table["local_runtime"] else (),
    )


def _undocumented(rules: str, contract: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Return the systems' documents that are absent: the suite's documents are house conventions."""
    if rules != UNIVERSAL:
        return {}
    return {
        name: f"rules = {rules!r}, and contract.{system}.file names no OpenAPI document of its own"
        for name, system in zip(DOCUMENTS, SYSTEMS, strict=True)
        if "file" not in contract.get(system, {})
    }


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
    """Return the environment of a Worker that no table names: read-only, without secrets and identity."""
    try:
        allowed = AllowList({"worker": url})
    except ValueError as error:
        raise ConfigurationError("--env", "", str(error), "Give an https URL, or a name.") from None
    return Environment(
        name=url,
        description="ad-hoc URL",
        safety=SafetyLevel.READ_ONLY,
        systems={"worker": System("worker", url.rstrip("/"), None)},
        absent={"legacy": "an ad-hoc URL names the Worker only", **_undocumented(UNIVERSAL, {})},
        budget=Budget(90, 60.0),
        readiness=Readiness(30, 10.0),
        kv_propagation_s=60.0,
        timeout_s=30.0,
        operations=load_operations(project / "contracts" / "operations.toml", {}, {}, url),
        promises=read_promises(project, url, {}),
        allowed=allowed,
        rules=UNIVERSAL,  # no table declares that it follows the conventions of contracts/api.md
    )


def _systems(
    file: Path, name: str, table: Mapping[str, Any], operations: Operations
) -> tuple[dict[str, System], dict[str, str]]:
    """Return the systems that exist, and the reasons of those that do not."""
    systems: dict[str, System] = {}
    absent: dict[str, str] = {}
    for system in SYSTEMS:
        key, row = f"{name}.{system}", table[system]
        if "absent" in row:
            if len(row) > 1:
                raise ConfigurationError(
                    file, key, "expected either absent or other keys, got both", "Remove absent, or the other keys."
                )
            absent[system] = row["absent"]
            continue
        url: str = require(file, key, row, "url")
        identity = None
        if "identity" in row:
            identity = read_identity(file, f"{key}.identity", row["identity"], operations[system])
        systems[system] = System(system, url.rstrip("/"), identity, row.get("name"))
    if not systems:
        raise ConfigurationError(file, name, "neither system has a URL", "Add at least one.")
    if len({system.url.lower() for system in systems.values()}) < len(systems):
        raise ConfigurationError(
            file, name, "both systems have the same URL, so one of them would not be checked", "Correct one URL."
        )
    return systems, absent


def _read_only_form(file: Path, name: str, safety: SafetyLevel, reasons: dict[str, str]) -> dict[str, str]:
    key = f"{name}.read_only_form"
    for gate, reason in reasons.items():
        if not reason.strip():
            raise ConfigurationError(
                file, f"{key}.{gate}", "expected a reason, got none", "Say why the other checks are not required."
            )
    if reasons and safety is not SafetyLevel.READ_ONLY:
        raise ConfigurationError(
            file, key, f"expected safety read-only, got {safety.label}", "Remove this table, or lower safety."
        )
    return reasons


def environment_operations(project: Path, name: str) -> Operations:
    """Return the operations of an environment, also of one whose pair is not running. Raises ConfigurationError."""
    table = _table(project, name)
    changes, routes = table.get("operations", {}), table.get("routes", {})
    return load_operations(project / "contracts" / "operations.toml", changes, routes, name)


def environment_files(project: Path, name: str) -> dict[str, Path]:
    """Return the files that an environment uses in place of those in contracts/. Raises ConfigurationError."""
    file = project / "environments.toml"
    if "://" in name:
        return {}
    table = FILES.read(file, f"{name}.files", _table(project, name).get("files", {}))
    found = {key: project / path for key, path in table.items()}
    for key, path in found.items():
        if not _is_file(path):
            raise ConfigurationError(
                file, f"{name}.files.{key}", f"expected a TOML file, got no file {table[key]!r}", CORRECT
            )
    return found


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or with a NUL
        return False


def _contracts(
    file: Path, name: str, table: Mapping[str, Any], systems: Mapping[str, System]
) -> dict[str, OwnContract]:
    """Return the OpenAPI documents of the environment's own systems."""
    contracts = {}
    for system, row in table.items():
        key = f"{name}.contract.{system}"
        if system not in systems:
            raise ConfigurationError(file, key, f"{name} has no {system}", "Remove the table.")
        if not row:
            raise ConfigurationError(file, key, "expected file or served, got neither", "Add one.")
        document = file.parent / row["file"] if "file" in row else None
        if document is not None and not document.is_file():
            raise ConfigurationError(
                file, f"{key}.file", f"expected an OpenAPI document, got no file {document}", CORRECT
            )
        if not row.get("served", "/").startswith("/"):
            raise ConfigurationError(
                file, f"{key}.served", f"expected a path that begins with /, got {row['served']!r}", CORRECT
            )
        contracts[system] = OwnContract(document, row.get("served"))
    return contracts
