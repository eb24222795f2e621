"""Read a recording: detect its format, yield its lines or entries, and identify its content.

Reads plain files and gzip, at most one line or entry at a time. FORMATS lists the formats; `_found_form` tells them
apart by the file's name and its first lines.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from cutover.config.input_files import BEGINNING, foreign_content
from cutover.config.validation import ConfigurationError
from cutover.parity.replay import har
from cutover.parity.replay.access_log import LONGEST_LINE, read_combined, without_prefix
from cutover.parity.replay.aws_log import (
    FIELDS,
    is_load_balancer_line,
    read_cloudfront,
    read_fields,
    read_load_balancer,
)
from cutover.parity.replay.json_log import LineKeys, is_json_line, read_json
from cutover.parity.replay.recorded import BrokenLine, NotReadable, Recorded

FORMATS: Final = ("har", "combined", "jsonl", "alb", "cloudfront")
"""har: HAR 1.2. combined: access logs of Apache, nginx, gunicorn, Traefik. jsonl: one JSON object per line. alb: AWS
load balancers. cloudfront: CloudFront's standard log.
"""
_ENDINGS: Final = {".har": "har", ".jsonl": "jsonl", ".ndjson": "jsonl"}
_GZIP: Final = b"\x1f\x8b"
_BOM: Final = b"\xef\xbb\xbf"
_TOO_LONG: Final = b"\0too long"
_LINES_INSPECTED: Final = 20
_FIX: Final = "Use a HAR file, an access log in a format of docs/replay.md, or JSON lines."


def plural(unit: str) -> str:
    """Return "lines" or "entries"."""
    return {"entry": "entries"}.get(unit, f"{unit}s")


class Recording:
    """A file of requests. size: bytes on disk."""

    def __init__(self, file: Path, *, form: str | None, keys: LineKeys, header: str | None) -> None:
        """Open the file. form: one of FORMATS, None to detect it. header: the identity header of a HAR's requests.

        Raises ConfigurationError for a file that cannot be read.
        """
        self.file, self._keys, self._header = file, keys, header
        try:
            if file.exists() and not file.is_file():
                raise _unreadable(file, "it is no regular file")
            self.size = file.stat().st_size
            with file.open("rb") as begin:
                self._packed = begin.read(2) == _GZIP
            foreign = foreign_content(self._beginning())
            if foreign is not None:
                inside = "inside gzip, " if self._packed else ""
                raise _unreadable(file, f"{inside}it is {foreign.name}, and only gzip is read", foreign.fix)
            self.form = form or self._found_form()
        except OSError as error:
            raise _unreadable(file, error.strerror or str(error)) from None
        except (EOFError, zlib.error) as error:
            raise _unreadable(file, f"it is not a valid gzip file ({error})") from None
        self._hash = hashlib.sha256()
        self._fields: tuple[str, ...] = ()

    @property
    def unit(self) -> str:
        """Return the unit that is counted: "line" or "entry"."""
        return "entry" if self.form == "har" else "line"

    def total(self) -> int:
        """Return the number of lines or entries. Reads the file once."""
        count = 0
        try:
            with self._open() as file:
                if self.form == "har":
                    return sum(1 for _ in har.raw_entries(file, lambda _: None))
                last = b"\n"
                while part := file.read(1 << 20):
                    count, last = count + part.count(b"\n"), part[-1:]
                return count + (last != b"\n")
        except har.NotHar as error:
            raise _unreadable(self.file, f"it is not a HAR: {error}") from None
        except (EOFError, zlib.error, gzip.BadGzipFile):
            return count + 1  # the compressed data is cut off: the incomplete line counts as broken
        except OSError as error:
            raise _unreadable(self.file, error.strerror or str(error)) from None

    def raw(self) -> Iterator[tuple[int, bytes | None]]:
        """Yield the number, from 1, and the bytes of each line or entry, None for an incomplete one."""
        self._hash = hashlib.sha256()
        number = 0
        try:
            with self._open() as file:
                source = har.raw_entries(file, self._hash.update) if self.form == "har" else self._lines(file)
                for raw in source:
                    number += 1
                    yield number, raw
        except (EOFError, zlib.error, gzip.BadGzipFile):
            yield number + 1, None
        except OSError as error:
            raise _unreadable(self.file, error.strerror or str(error)) from None

    def digest(self) -> str:
        """Return 32 hexadecimal digits of the SHA-256 of all bytes up to the last line or entry that `raw`
        yielded.
        """
        return self._hash.hexdigest()[:32]

    def read(self, number: int, raw: bytes | None) -> Recorded | BrokenLine | None:
        """Return the request, or a BrokenLine. Return None for an empty line, which is not broken."""
        try:
            if self.form == "har":
                return har.read_entry(number, raw, self._header)
            if raw is None:
                raise NotReadable("the compressed data is cut off")
            if raw == _TOO_LONG:
                raise NotReadable(f"it is longer than {LONGEST_LINE} bytes")
            line = raw.removeprefix(_BOM) if number == 1 else raw
            if not line.strip():
                return None
            match self.form:
                case "jsonl":
                    return read_json(number, without_prefix(line), self._keys)
                case "alb":
                    return read_load_balancer(number, line)
                case "cloudfront":
                    return read_cloudfront(number, line, self._fields)
                case _:
                    return read_combined(number, without_prefix(line))
        except NotReadable as error:
            return BrokenLine(number, str(error))

    def _lines(self, file: BinaryIO) -> Iterator[bytes]:
        while line := file.readline(LONGEST_LINE + 1):
            self._hash.update(line)
            if len(line) > LONGEST_LINE and not line.endswith(b"\n"):
                while rest := file.readline(LONGEST_LINE):
                    self._hash.update(rest)
                    if rest.endswith(b"\n"):
                        break
                line = _TOO_LONG
            if self.form == "cloudfront" and line.startswith(FIELDS):
                self._fields = read_fields(line)
            yield line.rstrip(b"\r\n")

    def _open(self) -> BinaryIO:
        # gzip's reader implements BinaryIO without declaring it.
        return gzip.open(self.file, "rb") if self._packed else self.file.open("rb")  # type: ignore[return-value]

    def _beginning(self) -> bytes:
        try:
            with self._open() as file:
                return file.read(BEGINNING)
        except (EOFError, zlib.error):  # cut off: the lines before the end are read
            return b""

    def _found_form(self) -> str:
        suffixes = [suffix.lower() for suffix in self.file.suffixes if suffix.lower() != ".gz"]
        if suffixes and suffixes[-1] in _ENDINGS:
            return _ENDINGS[suffixes[-1]]
        with self._open() as file:
            begin = file.read(LONGEST_LINE).removeprefix(_BOM)
        if re.match(rb"\s*\[\s*[{\]]", begin):
            raise _unreadable(
                self.file, "it is a JSON array", "Write one object per line, for example with `jq -c '.[]'`."
            )
        lines = [line for line in begin.splitlines() if line.strip()][:_LINES_INSPECTED]
        directives = [line for line in lines if line.startswith(b"#")]
        if any(line.startswith(FIELDS) and b"cs-method" in line for line in directives):
            if not any(b"x-edge-location" in line for line in directives):
                raise _unreadable(self.file, "it is a W3C extended log of another server than CloudFront")
            return "cloudfront"
        if lines and re.match(rb"\d{4}-\d{2}-\d{2}\t\d{2}:\d{2}:\d{2}\t", lines[0]):
            return "cloudfront"  # without its line #Fields, which each line then reports
        if any(map(is_load_balancer_line, lines)):
            return "alb"
        lines = [without_prefix(line) for line in lines]
        if any(line.startswith(b"{") for line in lines[:1]):
            found = [is_json_line(line) for line in lines]
            return "jsonl" if True in found and found[0] is not False else "har"
        return "combined"


def _unreadable(file: Path, why: str, fix: str = _FIX) -> ConfigurationError:
    return ConfigurationError(file, "", f"cannot be replayed: {why}", fix)
