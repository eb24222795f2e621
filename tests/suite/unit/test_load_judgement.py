"""Planted series against the project's own gates: what must be GO, NO-GO, INCONCLUSIVE and INVALID, and why."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.suite.support.load_series import (
    SECOND,
    Series,
    failing,
    profile_gates,
    series,
    slower,
    stalling,
    steady,
    through_json,
)

from cutover.core.verdict import Verdict
from cutover.load.load_verdict import EarlyStop, LoadVerdict, judge
from cutover.load.trend import longest_silence, stalls
from cutover.stats.intervals import quantile
from cutover.traffic.arrivals import Shape, generate_schedule
from cutover.traffic.ledger import LedgerTotals, Outcome
from cutover.traffic.ledger_writer import LedgerWriter

pytestmark = pytest.mark.unit


def judged(run: Series) -> LoadVerdict:
    return judge(through_json(run.sums), run.facts, profile_gates(run))


def word(run: Series) -> Verdict:
    return judged(run).verdict.verdict


def reasons(run: Series) -> str:
    return "\n".join(judged(run).verdict.reasons)


def baseline(answer: Callable[[int, float], Any], seconds: float = 30, rate: float = 200, **changes: Any) -> Series:
    return series(("warm-up", 2, rate, steady()), ("steady", seconds, rate, answer), **changes)


def test_a_healthy_system_is_go() -> None:
    """Every gate kept, exit code 0, no reason left."""
    verdict = judged(baseline(steady())).verdict
    assert (verdict.verdict, verdict.exit_code, verdict.reasons) == (Verdict.GO, 0, ())
    assert verdict.counts["required"] == verdict.counts["passed"] == len(profile_gates(baseline(steady())))


def test_a_stall_reads_as_theory_says() -> None:
    """2 s in 28 s at 200/s: p95 600 ms, p99 1,720 ms, p99.9 1,972 ms; the stall is found with its length."""
    cell = baseline(stalling(10, 2), seconds=28).sums.total_by_second({"steady"})
    for share, truth_ms in ((0.95, 600), (0.99, 1720), (0.999, 1972)):
        assert quantile(cell.latency, share).estimate / 1000 == pytest.approx(truth_ms, rel=0.02)
    found = list(stalls(cell))
    assert len(found) == 1
    assert found[0].longest_us == pytest.approx(2_000_000, rel=0.005)
    assert (found[0].first_s, found[0].last_s) == (12, 13)  # after two seconds of warm-up
    assert 370 <= found[0].requests <= 400


def test_a_stall_is_no_go_although_its_p95_is_below_a_second() -> None:
    """The p95 of all is 600 ms; the reads' limit and the standstill's are what break."""
    run = baseline(stalling(10, 2), seconds=28)
    assert word(run) is Verdict.NO_GO
    assert judged(run).verdict.failed == ("response time of reads after the cutover", "no standstill", "no silence")


@pytest.mark.parametrize(
    ("answer", "expected", "broken"),
    [
        (failing(1000), Verdict.GO, None),
        (failing(100), Verdict.INCONCLUSIVE, None),  # not to be told apart from the limit
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
def test_what_is_planted_breaks_its_gate(answer: Any, expected: Verdict, broken: str | None) -> None:
    """Each against the gates of the baseline."""
    verdict = judged(baseline(answer)).verdict
    assert verdict.verdict is expected, verdict.reasons
    assert broken is None or broken in verdict.failed
    assert verdict.verdict is Verdict.GO or verdict.reasons


def test_six_per_cent_break_the_watch_and_four_keep_it() -> None:
    """The plan's 5 %."""

    def smoke(each: int) -> Series:
        return series(("steady", 20, 100, failing(each)), profile="smoke")

    assert word(smoke(14)) is Verdict.NO_GO
    assert "errors while watching" in judged(smoke(14)).verdict.failed
    assert word(smoke(30)) is Verdict.GO
    assert word(smoke(20)) is Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"cut_short": "SIGTERM"}, "cut short"),
        ({"duration_s": 20.0}, "lasted"),
        ({"workers_planned": 2, "workers_reported": 1}, "generating processes"),
        ({"begun": 6300}, "planned arrivals"),
        ({"clock_step_s": -1.5}, "clock was stepped"),
        ({"network_floor_ms": None}, "floor was not measured"),
        ({"network_floor_ms": 51.0}, "network alone"),
    ],
)
def test_what_makes_a_run_untrustworthy_is_invalid_whatever_the_figures(changes: Any, said: str) -> None:
    """INVALID goes before NO-GO as before GO."""
    for answer in (steady(), steady(2000)):
        run = baseline(answer).with_facts(**changes)
        assert word(run) is Verdict.INVALID
        assert judged(run).verdict.exit_code == 11
        assert said in reasons(run)


@pytest.mark.parametrize("changes", [{"clock_step_s": 0.09}, {"network_floor_ms": 49.0}, {"begun": 6390}])
def test_what_is_within_its_tolerance_is_not_invalid(changes: Any) -> None:
    """Just inside each limit."""
    assert word(baseline(steady()).with_facts(**changes)) is Verdict.GO


@pytest.mark.parametrize(
    ("lag_ms", "cpu", "said"), [(6.0, 0.2, "sent late"), (0.1, 0.9, "of a core"), (4.0, 0.79, None)]
)
def test_a_starved_generator_is_invalid_and_no_no_go(lag_ms: float, cpu: float, said: str | None) -> None:
    """The latency it measured is its own."""
    run = baseline(steady(150) if said else steady(10), lag_ms=lag_ms, cpu=cpu)
    assert word(run) is (Verdict.INVALID if said else Verdict.GO)
    assert said is None or said in reasons(run)


def test_a_lag_in_one_phase_is_not_thinned_by_the_others() -> None:
    """A peak of one second in which every request was late, among 60 s that were punctual."""
    run = series(("steady", 60, 200, steady()))
    peak = series(("peak", 1, 100, steady()), lag_ms=50.0)
    run.sums.merge(peak.sums)
    run = run.with_facts(planned=12100, begun=12100, phases=("steady", "peak"))
    assert word(run) is Verdict.INVALID
    assert "requests of peak" in reasons(run)


def test_nothing_sent_is_invalid() -> None:
    """Zero requests are no zero errors."""
    run = baseline(steady())
    assert word(Series(LedgerTotals(), run.facts)) is Verdict.INVALID
    assert (
        word(Series(LedgerTotals(), run.facts).with_facts(planned=0, begun=0, planned_s=0.0, duration_s=0.0))
        is Verdict.INVALID
    )


def test_one_unsent_request_is_not_go() -> None:
    """Fewer than 0.5 %, so the rest can be trusted; but it is unknown what would have come."""
    run = baseline(lambda number, _: (Outcome.UNSENT if number == 77 else Outcome.OK, 3.0))
    assert word(run) is Verdict.INCONCLUSIVE
    assert "never sent" in reasons(run)


def test_a_ledger_that_does_not_balance_is_invalid() -> None:
    """One request was scheduled and has no outcome."""
    run = baseline(steady())
    run.sums.cell("upload", "steady").scheduled += 1
    assert word(run) is Verdict.INVALID
    assert "upload in steady" in reasons(run)


def test_too_few_requests_say_nothing() -> None:
    """298 without an error do not show less than 1 %, and 199 no p95."""
    assert word(baseline(steady(), seconds=1)) is Verdict.INCONCLUSIVE
    few = baseline(steady(900), seconds=1, rate=60)
    assert "needs" in reasons(few)
    assert word(few) is Verdict.INCONCLUSIVE


def test_shortened_runs_are_judged_on_the_pair_alone() -> None:
    """`--short` elsewhere ends with 10 at best."""
    run = baseline(steady()).with_facts(marks=("--short",))
    assert word(run) is Verdict.GO
    assert word(run.with_facts(local=False)) is Verdict.INCONCLUSIVE
    assert "--short" in reasons(run.with_facts(local=False))


def test_growing_latency_breaks_a_soak() -> None:
    """From 10 to 30 ms, although no p95 limit is reached; as much noise without growth is GO."""

    def grow(number: int, at_s: float) -> tuple[Outcome, float]:
        return Outcome.OK, 10 + at_s / 3 + number % 7 / 100

    def noise(number: int, _: float) -> tuple[Outcome, float]:
        return Outcome.OK, 10 + number * 7919 % 200 / 10

    def soak(answer: Any) -> Series:
        return series(("steady", 60, 100, answer), profile="soak")

    assert judged(soak(grow)).verdict.failed == ("no growth",)
    assert word(soak(noise)) is Verdict.GO


def test_three_per_cent_eight_times_slower_are_found_beside_the_old_system() -> None:
    """p95 does not move; the share above the old system's p99 does. Equal systems, and 5 % slower, are GO."""

    def compared(new: Any, seconds: float = 30) -> Series:
        return series(("old", seconds, 200, slower(200, 3)), ("new", seconds, 200, new), profile="compare")

    assert word(compared(slower(200, 3))) is Verdict.GO
    assert word(compared(slower(200, 3, 3.15))) is Verdict.GO
    found = judged(compared(slower(33, 8))).verdict
    assert (found.verdict, found.failed) == (Verdict.NO_GO, ("slow requests against the old system",))
    assert "p95 against the old system" in judged(compared(steady(3.75))).verdict.failed  # +25 %
    assert "errors against the old system" in judged(compared(failing(40))).verdict.failed
    assert word(compared(slower(33, 8), seconds=24)) is Verdict.INCONCLUSIVE  # 4,800 a side
    assert word(compared(failing(2), seconds=24)) is Verdict.INCONCLUSIVE


def stress(*rates: float, breaks_above: float) -> Series:
    """10 s a step; above the rate every request takes 1.5 s."""
    parts = [(f"step-{n}", 10, rate, steady(1500 if rate > breaks_above else 20)) for n, rate in enumerate(rates, 1)]
    return series(*parts, profile="stress")


def test_a_stress_run_says_which_limit_broke_at_which_rate() -> None:
    """Slow only above 150/s."""
    run = stress(50, 100, 150, 200, 250, breaks_above=150)
    found = judged(run)
    assert found.verdict.verdict is Verdict.GO
    assert found.breaking is not None
    assert found.breaking.held_rate == 150
    assert found.breaking.broke is not None
    assert found.breaking.broke.rate == 200
    assert "every limit held up to 150/s; at 200/s broke response time of a step" in found.breaking.sentence
    assert [step.phase for step in found.breaking.steps] == ["step-1", "step-2", "step-3", "step-4"]


def test_a_stress_run_without_a_break_and_one_that_breaks_at_once() -> None:
    """The first says that nothing broke, the second is NO-GO."""
    steps = judged(stress(50, 100, breaks_above=1000)).breaking
    assert steps is not None
    assert steps.sentence == "every limit held up to 100/s; no limit surely broke up to 100/s"
    assert word(stress(50, 100, breaks_above=10)) is Verdict.NO_GO
    assert word(series(("step-1", 2, 50, steady()), profile="stress")) is Verdict.INCONCLUSIVE


def test_a_stress_run_that_was_ended_at_its_break_is_not_cut_short() -> None:
    """What was planned after the break is not missing; any other early end is INVALID."""
    run = stress(50, 100, 150, 200, breaks_above=150)
    ended = run.with_facts(
        broke="response time of a step", planned=50_000, planned_s=500.0, phases=(*run.facts.phases, "step-5")
    )
    assert word(ended) is Verdict.GO
    assert word(ended.with_facts(broke=None)) is Verdict.INVALID
    assert word(ended.with_facts(cut_short="SIGTERM")) is Verdict.INVALID


def test_zero_dropped_is_counted_and_not_sampled() -> None:
    """One of 6,000 is one too many; none is GO; idle connections have a budget of their own."""

    def available(answer: Any) -> Series:
        return series(("steady", 30, 200, answer), profile="availability")

    def one(number: int, _: float) -> tuple[Outcome, float]:
        return (Outcome.NETWORK_ERROR if number == 100 else Outcome.OK), 3.0

    assert word(available(steady())) is Verdict.GO
    (dropped,) = [gate for gate in judged(available(steady())).judged if gate.gate.name == "nothing dropped"]
    assert "0 of 6,000 requests were dropped: at least 0 % and at most 0.0451 %" in dropped.reason
    assert judged(available(one)).verdict.failed == ("nothing dropped",)
    assert word(available(failing(200, Outcome.CLOSED_WHILE_IDLE))) is Verdict.GO
    assert judged(available(failing(50, Outcome.CLOSED_WHILE_IDLE))).verdict.failed == (
        "kept connections closed while idle",
    )


PHASES = {"compare": ("old", "new"), "spike": ("spike-before", "spike-peak", "spike-after"), "stress": ("step-1",)}


def refusing(from_s: float, to_s: float) -> Callable[[int, float], Any]:
    """Nothing is answered well between these seconds of the phase."""
    return lambda _, at_s: (Outcome.NETWORK_ERROR if from_s <= at_s < to_s else Outcome.OK, 3.0)


@pytest.mark.parametrize("profile", ["baseline", "soak", "availability"])
def test_silence_is_no_go_whatever_it_is_made_of(profile: str) -> None:
    """Refused for 2 s in 300, or answered 2 s late: no share of all requests shows either of them."""
    for answer in (refusing(100, 102), stalling(100, 2)):
        run = series(("steady", 300, 50, answer), profile=profile)
        assert "no silence" in judged(run).verdict.failed
    assert "no silence" not in judged(series(("steady", 300, 50, refusing(100, 100.9)), profile=profile)).verdict.failed


def test_silence_is_found_where_a_stall_is_none() -> None:
    """A median of 150 ms: a stall of 1.3 s is not ten times as long."""
    cell = series(("steady", 60, 50, stalling(20, 1.3, 150))).sums.total_by_second()
    assert list(stalls(cell)) == []
    found = longest_silence(cell)
    assert found.low <= 1300 <= found.high
    assert found.high - found.low == pytest.approx(40)


def test_silence_is_counted_from_requests_and_not_from_the_clock() -> None:
    """Nobody asked for 5 s, one slow answer at 1/s, and an end without any answer more."""
    rare = series(("steady", 60, 0.2, steady(50))).sums.total_by_second()
    slow = series(("steady", 60, 1, steady(1500))).sums.total_by_second()
    assert longest_silence(rare).high == longest_silence(slow).high == 0
    dead = longest_silence(series(("steady", 60, 50, refusing(50, 60))).sums.total_by_second())
    assert dead.low == pytest.approx(10_000, abs=40)
    assert math.isinf(dead.high)


def test_generator_that_stood_still_is_no_silence_of_the_system() -> None:
    """What fell due in 2 s was sent at once afterwards and answered at once: too little for the p99 of the lag."""
    recorder = LedgerWriter(0)
    for number in range(60_000):
        at = number * SECOND // 100
        sent = 102 * SECOND if 100 * SECOND <= at < 102 * SECOND else at
        recorder.schedule("list_files", "steady", at)
        recorder.record("list_files", "steady", Outcome.OK, at, sent, sent + 5_000_000, 0)
    assert longest_silence(recorder.take().total_by_second()).high == 0


@pytest.mark.parametrize("rate", [0.5, 3, 20, 300])
@pytest.mark.parametrize("seed", range(5))
def test_silence_of_a_healthy_system_is_far_from_its_limit(rate: float, seed: int) -> None:
    """At any rate, drawn as profiles draw it, with one answer in twenty taking 400 ms."""
    recorder = LedgerWriter(0)
    for number, (at, _, _) in enumerate(
        generate_schedule([Shape("steady", "poisson", 200, rate)], [("list", 1)], seed)
    ):
        recorder.schedule("list_files", "steady", at)
        done = at + (400 if number % 20 == 0 else 5) * SECOND // 1000
        recorder.record("list_files", "steady", Outcome.OK, at, at, done, 0)
    assert longest_silence(recorder.take().total_by_second()).high < 600


def test_half_unsent_is_invalid_though_every_arrival_was_begun() -> None:
    """Issue 7, part 6: sent < 99.5 % of what was planned. Fewer leave it open (INCONCLUSIVE)."""
    half = baseline(failing(2, Outcome.UNSENT))
    assert word(half.with_facts(begun=half.facts.planned)) is Verdict.INVALID
    few = baseline(failing(1000, Outcome.UNSENT))
    assert word(few.with_facts(begun=few.facts.planned)) is Verdict.INCONCLUSIVE


def test_clock_that_is_set_during_a_long_run_is_invalid() -> None:
    """An hour is no excuse: slewing is not counted at all."""
    run = baseline(steady()).with_facts(duration_s=3600.0, planned_s=3600.0)
    assert word(run) is Verdict.GO
    assert word(run.with_facts(clock_step_s=0.15)) is Verdict.INVALID


def maintained(until_s: float) -> Series:
    """Every third request is a write, refused from the second 10 on until then."""

    def answer(number: int, at_s: float) -> tuple[Outcome, float]:
        refused = number % 3 == 1 and 10 <= at_s < until_s
        return (Outcome.REFUSED_BY_MAINTENANCE if refused else Outcome.OK), 3.0

    return series(("steady", 60, 60, answer), profile="availability").with_facts(maintenance=(10.0, until_s))


def test_maintenance_excuses_no_writes_that_never_come_back() -> None:
    """Refused to the end of the run: no write after the window, so nobody knows whether writes work again."""
    assert word(maintained(30)) is Verdict.GO
    assert word(maintained(60)) is Verdict.INCONCLUSIVE
    assert "upload was refused 1,000 times by the maintenance of seconds 10 to 60" in reasons(maintained(60))
    assert maintained(30).facts.as_json()["maintenance"] == [10.0, 30.0]


@pytest.mark.parametrize("wrong", [failing(2), steady(1500)], ids=["half fails", "slow"])
def test_spike_that_is_not_over_when_it_is_over_is_no_go(wrong: Callable[[int, float], Any]) -> None:
    """Half of the last minute fails, or is slow: a small part of all requests of the run."""
    before, peak = ("spike-before", 60, 20, steady()), ("spike-peak", 60, 200, steady())
    assert word(series(before, peak, ("spike-after", 60, 20, steady()), profile="spike")) is Verdict.GO
    failed = judged(series(before, peak, ("spike-after", 60, 20, wrong), profile="spike")).verdict.failed
    assert set(failed) & {"errors after the spike", "response time after the spike"}


@pytest.mark.parametrize(
    ("answer", "broken"),
    [
        (failing(50), "errors over the switch"),
        (steady(1500), "response time over the switch"),
    ],
    ids=["errors", "p95"],
)
def test_switch_is_judged_by_the_plans_criteria(answer: Callable[[int, float], Any], broken: str) -> None:
    """Errors below 1 %, p95 below 1,000 ms: Blue-Green Deployment."""
    assert broken in judged(series(("steady", 30, 200, answer), profile="availability")).verdict.failed


@pytest.mark.parametrize("profile", ["smoke", "baseline", "soak", "availability", "compare", "spike", "stress"])
@pytest.mark.parametrize(
    ("times", "expected"), [(3, Verdict.NO_GO), (2, Verdict.INCONCLUSIVE), (0, Verdict.INCONCLUSIVE)]
)
def test_endpoint_that_never_works_is_no_go_or_unknown(profile: str, times: int, expected: Verdict) -> None:
    """However rarely it is asked for: three failures of three say it, fewer and none leave it open. Never GO."""
    phases = PHASES.get(profile, ("steady",))
    run = series(*((phase, 50, 200, steady()) for phase in phases), profile=profile)
    recorder = LedgerWriter(0)
    for number in range(times):
        recorder.schedule("login", phases[-1], number * SECOND)
        recorder.record("login", phases[-1], Outcome.HTTP_ERROR, number * SECOND, number * SECOND, number * SECOND, 0)
    run.sums.merge(recorder.take())
    run = run.with_facts(endpoints=(*run.facts.endpoints, "login"))
    if profile == "availability" and times:
        expected = Verdict.NO_GO  # nothing at all may be dropped there
    assert word(run) is expected, reasons(run)
    assert any("login" in reason for reason in judged(run).verdict.reasons) or profile == "availability"


@pytest.mark.parametrize("profile", ["smoke", "baseline", "soak", "availability", "compare", "spike", "stress"])
def test_many_closed_while_idle_are_no_go_in_each_profile(profile: str) -> None:
    """They stand in no error rate, so without a budget half of all requests could meet a closed connection."""
    parts = [(phase, 20, 100, failing(2, Outcome.CLOSED_WHILE_IDLE)) for phase in PHASES.get(profile, ("steady",))]
    assert "kept connections closed while idle" in judged(series(*parts, profile=profile)).verdict.failed


def test_a_run_is_ended_early_only_for_what_stays_broken() -> None:
    """After abort_after seconds in a row, not before, and not when it recovered in between."""
    broken, fine = series(("steady", 20, 100, failing(5))), series(("steady", 20, 100, steady()))
    gates = profile_gates(broken)
    early = EarlyStop(gates, broken.facts.phases)
    assert early.look(broken.sums, 10) is None
    assert early.look(broken.sums, 69) is None
    assert early.look(fine.sums, 72) is None
    assert early.look(broken.sums, 75) is None
    assert early.look(broken.sums, 134) is None
    assert "errors before the switch" in str(early.look(broken.sums, 137))
    stressed = stress(50, 200, breaks_above=150)
    told = EarlyStop(profile_gates(stressed), stressed.facts.phases).look(stressed.sums, 20)
    assert told is not None
    assert told.startswith("step-2: response time of a step")


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_go_is_never_said_of_what_is_not_whole(data: st.DataObject) -> None:
    """Whatever else is drawn: with one doubt about the run, or one gate not kept, it is not GO."""
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
    drawn = data.draw(st.lists(st.sampled_from(doubts), max_size=3))
    doubtful = run
    for doubt in drawn:
        doubtful = doubt(doubtful)
    found = judged(doubtful)
    enough = all(judged.state.value == "kept" for judged in found.judged)
    assert (found.verdict.verdict is Verdict.GO) == (not drawn and enough)
    assert (found.verdict.exit_code == 0) == (found.verdict.verdict is Verdict.GO)
    assert bool(found.verdict.reasons) != (found.verdict.verdict is Verdict.GO)
