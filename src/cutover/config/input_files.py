"""Recognize files that are no plain text in UTF-8: compressed files, archives, UTF-16, databases.

Without this, such a file would be reported as thousands of unreadable lines, or as a syntax error.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final, NamedTuple

from cutover.config.validation import ConfigurationError

BEGINNING: Final = 512
"""Number of bytes that `foreign_content` needs."""


class Content(NamedTuple):
    """A kind of content. name: completes "it is …". fix: one sentence, what to do."""

    name: str
    fix: str


def _packed(name: str, command: str) -> Content:
    return Content(f"compressed as {name}", f"Decompress it: {command}.")


_SIGNATURES: Final = (
    (b"\x1f\x8b", _packed("gzip", "gzip -d")),
    (b"\xfd7zXZ\0", _packed("xz", "xz -d")),
    (b"\x28\xb5\x2f\xfd", _packed("zstd", "zstd -d")),
    (b"BZh", _packed("bzip2", "bzip2 -d")),
    (b"PK\x03\x04", _packed("zip", "unzip")),
    (b"PK\x05\x06", _packed("zip", "unzip")),
    (b"\x04\x22\x4d\x18", _packed("lz4", "lz4 -d")),
    (b"7z\xbc\xaf\x27\x1c", _packed("7-Zip", "7z x")),
    (b"Rar!\x1a\x07", _packed("RAR", "unrar x")),
    (b"\x1f\x9d", _packed("compress (.Z)", "uncompress")),
    (b"SQLite format 3\0", Content("an SQLite database", "Export its statements as text.")),
    (b"PAR1", Content("a Parquet file", "Export it as text.")),
)
"""First bytes -> content. https://en.wikipedia.org/wiki/List_of_file_signatures lists the formats' definitions."""
_TAR: Final = (257, b"ustar")
_WIDE: Final = (
    (re.compile(rb"\xff\xfe\0\0|\0\0\xfe\xff"), "UTF-32"),
    (re.compile(rb"\xff\xfe|\xfe\xff"), "UTF-16"),
    (re.compile(rb"(?:[\t\n\r -~]\0){4}|(?:\0[\t\n\r -~]){4}"), "UTF-16"),  # without a byte-order mark
)


def foreign_content(beginning: bytes) -> Content | None:
    """Return the content if the first BEGINNING bytes of a file show that it is no plain text, None otherwise."""
    for signature, content in _SIGNATURES:
        if beginning.startswith(signature):
            return content
    place, mark = _TAR
    if beginning[place:].startswith(mark):
        return Content("a tar archive", "Unpack it: tar xf.")
    for pattern, name in _WIDE:
        if pattern.match(beginning):
            return Content(f"encoded in {name}", f"Convert it to UTF-8: iconv -f {name} -t UTF-8.")
    return None


def refuse_foreign_content(file: Path, expected: str) -> None:
    """Raise ConfigurationError if the file is no plain text, or no regular file. expected: for the message.

    Raises OSError if it cannot be read.
    """
    if file.exists() and not file.is_file():
        raise ConfigurationError(file, "", f"expected {expected}, got no regular file", "Name a file.")
    with file.open("rb") as opened:
        content = foreign_content(opened.read(BEGINNING))
    if content is not None:
        raise ConfigurationError(file, "", f"expected {expected}, but it is {content.name}", content.fix)
