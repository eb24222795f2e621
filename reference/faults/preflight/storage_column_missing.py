"""A column of the live database has another name than in the plan. Control: it was renamed and back."""

from surroundings.presented import Presented

RENAME = "ALTER TABLE audit_logs RENAME COLUMN {} TO {}"


def change(presented: Presented, *, planted: bool) -> None:
    """Rename the column of the client's address, and back unless planted."""
    there, back = RENAME.format("ip_address", "address"), RENAME.format("address", "ip_address")
    presented.d1_changes.append((there, back) if planted else (f"{there}; {back}", "SELECT 1"))
