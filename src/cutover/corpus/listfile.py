"""One list file of the corpus: its name, its bytes and what is true of it.

Only the description of a file lives here. Which files there are is in the catalogue, and nothing in
this module reads CSV.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property


@dataclass(frozen=True, kw_only=True)
class ListFile:
    """A file that a user uploads, with what both systems must say about it.

    Args:
        name: key in the corpus, lower case with underscores; also fit for a test id.
        description: one line, what a reader that fails on this file got wrong.
        filename: the name the user's computer gives to the file, before any escaping on the wire.
        columns: the header's fields exactly, duplicates included; empty when the file has no columns to
            tell (refused or malformed).
        rows: number of rows, the header not counted.
        accepted: False when `upload` must refuse the file (400 for 0 bytes, 413 or 400 above the limit).
        malformed: True when `columns` and `export` answer 400 and processing ends in `error`; the upload
            itself succeeds and the file can be downloaded.
        source: the bytes, or what makes them on first use.
        stored_as: the file name that is stored when it differs from `filename`.
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
        """The bytes of the file, made once and kept as long as this object lives."""
        return self.source if isinstance(self.source, bytes) else self.source()

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the content in lower-case hex, as the Worker's `checksum`."""
        from hashlib import sha256  # here, so that importing the corpus stays cheap

        return sha256(self.content).hexdigest()

    @property
    def size(self) -> int:
        """Length of the content in bytes."""
        return len(self.content)

    @property
    def stored_filename(self) -> str:
        r"""The file name that both systems store and give back (contract, `upload`).

        It is `filename` exactly, but without what stands before the last `/` or `\`.
        """
        return self.filename if self.stored_as is None else self.stored_as

    def __str__(self) -> str:
        """The name, so that `ids=str` makes readable test ids."""
        return self.name
