"""Compare every row of every mapped table on both sides."""

from collections.abc import Collection, Mapping
from typing import Any

import pytest

from cutover.config.validation import root
from cutover.core.errors import NotApplicable
from cutover.core.recorder import Recorder
from cutover.migration.checks import expect_mapped, expect_none, expect_read
from cutover.migration.findings import Kind, Part
from cutover.migration.mapping_file import load_mapping
from cutover.migration.value_kinds import undetectable

TABLES = [table.target for table in load_mapping(root()).tables]
CHANGED = frozenset({Kind.CHANGED.value, Kind.STORAGE_CLASS.value})
THERE = frozenset({Kind.MISSING.value, Kind.EXTRA.value, Kind.DUPLICATED.value})
REPAIR = "see reports/RUN/reconciliation.json for keys and columns, repair them (migrate.py delta), run again"
pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]


@pytest.mark.parametrize("table", TABLES)
def test_every_row_is_there_once(
    table: str, reconciliation: Mapping[str, Any], own_tables: Collection[str] | None, recorder: Recorder
) -> None:
    """No row of the source is missing or duplicated, and the target has no others."""
    expect_mapped(own_tables, table)
    numbers = expect_read(reconciliation, table)
    recorder.measure(f"rows of {table}", numbers["target_rows"], f"exactly {numbers['source_rows']}, as in the source")
    expect_none(
        reconciliation, Part.ROWS, f"rows:{table}", table=table, kinds=THERE,
        promised=f"the {numbers['source_rows']} rows of the source in {table}, each once, and no other", do_next=REPAIR,
    )  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_every_value_is_unchanged(
    table: str, reconciliation: Mapping[str, Any], own_tables: Collection[str] | None, recorder: Recorder
) -> None:
    """Every column of every row has the value that the mapping derives from the source, in the right storage class."""
    expect_mapped(own_tables, table)
    numbers = expect_read(reconciliation, table)
    recorder.measure(
        f"bytes compared of {table}", numbers["bytes"], "all bytes of both sides", sample=numbers["source_rows"]
    )
    kinds = reconciliation["kinds"].get(table, {})
    for kind, columns in kinds.items():
        rows = ", ".join(f"{column}: {count}" for column, count in columns.items())
        recorder.measure(f"{table}: {kind}", rows, "rows of Django by column")
    for missing in undetectable(table, kinds):
        recorder.note_undetectable(missing)
    expect_none(
        reconciliation, Part.ROWS, f"values:{table}", table=table, kinds=CHANGED,
        promised=f"every value of {table} as the mapping declares", do_next=REPAIR,
    )  # fmt: skip


@pytest.mark.parametrize("table", TABLES)
def test_nothing_is_left_behind(
    table: str, reconciliation: Mapping[str, Any], own_tables: Collection[str] | None
) -> None:
    """Columns that are not migrated contain only values that the mapping gives up."""
    expect_mapped(own_tables, table)
    expect_read(reconciliation, table)
    expect_none(
        reconciliation, Part.ROWS, f"left-behind:{table}", table=table, kinds=frozenset({Kind.NOT_CARRIED.value}),
        promised=f"no value in {table} that the migration would lose",
        do_next="decide about these values: add a column, or change must_be in the mapping",
    )  # fmt: skip


def test_further_tables_of_an_own_mapping_are_migrated(
    reconciliation: Mapping[str, Any], own_tables: Collection[str] | None, recorder: Recorder
) -> None:
    """Tables that only the environment's own mapping names have each row once, unchanged, and lose nothing."""
    further = sorted(set(own_tables or ()) - set(TABLES))
    if not further:
        raise NotApplicable("files.migration of the environment names no further table")
    for table in further:
        numbers = expect_read(reconciliation, table)
        recorder.measure(f"rows of {table}", numbers["target_rows"], f"exactly {numbers['source_rows']}")
        expect_none(
            reconciliation, Part.ROWS, f"rows:{table}", table=table,
            promised=f"the {numbers['source_rows']} rows of {table}, each once, as mapped", do_next=REPAIR,
        )  # fmt: skip
