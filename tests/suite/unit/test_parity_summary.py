"""Tests of the summary of a run: checks without totals, uncovered cells, and totals that cannot be read."""

import dataclasses
import datetime
import time
from typing import Any

import pytest

from cutover.core.evidence import Record, Status
from cutover.core.recorder import Observations
from cutover.core.requirements import RequiredCheck
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import Run, Verdict, decide
from cutover.parity.accepted_differences import AcceptedDifference, AcceptedDifferences
from cutover.parity.differences import Difference, Kind
from cutover.parity.parity_failure import UNDECLARED
from cutover.parity.played import PlayedJourney, PlayedStep
from cutover.parity.rules import Cell, Rules
from cutover.parity.steps import Journey, Step
from cutover.parity.summary import COVERAGE, DECLARED, closing_records, summarize
from cutover.parity.totals import ParityTotals
from cutover.pytest_plugin.parity_conclusion import compared_something, with_causes

pytestmark = pytest.mark.unit

CHECK = "tests/parity/test_journeys.py::test_x"
MANIFEST = [RequiredCheck("parity", name, None, SafetyLevel.TEST_DATA) for name in (CHECK, COVERAGE, DECLARED)]
RULES = Rules({}, {}, {}, {}, {}, (Cell("user", "owner", 200, 200),))
EXTRA = AcceptedDifference(
    3, ("user",), ("/a",), Kind.EXTRA, None, ("text",), "", "why", "who", datetime.date(2100, 1, 1)
)  # fmt: skip


def sums(statuses: tuple[int | None, int | None], *found: Difference, role: str = "owner") -> dict[str, Any]:
    totals = ParityTotals()
    answered = PlayedStep(Step("user", "ann"), statuses, ("", ""), found, role, 0.0)
    totals.add(PlayedJourney(Journey("j", "s", ("ann",), ()), [answered]), AcceptedDifferences((EXTRA,)), CHECK)
    return totals.as_json()


def recorded(held: Any, status: Status = Status.PASSED) -> Record:
    return Record(CHECK, ("parity",), "x", status, time.time(), 0.0, observations=Observations(attachments=held))


def verdict(
    *attached: Any, complete: bool = True, acceptances: tuple[AcceptedDifference, ...] = (), not_required: Any = None
) -> Verdict:
    """Return the verdict of a run whose one check passed with these attachments."""
    records = [recorded(held) for held in attached]
    summary = summarize(
        records, RULES, AcceptedDifferences(acceptances), complete=complete, not_required=not_required or {}
    )
    records += closing_records(summary, "x", "parity")
    return decide("parity", Run("x", SafetyLevel.DISPOSABLE), MANIFEST, records, ()).verdict


def test_only_covered_combinations_are_go() -> None:
    """No totals, other statuses, other roles and a broken connection cover nothing."""
    assert verdict({"parity": sums((200, 200))}) is Verdict.GO
    assert verdict({}) is Verdict.INCONCLUSIVE
    assert verdict({"parity": ParityTotals().as_json()}) is Verdict.INCONCLUSIVE
    for statuses in ((200, 401), (401, 200), (404, 404), (500, 500), (200, None), (None, None)):
        assert verdict({"parity": sums(statuses)}) is Verdict.INCONCLUSIVE, statuses
    assert verdict({"parity": sums((200, 200), role="other")}) is Verdict.INCONCLUSIVE
    assert verdict({"parity": sums((200, 200))}, complete=False) is Verdict.INCONCLUSIVE
    assert verdict({}, not_required={"owner": "why"}) is Verdict.GO


def test_check_without_totals_proves_nothing() -> None:
    """The run is incomplete then, and no entry is stale."""
    assert compared_something(recorded({"parity": sums((200, 200))}))
    assert compared_something(recorded({"parity": sums((200, 200))}, Status.FAILED))
    for held in ({}, {"parity": None}, {"parity": 5}, {"parity": ParityTotals().as_json()}):
        assert not compared_something(recorded(held))
    for status in {*Status} - {Status.PASSED, Status.FAILED}:
        assert not compared_something(recorded({"parity": sums((200, 200))}, status))


def test_stale_entry_fails_the_gate() -> None:
    """Stale entries fail, unless the run is incomplete; any record may show an entry."""
    extra = Difference("user", "/a", Kind.EXTRA, "absent", "text")
    assert verdict({"parity": sums((200, 200))}, acceptances=(EXTRA,)) is Verdict.NO_GO
    assert verdict({"parity": sums((200, 200))}, acceptances=(EXTRA,), complete=False) is Verdict.INCONCLUSIVE
    both = {"parity": sums((200, 200))}, {"parity": sums((200, 200), extra)}
    assert verdict(*both, acceptances=(EXTRA,)) is verdict(*both[::-1], acceptances=(EXTRA,)) is Verdict.GO


def test_same_place_in_two_cases_is_two_keys() -> None:
    """An accepted difference of one case hides no difference of the other."""
    special = Difference("user", "/a", Kind.EXTRA, "absent", "text", "special")
    plain = Difference("user", "/a", Kind.EXTRA, "absent", "null", "special")
    totals = ParityTotals.from_json(sums((200, 200), special, plain, special))
    assert {seen.difference.candidate: (seen.decision, seen.count) for seen in totals.seen.values()} == {
        "text": ("accepted", 2), "null": ("undeclared", 1),
    }  # fmt: skip


@pytest.mark.parametrize("hostile", [None, 5, [], "x", {"seen": {}}, {"seen": 5, "cells": 5}])
def test_unreadable_totals_are_refused(hostile: Any) -> None:
    """They raise ValueError, which makes the run INVALID, and nothing of them is counted."""
    if hostile is None:
        assert verdict({"parity": None}) is Verdict.INCONCLUSIVE
        return
    with pytest.raises(ValueError, match="not the totals of a parity check"):
        verdict({"parity": hostile})


def test_reasons_of_a_no_go_are_its_causes() -> None:
    """Two journeys with one cause are one reason. Another failed check keeps its own, and other verdicts stay."""
    lost = Difference("user", "header:x", Kind.MISSING, "1", "absent")
    refused = Difference("user", "status", Kind.STATUS, "200", "500")
    journeys = [recorded({"parity": sums((200, 200), lost)}, Status.FAILED) for _ in range(2)]
    journeys.append(recorded({"parity": sums((200, 500), refused)}, Status.FAILED))
    named = [
        dataclasses.replace(each, check=f"{CHECK}[{number}]", reason="a long text", finding=f"{UNDECLARED}x")
        for number, each in enumerate(journeys)
    ]
    cut_short = dataclasses.replace(recorded({}, Status.FAILED), finding="parity:cut-short", reason="could not go on")
    records = [*named, cut_short]
    causes = summarize(records, RULES, AcceptedDifferences(()), complete=True, not_required={}).causes
    decided = decide("parity", Run("x", SafetyLevel.DISPOSABLE), MANIFEST, records, ())
    reasons = with_causes(decided, causes, records).reasons
    assert [reason.split(":")[0] for reason in reasons] == ["status status", "header", "tests/parity/test_journeys.py"]
    assert "in user (2 of 3 responses" in reasons[1]
    invalid = dataclasses.replace(decided, verdict=Verdict.INVALID)
    assert with_causes(invalid, causes, records) is invalid
