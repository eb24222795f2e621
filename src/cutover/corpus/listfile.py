"""A list file of the corpus: its name, bytes and stated properties."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class ListFile:
    """A file that a user uploads, with the properties that both systems must report.

    Args:
        name: key in the corpus, lower case with underscores; also used as test id.
        description: one line, the property that a system with a failure on this file gets wrong.
        filename: the name on the user's computer, before any escaping for the request.
        columns: the exact fields of the header, with duplicates; empty if the file is refused or malformed.
        rows: number of rows without the header.
        accepted: False if `upload` must refuse the file (400 for 0 bytes, 413 or 400 above the limit).
        malformed: True if `columns` and `export` respond with 400 and processing ends with `error`; the upload
            itself succeeds and the file can be downloaded.
        source: the bytes, or the function that creates them on first use.
        stored_as: the stored file name, if it differs from `filename`.
    """

    name: str
    description: str
    filename: str
    columns: tuple[str, ...]
    rows: int
    accepted: bool = True
    malformed: bool = False
    source: bytes | Callable[[], bytes] = field(repr=False, compare=False)
    stored_as: str | None = None

    @cached_property
    def content(self) -> bytes:
        """Return the bytes of the file. They are created once and kept with this object."""
        return self.source if isinstance(self.source, bytes) else self.source()

    @cached_property
    def sha256(self) -> str:
        """Return the SHA-256 of the content in lower-case hex, like the Worker's `checksum`."""
        from hashlib import sha256  # imported here, so that importing the corpus is fast

        return sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """Return the length of the content in bytes."""
        return len(self.content)

    @property
    def stored_filename(self) -> str:
        r"""Return the file name that both systems store and return (contract, `upload`).

        It is the part of `filename` after the last `/` or `\`.
        """
        return self.filename if self.stored_as is None else self.stored_as

    def __str__(self) -> str:
        """Return the name, so that `ids=str` gives readable test ids."""
        return self.name
