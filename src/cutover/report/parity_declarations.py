"""Declarations of accepted differences and noise: those in error, and all of a file in the order of its lines."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cutover.report.html.figures import Tone
from cutover.report.run_data import order_by, word

_FINE: Final = {"seen": Tone.GOOD, "not exercised": Tone.WARN}


@dataclass(frozen=True)
class DeclarationError:
    """A declaration in error. where: its file and line."""

    where: str
    data: Mapping[str, Any]


def errors_in(file: str, declarations: Sequence[Mapping[str, Any]]) -> list[DeclarationError]:
    """Return the declarations that are stale, too broad, expired or in an unknown state."""
    return [
        DeclarationError(f"{file}:{word(each, 'line')}", each)
        for each in declarations
        if word(each, "state") not in _FINE
    ]


def state_tone(state: str) -> Tone:
    """Return the tone of a declaration's state. An unknown state is bad."""
    return _FINE.get(state, Tone.BAD)


def ordered_by_line(declarations: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the declarations in the order of their lines."""
    return sorted(declarations, key=lambda each: order_by(each.get("line")))
