"""Changes of the text of the Wrangler configuration, limited to one environment or made in all of them."""

from __future__ import annotations

import re
from collections.abc import Callable

from surroundings.presented import exchanged

ENVIRONMENTS = ("production", "staging", "blue", "green")


def environment(text: str, name: str) -> str:
    """Return the part of the text that belongs to `[env.NAME]`: from its header to that of the next environment."""
    found = re.search(rf"(?ms)^\[env\.{name}\]\n.*?(?=^# ---|^\[env\.(?!{name}\b)|\Z)", text)
    if found is None:
        raise ValueError(f"expected the table [env.{name}], got none")
    return found[0]


def changed(text: str, name: str, change: Callable[[str], str]) -> str:
    """Return the text with one environment changed. Raises ValueError if there is no such environment."""
    part = environment(text, name)
    return exchanged(text, part, change(part))


def replaced(text: str, name: str, old: str, new: str) -> str:
    """Return the text with `old` replaced in one environment, where it occurs once."""
    return changed(text, name, lambda part: exchanged(part, old, new))


def table(text: str, header: str) -> str:
    """Return the table with this header line, to the next header, comment line or blank line at its end."""
    found = re.search(rf"(?m)^{re.escape(header)}\n(?:[^\[#\n].*\n)*\n*", text)
    if found is None:
        raise ValueError(f"expected the table {header}, got none")
    return found[0]
