"""A table of the plan is missing in the live database. Control: it was renamed and back."""

from surroundings.presented import Presented

RENAME = "ALTER TABLE {} RENAME TO {}"


def change(presented: Presented, *, planted: bool) -> None:
    """Rename the audit log, and back unless planted."""
    there, back = RENAME.format("audit_logs", "old_log"), RENAME.format("old_log", "audit_logs")
    presented.d1_changes.append((there, back) if planted else (f"{there}; {back}", "SELECT 1"))
