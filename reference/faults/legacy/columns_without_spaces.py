"""Column names lose the spaces at both ends.

Cause: the header's fields are stripped to look better. The name as in the file is then an unknown
column.
"""

from config.wsgi import application  # sets up Django, so it comes first

# isort: split
from faults.legacy.lib.fault_mode import PLANTED

from list_cutter.list_file import ListFile

__all__ = ["application"]

original = ListFile.__init__


def stripped(source: ListFile, content: bytes) -> None:
    original(source, content)
    source.header = [name.strip() if PLANTED else name for name in source.header]


ListFile.__init__ = stripped
