"""A foreign key of the plan is missing in the live database. Control: the table was rebuilt."""

from faults.preflight.lib.d1_tables import redefine
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Rebuild the table of saved filters."""
    declared = ",\n    FOREIGN KEY (file_id) REFERENCES files(file_id) ON DELETE CASCADE"
    redefine(presented, "saved_filters", declared, "" if planted else declared)
