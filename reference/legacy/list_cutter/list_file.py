"""Parse a list file (contracts/api.md, "Reading a list file"): decoding, delimiter, records.

Selecting and filtering rows is in export.py.

Python's csv module follows this grammar except for these points, each handled below:

- It takes lines from an iterator and refuses a line end inside one. So the lines must be split at
  CRLF, LF *and* lone CR without changing them. TextIOWrapper with newline="" does exactly that and
  nothing else; str.splitlines would also split at U+0085, U+2028 and others.
- Without strict, text after a closing quote and an unclosed quote are accepted. With strict they
  are csv.Error. A quote later in an unquoted field is data in both modes.
- Since Python 3.11 a NUL is data: it is checked first.
- A field longer than 131,072 characters is an error: the limit is raised.
- An empty line is an empty record: it is skipped. A line of `""` is a record with one empty field
  and is kept.
- Its Sniffer guesses: the delimiter is counted here.
"""

import codecs
import csv
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

csv.field_size_limit(2**31 - 1)

DELIMITERS = ",;\t"
# A quote opens a field at the start of the record or after any of the three candidates, because the
# delimiter is not known while they are counted.
OPENING_QUOTE = re.compile(r'(?:\A|(?<=[,;\t]))"')
HOLES = b"\x81\x8d\x8f\x90\x9d"
WINDOWS_1252 = "".join(chr(byte) if byte in HOLES else bytes([byte]).decode("windows-1252") for byte in range(256))


class MalformedFileError(ValueError):
    """An unclosed quote, text after a closing quote, or a NUL."""


def as_utf8(content: bytes) -> tuple[bytes, int]:
    """Return the file in UTF-8, and the index at which its text begins (after a BOM)."""
    if b"\0" in content:  # neither encoding has that byte in another character
        raise MalformedFileError("a NUL byte")
    start = len(codecs.BOM_UTF8) if content.startswith(codecs.BOM_UTF8) else 0
    text = memoryview(content)[start:]
    try:
        codecs.utf_8_decode(text, "strict", True)
    except UnicodeDecodeError:
        return codecs.charmap_decode(text, "strict", WINDOWS_1252)[0].encode("utf-8"), 0
    return content, start


def text_lines(content: bytes, start: int) -> Iterator[str]:
    """Yield the lines of a UTF-8 text, each with its own line end. The bytes are not copied."""
    stream = io.BytesIO(content)
    stream.seek(start)
    return io.TextIOWrapper(stream, encoding="utf-8", newline="")


def closing_quote(line: str, start: int) -> int:
    """Return the end of the quoted field whose text continues at `start`; -1 if it is not in this line."""
    while True:
        place = line.find('"', start)
        if place < 0 or line[place + 1 : place + 2] != '"':
            return place
        start = place + 2


def delimiter_of(lines: Iterator[str]) -> str:
    """Return the candidate that occurs most often outside quotes in the first record; a comma on a tie
    or if none occurs.
    """
    counts = dict.fromkeys(DELIMITERS, 0)

    def count(line: str, start: int, end: int) -> None:
        for candidate in DELIMITERS:
            counts[candidate] += line.count(candidate, start, end)

    quoted = False
    for line in lines:
        if not quoted and not line.rstrip("\r\n"):
            continue  # an empty line before the first record
        position = 0
        while True:
            if quoted:
                place = closing_quote(line, position)
                if place < 0:
                    break
                quoted, position = False, place + 1
            opening = OPENING_QUOTE.search(line, position)
            if opening is None:
                count(line, position, len(line))
                break
            count(line, position, opening.start())
            quoted, position = True, opening.end()
        if not quoted:
            break
    most = max(counts.values())
    winners = [candidate for candidate in DELIMITERS if counts[candidate] == most]
    return winners[0] if len(winners) == 1 else ","


@contextmanager
def reading() -> Iterator[None]:
    try:
        yield
    except csv.Error as error:
        raise MalformedFileError(str(error)) from error


class ListFile:
    """A list file: its header, and its rows one after the other.

    Raises MalformedFileError at once or while the rows are read, because only the end proves that a
    file is well-formed. A file without any record has an empty header and no rows.
    """

    def __init__(self, content: bytes) -> None:
        content, start = as_utf8(content)
        delimiter = delimiter_of(text_lines(content, start))
        lines = text_lines(content, start)
        records = csv.reader(lines, delimiter=delimiter, quotechar='"', doublequote=True, strict=True)
        self._records = filter(None, records)  # without empty lines
        with reading():
            self.header: list[str] = next(self._records, [])

    def rows(self) -> Iterator[list[str]]:
        """Yield the rows; rows that are too short are filled up to the header's length."""
        width = len(self.header)
        with reading():
            for row in self._records:
                if len(row) < width:
                    row.extend([""] * (width - len(row)))
                yield row

    def count_rows(self) -> int:
        """Return the number of rows. This takes a third of the time of iterating over them."""
        with reading():
            return sum(map(bool, self._records))
