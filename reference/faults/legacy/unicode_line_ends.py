"""A record of a list file also ends at the line ends that only Unicode knows (U+2028, U+0085 and others).

As by str.splitlines, which cuts there: a cell that holds one becomes two rows.
"""

from collections.abc import Iterator

from config.wsgi import application  # sets Django up, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED

from list_cutter import list_file

__all__ = ["application"]

honest = list_file.text_lines


def split_lines(content: bytes, start: int) -> Iterator[str]:
    lines = content[start:].decode("utf-8").splitlines(keepends=True)
    return iter(lines) if PLANTED else honest(content, start)


list_file.text_lines = split_lines
