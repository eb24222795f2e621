"""Stores and Workers that two environments of a Wrangler configuration share."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from cutover.config.environment import Environment
from cutover.config.preflight_wrangler import WranglerSettings
from cutover.preflight.findings import Finding
from cutover.preflight.wrangler_file import PAGE, WranglerEnvironment, WranglerFile
from cutover.preflight.wrangler_values import FORMATS, named_resource

STORES: Final = {
    "d1_databases": ("database_id", "D1 database"),
    "r2_buckets": ("bucket_name", "R2 bucket"),
    "kv_namespaces": ("id", "KV namespace"),
    "queues.producers": ("queue", "queue"),
    "analytics_engine_datasets": ("dataset", "Analytics Engine dataset"),
    "hyperdrive": ("id", "Hyperdrive configuration"),
    "vectorize": ("index_name", "Vectorize index"),
    "ratelimits": ("namespace_id", "rate limit namespace"),
    "unsafe": ("namespace_id", "rate limit namespace"),
}
"""Kind of a binding -> the key that names its store, and the store for messages."""
_DATABASE: Final = re.compile(r"/client/v4/accounts/[^/]+/d1/database/([^/]+)$")
_DATA: Final = frozenset({"D1 database", "R2 bucket", "KV namespace", "Hyperdrive configuration", "Vectorize index"})
"""Stores with users' data. Queues, datasets and rate limits may differ between two versions on the same data."""


def sharing_findings(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return the stores and Workers that two environments use, unless the environment declares it for these two.

    Production and its colours have the same data by their nature, but that is declared too: a colour that writes to
    production before the switch is a decision. Environments outside the cutover (env.dev) must not have the stores of
    production and its colours either.
    """
    environments = file.environments(settings.judged)
    if len(environments) == len(settings.judged):  # else one of the others may be a missing one under another name
        environments = file.environments(dict.fromkeys((*settings.judged, *_named(file))))
    return [
        *_same_workers(file, environments),
        *_same_stores(file, settings, environments),
        *_split_stores(file, settings, environments),
    ]


def other_store_findings(file: WranglerFile, settings: WranglerSettings, environment: Environment) -> Iterator[Finding]:
    """Yield the stores that the suite reads and that the Worker of the environment does not bind.

    The checks of stores, contract and migration would judge another database than the one that is deployed. The Worker
    is found by its name (worker.name); without one, the stores of all environments of the cutover count.
    """
    environments = file.environments(settings.judged)
    worker = environment.systems.get("worker")
    named = [each for each in environments if worker is not None and worker.name and each.worker == worker.name]
    database = _DATABASE.search(environment.d1.url) if environment.d1 is not None else None
    bucket = environment.bucket.bucket if environment.bucket is not None and not environment.local_runtime else None
    for kind, used, key in (
        ("d1_databases", database[1] if database is not None else None, "d1.url"),
        ("r2_buckets", bucket, "r2.bucket"),
    ):
        judged = named or environments
        bindings = sum(binding.kind == kind for each in judged for binding in each.bindings)
        bound = [found for each in judged for found in _stores(each) if found[0][0] == STORES[kind][1]]
        if used is None or not bound or len(bound) < bindings:  # a placeholder is a finding of its own
            continue
        names = dict.fromkeys(store[1] for store, _, _ in bound)
        if used not in names and used.lower() not in names:
            yield file.finding(
                f"other-store:{kind}",
                bound[0][1],
                expected=f"{used!r}, which the suite reads (environments.toml [{environment.name}] {key})",
                got=", ".join(map(repr, names)),
                do_next="correct one of them: the checks of the stores judge what is not deployed",
                promised=f"{PAGE}; docs/preflight.md, Stores",
            )


def _named(file: WranglerFile) -> Iterator[str]:
    """Yield the names of all environments of the file."""
    env = file.root.get("env") if file.root is not None else None
    yield from env.table if env is not None else ()


def _same_workers(file: WranglerFile, environments: list[WranglerEnvironment]) -> Iterator[Finding]:
    first: dict[str, WranglerEnvironment] = {}
    for environment in environments:
        if environment.worker is None:
            continue
        other = first.setdefault(environment.worker, environment)
        if other is not environment:
            line = environment.own.get("name")
            yield file.finding(
                f"shared:worker:{other.title}:{environment.title}",
                line.line if line is not None else environment.own.line,
                expected=f"a name of its own for the Worker of {environment.title}",
                got=f"{environment.worker!r}, as in {other.title}: a deployment of one replaces the other",
                do_next=f'write name = "…" in {environment.title}',
            )


def _same_stores(
    file: WranglerFile, settings: WranglerSettings, environments: list[WranglerEnvironment]
) -> Iterator[Finding]:
    """Yield one finding for each environment that uses a store of another one.

    Environments that share their stores on purpose count as one.
    """
    users: dict[tuple[str, str], list[tuple[WranglerEnvironment, int, str]]] = {}
    for environment in environments:
        for store, line, path in _stores(environment):
            users.setdefault(store, []).append((environment, line, path))
    for (title, identifier), found in users.items():
        owner, owner_line, _ = found[0]
        seen = {owner.name}
        for environment, line, path in found[1:]:
            in_cutover = environment.name in settings.judged or bool(seen & {settings.production, *settings.colours})
            if not in_cutover or any(
                environment.name == name or _declared(settings, environment.name, name) for name in seen
            ):
                seen.add(environment.name)
                continue
            seen.add(environment.name)
            yield file.finding(
                f"shared:{owner.title}:{environment.title}.{path}",
                line,
                expected=f"a {title} of its own for {environment.title}",
                got=f"{path}: {identifier!r}, as in {owner.title} ({file.place(owner_line)})",
                do_next=f"create one for {environment.title}, or declare production and its colours in "
                "preflight.wrangler.shared with the reason (environments.toml)",
                promised=f"{PAGE}, Environments; plan, Cloudflare Workers Configuration",
            )


def _split_stores(
    file: WranglerFile, settings: WranglerSettings, environments: list[WranglerEnvironment]
) -> Iterator[Finding]:
    """Yield the stores that differ between environments that share them on purpose: a switch would split the data."""
    stores = {each.name: {path: (store, line) for store, line, path in _stores(each)} for each in environments}
    for shared in settings.shared:
        group = [each for each in environments if each.name in shared.environments]
        for first, other in ((group[0], other) for other in group[1:]):
            for path, (store, line) in stores[other.name].items():
                owned = stores[first.name].get(path)
                if store[0] in _DATA and owned is not None and owned[0] != store:
                    yield file.finding(
                        f"split:{first.title}:{other.title}.{path}",
                        line,
                        expected=f"{path}: {owned[0][1]!r} as in {first.title} ({file.place(owned[1])}), because "
                        "preflight.wrangler.shared declares it",
                        got=f"{store[1]!r}",
                        do_next=f"use the {store[0]} of {first.title}, or remove {other.title} from the declaration",
                        promised="plan, Blue-Green Deployment",
                    )


def _declared(settings: WranglerSettings, one: str, other: str) -> bool:
    return any({one, other} <= each.environments for each in settings.shared)


def _stores(environment: WranglerEnvironment) -> Iterator[tuple[tuple[str, str], int, str]]:
    """Yield kind and identifier of each store, with the line and the path of its binding."""
    for binding in environment.bindings:
        key, title = STORES.get(binding.kind, ("", ""))
        identifier = named_resource(binding, key) if key else None
        if identifier is not None:
            name = identifier.lower() if (binding.kind, key) in FORMATS else identifier
            yield (title, name), binding.row.table[key].line, binding.path
    consumers = environment.own.get("queues", "consumers")
    for consumer in consumers.items if consumers is not None else ():
        queue = consumer.get("queue")
        if queue is not None and queue.text:
            yield ("queue", queue.text), queue.line, "queues.consumers"
