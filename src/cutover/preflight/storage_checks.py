"""The checks of D1 and R2: migrations, live schema, applied migrations, and a bucket that answers."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from itertools import islice
from pathlib import Path
from typing import Final

from cutover.config.environment import Environment
from cutover.core.errors import Blocked, CheckFailed, MeasurementError
from cutover.core.recorder import Recorder
from cutover.preflight.findings import Finding
from cutover.preflight.storage_migrations import Migrated, migrated, migration_files
from cutover.preflight.storage_schema import STORED_SCHEMA, Schema, rebuilt
from cutover.preflight.storage_schema_comparison import compared
from cutover.stores import ListedObject, ObjectStore, RowStore

PLAN_SCHEMA: Final = Path("contracts") / "d1_schema.sql"
"""The plan's schema of D1 (Production Database Setup)."""
TABLES: Final = "tables of D1"
"""The precondition of queries: D1 has the tables of the plan. Three checks of this section own it."""
BUCKET: Final = "bucket of R2"
"""The precondition of a listing."""
MIGRATABLE: Final = "migrations that run"
"""The precondition of a comparison with the schema after all migrations."""

_PLAN: Final = "plan: Production Database Setup"
_APPLY: Final = "wrangler d1 migrations apply DATABASE --remote --env NAME"


def migration_findings(folder: Path) -> Iterator[Finding]:
    """Yield a finding for each statement of the migrations that D1 refuses, with file and line."""
    for problem in _migrated(folder).problems:
        name, _, line = problem.place.rpartition(":")
        yield Finding(
            f"storage:refused-statement:{name}:{line}", problem.place, "a statement that D1 accepts", problem.problem,
            f"{_PLAN}; https://developers.cloudflare.com/d1/sql-api/sql-statements/",
            "correct the migration before it is applied; do not change one that is applied already",
        )  # fmt: skip


def schema_findings(folder: Path, table: str, rows: RowStore, recorder: Recorder) -> Iterator[Finding]:
    """Yield a finding for each difference of the live schema from the applied migrations. table: Wrangler's own table.

    A migration that is not applied is a finding of another check (applied_findings). Raises Blocked if a migration
    cannot run: no database has the schema after it.
    """
    applied = _applied(table, rows)
    result = _migrated(folder, table, applied)
    if result.failure is not None:
        raise Blocked({MIGRATABLE: str(result.failure)})
    expected = result.schema
    found = compared(expected, live_schema(rows, table))
    recorder.measure("differences from the migrations", len(found.broken), "= 0", sample=_parts(expected))
    recorder.notes += found.harmless
    yield from found.findings(
        "migrations", f"D1, against {folder.name}/", _PLAN,
        f"apply the missing migrations ({_APPLY}), or write one for what was changed by hand",
    )  # fmt: skip


def plan_findings(
    project: Path, folder: Path | None, table: str, rows: RowStore, recorder: Recorder
) -> Iterator[Finding]:
    """Yield a finding for each part of the plan's schema that the migrations lack. Further parts are allowed.

    Other checks compare D1 with the migrations. folder: of the migrations; if it is not named, D1 itself is compared.
    Raises Blocked if a migration cannot run.
    """
    try:
        plan = migrated([project / PLAN_SCHEMA])
    except (OSError, UnicodeDecodeError) as error:
        raise MeasurementError(f"{PLAN_SCHEMA}: cannot be read: {error}. Restore the file.") from None
    if plan.problems or not plan.schema.tables:
        problem = str(plan.problems[0]) if plan.problems else "it has no table"
        raise MeasurementError(f"{PLAN_SCHEMA}: expected the plan's schema, got: {problem}. Restore the file.")
    expected = plan.schema
    if folder is None:
        found = compared(expected, live_schema(rows, table), additions=False)
    else:
        result = _migrated(folder, table)
        if result.failure is not None:
            raise Blocked({MIGRATABLE: str(result.failure)})
        found = compared(expected, result.schema, additions=False)
    recorder.measure("missing parts of the plan's schema", len(found.broken), "= 0", sample=_parts(expected))
    place = f"{'D1' if folder is None else folder.name + '/'}, against {PLAN_SCHEMA}"
    yield from found.findings("plan", place, _PLAN, "write a migration that adds it, and apply it")


def applied_findings(folder: Path, table: str, rows: RowStore, recorder: Recorder) -> Iterator[Finding]:
    """Yield a finding for each migration that is not applied, or applied and not in the folder."""
    applied = _applied(table, rows)
    if applied is None:
        yield Finding(
            f"storage:no-migrations-table:{table}", f"D1, table {table}", "the table of applied migrations",
            "no such table", _PLAN, f"{_APPLY}; or correct preflight.storage.migrations_table",
        )  # fmt: skip
        return
    files = [file.name for file in migration_files(folder)]
    recorder.measure("applied migrations", len(applied), f"= {len(files)}")
    for name in (name for name in files if name not in applied):
        yield Finding(
            f"storage:not-applied:{name}", f"D1, table {table}", f"{name} to be applied", "it is not", _PLAN, _APPLY
        )
    for name in (name for name in applied if name not in files):
        yield Finding(
            f"storage:unknown-migration:{name}", f"D1, table {table}", f"a file {folder.name}/{name}", "no such file",
            _PLAN, "check out the version that is deployed, or restore the file: this schema has an unknown origin",
        )  # fmt: skip
    known = [name for name in applied if name in files]
    if known != [name for name in files if name in known]:
        recorder.warn(f"migrations were applied in another order than their numbers: {', '.join(known[:8])}")


def live_schema(rows: RowStore, migrations_table: str) -> Schema:
    """Return the schema of D1 without Wrangler's own table. Raises like RowStore.rows, and NotVerified."""
    return rebuilt(rows.rows(STORED_SCHEMA), without=[migrations_table])


def expect_bucket(environment: Environment, objects: ObjectStore, recorder: Recorder) -> None:
    """Expect the bucket to list its first object, and to read its head. Raises CheckFailed like ObjectStore.list."""
    first = next(islice(objects.list("", page_size=1), 1), None)
    recorder.measure("objects listed", 0 if first is None else 1, "the bucket answers")
    if first is None:
        recorder.note_undetectable("a key that may list the bucket and not read its objects: the bucket is empty")
        return
    if objects.head(first.key) is None:
        name = environment.bucket.bucket if environment.bucket else ""
        raise CheckFailed(
            "storage:bucket-head", expected="the head of an object that the bucket lists", got="status 404",
            source=f"bucket {name}", do_next="check the endpoint: it may be that of another account or a cache",
        )  # fmt: skip


def listed_objects(objects: ObjectStore, most: int) -> list[ListedObject]:
    """Return the first objects of the bucket, for checks of which it is not the subject.

    Raises Blocked if it does not list them.
    """
    try:
        return list(islice(objects.list(""), most))
    except CheckFailed as error:
        raise Blocked({BUCKET: error.observed}) from None


def _migrated(folder: Path, table: str = "", applied: Collection[str] | None = None) -> Migrated:
    """Return the schema after these migrations, after all if None."""
    files = [file for file in migration_files(folder) if applied is None or file.name in applied]
    return migrated(files, without=[table])


def _applied(table: str, rows: RowStore) -> list[str] | None:
    """Return the names of the applied migrations in their order, None if D1 has no such table."""
    quoted = table.replace('"', '""')
    try:
        found = rows.rows(f'SELECT name FROM "{quoted}" ORDER BY id')  # noqa: S608 - the configuration names it
    except CheckFailed as error:
        if "no such table" not in str(error):
            raise
        return None
    return [str(row["name"]) for row in found]


def _parts(schema: Schema) -> int:
    """Return the number of compared columns, indexes and foreign keys."""
    return sum(len(each.columns) + len(each.indexes) + len(each.foreign_keys) for each in schema.tables.values())
