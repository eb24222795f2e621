"""The backup of D1 ends in the middle of a statement. Control: it ends with a comment."""

from surroundings.prerequisites_part import D1_BACKUP
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Cut the export in the middle of its last CREATE TABLE, or add a comment."""
    text = presented.files[D1_BACKUP]
    inside = text.rindex("CREATE TABLE") + 40
    presented.files[D1_BACKUP] = text[:inside] if planted else text + "-- end\n"
