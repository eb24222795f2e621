"""The foreign pair (reference/foreign): both systems read lists and uploads alike, and as contracts/api.md says."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference.foreign import new_lists, new_requests, old_lists, old_upload

from cutover import corpus

pytestmark = pytest.mark.unit

TABLES = st.text(alphabet='ab,;\t"\r\n é', max_size=40).map(str.encode) | st.binary(max_size=20)
NUMBERS = st.from_regex(r"\s?[+-]?[0-9]{0,3}\.?[0-9]{0,3}(e[+-]?[0-9]{1,3})?\s?|[a-z]{1,2}", fullmatch=True)


def _new(content: bytes) -> list[list[str]] | None:
    try:
        return new_lists.table(content)
    except new_requests.Problem:
        return None


def _old(content: bytes) -> list[list[str]] | None:
    try:
        header, rows = old_lists.read_list(content)
    except old_lists.MalformedError:
        return None
    return [header, *rows]


@given(TABLES)
def test_both_systems_read_the_same_table(content: bytes) -> None:
    """Both readers return the same header and rows for any bytes, or both refuse them."""
    assert _new(content) == _old(content)


@pytest.mark.parametrize("file", [each for each in corpus.list_files() if each.accepted], ids=lambda each: each.name)
def test_both_systems_read_the_corpus_right(file: corpus.ListFile) -> None:
    """Columns and row counts of each list of the corpus are the known ones."""
    known = None if file.malformed else (list(file.columns), file.rows)
    for table in (_new(file.content), _old(file.content)):
        assert (table if table is None else (table[0], len(table) - 1)) == known


@given(NUMBERS, NUMBERS)
def test_both_systems_order_values_alike(cell: str, operand: str) -> None:
    """Both compare as exact numbers if both values are numbers, otherwise by code points."""
    assert new_lists.order(cell, operand) == old_lists.compare(cell, operand)


@given(st.binary(max_size=60).filter(bool), st.sampled_from(["a.csv", 'q"%22 é.TXT', "d/b.tsv", "c:\\x.csv"]))
def test_both_systems_read_the_same_upload(content: bytes, name: str) -> None:
    """Both readers return the name and exactly the bytes of an uploaded file."""
    wire = name.replace('"', "%22").encode()
    boundary = "bound-ary"
    body = b'--bound-ary\r\nContent-Disposition: form-data; name="part"; filename="' + wire + b'"\r\n\r\n'
    body += content + b"\r\n--bound-ary--\r\n"
    media = f"multipart/form-data; boundary={boundary}"
    expected = name.replace("%22", '"').replace("\\", "/").rpartition("/")[2], content
    assert old_upload.read_upload(media, body, "part") == expected
    environ = {"CONTENT_TYPE": media, "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body)}
    assert new_requests.part_of(environ, b"part") == expected
