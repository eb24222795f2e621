"""What holds between rows: owners, references, unique values, sequences."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.migration.checks import expect_none, expect_quiet
from cutover.migration.findings import Kind, Part

pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]
KEYS = "the row's migration went wrong, or rows were written past it: compare the keys that are named on both sides"


def test_every_owner_has_as_many_rows(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Counted by owner, both sides hold as many files of the same size in all."""
    if not reconciliation["owners"]:
        raise NotVerified("no table with an owner could be read")
    for name, numbers in reconciliation["owners"].items():
        recorder.measure(f"owners: {name}", numbers["target_rows"], f"exactly {numbers['source_rows']}")
    for name in reconciliation["owners"]:
        expect_none(
            reconciliation, Part.KEYS, "keys:owners", table=name,
            promised="as many rows and bytes for each owner as in the source", do_next=KEYS,
        )  # fmt: skip


def test_references_lead_to_rows(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """No row refers to one that is not there."""
    if not reconciliation["keys"].get("references"):
        raise NotVerified("no reference could be followed")
    for name, rows in reconciliation["keys"]["references"].items():
        recorder.measure(f"references {name}", rows, "each leads to a row")
    kinds = frozenset({Kind.BROKEN_REFERENCE.value})
    expect_none(
        reconciliation, Part.KEYS, "keys:references", kinds=kinds,
        promised="every reference leads to a row", do_next=KEYS,
    )  # fmt: skip


def test_unique_values_stay_unique(reconciliation: Mapping[str, Any]) -> None:
    """By SQLite's rules: no two rows with a value that the target holds to be unique."""
    expect_none(
        reconciliation, Part.KEYS, "keys:unique", kinds=frozenset({Kind.COLLISION.value}),
        promised="no value twice where D1 allows it once",
        do_next="rename one of the accounts that are named, with their owner's consent, before the migration",
    )  # fmt: skip


def test_sequences_are_above_the_greatest_id(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """The next row gets an id that no row ever had."""
    if not reconciliation["keys"].get("sequences"):
        raise NotVerified("no sequence could be read")
    for table, (last, greatest) in reconciliation["keys"]["sequences"].items():
        recorder.measure(f"sequence of {table}", last, f"at least {greatest}")
    expect_none(
        reconciliation, Part.KEYS, "keys:sequences", kinds=frozenset({Kind.SEQUENCE.value}),
        promised="each sequence at least at the greatest id",
        do_next="set sqlite_sequence (or PostgreSQL's setval) to the greatest id before anything is written",
    )  # fmt: skip


def test_tables_without_a_place_are_empty(reconciliation: Mapping[str, Any]) -> None:
    """Tables of which nothing is migrated hold nothing."""
    rows = [row for row in reconciliation["findings"] if row["table"] not in reconciliation["tables"]]
    expect_none(
        {**reconciliation, "findings": rows}, Part.ROWS, "keys:unmapped-tables",
        kinds=frozenset({Kind.NOT_CARRIED.value}),
        promised="no row in tables that the mapping gives up",
        do_next="give them a place in D1 and in the mapping, or remove them from Django",
    )  # fmt: skip


def test_nothing_was_written_meanwhile(reconciliation: Mapping[str, Any]) -> None:
    """What was compared is what is there: no side was written while the run read it."""
    expect_quiet(reconciliation)
