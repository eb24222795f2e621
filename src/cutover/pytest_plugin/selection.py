"""Which gates a run was asked for. Not for which checks it must have shown: that is manifest.py."""

from __future__ import annotations

from typing import Final

import pytest

# pytest has no public way to ask what a -m expression selects.
from _pytest.mark.expression import Expression

from cutover.config.manifest import GATES

SUITE_MARKERS: Final = ("unit", "pair", "verdicts", "sensitivity")
"""Markers of the tests of the suite itself, in tests/suite/."""


def asked_gates(markexpr: str) -> tuple[str, ...]:
    """The gates that -m selects: a check with this marker alone would run. All of them without -m."""
    return tuple(gate for gate in GATES if selects(markexpr, gate))


def selects(markexpr: str, marker: str) -> bool:
    """Whether -m selects a test that has this one marker. Without -m, and for what is no expression, yes."""
    if not markexpr:
        return True
    try:
        expression = Expression.compile(markexpr)
    except SyntaxError:
        return True  # pytest itself refuses it, with its own message and 4
    return expression.evaluate(lambda name, /, **_: name == marker)


def may_run_a_gate(markexpr: str) -> bool:
    """Whether a run with this -m could select a check of a gate."""
    return bool(asked_gates(markexpr))


def gates_of(item: pytest.Item) -> tuple[str, ...]:
    """The gates that this item is a check of."""
    return tuple(gate for gate in GATES if item.get_closest_marker(gate) is not None)


def narrowing(config: pytest.Config) -> str:
    """How the run was narrowed, in the user's own words; "" when it was not."""
    option = config.option
    parts = []
    if option.keyword:
        parts.append(f"-k {option.keyword!r}")
    if option.markexpr and option.markexpr not in GATES:
        parts.append(f"-m {option.markexpr!r}")
    if option.deselect:
        parts.append("--deselect")
    if getattr(option, "lf", False) or getattr(option, "failedfirst", False):
        parts.append("--last-failed")
    if option.maxfail:
        parts.append(f"stopped after {option.maxfail} failure(s)")
    if config.args_source is pytest.Config.ArgsSource.ARGS:
        parts.append(" ".join(config.args))
    return ", ".join(parts)
