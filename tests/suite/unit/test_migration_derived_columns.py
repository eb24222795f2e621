"""Tests of the derived columns: known lists, any pieces, and Python's csv module."""

import csv
import io
import itertools

import hypothesis.strategies as st
import pytest
from hypothesis import example, given

from cutover.corpus import ListFile, list_files
from cutover.migration.derived_columns import COLUMNS_LIMIT, DerivedColumns, ListReader, derive

pytestmark = pytest.mark.unit

# The bytes on which the grammar turns, and some on which it does not.
BYTES = st.lists(
    st.sampled_from([b'"', b",", b";", b"\t", b"\r", b"\n", b"\0", b"a", b"\xc3\xa9", b"\xe9", b" ", b"\xef\xbb\xbf"]),
    max_size=24,
).map(b"".join)


def read_in_pieces(content: bytes, cuts: list[int]) -> DerivedColumns:
    """Return the derived columns of a file that is cut at these positions."""
    reader, places = ListReader(), sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    for start, end in itertools.pairwise(places):
        reader.take(content[start:end])
    return reader.result()


def derive_slowly(content: bytes) -> tuple[str, int | None, int | None]:
    """Derive the columns character by character, as contracts/api.md, Reading a list file, states rule by rule."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    if b"\0" in content:
        return "error", None, None
    text = content.decode("latin-1")  # a character a byte: what is counted is ASCII
    counts, start, quoted, begun, at = dict.fromkeys(",;\t", 0), True, False, False, 0
    while at < len(text):  # rule 2
        character = text[at]
        if quoted:
            if text[at : at + 2] == '""':
                at += 1
            elif character == '"':
                quoted = False
        elif character in "\r\n":
            if begun:
                break
        else:
            quoted = character == '"' and start
            start = character in counts
            begun = True
            if start:
                counts[character] += 1
        at += 1
    most = max(counts.values())
    best = [delimiter for delimiter, count in counts.items() if count == most]
    delimiter = best[0] if len(best) == 1 else ","
    records: list[int] = []
    at = 0
    while at < len(text):  # rules 3 and 4
        if text[at] in "\r\n":
            at += 1
            continue
        fields = 1
        while True:
            if text[at : at + 1] == '"':
                at += 1
                while text[at : at + 1] != '"' or text[at : at + 2] == '""':
                    at += 2 if text[at : at + 2] == '""' else 1
                    if at >= len(text):
                        return "error", None, None
                at += 1
                if text[at : at + 1] not in ("", delimiter, "\r", "\n"):
                    return "error", None, None
            while at < len(text) and text[at] not in (delimiter, "\r", "\n"):
                at += 1
            if text[at : at + 1] != delimiter:
                break
            fields, at = fields + 1, at + 1
        records.append(fields)
    return "completed", max(0, len(records) - 1), records[0] if records else 0


@pytest.mark.parametrize("kind", [kind for kind in list_files() if kind.accepted], ids=str)
def test_corpus_has_the_declared_rows_and_columns(kind: ListFile) -> None:
    """The author of each list declares them; no parser computed them."""
    stated = ("error", None, None) if kind.malformed else ("completed", kind.rows, len(kind.columns))
    found = derive(kind.content)
    assert (found.status, found.row_count, found.column_count) == stated
    assert (found.sha256, found.size) == (kind.sha256, kind.size)


@given(BYTES, st.lists(st.integers(0, 60), max_size=8))
@example(b'a,b;"c\nd,e\n', [])  # a quote behind another delimiter than the one that is found
@example(b'a;"b,c\n"\n', [4])
@example(b'""\n\n""""\r\n"x"', [1, 2, 8])
@example(b"\xef\xbb\xbf", [1, 2])
def test_pieces_do_not_change_the_result(content: bytes, cuts: list[int]) -> None:
    """Any bytes, cut at any position."""
    found = read_in_pieces(content, cuts)
    assert (found.status, found.row_count, found.column_count) == derive_slowly(content)
    assert found == derive(content)


@given(
    st.lists(st.lists(st.text('ab"\r\n; \té', max_size=4), min_size=2, max_size=4), min_size=1, max_size=6).map(
        lambda rows: [row[: len(rows[0])] for row in rows]
    ),
    st.sampled_from(["\r\n", "\n"]),
)
def test_quoted_csv_is_counted_like_pythons_csv(rows: list[list[str]], line_end: str) -> None:
    """For quoted fields both grammars are RFC 4180's. The commas of the header determine the delimiter."""
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator=line_end).writerows(rows)
    text = written.getvalue()
    read = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    found = derive(text.encode())
    assert (found.status, found.row_count, found.column_count) == ("completed", len(read) - 1, len(read[0]))


@pytest.mark.parametrize(("columns", "status"), [(COLUMNS_LIMIT, "completed"), (COLUMNS_LIMIT + 1, "error")])
def test_header_with_too_many_columns_is_malformed(columns: int, status: str) -> None:
    """The maximum of the contract is accepted, one more is not."""
    assert derive(b"," * (columns - 1) + b"\n").status == status


def test_quoted_field_may_span_many_pieces() -> None:
    """Lines in it are not records, and its pieces are not kept."""
    reader = ListReader()
    reader.take(b'a,b\n1,"')
    for _ in range(64):
        reader.take(b'x\n""' * 16_384)
    reader.take(b'"\n2,3\n')
    found = reader.result()
    assert (found.status, found.row_count, found.column_count) == ("completed", 2, 2)
