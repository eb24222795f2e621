"""Tests of the journal of compared ranges."""

from pathlib import Path

import pytest

from cutover.config.validation import ConfigurationError
from cutover.migration.resume import RangeJournal, latest_interrupted

pytestmark = pytest.mark.unit


def test_journal_is_read_to_its_last_complete_line(tmp_path: Path) -> None:
    """A run that is complete or has another mapping is not resumed."""
    head = {"environment": "x", "mapping": "1"}
    journal = RangeJournal(tmp_path / "one", {**head, "marks": {"D1": "m"}})
    journal.proven("users", 1, 10, 9)
    journal.proven("users", 11, 20, 10)
    journal.close()
    file = tmp_path / "one" / "reconciliation.journal"
    file.write_bytes(file.read_bytes()[:-5])
    proven = latest_interrupted(tmp_path, head)
    assert (proven.ranges, proven.marks, proven.count) == ({"users": [(1, 10, 9)]}, {"D1": "m"}, 1)
    with pytest.raises(ConfigurationError, match="expected an interrupted run"):
        latest_interrupted(tmp_path, {**head, "mapping": "2"})
    RangeJournal(tmp_path / "two", {**head, "marks": {}}).end()
    with pytest.raises(ConfigurationError, match="expected an interrupted run"):
        latest_interrupted(tmp_path, head)
