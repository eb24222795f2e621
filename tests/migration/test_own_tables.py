"""Check that a migration run did not change the tables that only the Worker has."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.migration.checks import expect_none
from cutover.migration.findings import Part
from cutover.migration.own_table_runs import OPTION, PART

pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]


def test_tables_of_the_worker_are_unchanged(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Saved filters and logs are after the migration run what they were before it, except those of deleted rows.

    Tables that never had a row have nothing to lose.
    """
    own = reconciliation["own"]
    for name, numbers in own.get("tables", {}).items():
        recorder.measure(f"rows of {name}", numbers["after"], f"those of before: {numbers['before']}")
        recorder.measure(f"{name}: rows of deleted owners and files", numbers["went"], "any number")
    expect_none(
        reconciliation, Part.OWN, "own:changed",
        promised="each row of the Worker's own tables as before the migration run, unless its owner or file is gone",
        do_next="restore these rows from the state before the run (Time Travel, or the export), and correct the "
        "import. If users wrote meanwhile, freeze writes (maintenance) and repeat export, run and gate",
    )  # fmt: skip
    if PART in reconciliation["unverified"]:
        raise NotVerified(reconciliation["unverified"][PART])
    if not own.get("tables") and "used" not in own:
        raise NotVerified("the Worker's own tables were not read")
    if not own["runs"] and own["used"]:
        raise NotVerified(
            f"{', '.join(own['used'])}: no state from before the migration run. Export D1 before the run "
            f"(wrangler d1 export) and give the gate {OPTION} FILE"
        )
