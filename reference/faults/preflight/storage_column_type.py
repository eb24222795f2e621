"""A column of the live database has another type than in the plan. Control: the table was rebuilt."""

from faults.preflight.lib.d1_tables import redefine
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Rebuild the table of saved filters."""
    declared = "result_count INTEGER,"
    redefine(presented, "saved_filters", declared, "result_count TEXT," if planted else declared)
