"""The live database lacks an index of the plan. Control: the index was created again."""

from surroundings.presented import Presented

INDEX = "CREATE INDEX idx_files_user_id ON files(user_id)"


def change(presented: Presented, *, planted: bool) -> None:
    """Drop the index, and create it again unless planted."""
    drop = "DROP INDEX idx_files_user_id"
    presented.d1_changes.append((drop, INDEX) if planted else (f"{drop}; {INDEX}", "SELECT 1"))
