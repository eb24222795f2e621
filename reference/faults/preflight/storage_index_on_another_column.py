"""An index of the live database is on another column than in the plan. Control: it was created again."""

from surroundings.presented import Presented

INDEX = "DROP INDEX idx_files_created_at; CREATE INDEX idx_files_created_at ON files({column})"


def change(presented: Presented, *, planted: bool) -> None:
    """Create the index again, on the column of the updates if planted."""
    column = "updated_at" if planted else "created_at"
    presented.d1_changes.append((INDEX.format(column=column), INDEX.format(column="created_at")))
