"""Causes of a gate: a broken precondition is reported once, and never verifies the checks that it blocks."""

import dataclasses
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.core.evidence import Record, Status
from cutover.core.recorder import Observations
from cutover.core.requirements import RequiredCheck, Waiver
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import GateVerdict, Run, Verdict, decide
from cutover.report.terminal import details, last_line

pytestmark = pytest.mark.unit

RUN = Run("embedded", SafetyLevel.DISPOSABLE)
UPLOAD = "upload on worker"
SEEN = "expected status 201, got status 400"
OWNER = RequiredCheck("smoke", "uploads", "worker", SafetyLevel.TEST_DATA, owns=(UPLOAD,))
OTHERS = [RequiredCheck("smoke", name, "worker", SafetyLevel.TEST_DATA) for name in ("a", "b", "c")]
MANIFEST = [OWNER, *OTHERS]


def record(check: str, status: Status, **more: object) -> Record:
    made = Record(check, ("smoke",), "embedded", status, 0.0, 0.0, system="worker", reason="why")
    return dataclasses.replace(made, **more)  # type: ignore[arg-type] # fields of Record


def blocked(check: str, name: str = UPLOAD) -> Record:
    return record(check, Status.BLOCKED, blocked_by={name: SEEN})


def verdict_of(owner: Record | None, *others: Record, waived: bool = False) -> GateVerdict:
    waivers = []
    if waived and owner is not None:
        assert owner.fingerprint
        waivers = [Waiver("uploads", "embedded", owner.fingerprint, "r", "o", datetime.date(2100, 1, 1))]
    return decide("smoke", RUN, MANIFEST, [*([owner] if owner else []), *others], waivers)


STATUSES = [status for status in Status if status is not Status.NOT_APPLICABLE]  # such a check is not required
FAILED = record("uploads", Status.FAILED, finding="status:upload")
BLOCKED = [blocked("a"), blocked("b"), record("c", Status.PASSED)]


def test_failed_owner_is_the_only_reason() -> None:
    """NO-GO with one reason, which counts the blocked checks."""
    verdict = verdict_of(FAILED, *BLOCKED)
    assert (verdict.verdict, verdict.failed, verdict.blocked) == (Verdict.NO_GO, ("uploads",), ("a", "b"))
    assert verdict.reasons == (f"{UPLOAD}: 1 finding, blocks 2 checks: uploads: why",)
    assert (verdict.counts["failed"], verdict.counts["blocked"], verdict.counts["passed"]) == (1, 2, 1)


def test_waived_owner_verifies_no_blocked_check() -> None:
    """A waiver of the owner's finding leaves INCONCLUSIVE, with the cause named once."""
    verdict = verdict_of(FAILED, *BLOCKED, waived=True)
    assert (verdict.verdict, verdict.waived) == (Verdict.INCONCLUSIVE, ("uploads",))
    assert len(verdict.reasons) == 1
    assert f"{UPLOAD} blocks 2 checks: {SEEN}. Its finding is waived (uploads)" in verdict.reasons[0]


def test_deselected_owner_is_named() -> None:
    """Without the owner's record the verdict is INCONCLUSIVE and names cause and owner."""
    verdict = verdict_of(None, *BLOCKED)
    assert verdict.verdict is Verdict.INCONCLUSIVE
    (reason,) = [reason for reason in verdict.reasons if "blocks 2 checks" in reason]
    assert UPLOAD in reason
    assert "did not run or was not verified: uploads" in reason


def test_precondition_that_fails_now_and_then_is_no_go() -> None:
    """The owner passed, but a check saw a failure of the same operation."""
    verdict = verdict_of(record("uploads", Status.PASSED), *BLOCKED)
    assert verdict.verdict is Verdict.NO_GO
    assert verdict.reasons == (f"{UPLOAD} blocks 2 checks: {SEEN}. It fails now and then: uploads passed",)


def test_other_failures_stay_reasons_of_their_own() -> None:
    """A failure of another check is listed after the cause."""
    verdict = verdict_of(FAILED, blocked("a"), record("b", Status.FAILED, finding="x"), record("c", Status.PASSED))
    assert len(verdict.reasons) == 2
    assert verdict.reasons[1] == "b: why"


def test_owners_of_one_precondition_are_one_cause() -> None:
    """Two failed owners, and a check with only their findings, are one reason that contains all three."""
    second = RequiredCheck("smoke", "a", "worker", SafetyLevel.TEST_DATA, owns=(UPLOAD,))
    seen = [
        record("uploads", Status.FAILED, finding="u", findings=("1", "2")),
        record("a", Status.FAILED, finding="a", findings=("3",)),
        record("b", Status.FAILED, finding="b", findings=("2", "3")),
        record("c", Status.FAILED, finding="c", findings=("3", "4")),
    ]
    verdict = decide("smoke", RUN, [OWNER, second, *OTHERS[1:]], seen, ())
    assert len(verdict.failed) == 4
    assert len(verdict.reasons) == 2
    assert verdict.reasons[0] == f"{UPLOAD}: 3 findings: uploads: why; a: why; b: why"
    assert verdict.reasons[1] == "c: why"


def test_check_of_two_causes_is_counted_in_both() -> None:
    """A check that two broken preconditions block is listed in each of them."""
    both = record("a", Status.BLOCKED, blocked_by={UPLOAD: SEEN, "tags on worker": "got 404"})
    verdict = verdict_of(FAILED, both, record("b", Status.PASSED), record("c", Status.PASSED))
    assert {cause.name: cause.blocked for cause in verdict.causes} == {UPLOAD: ("a",), "tags on worker": ("a",)}
    assert verdict.as_json()["causes"][0]["line"] == verdict.causes[0].line
    assert Record.from_json(both.as_json()) == both


def test_failed_but_partly_blocked_check_stays_unverified() -> None:
    """A waiver of its finding does not verify the part that was blocked."""
    found = dataclasses.replace(FAILED, observations=Observations(incomplete="blocked by x"))
    verdict = verdict_of(found, *(record(name, Status.PASSED) for name in "abc"), waived=True)
    assert verdict.verdict is Verdict.INCONCLUSIVE


def test_equal_reasons_are_one_line() -> None:
    """Checks that are not verified for the same reason are one reason that names all of them."""
    same = [record(name, Status.NOT_VERIFIED) for name in "abc"]
    verdict = verdict_of(record("uploads", Status.PASSED), *same)
    assert verdict.reasons == ("3 checks not verified: why (a, b, c)",)


def test_terminal_names_each_cause_once(tmp_path: object) -> None:
    """A cause that is no reason of the verdict is printed as well, and the last line counts the blocked checks."""
    facts = {
        "leftovers": [], "answered_versions": [], "url": "", "environment": "x", "connect_retries": 0,
        "rate_limited": 0, "planted": None, "requests": 1, "duration_s": 1.0,
    }  # fmt: skip
    for owner in (FAILED, None):
        verdict = verdict_of(owner, blocked("a"), record("b", Status.FAILED), blocked("c"))
        text = "\n".join(details([verdict], [], facts, tmp_path))  # type: ignore[arg-type] # only printed
        assert text.count(UPLOAD) == 1
        assert ", 2 blocked" in last_line(verdict, facts)


@given(
    st.sampled_from([None, *STATUSES]),
    st.lists(st.sampled_from(STATUSES), min_size=3, max_size=3),
    st.booleans(),
)
def test_blocked_check_never_leads_to_go(owner: Status | None, others: list[Status], waived: bool) -> None:
    """GO needs that every check passed or is waived; a blocked check is never verified by a waiver."""
    own = None if owner is None else record("uploads", owner, finding="f", blocked_by={UPLOAD: SEEN})
    seen = [record(name, status, blocked_by={UPLOAD: SEEN}) for name, status in zip("abc", others, strict=True)]
    verdict = verdict_of(own, *seen, waived=waived)
    accepted = owner is Status.PASSED or (owner is Status.FAILED and waived)
    assert (verdict.verdict is Verdict.GO) == (accepted and set(others) == {Status.PASSED})
    assert bool(verdict.blocked) == (Status.BLOCKED in {owner, *others})
