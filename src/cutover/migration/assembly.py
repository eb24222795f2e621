"""Build the reconciliation of an environment: both sides as environments.toml names them, and the parts in order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from cutover.client.http import Client
from cutover.client.rate_limiter import RateLimiter
from cutover.config.environments import Budget, Environment
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch, is_loopback, origin_of
from cutover.migration.d1_side import D1RestSide
from cutover.migration.database_side import Side
from cutover.migration.export_side import ExportSide
from cutover.migration.findings import Findings
from cutover.migration.login_part import logins_part
from cutover.migration.mapping import MigrationMapping
from cutover.migration.object_part import objects_part
from cutover.migration.own_table_runs import OwnTableRuns, own_tables_part
from cutover.migration.postgres_side import PostgresSide
from cutover.migration.reconciliation import DIRECTIONS, Run
from cutover.migration.resume import Proven, latest_interrupted
from cutover.migration.sqlite_side import SqliteSide
from cutover.run.progress import Progress

CLOUDFLARE: Final = Budget(1200, 300.0)
"""1,200 requests per user in five minutes: https://developers.cloudflare.com/fundamentals/api/reference/limits/"""


def require_databases(environment: Environment) -> None:
    """Raise NotVerified unless the environment names both databases."""
    missing = [
        name
        for name, place in (
            ("postgres", environment.postgres),
            ("d1", environment.d1 or environment.d1_file or environment.d1_export),
        )
        if place is None
    ]
    if missing:
        raise NotVerified(f"environments.toml [{environment.name}] names no {' and no '.join(missing)}")


@contextmanager
def reconciliation(
    project: Path,
    environment: Environment,
    mapping: MigrationMapping,
    folder: Path,
    *,
    recorder: Recorder,
    run: str,
    reverse: bool = False,
    thorough: bool = False,
    resume_from: Path | None = None,
    progress: Progress | None = None,
    findings: Findings | None = None,
    own_runs: OwnTableRuns | None = None,
) -> Iterator[Run]:
    """Yield a reconciliation that is ready to run, and close both sides at the end.

    folder: of this run. recorder: records the requests to D1. resume_from: the reports folder with the interrupted run.
    own_runs: states of the Worker's own tables before and after the migration runs.
    Raises NotVerified if a side is not named, ConfigurationError, MeasurementError.
    """
    require_databases(environment)
    assert environment.postgres is not None  # require_databases has checked it
    kill_switch = KillSwitch(project)
    head = head_of(environment, mapping, reverse=reverse)
    proven = latest_interrupted(resume_from, head) if resume_from is not None else Proven()
    with ExitStack() as stack:
        d1 = _d1(environment, recorder, kill_switch, run, stack)
        stack.callback(d1.close)
        legacy = PostgresSide(environment.postgres, environment, kill_switch)
        stack.callback(legacy.close)
        yield Run(
            mapping,
            environment,
            legacy,
            d1,
            folder,
            head,
            reverse=reverse,
            thorough=thorough,
            proven=proven,
            progress=Progress() if progress is None else progress,
            findings=Findings() if findings is None else findings,
            rest=(
                own_tables_part(own_runs or OwnTableRuns(), kill_switch),
                objects_part(kill_switch.check),
                logins_part,
            ),
        )


def head_of(environment: Environment, mapping: MigrationMapping, *, reverse: bool) -> dict[str, Any]:
    """Return the facts that must be equal for one run to resume another."""
    place = environment.d1_file or environment.d1_export or (environment.d1.url if environment.d1 else "")
    return {
        "schema": 1,
        "environment": environment.name,
        "direction": DIRECTIONS[reverse],
        "mapping": mapping.digest,
        "postgres": environment.postgres.shown if environment.postgres else "",
        "d1": str(place),
    }


def _d1(environment: Environment, recorder: Recorder, kill_switch: KillSwitch, run: str, stack: ExitStack) -> Side:
    if environment.d1_file is not None:
        return SqliteSide(environment.d1_file, kill_switch)
    if environment.d1_export is not None:
        return ExportSide(environment.d1_export, kill_switch)
    assert environment.d1 is not None  # require_databases has checked it
    from cutover.embedded.folders import base

    local = is_loopback(origin_of(environment.d1.url)[1])
    budget = environment.budget if local else CLOUDFLARE
    client = Client(
        dataclasses.replace(environment, budget=budget),
        recorder=recorder,
        rate_limiter=RateLimiter(base() / "pacing", environment.d1.url, budget),
        kill_switch=kill_switch,
        run=f"{run}d1",
    )
    stack.callback(client.close)
    return D1RestSide(environment.d1, client)
