"""A migration is applied that the project does not contain. Control: the project contains it."""

from surroundings.presented import Presented

NAME = "0002_tags_of_old_files.sql"


def change(presented: Presented, *, planted: bool) -> None:
    """Add a migration to the list of the applied ones, and to the folder unless planted."""
    applied = f"INSERT INTO d1_migrations (name) VALUES ('{NAME}')"  # noqa: S608 - a constant
    back = f"DELETE FROM d1_migrations WHERE name = '{NAME}'"  # noqa: S608 - a constant
    presented.d1_changes.append((applied, back))
    if not planted:
        presented.migrations[NAME] = "UPDATE files SET tags = '[]' WHERE tags IS NULL AND id < 0;\n"
