"""The list files that every gate uploads, the same bytes in every run.

What each file holds (columns, rows, whether it may be read at all) is stated by its author, never
taken from a parser. Sending files and judging answers is not done here.
"""

from cutover.corpus.catalogue import list_file, list_files
from cutover.corpus.large import LARGE_MINIMUM, NEARLY_THE_LIMIT, UPLOAD_LIMIT, large
from cutover.corpus.listfile import ListFile

__all__ = [
    "LARGE_MINIMUM",
    "NEARLY_THE_LIMIT",
    "UPLOAD_LIMIT",
    "ListFile",
    "large",
    "list_file",
    "list_files",
]
