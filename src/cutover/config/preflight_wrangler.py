"""The settings of the preflight checks of the Wrangler configuration: table `preflight.wrangler` of an environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from cutover.config.validation import CORRECT, ConfigurationError, Items, Table, Text, Texts

_NAMES: Final = Items(Text(), "an array of strings")


class _NamesByEnvironment:
    """A table of arrays of strings, by environment of the Wrangler configuration."""

    def read(self, file: Path, key: str, value: object) -> dict[str, tuple[str, ...]]:
        """Return the table. Raises ConfigurationError."""
        if not isinstance(value, dict):
            raise ConfigurationError(file, key, f"expected a table of arrays, got {value!r}", CORRECT)
        return {name: _NAMES.read(file, f"{key}.{name}", names) for name, names in value.items()}


_SHARED: Final = Table({"environments": _NAMES, "reason": Text("a reason")}, required=("environments", "reason"))

WRANGLER: Final = Table(
    {
        "file": Text("a file's path"),
        "production": Text(),
        "staging": Text(),
        "colours": _NAMES,
        "without": Texts(None, "a reason"),
        "hosts": _NAMES,
        "sources": Text("a folder's path"),
        "shared": Items(_SHARED, "an array of tables"),
        "differences": Texts(None, "a reason"),
        "secrets": _NamesByEnvironment(),
        "secret_lists": Texts(None, "a file's path"),
        "account": Text("an account's id"),
        "api": Text("a URL"),
    },
    required=("file",),
)
"""The schema of table `preflight.wrangler`."""

_SUFFIXES: Final = (".toml", ".json", ".jsonc")
TOP_LEVEL: Final = ""
"""The name of the environment that `wrangler deploy` without --env deploys."""


@dataclass(frozen=True)
class SharedStores:
    """Environments that use the same stores on purpose: two colours of production."""

    environments: frozenset[str]
    reason: str


@dataclass(frozen=True)
class WranglerSettings:
    """The settings of the checks of the Wrangler configuration.

    file: wrangler.toml, .json or .jsonc. production, staging, colours: names of its environments, "" for the top level.
    without: environment that does not exist -> reason. hosts: host names that production must serve, None for those of
    the environment's URLs. sources: folder of the Worker's source code. shared: environments with the same stores.
    differences: path ("vars.LOG_LEVEL") -> reason why staging has no such key or another value. secrets: environment ->
    names that must be set. secret_lists: environment -> file with the output of `wrangler secret list`. account: id of
    the Cloudflare account, to ask its API for the names instead. api: base URL of that API.
    """

    file: Path
    production: str = "production"
    staging: str = "staging"
    colours: tuple[str, ...] = ("blue", "green")
    without: Mapping[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] | None = None
    sources: Path | None = None
    shared: tuple[SharedStores, ...] = ()
    differences: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secret_lists: Mapping[str, Path] = field(default_factory=dict)
    account: str | None = None
    api: str | None = None

    @property
    def judged(self) -> tuple[str, ...]:
        """Return the environments that the cutover needs, without those that do not exist on purpose."""
        names = dict.fromkeys((self.production, self.staging, *self.colours))
        return tuple(name for name in names if name not in self.without)


def read_wrangler(file: Path, key: str, row: Mapping[str, Any]) -> WranglerSettings:
    """Return the settings of a validated table. key: of the table, for messages. Raises ConfigurationError."""
    plain = ("production", "staging", "colours", "without", "hosts", "differences", "secrets", "account", "api")
    for name, reason in {**row.get("without", {}), **row.get("differences", {})}.items():
        if not reason.strip():
            raise ConfigurationError(file, f"{key} {name}", "expected a reason, got none", "Write the reason.")
    _refuse_gaps(file, key, row)
    if ("account" in row) != ("api" in row):
        missing = "api" if "account" in row else "account"
        raise ConfigurationError(
            file, f"{key}.{missing}", "missing: account and api belong together",
            'Add it (api = "https://api.cloudflare.com/client/v4"), or remove the other key.',
        )  # fmt: skip
    return WranglerSettings(
        file=wrangler_file(file, f"{key}.file", file.parent / row["file"]),
        sources=_existing(file, f"{key}.sources", row.get("sources"), "a folder"),
        shared=tuple(SharedStores(frozenset(each["environments"]), each["reason"]) for each in row.get("shared", ())),
        secret_lists={
            name: path
            for name, text in row.get("secret_lists", {}).items()
            if (path := _existing(file, f"{key}.secret_lists.{name}", text, "a file")) is not None
        },
        **{name: row[name] for name in plain if name in row},
    )


def _refuse_gaps(file: Path, key: str, row: Mapping[str, Any]) -> None:
    """Raise ConfigurationError for settings that would leave production or its hosts without a judgement."""
    production, staging = row.get("production", "production"), row.get("staging", "staging")
    colours = row.get("colours", ("blue", "green"))
    if production in row.get("without", {}):
        raise ConfigurationError(
            file, f"{key}.without.{production}", "expected an environment other than production, got production",
            "Remove it: without production nothing is deployed. production names its environment.",
        )  # fmt: skip
    if staging in (production, *colours):
        raise ConfigurationError(
            file, f"{key}.staging", f"expected another environment than production and the colours, got {staging!r}",
            "Correct one of them: a comparison of an environment with itself finds nothing.",
        )  # fmt: skip
    for name, what in (("hosts", "host name"), ("colours", "colour")):
        if name in row and not row[name]:
            raise ConfigurationError(
                file, f"{key}.{name}", f"expected at least one {what}, got none",
                "Remove the key: the hosts are then those of the URLs." if name == "hosts"
                else 'Name the colours that exist, and give a reason for the others: without.blue = "why".',
            )  # fmt: skip
    for number, shared in enumerate(row.get("shared", ()), 1):
        if not shared["reason"].strip():
            raise ConfigurationError(
                file, f"{key}.shared {number}.reason", "expected a reason, got none", "Write the reason."
            )
        if more := sorted(set(shared["environments"]) - {production, *colours}):
            raise ConfigurationError(
                file, f"{key}.shared {number}.environments", f"expected production and colours, got {more[0]!r}",
                "Give it stores of its own: what it writes would change the data of production.",
            )  # fmt: skip


def wrangler_file(source: Path | str, key: str, path: Path) -> Path:
    """Return the path if it is a file with a known suffix. source, key: for messages. Raises ConfigurationError."""
    if path.suffix not in _SUFFIXES:
        raise ConfigurationError(
            source, key, f"expected wrangler.toml, wrangler.json or wrangler.jsonc, got {path.name!r}",
            "Name the Wrangler configuration.",
        )  # fmt: skip
    if not _is(path, "a file"):
        raise ConfigurationError(
            source, key, f"expected a Wrangler configuration, got no file {str(path)!r}", "Correct the path."
        )
    return path


def _existing(file: Path, key: str, text: str | None, kind: str) -> Path | None:
    if text is None:
        return None
    path = file.parent / text
    if not _is(path, kind):
        raise ConfigurationError(file, key, f"expected {kind}, got {str(path)!r}", "Correct the path.")
    return path


def _is(path: Path, kind: str) -> bool:
    try:
        return path.is_file() if kind == "a file" else path.is_dir()
    except (OSError, ValueError):  # a name that is too long, or with a NUL
        return False
