"""A filled and migrated pair, and reconciliations of it in the test's own process."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cutover.config.environments import Database, Environment, load_environment
from cutover.config.validation import root
from cutover.core.recorder import Recorder
from cutover.core.safety import AllowList
from cutover.embedded import pair_migration
from cutover.embedded.state import PairState
from cutover.migration.assembly import reconciliation
from cutover.migration.findings import Finding, Findings
from cutover.migration.mapping_file import load_mapping
from cutover.migration.own_table_runs import OwnTableRuns
from cutover.migration.reconciliation_result import Reconciliation


def fill(pair: PairState, users: int, files: int) -> None:
    """Generate that many accounts and files on the pair, and migrate them."""
    pair_migration.generate(pair, "--users", str(users), "--files", str(files))
    pair_migration.migrate(pair, "full")


def environment_of(pair: PairState, *, d1_url: str | None = None, by_file: bool = False) -> Environment:
    """Return the pair's environment. d1_url: replaces the URL of D1. by_file: read D1's SQLite file instead."""
    environment = load_environment(root(), "embedded", pair=pair)
    if by_file:
        return dataclasses.replace(environment, d1=None, d1_file=Path(pair.d1_file))
    if d1_url is not None:
        urls = {"worker": pair.worker_url, "legacy": pair.legacy_url, "r2": pair.s3_url, "d1": d1_url}
        assert environment.postgres is not None
        servers = {"postgres": (environment.postgres.host, environment.postgres.port)}
        return dataclasses.replace(environment, d1=Database(d1_url, None), allowed=AllowList(urls, servers))
    return environment


def reconcile_here(
    environment: Environment,
    folder: Path,
    *,
    reverse: bool = False,
    thorough: bool = False,
    objects: bool = True,
    own_runs: OwnTableRuns | None = None,
) -> tuple[Reconciliation, Sequence[Finding]]:
    """Reconcile, and return the result and every finding. objects: also compare more than rows and keys."""
    every: list[Finding] = []
    with reconciliation(
        root(), environment, load_mapping(root()), folder, recorder=Recorder(), run="test", reverse=reverse,
        thorough=thorough, findings=Findings(sink=every.append), own_runs=own_runs,
    ) as run:  # fmt: skip
        if not objects:
            run.rest = ()
        return run.run(), every


def places_of(findings: Sequence[Finding]) -> set[tuple[Any, ...]]:
    """Return part, table, column, kind and key of each finding."""
    return {(f.part.value, f.table, f.column, f.kind.value, f.key) for f in findings}
