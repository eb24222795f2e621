"""Files of an exact size, for the upload limit and for transfer under load.

All rows are numbered and have the same length, so the number of rows is computed. Only the bytes of the last
requested size are kept.
"""

from functools import lru_cache

from cutover.corpus.listfile import ListFile

UPLOAD_LIMIT = 52_428_800
"""Largest accepted upload in bytes: 50 MiB (contract, `upload`)."""

NEARLY_THE_LIMIT = 52_323_942
"""49.9 MiB in bytes, rounded down."""

_COLUMNS = ("id", "name", "amount", "note", "padding")
_HEADER = ",".join(_COLUMNS).encode() + b"\r\n"

# 509 is prime, and 50 MiB have 800 chunks of 64 KiB. So chunk borders occur at every byte of a row, also within a
# character of three bytes, a doubled quote and the CRLF in a quoted field.
_ROW_LENGTH = 509
_ROW_END = b"\r\n"
_ROW_START = '%09d,"Zoë O\'Brien, %04d",%04d.%02d,"東京 ""Ελλάδα""\r\nline 2 of %09d",'.encode()
_ROW_START_LENGTH = len(_ROW_START % (0, 0, 0, 0, 0))
_PADDING = (b"abcdefghijklmnopqrstuvwxyz0123456789" * 14)[: _ROW_LENGTH - _ROW_START_LENGTH - len(_ROW_END)]
_ROW = _ROW_START + _PADDING + _ROW_END

LARGE_MINIMUM = len(_HEADER) + _ROW_LENGTH
"""Smallest size of `large` in bytes: the header and one row."""


def large(size_bytes: int) -> ListFile:
    """Return a well-formed list of exactly that many bytes, with the same content for the same size.

    Each row has another number, so a lost, repeated or moved part changes the content. Above `UPLOAD_LIMIT`, `accepted`
    is False. 50 MiB take a fraction of a second.

    Args:
        size_bytes: the size in bytes, `LARGE_MINIMUM` or more.

    Raises:
        ValueError: the size is below `LARGE_MINIMUM`, or needs more rows than the id column can number.
    """
    if size_bytes < LARGE_MINIMUM:
        raise ValueError(f"a large file has at least {LARGE_MINIMUM} bytes, not {size_bytes}")
    rows, left_over = divmod(size_bytes - len(_HEADER), _ROW_LENGTH)
    if rows >= 10**9:
        raise ValueError(f"{size_bytes} bytes need more rows than the id column can number")
    return ListFile(
        name=f"large_{size_bytes}",
        description=f"a well-formed list of exactly {size_bytes} bytes",
        filename=f"large {size_bytes}.csv",
        columns=_COLUMNS,
        rows=rows,
        accepted=size_bytes <= UPLOAD_LIMIT,
        source=lambda: _content(rows, left_over),
    )


@lru_cache(maxsize=1)  # both systems get the same file, one after the other
def _content(rows: int, left_over: int) -> bytes:
    # One list and one join, because each further copy of 50 MiB takes noticeable time.
    parts = [_HEADER]
    parts += [_row(number) for number in range(1, rows + 1)]
    parts[-1] = parts[-1].removesuffix(_ROW_END) + b"x" * left_over + _ROW_END
    return b"".join(parts)


def _row(number: int) -> bytes:
    return _ROW % (number, number % 10_000, number * 7919 % 10_000, number * 31 % 100, number)
