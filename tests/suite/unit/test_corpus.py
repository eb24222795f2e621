"""The statements of the corpus about its files are true, and its bytes do not change unnoticed.

The oracle is Python's csv module with the contract's own rules (encoding, delimiter, blank lines, NUL), written again
here. It checks the statements of the files' authors and does not use the corpus' own code.
"""

import csv
import hashlib
import io
import re
import subprocess
import sys
import tomllib
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.corpus import LARGE_MINIMUM, NEARLY_THE_LIMIT, UPLOAD_LIMIT, ListFile, large, list_file, list_files
from cutover.corpus.expected import expected_toml

pytestmark = pytest.mark.unit

EXPECTED_PATH = Path(__file__).parents[2] / "corpus" / "expected.toml"
EXPECTED: dict[str, dict[str, Any]] = tomllib.loads(EXPECTED_PATH.read_text(encoding="ascii"))

READABLE = [file for file in list_files() if file.accepted and not file.malformed]
MALFORMED = [file for file in list_files() if file.malformed]

HOLES = frozenset(b"\x81\x8d\x8f\x90\x9d")


class MalformedError(Exception):
    """The oracle refuses the file."""


def decoded(content: bytes) -> str:
    """Apply rule 1: without a leading byte-order mark UTF-8, else Windows-1252 with C1 controls in its gaps."""
    content = content.removeprefix(b"\xef\xbb\xbf")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        return "".join(chr(b) if b in HOLES else bytes([b]).decode("cp1252") for b in content)


def delimiter(text: str) -> str:
    """Apply rule 2, for headers whose quotes all belong to quoted fields, as in the corpus."""
    header = re.match(r'[\r\n]*((?:"[^"]*"|[^"\r\n])*)', text)
    assert header is not None
    outside = re.sub(r'"[^"]*"', "", header[1])
    counts = {candidate: outside.count(candidate) for candidate in ",;\t"}
    most = [candidate for candidate, count in counts.items() if count == max(counts.values())]
    return most[0] if len(most) == 1 else ","


def records(content: bytes) -> list[list[str]]:
    """Apply rules 3 and 4: return header and rows with unchanged fields, without empty lines."""
    text = decoded(content)
    if "\0" in text:
        raise MalformedError("NUL")
    # newline="" splits lines at LF, CRLF and CR and changes none. str.splitlines knows more line ends.
    lines = io.StringIO(text, newline="")
    try:
        return [record for record in csv.reader(lines, delimiter=delimiter(text), strict=True) if record]
    except csv.Error as error:
        raise MalformedError(str(error)) from error


@pytest.fixture(autouse=True, scope="module")
def unlimited_fields() -> Iterator[None]:
    """Remove csv's global limit of 131,072 characters per field for this module."""
    before = csv.field_size_limit(2**31 - 1)
    yield
    csv.field_size_limit(before)


def test_expected_lists_every_file() -> None:
    """expected.toml and the corpus have the same names in the same order."""
    assert list(EXPECTED) == [file.name for file in list_files()]


@pytest.mark.parametrize("file", list_files(), ids=str)
def test_file_is_as_expected(file: ListFile) -> None:
    """Size, SHA-256, columns, rows, flags and names are those of expected.toml."""
    assert EXPECTED[file.name] == {
        "size": len(file.content),
        "sha256": hashlib.sha256(file.content).hexdigest(),
        "columns": list(file.columns),
        "rows": file.rows,
        "accepted": file.accepted,
        "malformed": file.malformed,
        "filename": file.filename,
        "stored_filename": file.stored_filename,
    }


def test_command_prints_expected_toml() -> None:
    """`python -m cutover.corpus` reproduces expected.toml byte for byte."""
    assert EXPECTED_PATH.read_text(encoding="ascii") == expected_toml()


@pytest.mark.parametrize("file", READABLE, ids=str)
def test_oracle_agrees_on_columns_and_rows(file: ListFile) -> None:
    """An independent reader finds the stated columns and number of rows."""
    header, *rows = records(file.content)
    assert tuple(header) == file.columns
    assert len(rows) == file.rows


@pytest.mark.parametrize("file", MALFORMED, ids=str)
def test_oracle_refuses_malformed_files(file: ListFile) -> None:
    """An independent reader refuses each malformed file, for which no columns are stated."""
    with pytest.raises(MalformedError):
        records(file.content)
    assert (file.columns, file.rows, file.accepted) == ((), 0, True)


def test_only_the_empty_file_is_refused() -> None:
    """Only the file of 0 bytes is refused at upload."""
    assert [(file.name, file.content) for file in list_files() if not file.accepted] == [("empty", b"")]


@pytest.mark.parametrize("file", list_files(), ids=str)
def test_stored_filename_is_the_last_part(file: ListFile) -> None:
    """The stored name is the text after the last slash or backslash, with an accepted extension."""
    assert file.stored_filename == re.split(r"[/\\]", file.filename)[-1]
    assert file.stored_filename.lower().endswith((".csv", ".tsv", ".txt"))


def test_names_are_keys() -> None:
    """Each name is unique and valid as a test id, and each file states its purpose."""
    names = [file.name for file in list_files()]
    assert len(names) == len(set(names))
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert all(file.description for file in list_files())


def test_contents_are_distinct() -> None:
    """No two files have the same bytes, so a mixed-up download is noticed."""
    assert len({file.sha256 for file in list_files()}) == len(list_files())


def test_list_file_is_found_by_name() -> None:
    """A file is found by its name."""
    assert all(list_file(file.name) is file for file in list_files())


def test_unknown_list_file_lists_the_names() -> None:
    """An unknown name is a KeyError with the existing names."""
    with pytest.raises(KeyError, match=r"no list file 'nothing'.*contacts.*semicolons"):
        list_file("nothing")


def test_normal_forms_of_file_names_differ() -> None:
    """The composed and the decomposed file name are different texts in their normal forms."""
    nfc, nfd = list_file("filename_nfc").filename, list_file("filename_nfd").filename
    assert nfc != nfd
    assert nfc == unicodedata.normalize("NFC", nfd)
    assert nfd == unicodedata.normalize("NFD", nfc)


@pytest.mark.parametrize("name", ["filename_long", "filename_long_wide"])
def test_long_file_names_have_200_characters(name: str) -> None:
    """The long names have exactly 200 characters."""
    assert len(list_file(name).filename) == 200


def test_contacts_are_fictitious() -> None:
    """Every address ends in .invalid, every phone number is reserved for fiction, and ids count up."""
    contacts = list_file("contacts")
    rows = [dict(zip(contacts.columns, row, strict=True)) for row in records(contacts.content)[1:]]
    assert [row["id"] for row in rows] == [str(number) for number in range(1, 10_001)]
    assert len({row["email"] for row in rows}) == len(rows)
    address = re.compile(r"[a-z0-9.]+@(?:[a-z0-9-]+\.)+invalid")
    phone = re.compile(r"\+1-555-01\d\d|\+44 20 7946 0\d{3}|\+44 1632 960\d{3}|\+44 7700 900\d{3}")
    assert all(address.fullmatch(row["email"]) for row in rows)
    assert all(phone.fullmatch(row["phone"]) for row in rows)
    assert all(re.fullmatch(r"20[0-2]\d-[01]\d-[0-3]\d", row["signed_up"]) for row in rows)
    assert all(re.fullmatch(r"-?\d+\.\d\d", row["balance"]) for row in rows)
    assert any(row["balance"].startswith("-") for row in rows)


@pytest.mark.parametrize(
    "script",
    ["LATIN", "GREEK", "CYRILLIC", "ARABIC", "HEBREW", "DEVANAGARI", "THAI", "CJK", "KATAKANA", "HANGUL"],
)
def test_contacts_have_names_of_each_script(script: str) -> None:
    """There are hundreds of last and first names in each script, and dozens in Katakana."""
    rows = records(list_file("contacts").content)[1:]
    names = [first + last for _, first, last, *_ in rows]
    found = sum(any(unicodedata.name(char, "").startswith(script) for char in name) for name in names)
    assert found >= (50 if script == "KATAKANA" else 300)


def test_contacts_contain_awkward_characters() -> None:
    """The contacts contain apostrophes, quotes, commas, emoji and characters beyond the BMP."""
    text = list_file("contacts").content.decode()
    assert all(piece in text for piece in ("O'Brien", '""Bill""', '"Harris, Jr."', "\U0001f600", "\U00020bb7"))
    assert text.count("\n") == 10_001  # one line per record
    assert "\r" not in text


@given(st.integers(LARGE_MINIMUM, 200_000))
def test_large_has_exact_size_and_counts(size: int) -> None:
    """A large file has the requested size, and an independent reader finds its columns and rows."""
    file = large(size)
    assert len(file.content) == size
    header, *rows = records(file.content)
    assert tuple(header) == file.columns
    assert len(rows) == file.rows
    assert [int(row[0]) for row in rows] == list(range(1, file.rows + 1))
    assert {len(row) for row in rows} == {len(file.columns)}


@pytest.mark.parametrize("size", [1_000_000, NEARLY_THE_LIMIT, UPLOAD_LIMIT])
def test_large_at_the_limit_is_accepted(size: int) -> None:
    """A large file of exactly the limit is accepted, with the stated columns and rows."""
    file = large(size)
    assert len(file.content) == size
    assert file.accepted
    header, *rows = records(file.content)
    assert (tuple(header), len(rows)) == (file.columns, file.rows)


def test_large_beyond_the_limit_is_refused() -> None:
    """A file of one byte above the limit can be created and is not accepted."""
    file = large(UPLOAD_LIMIT + 1)
    assert (len(file.content), file.accepted) == (52_428_801, False)


def test_large_is_reproducible() -> None:
    """Two files of one size are equal byte for byte, also in another run."""
    assert large(1_000_000).sha256 == large(1_000_000).sha256
    assert large(1_000_000).sha256 == "831ea19da282a8946519e8d3cba27139d55689379acb1579b79e2d7da8b5a4ac"


@pytest.mark.parametrize("size", [-1, 0, LARGE_MINIMUM - 1])
def test_large_below_the_minimum_raises(size: int) -> None:
    """A size below the minimum is a ValueError that names the minimum."""
    with pytest.raises(ValueError, match=str(LARGE_MINIMUM)):
        large(size)


def test_nearly_the_limit_is_49_9_mib() -> None:
    """The constants are the numbers of the plan and the contract."""
    assert (int(49.9 * 1024 * 1024), 50 * 1024 * 1024) == (NEARLY_THE_LIMIT, UPLOAD_LIMIT)


def test_import_is_lazy() -> None:
    """Importing the corpus loads neither the descriptions of files nor the word lists."""
    code = "import sys, cutover.corpus; print(*sorted(m for m in sys.modules if m.startswith('cutover.corpus')))"
    answer = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert answer.stdout.split() == [
        "cutover.corpus",
        "cutover.corpus.catalogue",
        "cutover.corpus.large",
        "cutover.corpus.listfile",
    ]
