"""The form of every migrated password as a part of a reconciliation.

Not for judging one: logins.py. Real logins write their time into the target, so they are no part of this: whoever asks
for them does so when nothing is compared any more (logins.py, log_in_all).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cutover.migration.findings import Findings
from cutover.migration.logins import judge_hashes, login_columns
from cutover.migration.object_part import rows_of

if TYPE_CHECKING:
    from cutover.migration.reconciliation import Reconciled
    from cutover.run.progress import Progress


def judge_logins(run: Reconciled, findings: Findings, progress: Progress) -> None:
    """Add whether the side that was migrated into can verify every hash. After a rollback that is Django, which knows
    no limit of iterations; rows were compared, so D1's hashes are its own."""
    rules = run.mapping.logins
    table = run.mapping.table(rules.table)
    if table not in run.tables:
        run.result.unverified["logins"] = f"{table.target} could not be read: its schema is not as mapped"
        return
    progress.begin("forms of passwords")
    rows = rows_of(run.d1, table.target, table.target_key, login_columns(rules, table.target_key))
    run.result.logins = judge_hashes(rules, rows, findings, reverse=run.reverse).as_json()
