"""Compare the mapping with both live schemas."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.migration.checks import expect_schema

pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1"),
    pytest.mark.never_waived("what is not mapped is lost"),
    pytest.mark.plan("Data Migration Execution: schema"),
]


def test_schema_is_as_mapped(reconciliation: Mapping[str, Any]) -> None:
    """Every table and column of Django and of D1 is in the mapping and can store its values."""
    expect_schema(reconciliation)
