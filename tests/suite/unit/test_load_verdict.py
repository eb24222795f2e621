"""Request series with planted faults against the project's own thresholds: verdicts and reasons."""

import math
from collections.abc import Callable
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.suite.support.load_series import (
    SECOND,
    Series,
    failing,
    profile_thresholds,
    series,
    slower,
    stalling,
    steady,
    through_json,
)

from cutover.core.verdict import Verdict
from cutover.load.early_stop import EarlyStop
from cutover.load.journey_preconditions import JourneyCause
from cutover.load.load_verdict import LoadVerdict, decide_load
from cutover.load.threshold_result import State
from cutover.load.trend import longest_silence, stalls
from cutover.stats.intervals import quantile
from cutover.traffic.arrivals import Shape, generate_schedule
from cutover.traffic.ledger import LedgerTotals, Outcome
from cutover.traffic.ledger_writer import LedgerWriter

pytestmark = pytest.mark.unit


def decided(run: Series) -> LoadVerdict:
    return decide_load(through_json(run.totals), run.facts, profile_thresholds(run))


def word(run: Series) -> Verdict:
    return decided(run).verdict.verdict


def reasons(run: Series) -> str:
    return "\n".join(decided(run).verdict.reasons)


def baseline(answer: Callable[[int, float], Any], seconds: float = 30, rate: float = 200, **changes: Any) -> Series:
    return series(("warm-up", 2, rate, steady()), ("steady", seconds, rate, answer), **changes)


def test_healthy_system_is_go() -> None:
    """Every threshold is kept, the exit code is 0, and there is no reason."""
    verdict = decided(baseline(steady())).verdict
    assert (verdict.verdict, verdict.exit_code, verdict.reasons) == (Verdict.GO, 0, ())
    assert verdict.counts["required"] == verdict.counts["passed"] == len(profile_thresholds(baseline(steady()))) - 1


def test_stall_gives_the_theoretical_quantiles() -> None:
    """2 s in 28 s at 200/s: p95 600 ms, p99 1,720 ms, p99.9 1,972 ms; the stall is found with its length."""
    cell = baseline(stalling(10, 2), seconds=28).totals.total_by_second({"steady"})
    for share, truth_ms in ((0.95, 600), (0.99, 1720), (0.999, 1972)):
        assert quantile(cell.latency, share).estimate / 1000 == pytest.approx(truth_ms, rel=0.02)
    found = list(stalls(cell))
    assert len(found) == 1
    assert found[0].longest_us == pytest.approx(2_000_000, rel=0.005)
    assert (found[0].first_s, found[0].last_s) == (12, 13)  # after two seconds of warm-up
    assert 370 <= found[0].requests <= 400


def test_stall_is_no_go_although_p95_is_below_a_second() -> None:
    """The p95 of all requests is 600 ms; the thresholds of reads and of stalls break."""
    run = baseline(stalling(10, 2), seconds=28)
    assert word(run) is Verdict.NO_GO
    assert decided(run).verdict.failed == (
        "response time of reads after the cutover", "no repeated stalls", "no standstill", "no silence",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("answer", "expected", "broken"),
    [
        (failing(1000), Verdict.GO, None),
        (failing(100), Verdict.INCONCLUSIVE, None),  # the interval includes the limit
        (failing(16), Verdict.NO_GO, "errors before the switch"),  # 6 %
        (failing(16, Outcome.TIME_OUT), Verdict.NO_GO, "errors before the switch"),
        (failing(16, Outcome.WRONG_BODY), Verdict.NO_GO, "errors before the switch"),
        (failing(1000, Outcome.WRONG_BODY), Verdict.NO_GO, "no wrong body"),
        (failing(1000, Outcome.WRONG_VERSION), Verdict.INVALID, None),
        (failing(16, Outcome.NETWORK_ERROR), Verdict.NO_GO, "errors before the switch"),
        (failing(16, Outcome.REFUSED_BY_MAINTENANCE), Verdict.GO, None),  # declared
        (steady(105), Verdict.NO_GO, "response time of reads after the cutover"),
        (steady(95), Verdict.GO, None),
        (slower(10, 60), Verdict.NO_GO, "response time of reads after the cutover"),  # 10 % of them
        (steady(1100), Verdict.NO_GO, "response time before the switch"),
    ],
    ids=(
        "0.1% errors", "1% errors", "6% errors", "6% time-outs", "6% wrong bodies", "0.1% wrong bodies",
        "0.1% wrong versions", "6% cut off", "6% refused", "105 ms", "95 ms", "10% slow", "1100 ms",
    ),
)  # fmt: skip
def test_fault_breaks_its_threshold(answer: Any, expected: Verdict, broken: str | None) -> None:
    """Each is compared with the thresholds of the baseline."""
    verdict = decided(baseline(answer)).verdict
    assert verdict.verdict is expected, verdict.reasons
    assert broken is None or broken in verdict.failed
    assert verdict.verdict is Verdict.GO or verdict.reasons


def test_error_rate_of_the_watch_breaks_at_six_per_cent() -> None:
    """The limit in the plan is 5 %."""

    def smoke(each: int) -> Series:
        return series(("steady", 20, 100, failing(each)), profile="smoke")

    assert word(smoke(14)) is Verdict.NO_GO
    assert "errors while watching" in decided(smoke(14)).verdict.failed
    assert word(smoke(30)) is Verdict.GO
    assert word(smoke(20)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cut_short": "SIGTERM"}, "cut short"),
        ({"duration_s": 20.0}, "lasted"),
        ({"workers_planned": 2, "workers_reported": 1}, "generator processes"),
        ({"begun": 6300}, "planned arrivals"),
        ({"clock_step_s": -1.5}, "clock was stepped"),
        ({"network_latency_ms": None}, "latency was not measured"),
        ({"network_latency_ms": 51.0}, "network alone"),
    ],
)
def test_measurement_error_is_invalid_for_any_figures(changes: Any, said: str) -> None:
    """INVALID takes precedence over NO-GO and GO."""
    for answer in (steady(), steady(2000)):
        run = baseline(answer).with_facts(**changes)
        assert word(run) is Verdict.INVALID
        assert decided(run).verdict.exit_code == 11
        assert said in reasons(run)


@pytest.mark.parametrize("answer", [steady(), steady(2000)], ids=["GO", "NO-GO"])
def test_lost_evidence_is_invalid_also_during_a_no_go(answer: Callable[[int, float], Any]) -> None:
    """Precedence of docs/gates.md: INVALID before NO-GO. Findings outside the ledger do not change that."""
    run = baseline(answer)
    found = decide_load(
        run.totals,
        run.facts,
        profile_thresholds(run),
        causes=[JourneyCause("acknowledged writes", "a write is lost", failed=True)],
        invalid=["evidence is lost"],
    )
    assert (found.verdict.verdict, found.verdict.exit_code) == (Verdict.INVALID, 11)
    assert found.verdict.reasons == ("evidence is lost",)


def test_lost_write_is_no_go_with_kept_thresholds() -> None:
    """The finding is the only reason, and counts as a failed requirement."""
    run = baseline(steady())
    found = decide_load(
        run.totals,
        run.facts,
        profile_thresholds(run),
        causes=[JourneyCause("acknowledged writes", "a write is lost", failed=True)],
    ).verdict
    assert (found.verdict, found.reasons, found.failed) == (
        Verdict.NO_GO, ("a write is lost",), ("acknowledged writes",),
    )  # fmt: skip
    assert found.counts["required"] == found.counts["passed"] + 1


@pytest.mark.parametrize("changes", [{"clock_step_s": 0.09}, {"network_latency_ms": 49.0}, {"begun": 6390}])
def test_deviation_within_tolerance_is_not_invalid(changes: Any) -> None:
    """Each value is just inside its limit."""
    assert word(baseline(steady()).with_facts(**changes)) is Verdict.GO


@pytest.mark.parametrize(
    ("lag_ms", "cpu", "said"), [(6.0, 0.2, "sent late"), (0.1, 0.9, "of a core"), (4.0, 0.79, None)]
)
def test_starved_generator_is_invalid(lag_ms: float, cpu: float, said: str | None) -> None:
    """The measured latency is the generator's own."""
    run = baseline(steady(150) if said else steady(10), lag_ms=lag_ms, cpu=cpu)
    assert word(run) is (Verdict.INVALID if said else Verdict.GO)
    assert said is None or said in reasons(run)


def test_send_lag_is_checked_for_each_phase() -> None:
    """A second in which every request was late is found among 60 s without lag."""
    run = series(("steady", 60, 200, steady()))
    peak = series(("peak", 1, 100, steady()), lag_ms=50.0)
    run.totals.merge(peak.totals)
    run = run.with_facts(planned=12100, begun=12100, phases=("steady", "peak"))
    assert word(run) is Verdict.INVALID
    assert "requests of peak" in reasons(run)


def test_run_without_requests_is_invalid() -> None:
    """Zero requests are not zero errors."""
    run = baseline(steady())
    assert word(Series(LedgerTotals(), run.facts)) is Verdict.INVALID
    assert (
        word(Series(LedgerTotals(), run.facts).with_facts(planned=0, begun=0, planned_s=0.0, duration_s=0.0))
        is Verdict.INVALID
    )


def test_one_unsent_request_is_not_go() -> None:
    """Fewer than 0.5 % are unsent, so the figures are valid, but their responses are unknown."""
    run = baseline(lambda number, _: (Outcome.UNSENT if number == 77 else Outcome.OK, 3.0))
    assert word(run) is Verdict.INCONCLUSIVE
    assert "never sent" in reasons(run)


def test_unbalanced_ledger_is_invalid() -> None:
    """One scheduled request has no outcome."""
    run = baseline(steady())
    run.totals.cell("upload", "steady").scheduled += 1
    assert word(run) is Verdict.INVALID
    assert "upload in steady" in reasons(run)


def test_too_few_requests_are_inconclusive() -> None:
    """298 requests without an error do not prove less than 1 %, and 199 prove no p95."""
    assert word(baseline(steady(), seconds=1)) is Verdict.INCONCLUSIVE
    few = baseline(steady(900), seconds=1, rate=60)
    assert "needs" in reasons(few)
    assert word(few) is Verdict.INCONCLUSIVE


def test_short_run_is_judged_on_the_pair_only() -> None:
    """Elsewhere `--short` is INCONCLUSIVE (10) at best."""
    run = baseline(steady()).with_facts(marks=("--short",))
    assert word(run) is Verdict.GO
    assert word(run.with_facts(local=False)) is Verdict.INCONCLUSIVE
    assert "--short" in reasons(run.with_facts(local=False))


def test_growing_latency_breaks_a_soak() -> None:
    """From 10 to 30 ms without breaking a p95 threshold; equal noise without growth is GO."""

    def grow(number: int, at_s: float) -> tuple[Outcome, float]:
        return Outcome.OK, 10 + at_s / 3 + number % 7 / 100

    def noise(number: int, _: float) -> tuple[Outcome, float]:
        return Outcome.OK, 10 + number * 7919 % 200 / 10

    def soak(answer: Any) -> Series:
        return series(("steady", 60, 100, answer), profile="soak")

    assert decided(soak(grow)).verdict.failed == ("no growth",)
    assert word(soak(noise)) is Verdict.GO


def test_slow_tail_is_found_in_a_comparison() -> None:
    """p95 does not change; the fraction above the old p99 does. Equal systems, and 5 % slower, are GO."""

    def compared(new: Any, seconds: float = 30) -> Series:
        return series(("old", seconds, 200, slower(200, 3)), ("new", seconds, 200, new), profile="compare")

    assert word(compared(slower(200, 3))) is Verdict.GO
    assert word(compared(slower(200, 3, 3.15))) is Verdict.GO
    found = decided(compared(slower(33, 8))).verdict
    assert (found.verdict, found.failed) == (Verdict.NO_GO, ("slow requests against the old system",))
    assert "p95 against the old system" in decided(compared(steady(3.75))).verdict.failed  # +25 %
    assert "errors against the old system" in decided(compared(failing(40))).verdict.failed
    assert word(compared(slower(33, 8), seconds=24)) is Verdict.INCONCLUSIVE  # 4,800 a side
    assert word(compared(failing(2), seconds=24)) is Verdict.INCONCLUSIVE


def stress(*rates: float, breaks_above: float) -> Series:
    """Return steps of 10 s; above the rate every request takes 1.5 s."""
    parts = [(f"step-{n}", 10, rate, steady(1500 if rate > breaks_above else 20)) for n, rate in enumerate(rates, 1)]
    return series(*parts, profile="stress")


def test_stress_run_names_the_breaking_point() -> None:
    """The system is slow only above 150/s."""
    run = stress(50, 100, 150, 200, 250, breaks_above=150)
    found = decided(run)
    assert found.verdict.verdict is Verdict.GO
    assert found.breaking_point is not None
    assert found.breaking_point.held_rate == 150
    assert found.breaking_point.broken_step is not None
    assert found.breaking_point.broken_step.rate == 200
    assert (
        "all thresholds kept up to 150/s; breaking point 200/s: response time of a step" in found.breaking_point.summary
    )
    assert [step.phase for step in found.breaking_point.steps] == ["step-1", "step-2", "step-3", "step-4"]


def test_stress_run_without_break_and_with_broken_first_step() -> None:
    """The first has no breaking point, the second is NO-GO."""
    steps = decided(stress(50, 100, breaks_above=1000)).breaking_point
    assert steps is not None
    assert steps.summary == "all thresholds kept up to 100/s; no threshold broke up to 100/s"
    assert word(stress(50, 100, breaks_above=10)) is Verdict.NO_GO
    assert word(series(("step-1", 2, 50, steady()), profile="stress")) is Verdict.INCONCLUSIVE


def test_stress_run_may_end_at_its_breaking_point() -> None:
    """Steps after the breaking point are not missing; any other early end is INVALID."""
    run = stress(50, 100, 150, 200, breaks_above=150)
    ended = run.with_facts(
        broken_threshold="response time of a step",
        planned=50_000,
        planned_s=500.0,
        phases=(*run.facts.phases, "step-5"),
    )
    assert word(ended) is Verdict.GO
    assert word(ended.with_facts(broken_threshold=None)) is Verdict.INVALID
    assert word(ended.with_facts(cut_short="SIGTERM")) is Verdict.INVALID


def test_dropped_requests_are_counted_not_sampled() -> None:
    """One of 6,000 breaks the threshold; none is GO; idle closes have a threshold of their own."""

    def available(answer: Any) -> Series:
        return series(("steady", 30, 200, answer), profile="availability")

    def one(number: int, _: float) -> tuple[Outcome, float]:
        return (Outcome.NETWORK_ERROR if number == 100 else Outcome.OK), 3.0

    assert word(available(steady())) is Verdict.GO
    (dropped,) = [one for one in decided(available(steady())).results if one.threshold.name == "nothing dropped"]
    assert "0 of 6,000 requests were dropped: at least 0 % and at most 0.0451 %" in dropped.reason
    assert decided(available(one)).verdict.failed == ("nothing dropped",)
    assert word(available(failing(200, Outcome.CLOSED_WHILE_IDLE))) is Verdict.GO
    assert decided(available(failing(50, Outcome.CLOSED_WHILE_IDLE))).verdict.failed == (
        "kept connections closed while idle",
    )


PHASES = {"compare": ("old", "new"), "spike": ("spike-before", "spike-peak", "spike-after"), "stress": ("step-1",)}


def refusing(from_s: float, to_s: float) -> Callable[[int, float], Any]:
    """Return a series that fails between these seconds of the phase."""
    return lambda _, at_s: (Outcome.NETWORK_ERROR if from_s <= at_s < to_s else Outcome.OK, 3.0)


@pytest.mark.parametrize("profile", ["baseline", "soak", "availability"])
def test_silence_of_any_kind_is_no_go(profile: str) -> None:
    """Refused for 2 s in 300 s, or answered 2 s late: a rate of all requests shows neither."""
    for answer in (refusing(100, 102), stalling(100, 2)):
        run = series(("steady", 300, 50, answer), profile=profile)
        assert "no silence" in decided(run).verdict.failed
    assert (
        "no silence" not in decided(series(("steady", 300, 50, refusing(100, 100.9)), profile=profile)).verdict.failed
    )


def test_silence_is_found_without_a_stall() -> None:
    """With a median of 150 ms, a stall of 1.3 s is less than ten times as long."""
    cell = series(("steady", 60, 50, stalling(20, 1.3, 150))).totals.total_by_second()
    assert list(stalls(cell)) == []
    found = longest_silence(cell)
    assert found.low <= 1300 <= found.high
    assert found.high - found.low == pytest.approx(40)


def test_silence_needs_requests() -> None:
    """No requests for 5 s, one slow response at 1/s, and no response at the end."""
    rare = series(("steady", 60, 0.2, steady(50))).totals.total_by_second()
    slow = series(("steady", 60, 1, steady(1500))).totals.total_by_second()
    assert longest_silence(rare).high == longest_silence(slow).high == 0
    dead = longest_silence(series(("steady", 60, 50, refusing(50, 60))).totals.total_by_second())
    assert dead.low == pytest.approx(10_000, abs=40)
    assert math.isinf(dead.high)


def test_stopped_generator_is_no_silence() -> None:
    """Requests of 2 s were sent late and answered at once: too few for the p99 of the lag."""
    recorder = LedgerWriter(0)
    for number in range(60_000):
        at = number * SECOND // 100
        sent = 102 * SECOND if 100 * SECOND <= at < 102 * SECOND else at
        recorder.schedule("list_files", "steady", at)
        recorder.record("list_files", "steady", Outcome.OK, at, sent, sent + 5_000_000, 0)
    assert longest_silence(recorder.take().total_by_second()).high == 0


@pytest.mark.parametrize("rate", [0.5, 3, 20, 300])
@pytest.mark.parametrize("seed", range(5))
def test_silence_of_a_healthy_system_is_short(rate: float, seed: int) -> None:
    """At any rate, with one response in twenty taking 400 ms."""
    recorder = LedgerWriter(0)
    for number, (at, _, _) in enumerate(
        generate_schedule([Shape("steady", "poisson", 200, rate)], [("list", 1)], seed)
    ):
        recorder.schedule("list_files", "steady", at)
        done = at + (400 if number % 20 == 0 else 5) * SECOND // 1000
        recorder.record("list_files", "steady", Outcome.OK, at, at, done, 0)
    assert longest_silence(recorder.take().total_by_second()).high < 600


def test_half_unsent_is_invalid() -> None:
    """Less than 99.5 % of the plan was sent. A smaller loss is INCONCLUSIVE."""
    half = baseline(failing(2, Outcome.UNSENT))
    assert word(half.with_facts(begun=half.facts.planned)) is Verdict.INVALID
    few = baseline(failing(1000, Outcome.UNSENT))
    assert word(few.with_facts(begun=few.facts.planned)) is Verdict.INCONCLUSIVE


def test_clock_step_in_a_long_run_is_invalid() -> None:
    """The length of the run does not matter: slewing does not count."""
    run = baseline(steady()).with_facts(duration_s=3600.0, planned_s=3600.0)
    assert word(run) is Verdict.GO
    assert word(run.with_facts(clock_step_s=0.15)) is Verdict.INVALID


def maintained(until_s: float) -> Series:
    """Every third request is a write, refused from the second 10 on until then."""

    def answer(number: int, at_s: float) -> tuple[Outcome, float]:
        refused = number % 3 == 1 and 10 <= at_s < until_s
        return (Outcome.REFUSED_BY_MAINTENANCE if refused else Outcome.OK), 3.0

    return series(("steady", 60, 60, answer), profile="availability").with_facts(maintenance=(10.0, until_s))


def test_maintenance_must_end_before_the_run() -> None:
    """Without a successful write after the window it is unknown if writes work again."""
    assert word(maintained(30)) is Verdict.GO
    assert word(maintained(60)) is Verdict.INCONCLUSIVE
    assert "upload was refused 1,000 times by the maintenance of seconds 10 to 60" in reasons(maintained(60))
    assert maintained(30).facts.as_json()["maintenance"] == [10.0, 30.0]


@pytest.mark.parametrize("wrong", [failing(2), steady(1500)], ids=["half fails", "slow"])
def test_effects_after_a_spike_are_no_go(wrong: Callable[[int, float], Any]) -> None:
    """Half of the last minute fails or is slow: a small part of all requests."""
    before, peak = ("spike-before", 60, 20, steady()), ("spike-peak", 60, 200, steady())
    assert word(series(before, peak, ("spike-after", 60, 20, steady()), profile="spike")) is Verdict.GO
    failed = decided(series(before, peak, ("spike-after", 60, 20, wrong), profile="spike")).verdict.failed
    assert set(failed) & {"errors after the spike", "response time after the spike"}


@pytest.mark.parametrize(
    ("answer", "broken"),
    [
        (failing(50), "errors over the switch"),
        (steady(1500), "response time over the switch"),
    ],
    ids=["errors", "p95"],
)
def test_switch_has_the_criteria_of_the_plan(answer: Callable[[int, float], Any], broken: str) -> None:
    """Errors below 1 %, p95 below 1,000 ms: Blue-Green Deployment."""
    assert broken in decided(series(("steady", 30, 200, answer), profile="availability")).verdict.failed


@pytest.mark.parametrize("profile", ["smoke", "baseline", "soak", "availability", "compare", "spike", "stress"])
@pytest.mark.parametrize(
    ("times", "expected"), [(3, Verdict.NO_GO), (2, Verdict.INCONCLUSIVE), (0, Verdict.INCONCLUSIVE)]
)
def test_endpoint_that_never_works_is_not_go(profile: str, times: int, expected: Verdict) -> None:
    """Three failures of three are NO-GO, fewer or no requests are INCONCLUSIVE."""
    phases = PHASES.get(profile, ("steady",))
    run = series(*((phase, 50, 200, steady()) for phase in phases), profile=profile)
    recorder = LedgerWriter(0)
    for number in range(times):
        recorder.schedule("login", phases[-1], number * SECOND)
        recorder.record("login", phases[-1], Outcome.HTTP_ERROR, number * SECOND, number * SECOND, number * SECOND, 0)
    run.totals.merge(recorder.take())
    run = run.with_facts(endpoints=(*run.facts.endpoints, "login"))
    if profile == "availability" and times:
        expected = Verdict.NO_GO  # nothing at all may be dropped there
    assert word(run) is expected, reasons(run)
    assert any("login" in reason for reason in decided(run).verdict.reasons) or profile == "availability"


@pytest.mark.parametrize("profile", ["smoke", "baseline", "soak", "availability", "compare", "spike", "stress"])
def test_many_idle_closes_are_no_go_in_each_profile(profile: str) -> None:
    """They are not in the error rate. Without a threshold half of all requests could meet a closed connection."""
    parts = [(phase, 20, 100, failing(2, Outcome.CLOSED_WHILE_IDLE)) for phase in PHASES.get(profile, ("steady",))]
    assert "kept connections closed while idle" in decided(series(*parts, profile=profile)).verdict.failed


def test_run_ends_early_only_for_a_lasting_break() -> None:
    """It ends after abort_after seconds in a row, not earlier, and not if the metric recovered."""
    broken, fine = series(("steady", 20, 100, failing(5))), series(("steady", 20, 100, steady()))
    early = EarlyStop(profile_thresholds(broken), broken.facts.phases)
    assert early.check(broken.totals, 10) is None
    assert early.check(broken.totals, 69) is None
    assert early.check(fine.totals, 72) is None
    assert early.check(broken.totals, 75) is None
    assert early.check(broken.totals, 134) is None
    assert "errors before the switch" in str(early.check(broken.totals, 137))
    stressed = stress(50, 200, breaks_above=150)
    reason = EarlyStop(profile_thresholds(stressed), stressed.facts.phases).check(stressed.totals, 20)
    assert reason is not None
    assert reason.startswith("step-2: response time of a step")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_incomplete_run_is_never_go(data: st.DataObject) -> None:
    """With one doubt about the run, or one threshold not kept, it is not GO."""
    doubts: list[Callable[[Series], Series]] = [
        lambda run: run.with_facts(cut_short="killed"),
        lambda run: run.with_facts(workers_reported=0),
        lambda run: run.with_facts(begun=run.facts.planned // 2),
        lambda run: run.with_facts(clock_step_s=5.0),
        lambda run: run.with_facts(local=False, marks=("--short",)),
        lambda run: run.with_facts(duration_s=run.facts.duration_s / 2),
        lambda run: Series(LedgerTotals(), run.facts),
    ]
    run = series(
        ("steady", data.draw(st.integers(1, 5)), data.draw(st.integers(1, 300)), steady(data.draw(st.floats(1, 90))))
    )
    chosen = data.draw(st.lists(st.sampled_from(doubts), max_size=3))
    doubtful = run
    for doubt in chosen:
        doubtful = doubt(doubtful)
    found = decided(doubtful)
    enough = all(result.state.value == "kept" for result in found.results)
    assert (found.verdict.verdict is Verdict.GO) == (not chosen and enough)
    assert (found.verdict.exit_code == 0) == (found.verdict.verdict is Verdict.GO)
    assert bool(found.verdict.reasons) != (found.verdict.verdict is Verdict.GO)


def test_blocked_journeys_are_reported_once() -> None:
    """The finding is the only reason. A threshold without any endpoint left is undecided, with the same cause."""
    run = baseline(steady()).with_facts(endpoints=("list_files",), blocked_endpoints=("health", "upload"))
    cause = JourneyCause(
        "preparation: list", "status:upload", failed=True, journeys=("new_list worker", "health worker")
    )
    found = decide_load(run.totals, run.facts, profile_thresholds(baseline(steady())), causes=[cause])
    assert found.verdict.verdict is Verdict.NO_GO
    (reason,) = found.verdict.reasons
    assert "new_list worker, health worker" in reason
    (blocked,) = [result for result in found.results if "is blocked" in result.reason]
    assert blocked.threshold.endpoints == "health"


def test_unverified_precondition_is_inconclusive() -> None:
    """Kept thresholds do not outweigh what could not be sent."""
    run = baseline(steady())
    cause = JourneyCause("preparation: list", "worker has no upload", failed=False, journeys=("list worker",))
    found = decide_load(run.totals, run.facts, profile_thresholds(run), causes=[cause]).verdict
    assert found.verdict is Verdict.INCONCLUSIVE
    assert found.not_verified == ("preparation: list",)


def test_absent_endpoint_needs_no_threshold() -> None:
    """A threshold on endpoints that are declared absent is not required."""
    run = baseline(steady()).with_facts(endpoints=("list_files",))
    found = decide_load(run.totals, run.facts, profile_thresholds(baseline(steady())))
    assert found.verdict.verdict is Verdict.GO
    assert "health" not in {result.threshold.endpoints for result in found.results}


def test_repeated_short_stalls_are_no_go() -> None:
    """500 ms every ten seconds: no limit on the longest stall or on a p95 of all requests breaks."""

    def answer(_: int, at: float) -> tuple[Outcome, float]:
        within = (at - 4) % 10
        return Outcome.OK, 5 + (500 - within * 1000 if within < 0.5 else 0)

    verdict = decided(baseline(answer, seconds=40, rate=60)).verdict
    assert verdict.failed[-1] == "no repeated stalls"
    assert "no standstill" not in verdict.failed


@pytest.mark.parametrize(("per_s", "grows"), [(1.0, True), (0.8, True), (0.3, False), (0.0, False), (-1.0, False)])
def test_growth_of_the_median_is_measured(per_s: float, grows: bool) -> None:
    """1 ms/s is found within 20 s although every response is fast; a stall in the last second changes nothing."""
    noise = Random(1)  # noqa: S311 - repeatable

    def answer(_: int, at: float) -> tuple[Outcome, float]:
        stalled = 300 if at > 18.8 else 0
        return Outcome.OK, 30 + per_s * at + noise.uniform(-4, 4) + stalled

    run = series(("warm-up", 1, 60, steady()), ("steady", 20, 60, answer))
    assert ("no growing response time" in decided(run).verdict.failed) == grows


def test_growth_of_a_short_run_is_undecided() -> None:
    """Below eight seconds there is no slope to measure."""
    (result,) = [each for each in decided(baseline(steady(), seconds=6)).results if "growing" in each.threshold.name]
    assert result.state is State.UNDECIDED


@pytest.mark.parametrize(("detail", "broken"), [("truncated in the body", True), ("connection refused", False)])
def test_one_truncated_response_is_no_go(detail: str, broken: bool) -> None:
    """An error that names itself is within the limit; lost data is not."""
    run = baseline(steady())
    cell = run.totals.cell("list_files", "steady")
    cell.outcomes[Outcome.OK] -= 1
    cell.outcomes[Outcome.NETWORK_ERROR] += 1
    cell.add_detail(detail, 1)
    assert decided(run).verdict.failed == (("no truncated response",) if broken else ())


def test_slow_new_connections_are_no_go() -> None:
    """Their own class: the p95 of all requests does not show them."""

    def answer(number: int, _: float) -> tuple[Outcome, float]:
        return Outcome.OK, 300 if number % 20 == 0 else 5  # every 20th is fresh, by the order of the endpoints

    endpoints = ("fresh:user", *(["user"] * 18), "health")
    run = series(("steady", 30, 40, answer), profile="smoke", endpoints=endpoints)
    assert decided(run).verdict.failed == ("first request of a connection",)
    slow = series(("steady", 30, 40, lambda *_: (Outcome.OK, 300)), profile="smoke", endpoints=endpoints)
    assert "first request of a connection" not in decided(slow).verdict.failed  # equally slow over kept ones


def test_deleted_threshold_is_inconclusive() -> None:
    """A gates.toml that was reduced to the kept thresholds is not GO."""
    run = baseline(steady())
    found = decide_load(run.totals, run.facts, profile_thresholds(run)[:1]).verdict
    assert found.verdict is Verdict.INCONCLUSIVE
    assert len(found.missing) == found.counts["missing"] == found.counts["required"] - 1
    assert "gates.toml has no threshold on " in found.reasons[0]
