"""The sequence of requests of a run as one hash: equal when two runs sent the same, whatever they named and were given.

Not for what was answered.
"""

from __future__ import annotations

import bisect
import hashlib
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

_BOUNDARY: Final = re.compile(rb"--([0-9a-f]{32})(?=\r\n|--)")
"""As the library that writes the body draws it anew for each."""


class Sequence:
    """Hashes method, path template, path, query, media type and body of each request, in order.

    What belongs to one run only (ids, names, tokens, boundaries) counts as the name of what it is.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._known: dict[str, str] = {}
        self._longest_first: list[str] = []
        self.count = 0

    def know(self, value: object, name: str) -> None:
        """From here on this text of the run counts as `name`. Texts of less than 8 characters are not looked for."""
        text = str(value)
        for form in {text, quote(text, safe="")} if len(text) >= 8 else ():
            if form not in self._known:
                bisect.insort(self._longest_first, form, key=lambda known: -len(known))
            self._known[form] = name

    def add(self, method: str, template: str, rest: str, media_type: str, body: bytes) -> None:
        """One request. rest: path parameters and query as they were sent."""
        media_type = media_type.partition("boundary=")[0]
        drawn = _BOUNDARY.match(body)  # also of a body that was declared to be something else
        if drawn is not None:
            body = body.replace(drawn[1], b"BOUNDARY")
        for part in (method, template, self._without(rest), media_type):
            self._take(part.encode("utf-8", "surrogatepass"))
        self._take(self._without(body.decode("latin-1")).encode("latin-1", "replace"))
        self.count += 1

    @property
    def hash(self) -> str:
        """16 hex digits."""
        return self._hash.hexdigest()[:16]

    def _take(self, part: bytes) -> None:
        self._hash.update(len(part).to_bytes(8))  # so that no two sequences run together
        self._hash.update(part)

    def _without(self, text: str) -> str:
        for value in self._longest_first:
            if value in text:
                text = text.replace(value, f"<{self._known[value]}>")
        return text


def hash_of_all(hashes: Mapping[str, str]) -> str:
    """One hash of the sequences of several checks, in whichever order and processes they ran."""
    told = "\n".join(f"{check} {found}" for check, found in sorted(hashes.items()))
    return hashlib.sha256(told.encode()).hexdigest()[:16]
