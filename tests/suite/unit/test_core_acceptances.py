"""Tests of the accepted findings that a verdict line counts, and of those that it names because they expire soon."""

import dataclasses
import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.core.acceptances import (
    ACCEPTED_DIFFERENCE,
    EXPIRES_SOON_DAYS,
    KNOWN_VIOLATION,
    WAIVER,
    Acceptance,
    used_waivers,
    with_acceptances,
)
from cutover.core.evidence import Record, Status
from cutover.core.requirements import Waiver
from cutover.core.verdict import GateVerdict, Verdict
from cutover.report.terminal import last_line

pytestmark = pytest.mark.unit

TODAY = datetime.date(2026, 11, 28)
LATER = datetime.date(2099, 1, 1)
FACTS: dict[str, Any] = {
    "answered_versions": ["v1"], "url": "", "environment": "staging", "connect_retries": 0, "rate_limited": 0,
    "planted": None, "requests": 5, "duration_s": 1.0,
}  # fmt: skip


def verdict(**counts: int) -> GateVerdict:
    """Return a GO with these counts."""
    empty = dict.fromkeys(("failed", "waived", "blocked", "not_verified", "missing"), 0)
    return GateVerdict("parity", Verdict.GO, 0, (), {"required": 34, "passed": 34, **empty, **counts})


def line(*used: Acceptance, waived: int = 0) -> str:
    """Return the verdict line of a run with these acceptances."""
    return last_line(with_acceptances(verdict(waived=waived), used, TODAY), FACTS)


def in_days(days: int) -> datetime.date:
    """Return the day in that number of days."""
    return TODAY + datetime.timedelta(days=days)


def test_verdict_line_counts_each_kind() -> None:
    """Waived checks, accepted differences and known violations, each entry once."""
    used = [Acceptance(ACCEPTED_DIFFERENCE, f"line {n}", LATER) for n in range(36)]
    used += [Acceptance(KNOWN_VIOLATION, "a"), Acceptance(KNOWN_VIOLATION, "a"), Acceptance(WAIVER, "w", LATER)]
    text = line(*used, waived=3)
    assert "34 of 34 checks passed, 3 waived, 36 accepted differences, 1 known violation; 5 requests" in text
    assert "expiring soon" not in text


def test_verdict_line_without_acceptances_counts_none() -> None:
    """A run that depends on none says nothing about them."""
    assert "34 of 34 checks passed; 5 requests" in line()


@pytest.mark.parametrize(("days", "named"), [(0, True), (EXPIRES_SOON_DAYS, True), (EXPIRES_SOON_DAYS + 1, False)])
def test_acceptance_that_expires_soon_is_named(days: int, named: bool) -> None:
    """With its kind, its name and its last day."""
    text = line(Acceptance(WAIVER, "tests/x.py::test_y (abc)", in_days(days)))
    assert (f"expiring soon: waiver tests/x.py::test_y (abc) on {in_days(days)}" in text) is named


@given(st.lists(st.integers(0, 30), max_size=12))
def test_those_that_expire_first_are_named_first(days: list[int]) -> None:
    """Three are named, the others are counted."""
    used = [Acceptance(ACCEPTED_DIFFERENCE, f"line {number}", in_days(left)) for number, left in enumerate(days)]
    expiring = with_acceptances(verdict(), used, TODAY).expiring
    soon = sorted(left for left in days if left <= EXPIRES_SOON_DAYS)
    named = [text for text in expiring if "line" in text]
    assert [text.rpartition(" on ")[2] for text in named] == [str(in_days(left)) for left in soon[:3]]
    assert list(expiring[3:]) == ([f"{len(soon) - 3} more"] if len(soon) > 3 else [])


def test_only_waivers_of_failed_findings_are_used() -> None:
    """By the check's fingerprint, or by one of the fingerprints of a check with several findings."""
    failed = Record("gate::test_a[worker]", ("smoke",), "x", Status.FAILED, 0, 0, finding="f")
    several = Record("gate::test_b[worker-1]", ("smoke",), "x", Status.FAILED, 0, 0, findings=("one", "two"))
    passed = Record("gate::test_c", ("smoke",), "x", Status.PASSED, 0, 0)
    waivers = [
        Waiver("gate::test_a[worker]", "x", failed.fingerprint or "", "why", "who", LATER),
        Waiver("gate::test_b", "x", "two", "why", "who", LATER),
        Waiver("gate::test_b", "x", "three", "why", "who", LATER),
        Waiver("gate::test_c", "x", "one", "why", "who", LATER),
    ]
    used = used_waivers([failed, several, passed], waivers)
    assert [each.name.partition(" ")[0] for each in used] == ["gate::test_a[worker]", "gate::test_b"]


def test_verdict_line_counts_warnings() -> None:
    """With one warning and with several."""
    one = dataclasses.replace(verdict(), warnings=("a",))
    assert "34 of 34 checks passed, 1 warning; 5 requests" in last_line(one, FACTS)
    assert ", 2 warnings;" in last_line(dataclasses.replace(one, warnings=("a", "b")), FACTS)
