"""Deleting a user does not delete the filters in the live database. Control: the table was rebuilt."""

from faults.preflight.lib.d1_tables import redefine
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Rebuild the table of saved filters."""
    declared = "FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE"
    other = declared.removesuffix(" ON DELETE CASCADE")
    redefine(presented, "saved_filters", declared, other if planted else declared)
