"""The part of a reconciliation that verifies the password hashes.

Real logins (logins.log_in_all) write to the target, so they happen after the reconciliation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutover.migration.checks import UNREAD
from cutover.migration.findings import Findings
from cutover.migration.logins import login_columns, verify_hashes
from cutover.migration.object_part import rows_of

if TYPE_CHECKING:
    from cutover.migration.reconciliation import Reconciled
    from cutover.run.progress import Progress


def logins_part(run: Reconciled, findings: Findings, progress: Progress) -> None:
    """Find hashes that the target cannot verify.

    After a rollback the target is Django, which has no limit of iterations. D1's hashes equal Django's then, because
    the rows were compared.
    """
    rules = run.mapping.logins
    table = run.mapping.table(rules.table)
    if table not in run.tables:
        run.result.unverified["logins"] = UNREAD
        return
    progress.begin("password hashes")
    rows = rows_of(run.d1, table.target, table.target_key, login_columns(rules, table.target_key))
    run.result.logins = verify_hashes(rules, rows, findings, reverse=run.reverse).as_json()
