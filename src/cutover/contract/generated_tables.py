"""Strategies for list files with known content: dialect, encoding, ragged rows, quotes.

The content is known by construction, without parsing. Malformed files are in the corpus.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from cutover.contract.oracle import OPERATORS, write_csv

DELIMITERS: Final = (",", ";", "\t")
BOM: Final = b"\xef\xbb\xbf"
_SIGNS: Final = ',;\t"\r\n'
_PLAIN: Final = "abzAZ019 .-+=@'%_äßéЖ東\U0001f600\u0301\u2028\u00a0"
_NUMBERS: Final = (
    "0", "-0", "00", "1", "1.0", "1.", ".5", "+1", "-1", "10", "9", "1e1", "1E+1", "1e-1", "100e-1", "1e999",
    "9007199254740993", "9007199254740992", "0.1", "0.10000000000000000001", "1e0001", "1,5", "\u0661", "1 ",
    " 1", "\t1", "1e", ".", "-", "0x1", "NaN", "Infinity", "1_000",
)  # fmt: skip


def cells() -> SearchStrategy[str]:
    """Return a strategy for cells: short words, special characters, numbers and texts that resemble numbers."""
    return st.one_of(
        st.text(st.sampled_from(_PLAIN + _SIGNS), max_size=6),
        st.sampled_from(_NUMBERS),
        st.sampled_from(("", " ", "a", "A", "ab")),
    )


@dataclass(frozen=True)
class Table:
    """The records of a file, header first, and its bytes."""

    records: tuple[tuple[str, ...], ...]
    content: bytes

    @property
    def header(self) -> tuple[str, ...]:
        """Return the exact column names."""
        return self.records[0]


@st.composite
def tables(draw: DrawFn) -> Table:
    """Generate a table of 1 to 5 columns and up to 8 rows in one of the dialects of contracts/api.md."""
    width = draw(st.integers(1, 5))
    header = draw(st.lists(cells(), min_size=width, max_size=width))
    rows = draw(st.lists(st.lists(cells(), min_size=1, max_size=width + 1), max_size=8))
    records = (tuple(header), *map(tuple, rows))
    delimiter = draw(st.sampled_from(DELIMITERS)) if width > 1 else ","  # the default if no delimiter occurs
    end = draw(st.sampled_from(("\r\n", "\n", "\r")))
    always = draw(st.booleans())
    lines = []
    for number, record in enumerate(records):
        # In the first record the other special characters are quoted: they could be detected as the delimiter.
        signs = _SIGNS if number == 0 else f"{delimiter}\r\n"
        lines.append(delimiter.join(_field(cell, signs, always=always or record == ("",)) for cell in record))
        lines += [""] * draw(st.sampled_from((0, 0, 0, 1)))
    text = end.join(lines) + draw(st.sampled_from((end, "")))
    return Table(records, draw(st.sampled_from(_encoded(text))))


def _field(cell: str, signs: str, *, always: bool) -> str:
    if always or cell.startswith('"') or any(sign in cell for sign in signs):
        return '"' + cell.replace('"', '""') + '"'
    return cell


def _encoded(text: str) -> list[bytes]:
    """Return the text as UTF-8 and as Windows-1252 unless that is valid UTF-8, too; each without and with a BOM."""
    utf8 = text.encode()
    encoded = [utf8, BOM + utf8]
    try:
        western = text.encode("cp1252")
        western.decode("utf-8")
    except UnicodeEncodeError:
        return encoded
    except UnicodeDecodeError:
        return [*encoded, western, BOM + western]
    return encoded


def marked_tables() -> list[Table]:
    """Return tables with a BOM whose quoted first column contains a comma, in UTF-8 and in Windows-1252."""
    records = (("a,b", "c"), ("\u20ac", "\u00e9"))
    text = '"a,b",c\n\u20ac,\u00e9\n'
    return [Table(records, BOM + text.encode(encoding)) for encoding in ("utf-8", "cp1252")]


ExportCase = tuple[Table, list[str], list[dict[str, Any]]]
"""Input of an export: table, columns, filters."""


def number_cases(operator: str) -> list[ExportCase]:
    """Return cases in which this operator compares each number, or text that resembles one, with edge cases."""
    records = (("n", "cell"), *((str(at), cell) for at, cell in enumerate(_NUMBERS)))
    table = Table(records, write_csv(records))
    operands = ("1", "1e1", "9007199254740992", "0.1", "-0", "\u0661", "1,5", ".5")
    pairs = zip(operands, reversed(operands), strict=True)
    values = {"BETWEEN": [list(pair) for pair in pairs], "IN": [["x", each, "9"] for each in operands]}
    values["IN"] += [["9", each] for each in operands[:2]]
    return [
        (table, ["n"], [{"column": "cell", "operator": operator, "value": value}])
        for value in values.get(operator, list(operands))
    ]


def long_table_cases() -> list[ExportCase]:
    """Return cases with 3,000 rows, unfiltered and filtered. They find errors at page and block boundaries."""
    records = (("n", "word"), *((str(number), "odd, you see" if number % 2 else "even") for number in range(3000)))
    table = Table(records, write_csv(records))
    half = [{"column": "word", "operator": "=", "value": "even"}]
    return [(table, ["word", "n"], []), (table, ["n", "n"], half)]


def delimiter_cases() -> list[ExportCase]:
    """Return cases with each special character inside a cell and as a whole cell, for the quoting rules."""
    signs = (*_SIGNS, "\r\n", "'", "|", "\u2028", "\u0085", "\v")
    records = (
        ("n", "cell"),
        *((str(at), f"a{sign}b") for at, sign in enumerate(signs)),
        *(("x", sign) for sign in signs),
    )
    table = Table(records, write_csv(records))
    return [(table, ["cell", "n"], []), (table, ["cell"], [])]


@st.composite
def export_cases(draw: DrawFn, operators: tuple[str, ...] = OPERATORS) -> ExportCase:
    """Generate the input of an export. Most operands are cells of the column, or similar to them."""
    table = draw(tables())
    columns = draw(st.lists(st.sampled_from(table.header), min_size=1, max_size=4))
    filters = []
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(table.header) - 1))
        held = [row[at] for row in table.records[1:] if at < len(row)]
        operand = st.one_of(st.sampled_from(held), cells()) if held else cells()
        operator = draw(st.sampled_from(operators))
        value: Any = draw(operand)
        if operator == "BETWEEN":
            value = [value, draw(operand)]
        elif operator == "IN":
            value = [value, *draw(st.lists(operand, max_size=3))]
        elif draw(st.integers(0, 3)) == 0:
            value = draw(st.integers(-12, 12))  # a JSON number counts as its decimal text
        filters.append({"column": table.header[at], "operator": operator, "value": value})
    return table, columns, filters


def contents() -> SearchStrategy[bytes]:
    """Return a strategy for file contents: random bytes, tables, and bytes that are no valid text."""
    return st.one_of(
        st.binary(min_size=1, max_size=300),
        tables().map(lambda table: table.content),
        st.text(min_size=1, max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")),
        st.sampled_from((b"\0", b"\r\n", b"\xef\xbb\xbf", b"\x1a", b"--", b"\r\n--", b'"', b"\xff\xfe")),
    )
