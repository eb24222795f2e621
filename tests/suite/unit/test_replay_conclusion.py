"""The checks of a replay: src/cutover/parity/replay/conclusion.py."""

import datetime

import pytest

from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.evidence import Status
from cutover.parity.accepted_differences_file import load_accepted_differences
from cutover.parity.replay.conclusion import DECLARED, records_of
from cutover.parity.replay.totals import ReplayTotals
from cutover.run.lifecycle import Outcome

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("status", [Status.PASSED, Status.NOT_VERIFIED, Status.FAILED])
def test_two_versions_are_an_identity_mismatch(status: Status) -> None:
    """A measurement error comes before a failed check, so the verdict is INVALID, not NO-GO."""
    environment = load_environment(root(), "https://list-cutter.invalid")
    today = datetime.datetime.now(datetime.UTC).date()
    totals = ReplayTotals("recording", load_accepted_differences(root(), environment.operations["worker"], today))
    totals.versions = {"v1", "v2"}
    records = {
        record.check: record for record in records_of(totals, Outcome(status, "reason"), environment, "line", unread="")
    }
    assert records[DECLARED].status is Status.IDENTITY_MISMATCH
