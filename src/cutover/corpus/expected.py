"""The text of tests/corpus/expected.toml, from what the corpus says of itself.

It writes size and SHA-256 as they are and columns and rows as the files' authors state them. It reads
no list file and compares nothing.
"""

from cutover.corpus.catalogue import list_files
from cutover.corpus.listfile import ListFile

_PREAMBLE = """\
# What each file of the corpus is: its bytes (size, SHA-256) and what the contract makes of them.
# Columns and rows are stated by the files' authors and checked by an independent reader in
# tests/suite/unit/test_corpus.py. Made by `python -m cutover.corpus`; a difference here means that the gates
# upload something else than before, so read it before it is checked in.
"""


def expected_toml() -> str:
    """The whole file, one table for each list file in the order of `list_files`; ASCII only."""
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
    """A TOML basic string in which every character but printable ASCII is an escape."""
    return '"' + "".join(_character(character) for character in value) + '"'


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isascii() and character.isprintable():
        return character
    return f"\\U{ord(character):08X}"
