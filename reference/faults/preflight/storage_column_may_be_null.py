"""A column that must have a value may be NULL in the live database. Control: the table was rebuilt."""

from faults.preflight.lib.d1_tables import redefine
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Rebuild the table of saved filters."""
    declared = "filter_config TEXT NOT NULL,"
    redefine(presented, "saved_filters", declared, "filter_config TEXT," if planted else declared)
