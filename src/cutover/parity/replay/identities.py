"""The identities file of a replay: whose account an identity is on each system, and which file an id is.

Holds names of environment variables, never a password. Not for logging in: people.py. docs/replay.md shows one.
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
from cutover.parity.replay.access_log import Keys
from cutover.parity.replay.routes import SIDES

FILE_RULES: Final = ("in order", "same")
MOST_UPLOADS: Final = 20
_SECRET_HEADERS: Final = ("authorization", "cookie", "set-cookie", "proxy-authorization", "x-api-key")


@dataclass(frozen=True)
class Login:
    """How to log in on one system. variable: that which holds the name, to speak of it."""

    username: Secret
    password: Secret
    variable: str


@dataclass(frozen=True)
class Mapped:
    """Whose account a recorded identity is.

    logins: system -> account that exists there; empty for `account`, the number of a fresh test account. uploads: list
    files that a fresh account gets first. files: "in order", "same" or "" (only [files] says which file an id is).
    """

    name: str
    logins: Mapping[str, Login] = field(default_factory=dict, repr=False)
    account: int | None = None
    uploads: int = 0
    files: str = ""


@dataclass(frozen=True)
class MappedFile:
    """Which file a recorded id is on each system. owner: the identity whose it is, "" for whoever asks."""

    ids: Mapping[str, str]
    owner: str = ""


@dataclass(frozen=True)
class Identities:
    """The whole file.

    on: the system that was recorded, None when nobody knows. hosts: those of the application, empty for any. everyone:
    the identity of all lines; header: of a HAR's request; keys: of a line of JSON. digest: tells it from another file.
    """

    file: Path
    people: Mapping[str, Mapped]
    files: Mapping[str, MappedFile]
    keys: Keys
    on: str | None
    hosts: tuple[str, ...]
    everyone: str | None
    header: str | None
    digest: str


def load_identities(file: Path, environment: Environment, *, variables: Mapping[str, str] | None = None) -> Identities:
    """Read it. variables: os.environ when None. Raises ConfigurationError, naming file, key and fix."""
    variables = os.environ if variables is None else variables
    tables = table_of(file, "", read_toml(file), {"recording", "identities", "files"})
    told = table_of(file, "recording", tables.get("recording", {}), {"on", "hosts", "identity", "header", "keys"})
    texts = texts_of(file, "recording", {name: told[name] for name in ("on", "identity", "header") if name in told})
    if texts.get("on", "legacy") not in SIDES:
        raise ConfigurationError(file, "recording.on", f"{texts['on']!r} is no system", f"One of {', '.join(SIDES)}.")
    if texts.get("header", "").lower() in _SECRET_HEADERS:
        raise ConfigurationError(file, "recording.header", "holds a secret, which is no name", "Name another header.")
    keys = texts_of(file, "recording.keys", table_of(file, "recording.keys", told.get("keys", {}), set(vars(Keys()))))
    hosts = typed(file, "recording.hosts", told.get("hosts", []), list, "a list of hosts")
    people = {
        name: _mapped(file, f'identities."{name}"', name, row, environment, variables)
        for name, row in table_of(file, "identities", tables.get("identities", {})).items()
    }
    numbers = [person.account for person in people.values() if person.account is not None]
    if len(set(numbers)) < len(numbers):
        raise ConfigurationError(file, "identities", "two have the same fresh account", "Give each its own number.")
    if "identity" in texts and texts["identity"] not in people:
        raise ConfigurationError(
            file, "recording.identity", f"[identities] has no {texts['identity']!r}", "Add it there."
        )
    return Identities(
        file,
        people,
        _files(file, table_of(file, "files", tables.get("files", {})), people),
        Keys(**keys),
        texts.get("on"),
        tuple(str(typed(file, "recording.hosts", host, str, "a host")).lower() for host in hosts),
        texts.get("identity"),
        texts.get("header"),
        hashlib.sha256(json.dumps(tables, sort_keys=True, default=str).encode()).hexdigest()[:32],
    )


def _mapped(
    file: Path, key: str, name: str, row: Any, environment: Environment, variables: Mapping[str, str]
) -> Mapped:
    table = table_of(file, key, row, {*SIDES, "account", "uploads", "files"})
    if environment.safety < SafetyLevel.TEST_DATA:
        raise ConfigurationError(
            file,
            key,
            f"nobody may log in on {environment.name}, whose safety is {environment.safety.label}",
            "Take the identities out; what anybody may ask is replayed all the same.",
        )
    rule = typed(file, f"{key}.files", table.get("files", ""), str, "a rule")
    if rule and rule not in FILE_RULES:
        raise ConfigurationError(file, f"{key}.files", f"{rule!r} is no rule", f"One of {', '.join(FILE_RULES)}.")
    if ("account" in table) == any(side in table for side in SIDES):
        raise ConfigurationError(file, key, "is mapped to no account", "Give it account = 1, or legacy and worker.")
    if "account" in table:
        if "registration" in environment.absent:
            why = environment.absent["registration"]
            raise ConfigurationError(
                file, f"{key}.account", f"{environment.name} has no registration ({why})", "Name legacy and worker."
            )
        number = whole_of(file, f"{key}.account", table["account"], least=1, most=1000)
        uploads = whole_of(file, f"{key}.uploads", table.get("uploads", 0), least=0, most=MOST_UPLOADS)
        if rule == "same":
            raise ConfigurationError(file, f"{key}.files", "a fresh account has no recorded file", 'Use "in order".')
        return Mapped(name, account=number, uploads=uploads, files=rule)
    if "uploads" in table:
        raise ConfigurationError(file, f"{key}.uploads", "is for fresh accounts; a replay only reads", "Remove it.")
    return Mapped(name, {side: _login(file, f"{key}.{side}", table, side, variables) for side in SIDES}, files=rule)


def _login(file: Path, key: str, table: Mapping[str, Any], side: str, variables: Mapping[str, str]) -> Login:
    fix = '{ username = "VARIABLE", password = "VARIABLE" }'
    if side not in table:
        raise ConfigurationError(file, key, "missing: the account has to be on both systems", f"Add {fix}.")
    told = texts_of(file, key, table_of(file, key, table[side], {"username", "password"}))
    values = []
    for part in ("username", "password"):
        if part not in told:
            raise ConfigurationError(file, f"{key}.{part}", "missing", f"Write {fix}.")
        if not variables.get(told[part]):
            raise ConfigurationError(
                file, f"{key}.{part}", f"the environment variable {told[part]} is not set", f"Set {told[part]}."
            )
        values.append(Secret(variables[told[part]]))
    return Login(values[0], values[1], told["username"])


def _files(file: Path, table: Mapping[str, Any], people: Mapping[str, Mapped]) -> dict[str, MappedFile]:
    found = {}
    for recorded, row in table.items():
        key = f'files."{recorded}"'
        told = texts_of(file, key, table_of(file, key, row, {*SIDES, "owner"}))
        for side in SIDES:
            if not told.get(side):
                raise ConfigurationError(file, f"{key}.{side}", "missing", f"Add the id that {side} has for it.")
        if told.get("owner", "") not in ("", *people):
            raise ConfigurationError(file, f"{key}.owner", "is none of [identities]", "Name one of them.")
        found[recorded] = MappedFile({side: told[side] for side in SIDES}, told.get("owner", ""))
    for side in SIDES:
        ids = [mapped.ids[side] for mapped in found.values()]
        twice = next((one for one in ids if ids.count(one) > 1), None)
        if twice is not None:
            raise ConfigurationError(file, "files", f"two recorded ids are {twice} on {side}", "Map them one to one.")
    return found
