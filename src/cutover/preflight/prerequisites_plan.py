"""The prerequisites that the plan lists before phase 8, as blocking or recommended.

Plan: Phase 5 Follow-up Prerequisites. A recommended one that is not met is a warning in the verdict. An environment can
make it blocking (preflight.prerequisites.required).
"""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from cutover.core.errors import Blocked, CheckFailed, NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.preflight.findings import Finding
from cutover.preflight.storage_checks import TABLES as DATABASE_TABLES
from cutover.stores import RowStore

PLAN: Final = "plan: Phase 5 Follow-up Prerequisites"


@dataclass(frozen=True)
class Prerequisite:
    """An issue of the plan. blocking: the plan says that it blocks phase 8 or the cutover."""

    issue: str
    title: str
    blocking: bool

    @property
    def promised(self) -> str:
        """Return where it is required."""
        return f"{PLAN}, issue #{self.issue} ({'blocking' if self.blocking else 'recommended'}): {self.title}"


TABLES: Final = Prerequisite("64", "D1 database tables for R2 operations", blocking=True)
TOOL: Final = Prerequisite("66", "data migration tools for existing files", blocking=True)
MONITORING: Final = Prerequisite("65", "R2 storage monitoring and cost management", blocking=False)
BACKUPS: Final = Prerequisite("68", "disaster recovery and backup procedures", blocking=False)
RECOMMENDED: Final = (MONITORING.issue, BACKUPS.issue)
NOT_DESCRIBED: Final = (
    "what issues #67 and #69 of the plan ask for: the plan names them (#64-69) and does not describe them"
)

PLAN_TABLES: Final = ("users", "files", "saved_filters", "audit_logs")
"""The tables of the plan's production schema (Production Database Setup)."""


def row_counts(rows: RowStore) -> Mapping[str, Any]:
    """Return the number of rows of the plan's tables, in one query. Raises Blocked if D1 lacks one."""
    columns = ", ".join(f'(SELECT count(*) FROM "{name}") AS "{name}"' for name in PLAN_TABLES)  # noqa: S608 - constants
    try:
        return rows.rows(f"SELECT {columns}")[0]
    except CheckFailed as error:
        if "no such table" not in str(error):
            raise
        raise Blocked({DATABASE_TABLES: "D1 lacks a table of the plan"}) from None


@contextmanager
def as_planned(prerequisite: Prerequisite, required: Collection[str], recorder: Recorder) -> Generator[None]:
    """Run the checks of a prerequisite. If it is only recommended, a failure becomes a warning of the verdict.

    required: the recommended issues that the environment makes blocking. An unreachable system stays a measurement
    error: it is no evidence about the prerequisite.
    """
    recorder.note_undetectable(NOT_DESCRIBED)
    try:
        yield
    except NotApplicable:
        raise
    except (CheckFailed, NotVerified) as error:
        if prerequisite.blocking or prerequisite.issue in required:
            raise
        observed = error.observed if isinstance(error, CheckFailed) else str(error)
        recorder.warn(f"recommended by the plan, issue #{prerequisite.issue} ({prerequisite.title}): {observed}")


def table_findings(
    rows: RowStore, tables: Iterable[str] = PLAN_TABLES, *, judged_elsewhere: bool = False
) -> Iterator[Finding]:
    """Yield a finding for each table that cannot be read. The query reads no more than one row of each.

    judged_elsewhere: the checks of the stores compare D1 with its migrations, and report a missing table. Then this
    raises Blocked, so that one missing table is one finding.
    """
    for table in tables:
        quoted = table.replace('"', '""')
        try:
            rows.rows(f'SELECT 1 AS found FROM "{quoted}" LIMIT 1')  # noqa: S608 - a constant of this module
        except CheckFailed as error:
            if "no such table" not in str(error):
                raise
            if judged_elsewhere:
                raise Blocked({DATABASE_TABLES: f"no such table: {table}"}) from None
            yield Finding(
                f"prerequisites:no-table:{table}", "D1", f"table {table}", "no such table", TABLES.promised,
                "apply the migrations: wrangler d1 migrations apply DATABASE --remote --env NAME",
            )  # fmt: skip
