"""Hash of the requests of a run. It is equal for two runs that sent the same requests, apart from ids and names."""

from __future__ import annotations

import bisect
import hashlib
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_BOUNDARY: Final = re.compile(rb"--([0-9a-f]{32})(?=\r\n|--)")
"""The multipart boundary, which the HTTP library generates for each body."""


class Sequence:
    """A hash over method, path template, path, query, media type and body of each request, in order.

    A value that belongs to one run only (id, name, token, boundary) is replaced by the name of its kind.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._known: dict[str, str] = {}
        self._longest_first: list[str] = []
        self.count = 0

    def know(self, value: object, name: str) -> None:
        """Replace this text by `name` in the following requests. Texts of fewer than 8 characters are not replaced."""
        text = str(value)
        for form in {text, quote(text, safe="")} if len(text) >= 8 else ():
            if form not in self._known:
                bisect.insort(self._longest_first, form, key=lambda known: -len(known))
            self._known[form] = name

    def add(self, method: str, template: str, rest: str, media_type: str, body: bytes) -> None:
        """Add one request. rest: path parameters and query as sent."""
        media_type = media_type.partition("boundary=")[0]
        boundary = _BOUNDARY.match(body)  # also in a body with another declared media type
        if boundary is not None:
            body = body.replace(boundary[1], b"BOUNDARY")
        for part in (method, template, self._without(rest), media_type):
            self._take(part.encode("utf-8", "surrogatepass"))
        self._take(self._without(body.decode("latin-1")).encode("latin-1", "replace"))
        self.count += 1

    @property
    def hash(self) -> str:
        """Return the hash so far as 16 hex digits."""
        return self._hash.hexdigest()[:16]

    def _take(self, part: bytes) -> None:
        self._hash.update(len(part).to_bytes(8))  # the length separates the parts
        self._hash.update(part)

    def _without(self, text: str) -> str:
        for value in self._longest_first:
            if value in text:
                text = text.replace(value, f"<{self._known[value]}>")
        return text


def hash_of_all(hashes: Mapping[str, str]) -> str:
    """Return one hash for the sequences of several checks. It does not depend on their order or processes."""
    lines = "\n".join(f"{check} {found}" for check, found in sorted(hashes.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:16]
