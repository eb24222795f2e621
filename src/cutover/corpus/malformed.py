"""Files that can be uploaded and downloaded, but not read as a list.

For each file, `columns` and `export` respond with 400 and processing ends with `error`. There is one file for each
reason in the contract and each place where a reader may miss it.
"""

from cutover.corpus.listfile import ListFile


def files() -> tuple[ListFile, ...]:
    """Return the files of this module, in a fixed order."""
    return (
        _malformed(
            "unclosed_quote",
            "a quote in the middle of the file is never closed",
            b'id,name\n1,Ada\n2,"Bo\n3,Cy\n4,Di\n',
        ),
        _malformed(
            "unclosed_quote_at_end",
            "the file ends right after an opening quote",
            b'id,name\n1,Ada\n2,"',
        ),
        _malformed(
            "unclosed_quote_in_header",
            "the header's quote is never closed, so there is no second record",
            b'id,"name\n1,Ada\n2,Bo\n',
        ),
        _malformed(
            "doubled_last_quote",
            "the last quote is doubled and so does not close the field",
            b'id,name\n1,"Ada""\n2,Bo\n',
        ),
        _malformed(
            "text_after_quote",
            "text follows a closing quote",
            b'id,name\n1,"Ada" L\n2,Bo\n',
        ),
        _malformed(
            "space_after_quote",
            "a space between a closing quote and the delimiter is also an error",
            b'id,name\n"1" ,Ada\n2,Bo\n',
        ),
        _malformed(
            "other_delimiter_after_quote",
            "a semicolon after a closing quote is no delimiter if the comma is",
            b'id,name\n1,"Ada";x\n2,Bo\n',
        ),
        _malformed("nul_byte", "a NUL in an unquoted field", b"id,name\n1,A\x00da\n2,Bo\n"),
        _malformed("nul_byte_quoted", "a NUL inside quotes is also an error", b'id,name\n1,"A\x00"\n'),
        _malformed("nul_byte_at_end", "a NUL after the last record", b"id,name\n1,Ada\n2,Bo\n\x00"),
        _malformed(
            "utf16",
            "UTF-16, as some spreadsheets save: invalid as UTF-8, and with NULs if read as Windows-1252",
            b"\xff\xfe" + "id\tname\r\n1\tZoë\r\n".encode("utf-16-le"),
        ),
    )


def _malformed(name: str, description: str, content: bytes) -> ListFile:
    return ListFile(
        name=name,
        description=description,
        filename=f"{name.replace('_', ' ')}.csv",
        columns=(),
        rows=0,
        malformed=True,
        source=content,
    )
