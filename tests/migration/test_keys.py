"""Check conditions across rows: owners, references, unique values, sequences."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.migration.checks import expect_none, expect_quiet, not_read
from cutover.migration.findings import Kind, Part

pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]
KEYS = "the row was migrated wrongly or written meanwhile: compare the named keys on both sides"


def test_every_owner_has_as_many_rows(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Both sides have equal numbers of rows and bytes for each owner."""
    if not reconciliation["owners"]:
        raise not_read(reconciliation, "no table has an owner")
    for name, numbers in reconciliation["owners"].items():
        recorder.measure(f"owners: {name}", numbers["target_rows"], f"exactly {numbers['source_rows']}")
    for name in reconciliation["owners"]:
        expect_none(
            reconciliation, Part.KEYS, "keys:owners", table=name,
            promised="for each owner as many rows and bytes as in the source", do_next=KEYS,
        )  # fmt: skip


def test_references_lead_to_rows(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """No row refers to a row that does not exist."""
    if not reconciliation["keys"].get("references"):
        raise not_read(reconciliation, "no reference could be followed")
    for name, rows in reconciliation["keys"]["references"].items():
        recorder.measure(f"references {name}", rows, "each refers to a row")
    kinds = frozenset({Kind.BROKEN_REFERENCE.value})
    expect_none(
        reconciliation, Part.KEYS, "keys:references", kinds=kinds,
        promised="every reference refers to an existing row", do_next=KEYS,
    )  # fmt: skip


def test_unique_values_stay_unique(reconciliation: Mapping[str, Any]) -> None:
    """No two rows have the same value in a unique column, by SQLite's rules."""
    if not reconciliation["keys"].get("unique"):
        raise not_read(reconciliation, "no unique column could be read")
    expect_none(
        reconciliation, Part.KEYS, "keys:unique", kinds=frozenset({Kind.COLLISION.value}),
        promised="no duplicate value in a unique column of D1",
        do_next="rename one of the named accounts before the migration, with the consent of its owner",
    )  # fmt: skip


def test_sequences_are_above_the_greatest_id(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """The next row gets an id that no row had before, a deleted row of the source included."""
    sequences = reconciliation["keys"].get("sequences", {})
    for table, (last, required) in sequences.items():
        recorder.measure(f"sequence of {table}", last, f"at least {required}")
    expect_none(
        reconciliation, Part.KEYS, "keys:sequences", kinds=frozenset({Kind.SEQUENCE.value}),
        promised="each sequence is at least the source's sequence and the greatest id",
        do_next="set sqlite_sequence (PostgreSQL: setval) to the expected number before the first write",
    )  # fmt: skip
    for table, why in reconciliation["keys"].get("unread_sequences", {}).items():
        raise NotVerified(f"{table}: {why}")
    if not sequences:
        raise not_read(reconciliation, "no sequence could be read")


def test_tables_without_a_place_are_empty(reconciliation: Mapping[str, Any]) -> None:
    """Tables that are not migrated are empty."""
    rows = [row for row in reconciliation["findings"] if row["table"] not in reconciliation["tables"]]
    expect_none(
        {**reconciliation, "findings": rows}, Part.ROWS, "keys:unmapped-tables",
        kinds=frozenset({Kind.NOT_CARRIED.value}),
        promised="no row in tables that are not migrated",
        do_next="add a table in D1 and in the mapping, or delete the rows in Django",
    )  # fmt: skip


def test_nothing_was_written_meanwhile(reconciliation: Mapping[str, Any]) -> None:
    """No side was written during the run, so the comparison is up to date."""
    expect_quiet(reconciliation)
