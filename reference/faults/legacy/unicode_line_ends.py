"""A record of a list file also ends at Unicode's other line ends (U+2028, U+0085 and others).

Cause: str.splitlines also splits there. A cell that contains one becomes two rows.
"""

from collections.abc import Iterator

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED

from list_cutter import list_file

__all__ = ["application"]

original = list_file.text_lines


def split_lines(content: bytes, start: int) -> Iterator[str]:
    lines = content[start:].decode("utf-8").splitlines(keepends=True)
    return iter(lines) if PLANTED else original(content, start)


list_file.text_lines = split_lines
