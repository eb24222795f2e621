"""The rules of core/verdict.py, on combinations of records that Hypothesis generates."""

import dataclasses
import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.core.evidence import Record, Status
from cutover.core.recorder import Observations
from cutover.core.requirements import RequiredCheck, Waiver
from cutover.core.rule_table import Rule
from cutover.core.safety import SafetyLevel
from cutover.core.verdict import ExitCode, GateVerdict, Run, Verdict, decide, exit_code, stale_waivers, verdict_with

pytestmark = pytest.mark.unit

NAMES = ["a", "b", "c"]
RUN = Run("embedded", SafetyLevel.DISPOSABLE)


def entry(check: str, system: str | None = "worker") -> RequiredCheck:
    return RequiredCheck("smoke", check, system, SafetyLevel.READ_ONLY)


def record(check: str, status: Status, *, finding: str | None = None, system: str | None = "worker") -> Record:
    return Record(check, ("smoke",), "embedded", status, 0.0, 0.0, system=system, reason="why", finding=finding)


def waiver_of(failed: Record) -> Waiver:
    assert failed.fingerprint
    return Waiver(failed.check, "embedded", failed.fingerprint, "r", "o", datetime.date(2100, 1, 1))


manifests = st.lists(st.sampled_from(NAMES), unique=True).map(lambda names: [entry(name) for name in names])
records = st.lists(st.builds(record, st.sampled_from(NAMES), st.sampled_from(Status)), max_size=8)


@given(manifests, records)
def test_go_needs_all_listed_checks_passed(manifest: list[RequiredCheck], seen: list[Record]) -> None:
    """The verdict is GO if and only if checks are required, all passed, and no unlisted check ran."""
    verdict = decide("smoke", RUN, manifest, seen, ())
    shown = {r.check for r in seen if r.status is Status.PASSED}
    inapplicable = {r.check for r in seen if r.status is Status.NOT_APPLICABLE}
    required = {e.check for e in manifest} - inapplicable
    evidence_suffices = (
        bool(required)
        and required <= shown
        and all(r.status in (Status.PASSED, Status.NOT_APPLICABLE) for r in seen)
        and {r.check for r in seen} <= {e.check for e in manifest}
    )
    assert (verdict.verdict is Verdict.GO) == evidence_suffices
    assert (verdict.exit_code == 0) == evidence_suffices
    assert bool(verdict.reasons) != evidence_suffices


@given(manifests, st.sets(st.sampled_from(NAMES)), records)
def test_read_only_form_needs_all_read_only_checks(
    manifest: list[RequiredCheck], writing: set[str], seen: list[Record]
) -> None:
    """Its verdict is GO (read-only form) exactly if the read-only checks alone are GO and nothing else failed."""
    levels = [
        dataclasses.replace(e, level=SafetyLevel.TEST_DATA if e.check in writing else SafetyLevel.READ_ONLY)
        for e in manifest
    ]
    run = Run("x", SafetyLevel.READ_ONLY, read_only_form={"smoke": "why"})
    verdict = decide("smoke", run, levels, seen, ())
    left_out = {e.check for e in levels if e.level > SafetyLevel.READ_ONLY}
    not_run = (Status.NOT_VERIFIED, Status.EXPECTED_FAILURE, Status.BLOCKED)
    looked = [r for r in seen if not (r.check in left_out and r.status in not_run)]
    ran_all_the_same = {r.check for r in looked}
    whole = decide("smoke", RUN, [e for e in levels if e.check not in left_out - ran_all_the_same], looked, ())
    if not any(e.check not in left_out for e in levels):
        assert verdict.verdict is not Verdict.GO_READ_ONLY
        return
    assert verdict.verdict is not Verdict.GO
    assert (verdict.verdict is Verdict.GO_READ_ONLY) == (whole.verdict is Verdict.GO)
    assert (verdict.exit_code, set(verdict.not_in_form)) == (whole.exit_code, left_out)
    assert verdict_with([whole, verdict], 0) is (Verdict.GO_READ_ONLY if whole.exit_code == 0 else None)


@given(manifests, records, st.sampled_from(Status))
def test_only_a_pass_can_improve_a_verdict(manifest: list[RequiredCheck], seen: list[Record], status: Status) -> None:
    """Another record that did not pass never improves the verdict."""
    rank = [Verdict.GO, Verdict.INCONCLUSIVE, Verdict.NO_GO, Verdict.INVALID]
    before = rank.index(decide("smoke", RUN, manifest, seen, ()).verdict)
    after = rank.index(decide("smoke", RUN, manifest, [*seen, record("a", status)], ()).verdict)
    if status is not Status.PASSED and any(e.check == "a" for e in manifest) and any(r.check == "a" for r in seen):
        assert after >= before


@given(st.permutations([Status.PASSED, Status.FAILED, Status.NOT_VERIFIED]))
def test_worst_run_of_a_check_counts(order: list[Status]) -> None:
    """A repeated run that passes does not cancel a failure."""
    verdict = decide("smoke", RUN, [entry("a")], [record("a", status) for status in order], ())
    assert verdict.verdict is Verdict.NO_GO


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (Status.PASSED, ExitCode.GO),
        (Status.FAILED, ExitCode.NO_GO),
        (Status.NOT_VERIFIED, ExitCode.INCONCLUSIVE),
        (Status.BLOCKED, ExitCode.INCONCLUSIVE),
        (Status.EXPECTED_FAILURE, ExitCode.INCONCLUSIVE),
        (Status.UNREACHABLE, ExitCode.INVALID),
        (Status.IDENTITY_MISMATCH, ExitCode.INVALID),
        (Status.RATE_LIMITED, ExitCode.INVALID),
        (Status.STOPPED, ExitCode.INVALID),
        (Status.CRASHED, ExitCode.INVALID),
    ],
)
def test_status_leads_to_its_exit_code(status: Status, expected: ExitCode) -> None:
    """Each status has the exit code of the table in docs/gates.md."""
    assert decide("smoke", RUN, [entry("a")], [record("a", status)], ()).exit_code == expected


def test_check_without_a_record_is_missing() -> None:
    """A check that was removed, renamed or deselected makes the verdict INCONCLUSIVE and is named."""
    verdict = decide("smoke", RUN, [entry("a"), entry("b")], [record("a", Status.PASSED)], ())
    assert (verdict.verdict, verdict.missing) == (Verdict.INCONCLUSIVE, ("b",))
    assert "partial" in verdict.reasons[0]
    assert "b" in verdict.reasons[0]


def test_many_missing_checks_are_shortened() -> None:
    """The reason names the first missing checks and counts the others. verdict.json lists all."""
    names = [f"check-{number:03}" for number in range(30)]
    verdict = decide("smoke", RUN, [entry(name) for name in names], [], ())
    assert verdict.missing == tuple(names)
    assert names[0] in verdict.reasons[0]
    assert names[-1] not in verdict.reasons[0]
    assert verdict.reasons[0].endswith("and 18 more, in verdict.json")


def test_waived_but_incomplete_check_is_not_verified() -> None:
    """A waiver accepts the finding, but not the part of the check that did not run."""
    found = dataclasses.replace(
        record("a", Status.FAILED, finding="f"), observations=Observations(incomplete="3 of 300 were sent")
    )
    verdict = decide("smoke", RUN, [entry("a")], [found], [waiver_of(found)])
    assert (verdict.verdict, verdict.waived, verdict.not_verified) == (Verdict.INCONCLUSIVE, ("a",), ("a",))
    assert "3 of 300 were sent" in verdict.reasons[0]


def test_finding_that_cannot_be_waived_is_no_go() -> None:
    """The finding stays a failure, also if other findings of the check may be waived."""
    found = dataclasses.replace(record("a", Status.FAILED, finding="f"), never_waived="isolation")
    verdict = decide("smoke", RUN, [entry("a")], [found], [waiver_of(found)])
    assert (verdict.verdict, verdict.failed) == (Verdict.NO_GO, ("a",))
    assert Record.from_json(found.as_json()) == found


def test_unproven_deployment_is_inconclusive() -> None:
    """All checks passed, but it is not proven which deployment responded."""
    run = dataclasses.replace(RUN, unproven=("which deployment answered is not proven",))
    verdict = decide("smoke", run, [entry("a")], [record("a", Status.PASSED)], ())
    assert (verdict.verdict, verdict.reasons) == (Verdict.INCONCLUSIVE, run.unproven)


def test_gate_without_listed_checks_is_inconclusive() -> None:
    """A gate without any listed check is not GO."""
    assert decide("smoke", RUN, [], [], ()).verdict is Verdict.INCONCLUSIVE


def test_checks_of_an_absent_system_are_not_applicable() -> None:
    """Checks of a system that the environment declares absent are not required, and are listed."""
    run = Run("staging", SafetyLevel.TEST_DATA, absent={"legacy": "none"})
    seen = [record("a", Status.PASSED), record("b", Status.NOT_VERIFIED, system="legacy")]
    verdict = decide("smoke", run, [entry("a"), entry("b", "legacy")], seen, ())
    assert (verdict.verdict, verdict.not_applicable) == (Verdict.GO, ("b",))


def test_waiver_accepts_one_finding() -> None:
    """A waived finding is GO. Another finding of the same check is NO-GO."""
    accepted, other = record("a", Status.FAILED, finding="x"), record("a", Status.FAILED, finding="y")
    waiver = waiver_of(accepted)
    assert decide("smoke", RUN, [entry("a")], [accepted], [waiver]).verdict is Verdict.GO
    assert decide("smoke", RUN, [entry("a")], [accepted], [waiver]).waived == ("a",)
    assert decide("smoke", RUN, [entry("a")], [other], [waiver]).verdict is Verdict.NO_GO


def test_failure_without_a_finding_cannot_be_waived() -> None:
    """A bare assertion has no fingerprint, so no waiver can match it."""
    assert record("a", Status.FAILED).fingerprint is None


def test_waiver_is_stale_only_if_its_check_ran() -> None:
    """A waiver is stale if its check passed, and is not judged if its check did not run."""
    waiver = waiver_of(record("a", Status.FAILED, finding="x"))
    assert stale_waivers([record("a", Status.PASSED)], [waiver]) == (waiver,)
    assert stale_waivers([record("a", Status.UNREACHABLE)], [waiver]) == ()
    assert stale_waivers([record("a", Status.FAILED, finding="x")], [waiver]) == ()


def test_too_many_429_make_the_run_invalid() -> None:
    """The run is INVALID if more than two per cent of its requests got 429."""
    for limited, expected in ((2, Verdict.GO), (3, Verdict.INVALID)):
        run = Run("x", SafetyLevel.DISPOSABLE, requests=100, rate_limited=limited)
        assert decide("smoke", run, [entry("a")], [record("a", Status.PASSED)], ()).verdict is expected


def test_tool_error_has_the_highest_precedence() -> None:
    """pytest's own exit code is kept, whatever the records are."""
    run = Run("x", SafetyLevel.DISPOSABLE, invalid=["unreachable"], tool_error=(2, "interrupted"))
    verdict = decide("smoke", run, [entry("a")], [record("a", Status.FAILED)], ())
    assert (verdict.verdict, verdict.exit_code) == (Verdict.TOOL_ERROR, 2)


@given(st.lists(st.sampled_from([0, 1, 2, 3, 4, 5, 10, 11])))
def test_exit_code_is_zero_only_if_all_gates_are(codes: list[int]) -> None:
    """The worst gate counts, with NO-GO first. Without any gate the code is never 0."""
    verdicts = [GateVerdict("smoke", Verdict.GO, code, (), {}) for code in codes]
    code = exit_code(verdicts)
    assert (code == 0) == (bool(codes) and set(codes) == {0})
    assert code == 1 if 1 in codes else code in {*codes, 5}


def test_unknown_status_of_a_record_is_invalid() -> None:
    """A record of another version with an unknown status makes the verdict INVALID, and never raises."""
    data = {**record("a", Status.PASSED).as_json(), "status": "superseded"}
    read = Record.from_json(data)
    assert (read.status, read.reason) == (Status.INVALID, "its record has the unknown status 'superseded'; why")
    verdict = decide("smoke", RUN, [entry("a")], [read], ())
    assert verdict.exit_code == ExitCode.INVALID
    for status in Status:
        assert Record.from_json(record("a", status).as_json()) == record("a", status)


def vital(name: str, rule: Rule = Rule.DATA_LOSS, system: str = "worker") -> RequiredCheck:
    """Return a required check of a rule, which no waiver may cover."""
    return dataclasses.replace(entry(name), system=system, rule=rule, never_waived="loss of data")


def test_rule_without_any_check_is_never_go() -> None:
    """The configuration may leave out a check of a vital rule, but not all of them of a system."""
    manifest = [entry("a"), vital("b"), vital("c"), vital("d", Rule.ISOLATION)]
    left_out = [record("a", Status.PASSED), record("b", Status.NOT_APPLICABLE), record("d", Status.PASSED)]
    some = decide("smoke", RUN, manifest, [*left_out, record("c", Status.PASSED)], ())
    assert (some.verdict, some.vital_left_out) == (Verdict.GO, ("b",))
    every = decide("smoke", RUN, manifest, [*left_out, record("c", Status.NOT_APPLICABLE)], ())
    assert (every.verdict, every.exit_code) == (Verdict.INCONCLUSIVE, 10)
    assert "nothing was verified of universal:data-loss on worker" in every.reasons[0]


def test_other_rules_may_be_left_out_completely() -> None:
    """A deployment without tags is GO without any check of tags."""
    manifest = [entry("a"), dataclasses.replace(entry("b"), rule=Rule.TAGS)]
    seen = [record("a", Status.PASSED), record("b", Status.NOT_APPLICABLE)]
    assert decide("smoke", RUN, manifest, seen, ()).verdict is Verdict.GO


def test_warnings_are_counted_and_never_change_a_verdict() -> None:
    """A warning is in the verdict once, in its line and above it, and the verdict stays GO."""
    warned = Observations(warnings=["certificate of a.test: 20 days left"])
    seen = [dataclasses.replace(record(check, Status.PASSED), observations=warned) for check in ("a", "b")]
    verdict = decide("smoke", RUN, [entry("a"), entry("b")], seen, [])
    assert (verdict.verdict, verdict.warnings) == (Verdict.GO, ("certificate of a.test: 20 days left",))
