"""Read HAR 1.2 (http://www.softwareishard.com/blog/har-12-spec/) entry by entry, without reading the whole file.

HAR files contain secrets. Only method, URL, status and, if configured, the identity header of an entry are read;
cookies, authorization and bodies are not kept. docs/adr/0014-har-by-ijson.md explains why this is our own scanner.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO, Final

from cutover.parity.replay.recorded import NotReadable, Recorded, read_request, spelled

LARGEST_ENTRY: Final = 256 * 2**20
"""Maximum bytes of one entry, including the body of the response. Larger entries are broken."""
_PART: Final = 1 << 20
_STRUCTURE: Final = re.compile(rb'["{}\[\],:]')
_IN_STRING: Final = re.compile(rb'["\\]')


class NotHar(ValueError):  # noqa: N818 - the whole file, not one entry of it
    """The file has no list log.entries."""


def raw_entries(file: BinaryIO, eat: Callable[[bytes], object]) -> Iterator[bytes | None]:
    """Yield each element of /log/entries as written, None for one that is too large or cut off at the end of the
    file.

    eat: is called with every byte of the file in order, up to the end of the next element. Raises NotHar if the file
    has no such list.
    """
    scan = _Scan(file, eat)
    scan.seek_entries()
    while not scan.ended:
        found, element = scan.element()
        if found:
            yield element


def read_entry(number: int, raw: bytes | None, header: str | None) -> Recorded:
    """Return the request of an entry. header: the request header with the identity, or None. Raises NotReadable."""
    if raw is None:
        raise NotReadable("it is cut off or too large")
    try:
        entry = json.loads(raw)
    except (ValueError, RecursionError):
        raise NotReadable("it is not JSON") from None
    request = entry.get("request") if isinstance(entry, dict) else None
    if not isinstance(request, dict):
        raise NotReadable("it has no request")
    method, url = request.get("method"), request.get("url")
    if not isinstance(method, str) or not isinstance(url, str):
        raise NotReadable("its method or its url is not a text")
    identity = _identity(request.get("headers"), header) if header is not None else None
    return read_request(number, spelled(method), url, identity=identity, status=_status(entry.get("response")))


def _identity(headers: Any, wanted: str) -> str | None:
    for row in headers if isinstance(headers, list) else ():
        name, value = (row.get("name"), row.get("value")) if isinstance(row, dict) else (None, None)
        if isinstance(name, str) and name.lower() == wanted.lower() and isinstance(value, str):
            return value if value not in ("", "-") else None
    return None


def _status(response: Any) -> int | None:
    """Return the recorded status, None if there is none. Browsers write 0 for a request without a response."""
    status = response.get("status") if isinstance(response, dict) else None
    return status if type(status) is int and 100 <= status <= 599 else None


class _Scan:
    """Finds the structure of JSON: strings, brackets and commas. Everything else is ignored."""

    def __init__(self, file: BinaryIO, eat: Callable[[bytes], object]) -> None:
        self._file, self._eat = file, eat
        self._data, self._at = bytearray(), 0
        self._too_large = False
        self.ended = False

    def seek_entries(self) -> None:
        """Move behind the bracket that opens /log/entries."""
        path: list[str] = []
        text, name = "", ""  # the last string; the key of the next value
        while (at := self._find(_STRUCTURE)) is not None:
            sign = self._sign(at)
            self._at = at + 1
            if sign == b'"':
                self._pass_string()
                text = self._data[at + 1 : self._at - 1].decode("utf-8", "replace")
            elif sign == b":":
                name = text
            elif sign == b"[" and path == ["", "log"] and name == "entries":
                self._drop()
                return
            elif sign in (b"{", b"["):
                path.append(name)
                name = ""
            else:
                name = ""
                if sign != b"," and path:
                    path.pop()
            self._drop()
        raise NotHar("it has no list log.entries")

    def element(self) -> tuple[bool, bytes | None]:
        """Return True and the next element, which is None if it is incomplete. Return False if there is none."""
        depth = 0
        self._too_large = False
        while (at := self._find(_STRUCTURE)) is not None:
            sign = self._sign(at)
            self._at = at + 1
            if depth == 0 and sign in (b",", b"]"):
                element = bytes(self._data[:at]).strip()
                self.ended = sign == b"]"
                self._drop()
                return bool(element) or self._too_large or not self.ended, None if self._too_large else element
            if sign == b'"':
                self._pass_string()
            elif sign in (b"{", b"["):
                depth += 1
            elif sign in (b"}", b"]"):
                depth -= 1
        self.ended = True
        self._drop()
        return True, None

    def _pass_string(self) -> None:
        """Move behind the quote that closes the string, or to the end of the file if there is none."""
        while (at := self._find(_IN_STRING)) is not None:
            closes = self._sign(at) == b'"'
            self._at = at + (1 if closes else 2)
            if closes:
                return

    def _sign(self, at: int) -> bytes:
        return bytes(self._data[at : at + 1])

    def _find(self, pattern: re.Pattern[bytes]) -> int | None:
        while (match := pattern.search(self._data, self._at)) is None:
            self._at = max(self._at, len(self._data))
            if len(self._data) > LARGEST_ENTRY:
                self._too_large = True
                self._drop()
            part = self._file.read(_PART)
            if not part:
                return None
            self._data += part
        return match.start()

    def _drop(self) -> None:
        passed = min(self._at, len(self._data))
        self._eat(bytes(self._data[:passed]))
        del self._data[:passed]
        self._at -= passed
