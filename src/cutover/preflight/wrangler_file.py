"""Read a Wrangler configuration: its environments and what each of them inherits."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cutover.config.preflight_wrangler import TOP_LEVEL, WranglerSettings
from cutover.config.validation import ConfigurationError
from cutover.core.errors import Blocked
from cutover.preflight.findings import Finding
from cutover.preflight.jsonc_positions import read_jsonc_positions
from cutover.preflight.located import Defect, Located
from cutover.preflight.toml_positions import read_toml_positions

READABLE: Final = "Wrangler configuration"
"""The precondition of every check of the file: the check of its syntax owns it."""
PAGE: Final = "Cloudflare docs, Workers, Wrangler configuration"
NOT_INHERITED: Final = frozenset({
    "agent_memory", "ai", "ai_search", "ai_search_namespaces", "analytics_engine_datasets", "artifacts", "browser",
    "cloudchamber", "connect", "containers", "d1_databases", "define", "dispatch_namespaces", "durable_objects",
    "flagship", "hyperdrive", "images", "kv_namespaces", "media", "mtls_certificates", "pipelines", "queues",
    "r2_buckets", "ratelimits", "secrets", "secrets_store_secrets", "send_email", "services", "stream",
    "streaming_tail_consumers", "tail_consumers", "unsafe", "vars", "vectorize", "version_metadata", "vpc_networks",
    "vpc_services", "websearch", "worker_loaders", "workflows",
})  # fmt: skip
"""Keys that a named environment does not inherit from the top level (PAGE, Non-inheritable keys)."""
_TOP_LEVEL_ONLY: Final = frozenset({"env", "dev", "send_metrics", "keep_vars", "site", "legacy_env"})


@dataclass(frozen=True)
class Binding:
    """One binding of an environment. kind: its key ("d1_databases", "queues.producers"). row: its table."""

    kind: str
    name: str
    row: Located

    @property
    def path(self) -> str:
        """Return the path for messages and names of findings."""
        return f"{self.kind}.{self.name}"


@dataclass(frozen=True)
class WranglerEnvironment:
    """One environment of a Wrangler configuration. name: "" for the top level. own: its table; top: the document."""

    name: str
    own: Located
    top: Located

    @property
    def title(self) -> str:
        """Return the name for messages."""
        return f"env.{self.name}" if self.name else "the top level"

    def get(self, key: str) -> Located | None:
        """Return the value that the environment uses for a key: its own, or one that it inherits."""
        if key in self.own.table or key in NOT_INHERITED or key in _TOP_LEVEL_ONLY:
            return self.own.table.get(key)
        return self.top.table.get(key)

    def used(self) -> Iterator[tuple[str, Located]]:
        """Yield every key that the environment uses with its value, inherited ones too."""
        for key in {**self.top.table, **self.own.table}:
            if key != "env" and (found := self.get(key)) is not None:
                yield key, found

    @property
    def vars(self) -> dict[str, Located]:
        """Return the vars."""
        found = self.get("vars")
        return found.table if found is not None else {}

    @property
    def bindings(self) -> list[Binding]:
        """Return all bindings with a name, in file order."""
        return [each for key, value in self.used() if key in NOT_INHERITED for each in _bindings_of(key, value)]

    @property
    def worker(self) -> str | None:
        """Return the name of the Worker that the environment deploys: its own, or the inherited one with a suffix."""
        own, top = self.own.get("name"), self.top.get("name")
        if own is not None:
            return own.text
        return f"{top.text}-{self.name}" if top is not None and top.text else None


def _bindings_of(kind: str, value: Located) -> Iterator[Binding]:
    """Yield the bindings under a key: an array of tables, a table of such arrays, or one table."""
    if kind in ("vars", "define", "secrets"):
        return
    for row in value.items:
        if (named := _name_of(row)) is not None and (kind != "unsafe" or named.isidentifier()):
            yield Binding(kind, named, row)
    single = value.get("binding")
    if single is not None and single.text:
        yield Binding(kind, single.text, value)
    for key, inner in value.table.items():
        if key in ("bindings", "producers"):
            yield from _bindings_of(f"{kind}.{key}" if key == "producers" else kind, inner)


def _name_of(row: Located) -> str | None:
    for key in ("binding", "name"):
        found = row.get(key)
        if found is not None and found.text:
            return found.text
    return None


@dataclass(frozen=True)
class WranglerFile:
    """A Wrangler configuration. shown: its name for messages. root: None if it cannot be read."""

    path: Path
    root: Located | None
    defects: tuple[Defect, ...]

    @property
    def shown(self) -> str:
        """Return the file's name for messages."""
        return self.path.name

    def place(self, line: int) -> str:
        """Return a line of the file for messages."""
        return f"{self.shown}:{line}"

    def environment(self, name: str) -> WranglerEnvironment | None:
        """Return an environment, None if there is none of that name. "" is the top level."""
        if self.root is None:
            return None
        own = self.root if name == TOP_LEVEL else self.root.get("env", name)
        return WranglerEnvironment(name, own, self.root) if own is not None and isinstance(own.value, dict) else None

    def environments(self, names: Iterable[str]) -> list[WranglerEnvironment]:
        """Return those of the environments that exist. Raises Blocked if the file cannot be read."""
        if self.root is None:
            raise Blocked({READABLE: "; ".join(f"{self.place(each.line)}: {each.got}" for each in self.defects)})
        return [found for name in names if (found := self.environment(name)) is not None]

    def finding(self, name: str, line: int, *, expected: str, got: str, do_next: str, promised: str = PAGE) -> Finding:
        """Return a finding at a line of the file. name: without the prefix "wrangler:"."""
        return Finding(f"wrangler:{name}", self.place(line), expected, got, promised, do_next)


def read_wrangler_file(path: Path) -> WranglerFile:
    """Return a Wrangler configuration. Raises ConfigurationError if the file cannot be read at all."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, ValueError) as error:  # ValueError: no UTF-8
        raise ConfigurationError(path, "", f"cannot be read: {error}", "Make it a readable UTF-8 file.") from None
    read = read_toml_positions if path.suffix == ".toml" else read_jsonc_positions
    root, defects = read(text)
    if root is not None and not isinstance(root.value, dict):
        defects = [*defects, Defect(root.line, "an object", f"a {type(root.value).__name__}", "write an object")]
        root = None
    return WranglerFile(path, root, tuple(defects))


def missing_environments(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return a finding for each environment of the cutover that the file does not define."""
    found = file.environments(settings.judged)
    known = {each.name for each in found}
    assert file.root is not None, "environments() raises otherwise"
    env = file.root.get("env")
    others = ", ".join(sorted(env.table)) if env is not None and env.table else "none"
    return [
        file.finding(
            f"environment:{name}",
            env.line if env is not None else 1,
            expected=f"an environment env.{name}",
            got=f"environments: {others}",
            do_next=f"add [env.{name}] with its own vars, bindings and routes, or preflight.wrangler.without.{name} = "
            '"why" (environments.toml)',
            promised="plan, Blue-Green Deployment" if name in settings.colours else "plan, Deployment Stages",
        )
        for name in settings.judged
        if name not in known
    ]
