"""Every mutation of a file that an environment or an option names is read or refused with one message.

The judging files themselves: test_judging_file_mutations.py and test_configuration_values.py.
"""

import copy
import dataclasses
import datetime
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.suite.unit.test_judging_file_mutations import VALUES, places

from cutover.accounts.migrated_accounts import migrated_accounts
from cutover.config import environment_promises, environments, manifest, operations, waivers
from cutover.config.environments import load_environment
from cutover.config.manifest import load_manifest
from cutover.config.validation import ConfigurationError, read_toml, root
from cutover.config.waivers import load_waivers
from cutover.contract.breaking_changes import breaking_changes
from cutover.contract.document import FILES, read_contract
from cutover.contract.document_text import parse_text
from cutover.contract.lint import lint
from cutover.contract.request_document import request_document
from cutover.parity.journeys import declared
from cutover.parity.replay import identities

pytestmark = pytest.mark.unit

LOCAL = load_environment(root(), "local", variables={})
NAMED = dict.fromkeys(("A", "B", "C", "D"), "a-value-of-16-letters")
JOURNEYS = """
[[journey]]
name = "share a list"
story = "Bob cannot read Ann's list."
actors = ["ann", "bob"]
[[journey.step]]
operation = "upload"
actor = "ann"
file = { name = "a.csv", content = "a,b" }
saves = "list"
[[journey.step]]
operation = "tags"
actor = "ann"
path = { file_id = { saved = "list", field = "file_id" } }
fields = { tags = ["1"] }
[[journey.step]]
operation = "logout"
actor = "ann"
fields = { refresh_token = { own = "refresh_token" } }
bearer = "old access"
[[journey.step]]
operation = "list_files"
actor = "bob"
headers = { accept-encoding = "identity" }
"""
IDENTITIES = """
[recording]
on = "legacy"
hosts = ["list-cutter.com"]
identity = "ann"
header = "x-user"
keys = { path = "uri" }
[identities.ann]
account = 1
uploads = 2
files = "in order"
[identities.bob]
legacy = { username = "A", password = "B" }
worker = { username = "C", password = "D" }
files = "same"
[files.7]
legacy = "7"
worker = "8"
owner = "bob"
"""
WAIVERS = """
[[waiver]]
check = "tests/smoke/test_health.py::test_health_is_fresh[worker]"
environment = "staging"
fingerprint = "abc"
reason = "known"
owner = "team"
expires = 2026-02-01
"""
ACCOUNTS = [
    {"username": "ann", "password": "secret", "is_active": True, "email": "ann@example.invalid"},
    {"username": "bob", "password": "secret", "is_active": False, "email": ""},
]
ENVIRONMENTS = tomllib.loads((root() / "environments.toml").read_text())
Load = Callable[[Path, Any], object]


def journeys(folder: Path, tables: Any) -> object:
    """Read a file of journeys."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(declared, "read_toml", lambda _: tables)
        return declared.load_journeys(folder / "journeys.toml", LOCAL.operations)


def mapped_identities(folder: Path, tables: Any) -> object:
    """Read the identities of a recording."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(identities, "read_toml", lambda _: tables)
        return identities.load_identities(folder / "identities.toml", LOCAL, variables=NAMED)


def known_accounts(folder: Path, rows: Any) -> object:
    """Read the migrated accounts."""
    (folder / "accounts.json").write_text(json.dumps(rows, default=str))
    return migrated_accounts(dataclasses.replace(LOCAL, migrated_accounts=folder / "accounts.json"))


def environment(name: str) -> Load:
    """Return the reader of one of this project's environments, with all its secrets set."""

    def load(_: Path, table: Any) -> object:
        def read(path: Path) -> dict[str, Any]:
            return {**ENVIRONMENTS, name: table} if path.name == "environments.toml" else read_toml(path)

        class Variables(dict[str, str]):
            def __missing__(self, key: str) -> str:
                return f"a-value-of-more-than-sixteen-letters-{key}"

            get = dict.__getitem__  # type: ignore[assignment]

        with pytest.MonkeyPatch.context() as patched:
            for module in (environments, environment_promises, operations):
                patched.setattr(module, "read_toml", read)
            return load_environment(root(), name, variables=Variables())

    return load


def listed_checks(_: Path, tables: Any) -> object:
    """Read the manifest."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(manifest, "read_toml", lambda _: tables)
        return load_manifest(root())


def accepted_findings(_: Path, tables: Any) -> object:
    """Read the waivers."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(waivers, "read_toml", lambda _: tables)
        return load_waivers(root(), "staging", load_manifest(root()), datetime.date(2026, 1, 1))


def document(folder: Path, tables: Any) -> object:
    """Read an OpenAPI document, and use it as the contract gate does before it sends anything."""
    (folder / "own.json").write_text(json.dumps(tables, default=str))
    contract = read_contract(folder / "own.json")
    table = LOCAL.operations["worker"]
    lint(contract, table)
    request_document(contract.with_operations(table), table)
    return breaking_changes(contract, contract)


DOCUMENT = parse_text((root() / FILES["worker"]).read_text(), FILES["worker"])
CONTENTS: dict[str, tuple[Load, Any, int]] = {
    "journeys": (journeys, tomllib.loads(JOURNEYS), 40),
    "identities": (mapped_identities, tomllib.loads(IDENTITIES), 40),
    "accounts": (known_accounts, ACCOUNTS, 10),
    "manifest": (listed_checks, tomllib.loads((root() / "manifest.toml").read_text()), 12),
    "waivers": (accepted_findings, tomllib.loads(WAIVERS), 10),
    "document": (document, DOCUMENT, 12),
    **{
        name: (environment(name), table, 25)
        for name, table in ENVIRONMENTS.items()
        if name != "embedded"  # its addresses come from a running pair
    },
}
"""Content -> its reader, the unchanged content, and how many of its places are tried, at equal distances."""


def refusal(load: Load, folder: Path, content: Any) -> ConfigurationError | None:
    """Return the message with which a content is refused. Any other exception fails the test."""
    refused: ConfigurationError | None = None
    try:
        load(folder, content)
    except ConfigurationError as error:
        refused = error
    assert refused is None or (refused.problem and refused.fix and "\n" not in str(refused))
    return refused


@pytest.mark.parametrize("name", CONTENTS)
def test_unchanged_content_is_read(name: str, tmp_path: Path) -> None:
    """The control of the test below."""
    load, content, _ = CONTENTS[name]
    load(tmp_path, copy.deepcopy(content))


@pytest.mark.parametrize("name", CONTENTS)
def test_mutated_content_is_read_or_refused(name: str, tmp_path: Path) -> None:
    """A removed, renamed or replaced value at any place ends with one message at most."""
    load, content, most = CONTENTS[name]
    found = list(places(content))
    refused = 0
    for place in found[:: max(1, len(found) // most)]:
        for change in ("remove", "rename", *VALUES):
            mutated = copy.deepcopy(content)
            inner = mutated
            for key in place[:-1]:
                inner = inner[key]
            if change in ("remove", "rename"):
                value = inner.pop(place[-1])
                if change == "rename" and isinstance(inner, dict):
                    inner[f"{place[-1]}_"] = value
            else:
                inner[place[-1]] = copy.deepcopy(change)
            try:
                refused += refusal(load, tmp_path, mutated) is not None
            except Exception as error:  # the place is what the reader of the failure needs
                raise AssertionError(f"{name} at {place}, {change!r}: {type(error).__name__}: {error}") from error
    assert refused
