"""Values that must never be shown, and the one place that knows how to take them out of a text.

Not for reading them from the environment's table: that is environments.py.
"""

from __future__ import annotations

import bisect
import re
import secrets as _random
from typing import Any, Final
from urllib.parse import quote

MASK: Final = "•••"

# Passwords made by the suite begin with this, so that even a cut-off copy of one is recognised.
PASSWORD_PREFIX: Final = "Cutover-pw-"  # noqa: S105 - a prefix, no password

# A JWT, whole or cut off anywhere behind its header's first bytes; a password of ours likewise;
# what stands behind "Bearer".
_SHAPES: Final = re.compile(
    rf"eyJ[A-Za-z0-9_-]{{6,}}(?:\.[A-Za-z0-9_-]*){{0,2}}|{PASSWORD_PREFIX}[A-Za-z0-9_-]*"
    r"|(?<=Bearer )[A-Za-z0-9._~+/=-]{8,}"
)


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
    """Take out this text, and its percent-encoded form, wherever it would be shown from now on.

    Texts of less than 6 characters are not remembered: they would blot out half of every report.
    """
    for form in {value, quote(value, safe="")}:
        if len(form) >= 6 and form not in _known:
            bisect.insort(_known, form, key=lambda known: -len(known))


def redact(text: str) -> str:
    """The text with each known secret, and whatever has the shape of one, replaced by a mask."""
    # A search for each is faster than one pattern of them all, which every new secret would compile anew.
    for secret in _known:
        if secret in text:
            text = text.replace(secret, MASK)
    return _SHAPES.sub(MASK, text)


def redact_all(value: Any) -> Any:
    """The same for each text in lists, tuples and dictionaries (keys too)."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {redact_all(key): redact_all(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [redact_all(item) for item in value]
    return value
