"""The migration ends with the plan's PRAGMA, which D1 refuses with the whole file. Control: a comment."""

from surroundings.presented import Presented

NAME = "0001_production_setup.sql"


def change(presented: Presented, *, planted: bool) -> None:
    """Add a line to the end of the migration."""
    presented.migrations[NAME] += f"\n{'' if planted else '-- '}PRAGMA journal_mode = WAL;\n"
