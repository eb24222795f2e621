"""The markers of a check: its safety level, the capabilities that it needs, and its system."""

from __future__ import annotations

import pytest

from cutover.config.environment_schema import CAPABILITIES, DOCUMENTS
from cutover.core.rule_table import Rule
from cutover.core.safety import SafetyLevel


def needs_of(item: pytest.Item) -> tuple[str, ...]:
    """Return the capabilities that this check needs. Raises UsageError for one that does not exist."""
    needs = tuple(sorted({str(name) for marker in item.iter_markers("needs") for name in marker.args}))
    for name in needs:
        if name not in (*CAPABILITIES, *DOCUMENTS):
            known = ", ".join((*CAPABILITIES, *DOCUMENTS))
            raise pytest.UsageError(f"{item.nodeid}: needs {name!r}, expected one of {known}")
    return needs


def level_of(item: pytest.Item) -> SafetyLevel:
    """Return the lowest safety level that this check needs. Raises UsageError for a level that does not exist."""
    marker = item.get_closest_marker("level")
    try:
        return SafetyLevel.parse(marker.args[0]) if marker else SafetyLevel.READ_ONLY
    except ValueError as error:
        raise pytest.UsageError(f"{item.nodeid}: {error}") from None


def system_of(item: pytest.Item) -> str | None:
    """Return the system of this item's `target`, None for a check without one."""
    callspec = getattr(item, "callspec", None)
    return callspec.params.get("target") if callspec is not None else None


def owns_of(item: pytest.Item) -> tuple[str, ...]:
    """Return the preconditions that are this check's subject ("upload on worker").

    A preflight check owns preconditions without a system ("TLS handshake"). Raises UsageError for any other check
    without a system. An unknown operation has no effect: no check needs it.
    """
    operations = sorted({str(name) for marker in item.iter_markers("owns") for name in marker.args})
    system = system_of(item)
    if system is None and item.get_closest_marker("preflight") is not None:
        return tuple(operations)
    if operations and system is None:
        raise pytest.UsageError(f"{item.nodeid}: owns {', '.join(operations)}, but has no `target`")
    return tuple(f"{operation} on {system}" for operation in operations)


def rule_of(item: pytest.Item) -> Rule | None:
    """Return the rule that this check judges, None if it names none. Raises UsageError for an unknown one."""
    marker = item.get_closest_marker("rule")
    try:
        return Rule(marker.args[0]) if marker else None
    except ValueError as error:
        raise pytest.UsageError(f"{item.nodeid}: {error}: use a rule of core/rule_table.py") from None
