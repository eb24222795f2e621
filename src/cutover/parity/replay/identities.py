"""The identities file of a replay: the account of an identity on each system, and the file that an id means.

It contains names of environment variables, never a password. docs/replay.md shows one. replay_accounts.py logs in.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.environments import Environment
from cutover.config.validation import ConfigurationError, read_toml, table_of, texts_of, typed, whole_of
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret
from cutover.parity.replay.hosts import is_host, normalized_host
from cutover.parity.replay.json_log import LineKeys
from cutover.parity.replay.routes import SIDES

FILE_RULES: Final = ("in order", "same")
MOST_UPLOADS: Final = 20
_SECRET_HEADERS: Final = ("authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key")


@dataclass(frozen=True)
class Login:
    """The credentials for one system. variable: the environment variable with the name, for messages."""

    username: Secret
    password: Secret
    variable: str


@dataclass(frozen=True)
class MappedIdentity:
    """The account of a recorded identity.

    logins: system -> existing account; empty for `account`, the number of a new test account. uploads: number of list
    files that a new account gets. files: "in order", "same" or "" (only [files] maps ids of files).
    """

    name: str
    logins: Mapping[str, Login] = field(default_factory=dict, repr=False)
    account: int | None = None
    uploads: int = 0
    files: str = ""


@dataclass(frozen=True)
class MappedFile:
    """The id of a recorded file on each system. owner: its identity, "" for the identity of the request."""

    ids: Mapping[str, str]
    owner: str = ""


@dataclass(frozen=True)
class Identities:
    """The content of the file.

    on: the recorded system, None if unknown. hosts: of the application, normalized, empty for any. everyone: the
    identity of all lines; header: the identity header of a HAR; keys: of a JSON line. digest: identifies the content.
    """

    file: Path
    mapped: Mapping[str, MappedIdentity]
    files: Mapping[str, MappedFile]
    keys: LineKeys
    on: str | None
    hosts: tuple[str, ...]
    everyone: str | None
    header: str | None
    digest: str


def load_identities(file: Path, environment: Environment, *, variables: Mapping[str, str] | None = None) -> Identities:
    """Read the file. variables: default os.environ. Raises ConfigurationError with file, key and fix."""
    variables = os.environ if variables is None else variables
    tables = table_of(file, "", read_toml(file), {"recording", "identities", "files"})
    section = table_of(file, "recording", tables.get("recording", {}), {"on", "hosts", "identity", "header", "keys"})
    texts = texts_of(
        file, "recording", {name: section[name] for name in ("on", "identity", "header") if name in section}
    )
    if texts.get("on", "legacy") not in SIDES:
        raise ConfigurationError(
            file, "recording.on", f"unknown system {texts['on']!r}", f"Use one of {', '.join(SIDES)}."
        )
    if texts.get("header", "").lower() in _SECRET_HEADERS:
        raise ConfigurationError(
            file, "recording.header", "this header contains a secret, not a name", "Name another header."
        )
    keys = texts_of(
        file, "recording.keys", table_of(file, "recording.keys", section.get("keys", {}), set(vars(LineKeys())))
    )
    hosts = [
        typed(file, "recording.hosts", host, str, "a host")
        for host in typed(file, "recording.hosts", section.get("hosts", []), list, "a list of hosts")
    ]
    for host in hosts:
        if not is_host(host):
            raise ConfigurationError(
                file,
                "recording.hosts",
                f"expected a host like list-cutter.com, got {host!r}",
                "Remove scheme and path.",
            )
    mapped = {
        name: _mapped(file, f'identities."{name}"', name, row, environment, variables)
        for name, row in table_of(file, "identities", tables.get("identities", {})).items()
    }
    numbers = [person.account for person in mapped.values() if person.account is not None]
    if len(set(numbers)) < len(numbers):
        raise ConfigurationError(
            file, "identities", "two identities have the same account number", "Give each its own number."
        )
    if "identity" in texts and texts["identity"] not in mapped:
        raise ConfigurationError(
            file, "recording.identity", f"{texts['identity']!r} is missing in [identities]", "Add it there."
        )
    return Identities(
        file,
        mapped,
        _files(file, table_of(file, "files", tables.get("files", {})), mapped),
        LineKeys(**keys),
        texts.get("on"),
        tuple(map(normalized_host, hosts)),
        texts.get("identity"),
        texts.get("header"),
        hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()[:32],
    )


def _mapped(
    file: Path, key: str, name: str, row: Any, environment: Environment, variables: Mapping[str, str]
) -> MappedIdentity:
    table = table_of(file, key, row, {*SIDES, "account", "uploads", "files"})
    if environment.safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(
            file,
            key,
            f"no logins are allowed on {environment.name}: its safety level is {environment.safety.label}",
            "Remove the identities. Anonymous requests are still replayed.",
        )
    rule = typed(file, f"{key}.files", table.get("files", ""), str, "a rule")
    if rule and rule not in FILE_RULES:
        raise ConfigurationError(file, f"{key}.files", f"unknown rule {rule!r}", f"Use one of {', '.join(FILE_RULES)}.")
    if ("account" in table) == any(side in table for side in SIDES):
        raise ConfigurationError(
            file, key, "has no account, or two kinds of accounts", "Add either account = 1, or legacy and worker."
        )
    if "account" in table:
        if "registration" in environment.absent:
            why = environment.absent["registration"]
            raise ConfigurationError(
                file, f"{key}.account", f"{environment.name} has no registration ({why})", "Name legacy and worker."
            )
        number = whole_of(file, f"{key}.account", table["account"], least=1, most=1000)
        uploads = whole_of(file, f"{key}.uploads", table.get("uploads", 0), least=0, most=MOST_UPLOADS)
        if rule == "same":
            raise ConfigurationError(file, f"{key}.files", "a new account has no recorded files", 'Use "in order".')
        return MappedIdentity(name, account=number, uploads=uploads, files=rule)
    if "uploads" in table:
        raise ConfigurationError(
            file, f"{key}.uploads", "allowed only for new accounts: a replay only reads", "Remove it."
        )
    return MappedIdentity(
        name, {side: _login(file, f"{key}.{side}", table, side, variables) for side in SIDES}, files=rule
    )


def _login(file: Path, key: str, table: Mapping[str, Any], side: str, variables: Mapping[str, str]) -> Login:
    fix = '{ username = "VARIABLE", password = "VARIABLE" }'
    if side not in table:
        raise ConfigurationError(file, key, "missing: the account must exist on both systems", f"Add {fix}.")
    names = texts_of(file, key, table_of(file, key, table[side], {"username", "password"}))
    values = []
    for part in ("username", "password"):
        if part not in names:
            raise ConfigurationError(file, f"{key}.{part}", "missing", f"Add {fix}.")
        if not variables.get(names[part]):
            raise ConfigurationError(
                file,
                f"{key}.{part}",
                f"the environment variable {names[part]} is not set",
                f"Set {names[part]}.",
            )
        values.append(Secret(variables[names[part]]))
    return Login(values[0], values[1], names["username"])


def _files(file: Path, table: Mapping[str, Any], mapped: Mapping[str, MappedIdentity]) -> dict[str, MappedFile]:
    found = {}
    for recorded, row in table.items():
        key = f'files."{recorded}"'
        texts = texts_of(file, key, table_of(file, key, row, {*SIDES, "owner"}))
        for side in SIDES:
            if not texts.get(side):
                raise ConfigurationError(file, f"{key}.{side}", "missing", f"Add the id of the file on {side}.")
        if texts.get("owner", "") not in ("", *mapped):
            raise ConfigurationError(file, f"{key}.owner", "unknown identity", "Use a name of [identities].")
        found[recorded] = MappedFile({side: texts[side] for side in SIDES}, texts.get("owner", ""))
    for side in SIDES:
        ids = [mapped.ids[side] for mapped in found.values()]
        twice = next((one for one in ids if ids.count(one) > 1), None)
        if twice is not None:
            raise ConfigurationError(
                file, "files", f"two recorded ids are mapped to {twice} on {side}", "Map them one to one."
            )
    return found
