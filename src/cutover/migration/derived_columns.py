"""Derive row count, column count, SHA-256 and status from the bytes of a list file.

An independent implementation of contracts/api.md, "Reading a list file": it shares no code with either system. It
reads piece by piece, in memory that does not grow with the file.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import Final

COLUMNS_LIMIT: Final = 100_000
"""A header of more columns is malformed (contracts/api.md, Reading a list file, 6)."""

_BOM: Final = b"\xef\xbb\xbf"
_DELIMITERS: Final = (b",", b";", b"\t")
# UTF-8 and Windows-1252 both encode quotes, delimiters and line ends as these single bytes and use them for nothing
# else, so the counts do not depend on the encoding.
_NUL: Final = b"\0"
# The rest of a quoted field up to its closing quote, which no further quote follows.
_INSIDE: Final = re.compile(rb'[^"]*+(?:""[^"]*+)*+')
# By delimiter: the separator before a quoted field, and the field if it ends correctly in this piece; otherwise the
# whole rest of the piece.
_QUOTES: Final = {
    delimiter: re.compile(rb'([%b\r\n])"(?:[^"]*+(?:""[^"]*+)*+"(?=[%b\r\n])|(?s:.)*+)' % (delimiter, delimiter))
    for delimiter in _DELIMITERS
}
# A quoted field is replaced by one byte that no valid file contains.
_MARKED: Final = {separator: separator + _NUL for separator in (*_DELIMITERS, b"\r", b"\n")}
_TOKEN: Final = re.compile(rb'[",;\t\r\n]')


@dataclass(frozen=True, slots=True)
class DerivedColumns:
    """The derived columns of a file.

    row_count: without the header; column_count: of the header. Both are None for a malformed file, whose status is
    "error" instead of "completed". sha256: lower-case hexadecimal digits. size: in bytes.
    """

    status: str
    row_count: int | None
    column_count: int | None
    sha256: str
    size: int


class ListReader:
    """Derives the columns from pieces of any size."""

    def __init__(self) -> None:
        self._digest, self._size = hashlib.sha256(), 0
        self._begun, self._first = False, b""
        self._malformed = False
        self._sniffer = _Sniffer()
        self._counters: dict[bytes, _Counter] = {}
        self._counter: _Counter | None = None

    def take(self, piece: bytes) -> None:
        """Read the next bytes of the file."""
        self._digest.update(piece)
        self._size += len(piece)
        if self._malformed:
            return
        if not self._begun:
            self._first += piece
            if len(self._first) < len(_BOM):
                return
            piece, self._begun = self._first.removeprefix(_BOM), True
        self._read(piece)

    def result(self) -> DerivedColumns:
        """Return the derived columns. Call it once, after the last piece."""
        if not self._begun:
            self._read(self._first.removeprefix(_BOM))
        # A line end after the last byte completes a record without one; otherwise it is an empty line.
        self._read(b"\n")
        counter = self._counter or self._counters.get(self._sniffer.delimiter) or _Counter(b",")
        sha256 = self._digest.hexdigest()
        if self._malformed or counter.malformed or counter.open or counter.columns > COLUMNS_LIMIT:
            return DerivedColumns("error", None, None, sha256, self._size)
        return DerivedColumns("completed", max(0, counter.records - 1), counter.columns, sha256, self._size)

    def _read(self, piece: bytes) -> None:
        if _NUL in piece:
            self._malformed = True
            return
        if self._counter is None and self._sniffer.take(piece):
            delimiter = self._sniffer.delimiter
            self._counter = self._counters.get(delimiter) or _Counter(delimiter)
        if self._counter is not None:
            self._counter.take(piece)
            return
        # The first record continues in the next piece, and its end may depend on the delimiter: count with each.
        self._counters = self._counters or {delimiter: _Counter(delimiter) for delimiter in _DELIMITERS}
        for counter in self._counters.values():
            counter.take(piece)


def derive(content: bytes) -> DerivedColumns:
    """Return the derived columns of a whole file."""
    reader = ListReader()
    reader.take(content)
    return reader.result()


class _Sniffer:
    """Finds the delimiter: the most frequent candidate outside quotes in the first record (rule 2)."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_DELIMITERS, 0)
        self._field_start, self._quoted, self._pending, self._begun, self._done = True, False, False, False, False

    @property
    def delimiter(self) -> bytes:
        """Return the most frequent delimiter, the comma if there is none or if two are equally frequent."""
        ranked = sorted(self._counts.values(), reverse=True)
        if ranked[0] == ranked[1]:
            return b","
        return max(self._counts, key=self._counts.__getitem__)

    def take(self, piece: bytes) -> bool:
        """Read the next bytes. Return True if the first record ended in them."""
        at = 0
        while at < len(piece) and not self._done:
            if self._quoted:
                at = self._through_quotes(piece, at)
                continue
            found = _TOKEN.search(piece, at)
            if found is None:
                self._begun, self._field_start = True, False
                break
            if found.start() > at:
                self._begun, self._field_start = True, False
            at = found.end()
            self._token(found[0])
        return self._done

    def _token(self, token: bytes) -> None:
        if token == b'"':
            self._quoted, self._begun = self._field_start, True
            self._field_start = False
        elif token in b"\r\n":
            self._done = self._begun
        else:
            self._counts[token] += 1
            self._begun = self._field_start = True

    def _through_quotes(self, piece: bytes, at: int) -> int:
        """Return the position after the closing quote, or the end of the piece."""
        end = _end_of_quotes(piece, at, pending=self._pending)
        self._pending = end == _PENDING
        if end >= 0:
            self._quoted = False
            return end
        return len(piece)


_PENDING: Final = -2
_CONTINUES: Final = -1


def _end_of_quotes(piece: bytes, at: int, *, pending: bool) -> int:
    """Return the position after the closing quote.

    _PENDING: the last byte of the piece is a quote, and the next piece decides if it closes the field. pending: the
    previous piece ended so. _CONTINUES: the field is not closed in this piece.
    """
    if pending:
        if piece[at : at + 1] != b'"':
            return at
        at += 1
    inside = _INSIDE.match(piece, at)
    assert inside is not None  # it also matches the empty text
    end = inside.end()
    if end == len(piece):
        return _CONTINUES
    return _PENDING if end + 1 == len(piece) else end + 1


class _Counter:
    """Counts records and the columns of the first one, with one delimiter (rules 3 and 4)."""

    def __init__(self, delimiter: bytes) -> None:
        self.records, self.columns, self.malformed = 0, 0, False
        self._delimiter, self._separators = delimiter, delimiter + b"\r\n"
        self._quotes = _QUOTES[delimiter]
        self._before = b"\n"  # the last byte that was read
        self._quoted, self._pending = False, False

    @property
    def open(self) -> bool:
        """Return True if the text so far ends within quotes."""
        return self._quoted

    def take(self, piece: bytes) -> None:
        """Read the next bytes, which contain no NUL."""
        at = 0
        while at < len(piece) and not self.malformed:
            if self._quoted:
                end = _end_of_quotes(piece, at, pending=self._pending)
                self._pending = end == _PENDING
                if end < 0:
                    return
                at, self._quoted, self._before = end, False, _NUL
                self.malformed = at < len(piece) and piece[at] not in self._separators
            else:
                at = self._through_fields(piece, at)

    def _through_fields(self, piece: bytes, at: int) -> int:
        """Count up to the next quoted field that does not end in this piece. Return the position after its quote."""
        text = self._before + piece[at:]
        end = len(piece)
        if b'"' in text:
            parts = self._quotes.split(text)
            if not parts[-1]:  # the last field does not end here, because at least one byte follows a field that ends
                last = 0
                for found in self._quotes.finditer(text):
                    last = found.start()
                end = at + last + 1  # after its quote: `text` has one more byte at the beginning
                self._quoted, self._pending = True, False
                parts[-2:] = [parts[-2]]
                parts[1:-1:2] = map(_MARKED.__getitem__, parts[1:-1:2])
            else:
                parts[1::2] = map(_MARKED.__getitem__, parts[1::2])
            text = b"".join(parts)
        self._count(text)
        self._before = text[-1:]
        return end

    def _count(self, text: bytes) -> None:
        if self.records == 0:
            self._count_columns(text)
        if b"\r" in text:
            text = text.replace(b"\r", b"\n")
        while b"\n\n" in text:  # empty lines are not records, and CRLF ends one record
            text = text.replace(b"\n\n", b"\n")
        self.records += text.count(b"\n") - text.startswith(b"\n")

    def _count_columns(self, text: bytes) -> None:
        """Count the fields of the first record. The first byte of the text is already counted."""
        new = text[1:].lstrip(b"\r\n") if text[:1] in b"\r\n" else text[1:]
        if not new and not self._quoted:
            return
        header = re.split(rb"[\r\n]", new, maxsplit=1)[0]
        self.columns += header.count(self._delimiter) + (self.columns == 0)
