"""Values that must never be shown, and the one place that knows how to take them out of a text.

Not for reading them from the environment's table: that is environments.py.
"""

from __future__ import annotations

import bisect
import json
import re
import secrets as _random
from typing import Any, Final
from urllib.parse import quote

MASK: Final = "•••"

# Passwords made by the suite begin with this, so that even a cut-off copy of one is recognised.
PASSWORD_PREFIX: Final = "Cutover-pw-"  # noqa: S105 - a prefix, no password

# A JWT, whole, cut off anywhere behind its header's first bytes, or with its middle left out as
# pytest shows long values ("eyJ0eX...c2ln"); a password of ours likewise; what stands behind "Bearer".
_SHAPES: Final = re.compile(
    rf"(?:eyJ[A-Za-z0-9_-]{{6,}}(?:\.[A-Za-z0-9_-]*){{0,2}}|{PASSWORD_PREFIX}[A-Za-z0-9_-]*)(?:\.\.\.[A-Za-z0-9_.-]*)?"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}"
)
_LEFT_OUT: Final = "..."
_SHORTEST: Final = 6


class Secret:
    """A text that shows itself only when asked to. Every instance is known to `redact`."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value
        remember(value)

    def reveal(self) -> str:
        """The text itself, for the one place that sends it."""
        return self._value

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and _random.compare_digest(self._value, other._value)

    def __hash__(self) -> int:
        return hash(self._value)


def new_password() -> Secret:
    """A random password (22 characters of randomness, 128 bit) that `redact` recognises by its shape."""
    return Secret(PASSWORD_PREFIX + _random.token_urlsafe(16))


# Longest first, so that a secret that holds another one is masked whole.
_known: list[str] = []


def remember(value: str) -> None:
    """Take out this text wherever it would be shown from now on, and each form that quoting gives it.

    Texts of less than 6 characters are not remembered: they would blot out half of every report.
    """
    forms = {value, quote(value, safe=""), " ".join(value.split())}
    for ascii_only in (True, False):
        forms.add(json.dumps(value, ensure_ascii=ascii_only)[1:-1])
    forms |= {repr(value)[1:-1], ascii(value)[1:-1], repr(value.encode("utf-8", "surrogatepass"))[2:-1]}
    for form in forms:
        if len(form) >= _SHORTEST and form not in _known:
            bisect.insort(_known, form, key=lambda known: -len(known))


def redact(text: str) -> str:
    """The text with each known secret, and whatever has the shape of one, replaced by a mask."""
    # A search for each is faster than one pattern of them all, which every new secret would compile anew.
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MASK)
    text = _SHAPES.sub(MASK, text)
    return _without_pieces(text) if _LEFT_OUT in text else text


def _without_pieces(text: str) -> str:
    """Mask what stands directly beside "..." and begins or ends a known secret: a long value that was shortened."""
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
    """The most characters (6 or more, else 0) with which left ends and right begins."""
    if right[:_SHORTEST] not in left[-len(right) - 1 :]:
        return 0
    return next((n for n in range(min(len(left), len(right)), _SHORTEST - 1, -1) if left.endswith(right[:n])), 0)


def redact_all(value: Any) -> Any:
    """The same for each text in lists, tuples and dictionaries (keys too)."""
    if isinstance(value, str):
        # Half a surrogate pair, which JSON from a server may hold, cannot be written or sent to another process.
        return redact(value.encode("utf-8", "backslashreplace").decode())
    if isinstance(value, dict):
        return {redact_all(key): redact_all(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_all(item) for item in value]
    return value
