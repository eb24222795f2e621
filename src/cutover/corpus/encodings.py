"""Files with other encodings or unusual characters: Windows-1252, and special characters in UTF-8.

Characters that an editor could change or hide are written as escapes.
"""

from cutover.corpus.listfile import ListFile

# Windows-1252 assigns no characters to these bytes. The contract reads them as C1 controls.
_HOLES = b"\x81\x8d\x8f\x90\x9d"


def files() -> tuple[ListFile, ...]:
    """Return the files of this module, in a fixed order."""
    return (
        ListFile(
            name="latin1",
            description="accented letters in Latin-1, which are invalid UTF-8",
            filename="latin1.csv",
            columns=("Größe", "Prénom", "Año"),
            rows=2,
            source=b"Gr\xf6\xdfe,Pr\xe9nom,A\xf1o\n1,Zo\xeb,2023\n2,Fran\xe7ois,2024\n",
        ),
        ListFile(
            name="windows_1252",
            description="euro sign, dash and curly quotes of Windows-1252; curly quotes do not quote a field",
            filename="windows-1252.csv",
            columns=("\u20ac", "note", "\u017dena"),
            rows=2,
            source=b"\x80,note,\x8eena\r\n1.50,\x93a\x94 \x96 b\x85,\x9c\r\n2.50,\x91c\x92,\x99\r\n",
        ),
        ListFile(
            name="windows_1252_holes",
            description="the five bytes without a character in Windows-1252 are read as C1 controls",
            filename="windows-1252 holes.csv",
            columns=("id", "\x81\x8d\x8f\x90\x9d"),
            rows=2,
            source=b"id," + _HOLES + b"\n1,\xe9\n2," + _HOLES + b"\n",
        ),
        ListFile(
            name="late_invalid_utf8",
            description="one Latin-1 byte after 200 kB of valid UTF-8: the whole file is Windows-1252",
            filename="late invalid utf-8.csv",
            # The header's UTF-8 bytes C3 B6 and C3 9F, each read as one character.
            columns=("id", "Gr\u00c3\u00b6\u00c3\u0178e"),
            rows=10_001,
            source=_late_invalid_utf8,
        ),
        ListFile(
            name="unicode_line_separators",
            description="VT, FF, FS, NEL, LS and PS, which some libraries read as line ends, are data",
            filename="unicode line separators.csv",
            columns=("id", "a\u2028b", "note"),
            rows=3,
            source=("id,a\u2028b,note\n1,x\u2029y,\u0085\n2,x\x0by,\x0c\n3,\x1c\x1d\x1e,\u2028\n".encode()),
        ),
        ListFile(
            name="normal_forms",
            description="the composed and the decomposed form of a name are two columns",
            filename="normal forms.csv",
            columns=("caf\u00e9", "cafe\u0301", "\u2126", "\u03a9"),
            rows=2,
            source="caf\u00e9,cafe\u0301,\u2126,\u03a9\n1,2,3,4\n\u00e9,e\u0301,\u03a9,\u2126\n".encode(),
        ),
        ListFile(
            name="beyond_the_bmp",
            description="emoji, flags, joined sequences and rare Han characters keep all their code points",
            filename="beyond the bmp.csv",
            columns=("id", "\U0001f600", "\U00020bb7"),
            rows=3,
            source=(
                "id,\U0001f600,\U00020bb7\n"
                "1,\U0001f469\u200d\U0001f4bb,\U0001f1eb\U0001f1ee\n"
                "2,\U0001f44d\U0001f3fd,\U0010ffff\n"
                "3,\ufeff,\U0001d11e\n"  # here U+FEFF is data: only a leading one is a BOM
            ).encode(),
        ),
    )


def marked_files() -> tuple[ListFile, ...]:
    """Return the files with a byte-order mark in front of another encoding than UTF-8."""
    return (
        ListFile(
            name="byte_order_mark_windows_1252",
            description="a UTF-8 byte-order mark is removed before the encoding is detected, here Windows-1252",
            filename="byte order mark windows-1252.csv",
            columns=("a,b", "c"),
            rows=2,
            source=b'\xef\xbb\xbf"a,b",c\n\xe9,2\n"\x80",\xef\xbb\xbf\n',
        ),
    )


def _late_invalid_utf8() -> bytes:
    rows = "".join(f"{number},Größe {number:05d}\n" for number in range(1, 10_001))
    return f"id,Größe\n{rows}".encode() + b"10001,\xdf\n"
