"""Only the first half of the legacy database's backup was stored. Control: all of it, written again."""

from surroundings.prerequisites_part import LEGACY_BACKUP
from surroundings.presented import Presented


def change(presented: Presented, *, planted: bool) -> None:
    """Write the backup again, or half of it."""
    file = presented.folder / LEGACY_BACKUP
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2] if planted else content)
