"""A migration is not applied to the live database. Control: it is, and has no rows to change."""

from surroundings.presented import Presented

NAME = "0002_tags_of_old_files.sql"


def change(presented: Presented, *, planted: bool) -> None:
    """Add a migration to the folder, and to the list of the applied ones unless planted."""
    presented.migrations[NAME] = "UPDATE files SET tags = '[]' WHERE tags IS NULL AND id < 0;\n"
    if not planted:
        applied = f"INSERT INTO d1_migrations (name) VALUES ('{NAME}')"  # noqa: S608 - a constant
        back = f"DELETE FROM d1_migrations WHERE name = '{NAME}'"  # noqa: S608 - a constant
        presented.d1_changes.append((applied, back))
