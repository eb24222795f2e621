"""Every row of every mapped table, on both sides."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.config.validation import root
from cutover.core.recorder import Recorder
from cutover.migration.checks import expect_none, expect_read
from cutover.migration.findings import Kind, Part
from cutover.migration.mapping_file import load_mapping

TABLES = [table.target for table in load_mapping(root()).tables]
CHANGED = frozenset({Kind.CHANGED.value, Kind.STORAGE_CLASS.value})
THERE = frozenset({Kind.MISSING.value, Kind.EXTRA.value, Kind.DUPLICATED.value})
REPAIR = "read reports/RUN/reconciliation.json for keys and columns, mend them (migrate.py delta), run it again"
pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_there_once(table: str, reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """No row of the source is missing, none stands twice, and the target has none of its own."""
    numbers = expect_read(reconciliation, table)
    recorder.measure(f"rows of {table}", numbers["target_rows"], f"exactly {numbers['source_rows']}, as in the source")
    expect_none(
        reconciliation, Part.ROWS, f"rows:{table}", table=table, kinds=THERE,
        promised=f"the {numbers['source_rows']} rows of the source in {table}, each once, and no other", do_next=REPAIR,
    )  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_every_value_is_unchanged(table: str, reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Each column of each row holds what the mapping makes of the source's, in the right storage class."""
    numbers = expect_read(reconciliation, table)
    recorder.measure(
        f"bytes compared of {table}", numbers["bytes"], "all that both sides hold", sample=numbers["source_rows"]
    )
    expect_none(
        reconciliation, Part.ROWS, f"values:{table}", table=table, kinds=CHANGED,
        promised=f"every value of {table} as the mapping makes it of the source's", do_next=REPAIR,
    )  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_left_behind(table: str, reconciliation: Mapping[str, Any]) -> None:
    """Columns without a place on the other side hold only what the mapping gives up."""
    expect_read(reconciliation, table)
    expect_none(
        reconciliation, Part.ROWS, f"left-behind:{table}", table=table, kinds=frozenset({Kind.NOT_CARRIED.value}),
        promised=f"nothing in {table} that the mapping has no place for",
        do_next="decide what becomes of these values: a column for them, or another must_be in the mapping",
    )  # fmt: skip
