"""Tests of the end of a gate run: data of other accounts is one finding of one check."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from cutover.accounts.foreign_data import CHECKS
from cutover.client.account_markers import ATTACHMENT
from cutover.core.evidence import Record, Status
from cutover.core.recorder import Exchange, Observations
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.pytest_plugin.foreign_data_conclusion import add_foreign_data_records

pytestmark = pytest.mark.unit

OTHER = "cutover-0a1b2c3d-4e5f60-2"
SMOKE = CHECKS["smoke"].format(system="worker")


def record(check: str, *found: str, gate: str = "smoke", status: Status = Status.PASSED) -> Record:
    """Return the record of a check in whose answers of the Worker these operations disclosed a marker."""
    observations = Observations(exchanges=[Exchange("r-1", "worker", "user", "GET", "/", 200, 1.0)])
    if found:
        rows = [{"system": "worker", "operation": name, "status": 200, "request": "r-1"} for name in found]
        observations.attachments[ATTACHMENT] = [{**row, "contains": OTHER} for row in rows]
    return Record(check, (gate,), "x", status, 0.0, 0.0, "worker", observations=observations)


def concluded(*records: Record, manifest: tuple[str, ...] = tuple(CHECKS.values())) -> list[Record]:
    """Return the records that the end of the run adds."""
    listed = [RequiredCheck("parity", check, None, SafetyLevel.TEST_DATA) for check in manifest]
    session: Any = SimpleNamespace(records=list(records), manifest=listed, name="x", log=None)
    add_foreign_data_records(session)
    return list(session.records[len(records) :])


def test_findings_of_all_checks_are_one_failure() -> None:
    """Two checks found data: the check of isolation fails once, although it passed itself."""
    (added,) = concluded(record("a", "user"), record("b", "list_files", "user"), record(SMOKE))
    assert (added.check, added.status, added.gates) == (SMOKE, Status.FAILED, ("smoke",))
    assert added.finding == "foreign-data:list_files on worker,user on worker"
    assert added.never_waived
    assert OTHER in added.reason


def test_run_without_findings_adds_nothing() -> None:
    """No answer contained data of others."""
    assert concluded(record("a"), record(SMOKE)) == []


def test_check_that_failed_itself_is_not_failed_again() -> None:
    """It has reported the data in its own answers; a second record would be a second finding."""
    assert concluded(record(SMOKE, "user", status=Status.FAILED), record("b", "user")) == []


def test_finding_without_the_check_is_reported() -> None:
    """The check did not run, for example because the level is read-only."""
    (added,) = concluded(record("a", "health"))
    assert (added.check, added.status) == (SMOKE, Status.FAILED)


def test_gates_are_separate() -> None:
    """A finding in contract is no finding of smoke."""
    (added,) = concluded(record("a", "user", gate="contract"), record("b"))
    assert added.gates == ("contract",)


@pytest.mark.parametrize(("found", "status"), [((), Status.PASSED), (("user",), Status.FAILED)])
def test_parity_always_has_its_record(found: tuple[str, ...], status: Status) -> None:
    """The manifest requires the record of parity, which has no check of its own for this."""
    (added,) = concluded(record("a", *found, gate="parity"))
    assert (added.check, added.status) == (CHECKS["parity"], status)


def test_parity_without_answers_has_no_record() -> None:
    """Without answers nothing was searched, so the required check is missing."""
    silent = Record("a", ("parity",), "x", Status.NOT_VERIFIED, 0.0, 0.0)
    assert concluded(silent) == []
    assert concluded(record("a", gate="parity"), manifest=()) == []
