"""The mapping against both live schemas, before a row is read."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.migration.checks import expect_none
from cutover.migration.findings import Part

pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1"),
    pytest.mark.never_waived("what is not mapped is lost"),
    pytest.mark.plan("Data Migration Execution: schema"),
]


def test_schema_is_as_mapped(reconciliation: Mapping[str, Any]) -> None:
    """Every table and column of Django and of D1 has its line in the mapping and can hold what it must."""
    expect_none(
        reconciliation,
        Part.SCHEMA,
        "schema:mapping",
        promised="every table and column of both sides mapped, of a type that carries its values",
        do_next="say in contracts/migration.toml what becomes of it, or migrate the schema that lacks it",
    )
