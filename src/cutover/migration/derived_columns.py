"""What is calculated from a list file's bytes: rows, columns, SHA-256, and whether it can be read at all.

An oracle of its own after contracts/api.md, "Reading a list file": it shares nothing with either system. Not for the
names of columns or for cells; it counts, piece by piece, in memory that does not grow with the file.
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
# UTF-8 and Windows-1252 both hold quotes, delimiters and line ends as these single bytes and use them for nothing
# else, so what is counted does not depend on which of the two a file is.
_NUL: Final = b"\0"
# The rest of a quoted field up to its closing quote, which no further quote follows.
_INSIDE: Final = re.compile(rb'[^"]*+(?:""[^"]*+)*+')
# By delimiter: what is before a quoted field, and that field, which ends in the piece and as it must; or which does
# not, and then all that is behind it.
_QUOTES: Final = {
    delimiter: re.compile(rb'([%b\r\n])"(?:[^"]*+(?:""[^"]*+)*+"(?=[%b\r\n])|(?s:.)*+)' % (delimiter, delimiter))
    for delimiter in _DELIMITERS
}
# A field in quotes becomes one byte that no file holds otherwise.
_MARKED: Final = {separator: separator + _NUL for separator in (*_DELIMITERS, b"\r", b"\n")}
_TOKEN: Final = re.compile(rb'[",;\t\r\n]')


@dataclass(frozen=True, slots=True)
class DerivedColumns:
    """What D1 holds of a file beside its name. row_count does not count the header, column_count is the header's;
    both are None for a malformed file, whose status is "error" and not "completed". sha256: lower-case hexadecimal."""

    status: str
    row_count: int | None
    column_count: int | None
    sha256: str
    size: int


class ListReader:
    """Takes a file's bytes piece by piece, of any size, and says at the end what is calculated from them."""

    def __init__(self) -> None:
        self._digest, self._size = hashlib.sha256(), 0
        self._begun, self._first = False, b""
        self._malformed = False
        self._sniffer = _Sniffer()
        self._counters: dict[bytes, _Counter] = {}
        self._counter: _Counter | None = None

    def take(self, piece: bytes) -> None:
        """The next bytes of the file."""
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
        """What was calculated. To be asked once, behind the last piece."""
        if not self._begun:
            self._read(self._first.removeprefix(_BOM))
        # A line end behind the last byte ends a last record that has none, and is otherwise an empty line.
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
        # The first record goes on in the next piece, and where it ends may depend on the delimiter: count by each.
        self._counters = self._counters or {delimiter: _Counter(delimiter) for delimiter in _DELIMITERS}
        for counter in self._counters.values():
            counter.take(piece)


def calculate(content: bytes) -> DerivedColumns:
    """The same of a whole file."""
    reader = ListReader()
    reader.take(content)
    return reader.result()


class _Sniffer:
    """Finds the delimiter: that which occurs most often outside quotes in the first record (rule 2)."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(_DELIMITERS, 0)
        self._field_start, self._quoted, self._pending, self._begun, self._done = True, False, False, False, False

    @property
    def delimiter(self) -> bytes:
        """The most frequent one; the comma when there is none, or two are equally frequent."""
        ranked = sorted(self._counts.values(), reverse=True)
        if ranked[0] == ranked[1]:
            return b","
        return max(self._counts, key=self._counts.__getitem__)

    def take(self, piece: bytes) -> bool:
        """The next bytes; True when the first record has ended in them."""
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
        """Behind the closing quote, or the end of the piece."""
        end = _end_of_quotes(piece, at, pending=self._pending)
        self._pending = end == _PENDING
        if end >= 0:
            self._quoted = False
            return end
        return len(piece)


_PENDING: Final = -2
_GOES_ON: Final = -1


def _end_of_quotes(piece: bytes, at: int, *, pending: bool) -> int:
    """Where the byte behind the closing quote stands. _PENDING: the piece's last byte is a quote, and the next piece
    says whether it closes; pending says that the piece before ended so. _GOES_ON: it is not closed in this piece."""
    if pending:
        if piece[at : at + 1] != b'"':
            return at
        at += 1
    inside = _INSIDE.match(piece, at)
    assert inside is not None  # it matches the empty text, too
    end = inside.end()
    if end == len(piece):
        return _GOES_ON
    return _PENDING if end + 1 == len(piece) else end + 1


class _Counter:
    """Counts records, and the columns of the first one, by one delimiter (rules 3 and 4)."""

    def __init__(self, delimiter: bytes) -> None:
        self.records, self.columns, self.malformed = 0, 0, False
        self._delimiter, self._separators = delimiter, delimiter + b"\r\n"
        self._quotes = _QUOTES[delimiter]
        self._before = b"\n"  # the last byte that was read
        self._quoted, self._pending = False, False

    @property
    def open(self) -> bool:
        """Whether what was read ends within quotes."""
        return self._quoted

    def take(self, piece: bytes) -> None:
        """The next bytes, which hold no NUL."""
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
        """Count up to the next quoted field that does not end in this piece; where that begins, behind its quote."""
        text = self._before + piece[at:]
        end = len(piece)
        if b'"' in text:
            parts = self._quotes.split(text)
            if not parts[-1]:  # the last one has no end here, for behind a field that ends comes at least one byte
                last = 0
                for found in self._quotes.finditer(text):
                    last = found.start()
                end = at + last + 1  # behind its quote: `text` has one byte more in front
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
        while b"\n\n" in text:  # empty lines are no records, and CRLF ends one record
            text = text.replace(b"\n\n", b"\n")
        self.records += text.count(b"\n") - text.startswith(b"\n")

    def _count_columns(self, text: bytes) -> None:
        """Add up the fields of the first record; the first byte of the text was counted before."""
        new = text[1:].lstrip(b"\r\n") if text[:1] in b"\r\n" else text[1:]
        if not new and not self._quoted:
            return
        header = re.split(rb"[\r\n]", new, maxsplit=1)[0]
        self.columns += header.count(self._delimiter) + (self.columns == 0)
