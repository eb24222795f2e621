"""Secret values, and the redaction of texts that contain them."""

from __future__ import annotations

import bisect
import json
import re
import secrets as _random
from typing import Any, Final
from urllib.parse import quote

MASK: Final = "•••"

# Generated passwords begin with this, so that a truncated copy is recognized as well.
PASSWORD_PREFIX: Final = "Cutover-pw-"  # noqa: S105 - a prefix, no password

# A JWT, complete, truncated anywhere after the first bytes of its header, or shortened in its middle as pytest
# prints long values ("eyJ0eX...c2ln"); a generated password likewise; the text after "Bearer".
_SHAPES: Final = re.compile(
    rf"(?:eyJ[A-Za-z0-9_-]{{6,}}(?:\.[A-Za-z0-9_-]*){{0,2}}|{PASSWORD_PREFIX}[A-Za-z0-9_-]*)(?:\.\.\.[A-Za-z0-9_.-]*)?"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}"
)
_LEFT_OUT: Final = "..."
_SHORTEST: Final = 6


class Secret:
    """A text that is printed only by `reveal`. `redact` masks the value of every instance."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """Return the text, for the code that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and _random.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)


def new_password() -> Secret:
    """Return a random password (22 random characters, 128 bit) that `redact` recognizes by its form."""
    return Secret(PASSWORD_PREFIX + _random.token_urlsafe(16))


# Longest first, so that a secret that contains another one is masked completely.
_known: list[str] = []


def remember(value: str) -> None:
    """Mask this text in all output from now on, and each of its quoted forms.

    Texts shorter than 6 characters are not masked: they occur in ordinary words.
    """
    forms = {value, quote(value, safe=""), " ".join(value.split())}
    for ascii_only in (True, False):
        forms.add(json.dumps(value, ensure_ascii=ascii_only)[1:-1])
    forms |= {repr(value)[1:-1], ascii(value)[1:-1], repr(value.encode("utf-8", "surrogatepass"))[2:-1]}
    for form in forms:
        if len(form) >= _SHORTEST and form not in _known:
            bisect.insort(_known, form, key=lambda known: -len(known))


def redact(text: str) -> str:
    """Return the text with a mask for each known secret and for anything that has the form of one."""
    # Searching for each is faster than one pattern of all of them, which every new secret would recompile.
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MASK)
    text = _SHAPES.sub(MASK, text)
    return _without_pieces(text) if _LEFT_OUT in text else text


def _without_pieces(text: str) -> str:
    """Mask the start or end of a known secret directly next to "...": a long value that was shortened."""
    at = text.find(_LEFT_OUT)
    while at >= 0:
        before, after = text[:at], text[at + len(_LEFT_OUT) :]
        for secret in _known:
            left = _overlap(before, secret)
            if left:
                before = before[:-left] + MASK
            right = _overlap(secret, after)
            if right:
                after = MASK + after[right:]
        text = before + _LEFT_OUT + after
        at = text.find(_LEFT_OUT, len(before) + len(_LEFT_OUT))
    return text


def _overlap(left: str, right: str) -> int:
    """Return the length of the longest text (6 characters or more, else 0) that ends left and begins right."""
    if right[:_SHORTEST] not in left[-len(right) - 1 :]:
        return 0
    return next((n for n in range(min(len(left), len(right)), _SHORTEST - 1, -1) if left.endswith(right[:n])), 0)


def redact_all(value: Any) -> Any:
    """Redact each text in lists, tuples and dictionaries, including keys."""
    if isinstance(value, str):
        # JSON from a server may contain half a surrogate pair, which cannot be written or sent to another process.
        return redact(value.encode("utf-8", "backslashreplace").decode())
    if isinstance(value, dict):
        return {redact_all(key): redact_all(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_all(item) for item in value]
    return value
