"""Well-formed files of unusual shape: ragged, empty, wide, long, with unusual quotes.

Small files are written by hand. The others are generated with a known number of columns and rows.
"""

from cutover.corpus.listfile import ListFile

_WIDE_COLUMNS = 500
_LONG_FIELD = 200_000


def files() -> tuple[ListFile, ...]:
    """Return the files of this module, in a fixed order."""
    return (
        ListFile(
            name="empty",
            description="0 bytes: the upload is refused with 400",
            filename="empty.csv",
            columns=(),
            rows=0,
            accepted=False,
            source=b"",
        ),
        ListFile(
            name="header_only",
            description="a header and no rows is a list with 0 rows",
            filename="header only.csv",
            columns=("id", "name", "city"),
            rows=0,
            source=b"id,name,city\n",
        ),
        ListFile(
            name="ragged",
            description="rows shorter than the header are filled, and fields beyond the header are ignored",
            filename="ragged.csv",
            columns=("id", "name", "city"),
            rows=6,
            source=b'id,name,city\n1,Ada,Turku\n2\n3,Cy\n4,Di,Oulu,beyond,"the, header"\n5,Ed,Rauma,\n,,\n',
        ),
        ListFile(
            name="blank_lines",
            description="empty lines are no records, also before the header; a space or empty quotes are records",
            filename="blank lines.csv",
            columns=("id", "name"),
            rows=5,
            source=b'\n\r\nid,name\n\n1,Ada\n\n\r\n\r2,Bo\r\n\r\n \n""\n,\n\n\n',
        ),
        ListFile(
            name="single_column",
            description="one column: delimiters other than the comma are data, an empty line is no row",
            filename="single column.csv",
            columns=("name",),
            rows=6,
            source=b'name\nAda\n\nBo;junior\nCy\tthe third\nDi,beyond\n""\n" "\n',
        ),
        ListFile(
            name="duplicate_columns",
            description="equal column names are both kept, and the first one is used; names are case-sensitive",
            filename="duplicate columns.csv",
            columns=("id", "name", "Name", "name", "id "),
            rows=2,
            source=b"id,name,Name,name,id \n1,first,other,second,x\n2,Ada,ADA,ada,y\n",
        ),
        ListFile(
            name="unnamed_column",
            description="a header field may be empty, also at the end of the header",
            filename="unnamed column.csv",
            columns=("", "name", ""),
            rows=2,
            source=b",name,\n1,Ada,x\n2,Bo\n",
        ),
        ListFile(
            name="doubled_quotes",
            description='"" inside quotes is one quote, in the header and in rows',
            filename="doubled quotes.csv",
            columns=("id", 'the "real" name', '"'),
            rows=5,
            source=(
                b'id,"the ""real"" name",""""\n'
                b'1,"Ada ""the first"" L",""\n'
                b'2,"""",""""""\n'
                b'3,"""quoted""","a"",""b"\n'
                b'4,"a""\n""b",\n'
                b'5,"ends with """,""""'
            ),
        ),
        ListFile(
            name="stray_quotes",
            description="a quote that is not a field's first character is data, also after a space",
            filename="stray quotes.csv",
            columns=("id", "size", "note"),
            rows=4,
            source=b'id,size,note\n1,6" x 4",5\' 10"\n2, "a, b"\n3,x"y"z,""\n4,a""b,c"\n',
        ),
        ListFile(
            name="outer_spaces",
            description="spaces and TABs around names and cells are kept; only comparisons trim them",
            filename="outer spaces.csv",
            columns=(" id", "name ", "  full city  "),
            rows=4,
            source=b' id,name ,  full city  \n 1, Ada , Turku\n2,\t Bo\t,"  Visby "\n3 ,, \n   ,   ,   \n',
        ),
        ListFile(
            name="numbers",
            description="cells that are almost numbers or almost text, for filters",
            filename="numbers.csv",
            columns=("id", "value"),
            rows=len(_NUMBER_LIKE),
            source=_numbers,
        ),
        ListFile(
            name="long_field",
            description="a quoted field of 200,000 characters, more than Python's csv allows by default",
            filename="long field.csv",
            columns=("id", "text", "last"),
            rows=3,
            source=_long_field,
        ),
        ListFile(
            name="wide",
            description="500 columns and 20 rows",
            filename="wide.csv",
            columns=tuple(f"column {number:03d}" for number in range(1, _WIDE_COLUMNS + 1)),
            rows=20,
            source=_wide,
        ),
    )


_NUMBER_LIKE = (
    # numbers by the contract's grammar
    "0", "-0", "+0", "00", "7", "+7", "-7", "007", "7.", "7.0", ".5", "-.5", "0.5", "5e-1", "1E3", "1000",
    "1e+003", "9007199254740992", "9007199254740993", "0.1", "0.10000000000000000001", "1e400", "1e-400",
    "-1e400", "1e999", " 12", "12\t",
    # texts by the contract's grammar, even if a programming language reads them as numbers
    "", ".", "+", "1e", "1e1000", "1,5", "1 000", "1_000", "0x10", "NaN", "Infinity", "-inf", "true", "--1",
    "1.2.3", "\u0661\u0662", "\uff17", "\u00bd", "\u221212", "\u00a07", "seven",
)  # fmt: skip


def _numbers() -> bytes:
    # All cells are quoted, because some contain a comma and one is empty.
    return "".join(["id,value\n", *(f'{row},"{cell}"\n' for row, cell in enumerate(_NUMBER_LIKE, start=1))]).encode()


def _long_field() -> bytes:
    # 200,000 characters of data: 20,000 times ten, with a delimiter, a quote and a line end.
    chunk = 'abc,d""e\nfg'
    long_text = chunk * (_LONG_FIELD // 10)
    return f'id,text,last\n1,before,a\n2,"{long_text}",b\n3,after,c\n'.encode()


def _wide() -> bytes:
    header = ",".join(f"column {number:03d}" for number in range(1, _WIDE_COLUMNS + 1))
    rows = (",".join(f"{row}/{column}" for column in range(1, _WIDE_COLUMNS + 1)) for row in range(1, 21))
    return "\n".join([header, *rows, ""]).encode()
