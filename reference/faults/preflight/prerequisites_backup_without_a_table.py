"""The backup of D1 does not contain the audit log. Control: it contains every table, and a comment."""

import re

from surroundings.prerequisites_part import D1_BACKUP
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Remove the statements of a table and of its indexes from the export, or add a comment."""
    text = presented.files[D1_BACKUP]
    statements = re.split(r"(?<=;)\n", text)
    kept = [statement for statement in statements if "audit_logs" not in statement]
    if len(kept) == len(statements):
        raise ValueError("expected statements of audit_logs, got none")
    presented.files[D1_BACKUP] = "\n".join(kept) if planted else text + "-- end\n"
