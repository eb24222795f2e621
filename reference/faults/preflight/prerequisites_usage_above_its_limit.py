"""The database is larger than its limit. Control: smaller than a lower one."""

from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Lower the limit of the database."""
    presented.settings["prerequisites"]["limits"]["d1_mb"] = 0.001 if planted else 500
