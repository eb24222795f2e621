"""The list files that all gates upload, with the same bytes in every run.

The properties of each file (columns, rows, malformed or not) are stated by its author and not taken from a parser.
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
