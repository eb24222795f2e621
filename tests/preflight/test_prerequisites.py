"""The prerequisites that the plan lists before phase 8: issues 64 and 66 (blocking), 65 and 68 (recommended)."""

import pytest

from cutover.config.environments import Environment
from cutover.config.preflight_prerequisites import BACKUPS as STORES
from cutover.config.preflight_prerequisites import PrerequisiteSettings
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.preflight.findings import conclude
from cutover.preflight.prerequisites_backups import age_findings, d1_restore_findings, legacy_restore_findings
from cutover.preflight.prerequisites_migration import dry_run_findings
from cutover.preflight.prerequisites_objects import object_backup_findings
from cutover.preflight.prerequisites_plan import BACKUPS, MONITORING, TABLES, TOOL, as_planned, table_findings
from cutover.preflight.prerequisites_usage import monitoring_findings, usage_findings
from cutover.preflight.storage_role import read_tables
from cutover.pytest_plugin import gate_session
from cutover.stores import LegacyRows, ObjectStore, RowStore, row_store_of

pytestmark = [
    pytest.mark.preflight,
    pytest.mark.needs("prerequisites"),
    pytest.mark.plan("Phase 5 Follow-up Prerequisites"),
]


@pytest.mark.needs("d1")
def test_d1_tables_exist(
    environment: Environment, prerequisites: PrerequisiteSettings, row_store: RowStore, recorder: Recorder
) -> None:
    """Issue 64, blocking: the tables for R2 operations exist and can be read."""
    with as_planned(TABLES, prerequisites.required, recorder):
        storage = environment.preflight.storage
        judged = storage is not None and storage.migrations is not None
        conclude(table_findings(row_store, judged_elsewhere=judged), recorder)


def test_migration_tool_runs_dry(
    environment: Environment, prerequisites: PrerequisiteSettings, recorder: Recorder, pytestconfig: pytest.Config
) -> None:
    """Issue 66, blocking: the migration tool runs without writing, and reports no problem."""
    session = gate_session(pytestconfig)
    with as_planned(TOOL, prerequisites.required, recorder):
        if prerequisites.dry_run is None:
            raise NotVerified(
                f"environments.toml [{environment.name}.preflight.prerequisites] names no dry_run: add dry_run = "
                '{ command = ["…", "--dry-run"] }, the migration tool without writing'
            )
        rows = row_store_of(environment, session.client)
        conclude(dry_run_findings(session.project, environment, prerequisites.dry_run, rows, recorder), recorder)


def test_monitoring_is_ready(
    prerequisites: PrerequisiteSettings, recorder: Recorder, pytestconfig: pytest.Config
) -> None:
    """Issue 65, recommended: health and metrics answer for monitoring, and alerts have a receiver."""
    with as_planned(MONITORING, prerequisites.required, recorder):
        worker = gate_session(pytestconfig).target("worker")
        conclude(monitoring_findings(worker, prerequisites.alerts, recorder), recorder)


def test_usage_is_within_limits(
    environment: Environment, prerequisites: PrerequisiteSettings, recorder: Recorder, pytestconfig: pytest.Config
) -> None:
    """Issue 65, recommended: D1, R2 and requests are below their limits."""
    session = gate_session(pytestconfig)
    with as_planned(MONITORING, prerequisites.required, recorder):
        found = usage_findings(
            environment.name, prerequisites.limits, recorder,
            rows=row_store_of(environment, session.client),
            objects=ObjectStore(environment.bucket, session.client) if environment.bucket else None,
            worker=session.target("worker") if "worker" in environment.systems else None,
        )  # fmt: skip
        conclude(found, recorder)


def test_backups_are_recent(prerequisites: PrerequisiteSettings, recorder: Recorder) -> None:
    """Issue 68, recommended: each store has a backup that is younger than its limit."""
    with as_planned(BACKUPS, prerequisites.required, recorder):
        conclude(
            (each for store in STORES for each in age_findings(store, prerequisites.backups.get(store), recorder)),
            recorder,
        )


@pytest.mark.needs("d1")
def test_d1_backup_can_be_restored(
    prerequisites: PrerequisiteSettings, row_store: RowStore, recorder: Recorder
) -> None:
    """Issue 68, recommended: the export of D1 is restored into an empty SQLite, with its rows and references."""
    with as_planned(BACKUPS, prerequisites.required, recorder):
        if "d1" not in prerequisites.backups:
            raise NotVerified("preflight.prerequisites.backups.d1 names no backup")
        conclude(d1_restore_findings(prerequisites.backups["d1"], row_store, recorder), recorder)


@pytest.mark.needs("r2")
def test_object_backup_can_be_read(
    prerequisites: PrerequisiteSettings, object_store: ObjectStore, recorder: Recorder
) -> None:
    """Issue 68, recommended: the backup of R2 is read to its end and contains the objects of the bucket."""
    with as_planned(BACKUPS, prerequisites.required, recorder):
        if "objects" not in prerequisites.backups:
            raise NotVerified("preflight.prerequisites.backups.objects names no backup")
        conclude(object_backup_findings(prerequisites.backups["objects"], object_store, recorder), recorder)


@pytest.mark.needs("postgres")
def test_legacy_backup_can_be_restored(
    environment: Environment, prerequisites: PrerequisiteSettings, legacy_rows: LegacyRows, recorder: Recorder,
    pytestconfig: pytest.Config,
) -> None:  # fmt: skip
    """Issue 68, recommended: the backup of the legacy database is restored into a new database."""
    with as_planned(BACKUPS, prerequisites.required, recorder):
        backup = prerequisites.backups.get("legacy")
        if backup is None:
            raise NotVerified("preflight.prerequisites.backups.legacy names no backup")
        tables = read_tables(gate_session(pytestconfig).project, environment)
        found = legacy_restore_findings(environment, prerequisites, backup, tables, legacy_rows, recorder)
        conclude(found, recorder)
