"""Reads from pytest's options which gates a run selects, and how it was narrowed."""

from __future__ import annotations

from typing import Final

import pytest

# pytest has no public way to ask what a -m expression selects.
from _pytest.mark.expression import Expression

from cutover.config.manifest import GATES

SUITE_MARKERS: Final = ("unit", "pair", "verdicts", "sensitivity")
"""Markers of the tests of the suite itself, in tests/suite/."""


def asked_gates(markexpr: str) -> tuple[str, ...]:
    """Return the gates that -m selects: a check with this marker alone would run. Without -m, return all."""
    return tuple(gate for gate in GATES if selects(markexpr, gate))


def selects(markexpr: str, marker: str) -> bool:
    """Return True if -m selects a test with only this marker. True also without -m and for an invalid expression."""
    if not markexpr:
        return True
    try:
        expression = Expression.compile(markexpr)
    except SyntaxError:
        return True  # pytest refuses it with its own message and exit code 4
    return expression.evaluate(lambda name, /, **_: name == marker)


def may_run_a_gate(markexpr: str) -> bool:
    """Return True if a run with this -m can select a check of a gate."""
    return bool(asked_gates(markexpr))


def gates_of(item: pytest.Item) -> tuple[str, ...]:
    """Return the gates that this item is a check of."""
    return tuple(gate for gate in GATES if item.get_closest_marker(gate) is not None)


def narrowing(config: pytest.Config) -> str:
    """Return how the run was narrowed, as the user wrote it; "" if it was not."""
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
