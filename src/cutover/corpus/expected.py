"""The text of tests/corpus/expected.toml: size and SHA-256 of each file, and its stated columns and rows."""

from cutover.corpus.catalogue import list_files
from cutover.corpus.listfile import ListFile

_PREAMBLE = """\
# Bytes (size, SHA-256) and expected properties of each file of the corpus. Columns and rows are stated by the files'
# authors and verified by an independent reader in tests/suite/unit/test_corpus.py. Created by
# `python -m cutover.corpus`. A difference means that the gates upload other bytes: read it before you commit it.
"""


def expected_toml() -> str:
    """Return the text: one table per file, in the order of `list_files`, in ASCII."""
    return "\n".join([_PREAMBLE, *(_table(file) for file in list_files())])


def _table(file: ListFile) -> str:
    columns = ", ".join(_text(column) for column in file.columns)
    lines = [
        f"[{file.name}]",
        f"size = {file.size}",
        f'sha256 = "{file.sha256}"',
        f"columns = [{columns}]",
        f"rows = {file.rows}",
        f"accepted = {str(file.accepted).lower()}",
        f"malformed = {str(file.malformed).lower()}",
        f"filename = {_text(file.filename)}",
        f"stored_filename = {_text(file.stored_filename)}",
    ]
    return "\n".join(lines) + "\n"


def _text(value: str) -> str:
    """Return a TOML basic string with escapes for all characters except printable ASCII."""
    return '"' + "".join(_character(character) for character in value) + '"'


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isascii() and character.isprintable():
        return character
    return f"\\U{ord(character):08X}"
