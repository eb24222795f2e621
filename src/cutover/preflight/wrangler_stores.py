"""Stores and Workers that two environments of a Wrangler configuration share."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from cutover.config.preflight_wrangler import WranglerSettings
from cutover.preflight.findings import Finding
from cutover.preflight.wrangler_file import PAGE, WranglerEnvironment, WranglerFile
from cutover.preflight.wrangler_values import named_resource

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


def sharing_findings(file: WranglerFile, settings: WranglerSettings) -> list[Finding]:
    """Return the stores and Workers that two environments use, unless the environment declares it for these two.

    Production and its colours have the same data by their nature, but that is declared too: a colour that writes to
    production before the switch is a decision.
    """
    environments = file.environments(settings.judged)
    used = {environment.name: dict(_stores(environment)) for environment in environments}
    found = []
    for one, other in combinations(environments, 2):
        if one.worker is not None and one.worker == other.worker:
            line = other.own.get("name")
            found.append(
                file.finding(
                    f"shared:worker:{one.title}:{other.title}",
                    line.line if line is not None else other.own.line,
                    expected=f"a name of its own for the Worker of {other.title}",
                    got=f"{other.worker!r}, as in {one.title}: a deployment of one replaces the other",
                    do_next=f'write name = "…" in {other.title}',
                )
            )
        if any({one.name, other.name} <= each.environments for each in settings.shared):
            continue
        for store, (line_one, path) in used[one.name].items():
            if store in used[other.name]:
                at, other_path = used[other.name][store]
                title = STORES[path.rpartition(".")[0]][1]
                found.append(
                    file.finding(
                        f"shared:{one.title}:{other.title}.{other_path}",
                        at,
                        expected=f"a {title} of its own for {other.title}",
                        got=f"{other_path}: {store[1]!r}, as in {one.title} ({file.place(line_one)})",
                        do_next=f"create one for {other.title}, or declare both environments in "
                        "preflight.wrangler.shared with the reason (environments.toml)",
                        promised=f"{PAGE}, Environments; plan, Cloudflare Workers Configuration",
                    )
                )
    return found


def _stores(environment: WranglerEnvironment) -> Iterator[tuple[tuple[str, str], tuple[int, str]]]:
    """Yield kind and identifier of each store, with the line and the path of its binding."""
    for binding in environment.bindings:
        key, title = STORES.get(binding.kind, ("", ""))
        identifier = named_resource(binding, key) if key else None
        if identifier is not None:
            yield (title, identifier), (binding.row.table[key].line, binding.path)
