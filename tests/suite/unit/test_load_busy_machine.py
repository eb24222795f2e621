"""A pair that waits for a core because of other processes is INVALID, not NO-GO. A slow pair stays NO-GO."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.suite.support.load_series import Series, failing, profile_thresholds, series, slower, stalling, steady

from cutover.core.verdict import Verdict
from cutover.load.load_verdict import decide_load
from cutover.load.machine_load import TAKEN_FRACTION, WAITED_FRACTION, BusySeconds, MachineLoad
from cutover.traffic.ledger import Outcome

pytestmark = pytest.mark.unit

BUSY = BusySeconds(30, 32, 0.9, 0.8)
SLOW = {
    "slow": steady(1500),
    "stall": stalling(10, 3),
    "time-outs": failing(4, Outcome.TIME_OUT),
    "closed": failing(4, Outcome.NETWORK_ERROR),
}
WRONG = {"errors": failing(4, Outcome.HTTP_ERROR), "wrong bodies": failing(50, Outcome.WRONG_BODY)}


def verdict(answer: Any, machine: BusySeconds | None) -> Verdict:
    """Return the verdict of a baseline run."""
    run: Series = series(("warm-up", 2, 200, steady()), ("steady", 30, 200, answer)).with_facts(machine=machine)
    decided = decide_load(run.totals, run.facts, profile_thresholds(run)).verdict
    assert (decided.verdict is Verdict.INVALID) == any("machine was too busy" in reason for reason in decided.reasons)
    return decided.verdict


@pytest.mark.parametrize("name", SLOW)
def test_slow_pair_on_a_busy_machine_is_invalid(name: str) -> None:
    """The reason names the other processes; without them the same responses are NO-GO."""
    assert verdict(SLOW[name], BUSY) is Verdict.INVALID
    assert verdict(SLOW[name], BusySeconds(0, 32, 0.0, 0.0)) is Verdict.NO_GO
    assert verdict(SLOW[name], None) is Verdict.NO_GO


@pytest.mark.parametrize("name", WRONG)
def test_wrong_responses_on_a_busy_machine_are_no_go(name: str) -> None:
    """No waiting explains them."""
    assert verdict(WRONG[name], BUSY) is Verdict.NO_GO


def test_kept_limits_on_a_busy_machine_are_go() -> None:
    """A pair that is fast enough although it waits is fast enough."""
    assert verdict(steady(), BUSY) is Verdict.GO


def test_undecided_times_on_a_busy_machine_are_invalid() -> None:
    """More requests would not help."""
    border = slower(20, 100, 1.001)
    assert verdict(border, None) is Verdict.INCONCLUSIVE
    assert verdict(border, BUSY) is Verdict.INVALID


def test_few_busy_seconds_explain_a_stall_only() -> None:
    """One busy second of 32 explains a standstill. It does not explain a p95."""
    few = replace(BUSY, busy=1)
    assert verdict(stalling(10, 1.2), few) is Verdict.INVALID
    assert verdict(SLOW["slow"], few) is Verdict.NO_GO


def machine(folder: Path, *, idle: int, busy: int, used: dict[int, int], waited_ms: float) -> Path:
    """Write a proc file system: a supervisor 10 with a child 11, this run 20, and process 30 of others. In ticks."""
    (folder / "stat").write_text(f"cpu  {busy} 0 0 {idle} 0 0 0 0 0 0\ncpu0 0\n")
    for pid, parent in ((10, 1), (11, 10), (20, 1), (30, 1)):
        task = folder / str(pid) / "task" / str(pid)
        task.mkdir(parents=True, exist_ok=True)
        fields = ["S", str(parent), *["0"] * 9, str(used.get(pid, 0)), "0", *["0"] * 30]
        (folder / str(pid) / "stat").write_text(f"{pid} (a) b) {' '.join(fields)}\n")
        (task / "schedstat").write_text(f"5 {round(waited_ms * 1e6) if pid == 11 else 0} 7\n")
    return folder


@given(
    st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 400),
    st.floats(0, 2000, allow_nan=False),
)  # fmt: skip
def test_busy_second_needs_others_and_a_wait(
    tmp_path_factory: pytest.TempPathFactory, others: int, pair: int, own: int, idle: int, waited_ms: float
) -> None:
    """CPU time of the pair and of the run is not taken by others, and a pair that does not wait loses nothing."""
    folder, clock = tmp_path_factory.mktemp("proc"), [100.0]
    found = MachineLoad(10, [20], proc=folder, clock=lambda: clock[0])
    machine(folder, idle=0, busy=0, used={}, waited_ms=0)
    found.sample()
    used = {11: pair, 20: own, 30: others}
    machine(folder, idle=idle, busy=others + pair + own, used=used, waited_ms=waited_ms)
    clock[0] += 1
    found.sample()
    seconds, total = found.seconds, idle + others + pair + own
    taken = others / total if total else 0.0
    assert seconds.measured == 1
    if abs(taken - TAKEN_FRACTION) > 1e-9 and abs(waited_ms / 1000 - WAITED_FRACTION) > 1e-6:
        assert (seconds.busy == 1) == (taken >= TAKEN_FRACTION and waited_ms / 1000 >= WAITED_FRACTION)


@pytest.mark.parametrize("supervisor", [None, 10])
def test_machine_without_figures_reports_none(tmp_path: Path, supervisor: int | None) -> None:
    """Without a pair, or without proc(5), no second is measured."""
    found = MachineLoad(supervisor, proc=tmp_path)
    found.sample()
    assert found.seconds == BusySeconds(0, 0, 0.0, 0.0)


@pytest.mark.skipif(not Path("/proc/self/schedstat").exists(), reason="no proc(5) with scheduler statistics")
def test_this_machine_has_figures() -> None:
    """The real files are read: this process waits for no core longer than the time that passed."""
    clock = [0.0]
    found = MachineLoad(os.getpid(), clock=lambda: clock[0])
    for _ in range(3):
        found.sample()
        clock[0] += 1
    assert found.seconds.measured == 2
