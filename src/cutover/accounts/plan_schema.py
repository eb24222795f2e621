"""Statements on the tables of the plan. Another deployment may have other tables in its database."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from cutover.core.errors import CheckFailed, NotVerified
from cutover.core.rule_table import Rule
from cutover.systems.target import Target

_UNKNOWN: Final = ("no such table", "no such column", "UndefinedTable", "UndefinedColumn")
"""How SQLite and PostgreSQL refuse a table or column that does not exist."""


@contextmanager
def plan_schema(target: Target) -> Generator[None]:
    """Run statements on tables of the plan.

    A table or column that does not exist breaks Rule.SCHEMA: CheckFailed. Where that rule is not judged, NotVerified.
    """
    try:
        yield
    except Exception as error:
        described = f"{type(error).__name__}: {error}"
        if not any(text in described for text in _UNKNOWN):
            raise
        first = " ".join(described.split())[:300]
        if not target.judges(Rule.SCHEMA):
            raise NotVerified(
                f"the database of {target.system} has other tables than the plan: {first}. If that is right, declare "
                "d1 or postgres absent in environments.toml, with the reason"
            ) from None
        raise CheckFailed(
            f"schema:{target.system}", expected="the tables of the plan", got=first, rule=Rule.SCHEMA
        ) from None
