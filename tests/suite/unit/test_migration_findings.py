"""Tests of the counts and samples of findings."""

import pytest

from cutover.migration.findings import Finding, Findings, Kind, Part

pytestmark = pytest.mark.unit


def test_all_findings_are_counted_and_five_kept() -> None:
    """The sink gets every finding."""
    every: list[Finding] = []
    findings = Findings(sink=every.append)
    for number in range(20):
        findings.add(Finding(Part.ROWS, "users", Kind.MISSING, str(number)))
    assert (findings.total, len(every)) == (20, 20)
    assert [kept.key for kept in next(iter(findings.samples.values()))] == ["0", "1", "2", "3", "4"]
