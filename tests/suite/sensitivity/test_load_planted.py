"""Each fault of a target changes the verdict of its load run, tested with whole runs from outside.

By default two of them run; with CUTOVER_SENSITIVITY=full all run (about six minutes). The target
(tests/suite/support/load_target.py) counts requests and has faults on demand. Each profile also runs without a fault.
"""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.suite.sensitivity.conftest import FaultTableWriter
from tests.suite.support.gate_runs import GateRun, clean_environment
from tests.suite.support.load_runs import Target, load_project, locust_command, target

from cutover.config.validation import root

pytestmark = [pytest.mark.sensitivity, pytest.mark.alone]

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
MIX = "mix = { list = 30, account = 15, download = 20, cut = 10, new_list = 5, fresh = 12, health = 20 }\ntimeout_s = 2"
PROFILES = f"""
[baseline]
phases = [{{ name = "steady", shape = "poisson", rate = 100, seconds = 8 }}]
{MIX}
[soak]
phases = [{{ name = "steady", shape = "poisson", rate = 110, seconds = 10 }}]
{MIX}
[stress]
phases = [{{ name = "step", shape = "step", rate = 70, to_rate = 220, steps = 3, seconds = 18 }}]
{MIX}
[spike]
phases = [{{ name = "spike", shape = "spike", rate = 90, to_rate = 200, seconds = 9 }}]
{MIX}
[smoke]
phases = [{{ name = "steady", shape = "poisson", rate = 0.001, seconds = 1 }}]
{MIX}
[availability]
phases = [{{ name = "steady", shape = "constant", rate = 200, seconds = 5 }}]
mix = {{ fresh = 45, kept = 45, write = 10 }}
timeout_s = 1
any_version = true
[compare]
phases = [{{ name = "steady", shape = "constant", rate = 440, seconds = 24 }}]
mix = {{ list = 40, account = 40, download = 20 }}
systems = ["worker", "legacy"]
"""


@dataclass(frozen=True)
class Planted:
    """A fault. faults: of the target; codes: accepted exit codes; text: expected in the output.

    during: applied to the generator process while it runs. late: planted with the first arrival, for faults at a given
    second. honest: settings of the target in the run without the fault.
    """

    name: str
    profile: str
    faults: dict[str, Any]
    codes: tuple[int, ...]
    text: str
    late: bool = False
    during: Callable[[subprocess.Popen[str]], None] | None = None
    honest: dict[str, Any] = field(default_factory=dict)


def starve(process: subprocess.Popen[str]) -> None:
    """Stop the generator for 0.4 s, three times: it then measures its own delay."""
    for _ in range(3):
        process.send_signal(signal.SIGSTOP)
        threading.Event().wait(0.4)
        process.send_signal(signal.SIGCONT)
        threading.Event().wait(0.4)


def end(process: subprocess.Popen[str]) -> None:
    """Send SIGTERM during the run."""
    process.send_signal(signal.SIGTERM)


def kill(process: subprocess.Popen[str]) -> None:
    """Kill the process."""
    process.kill()


PLANTED = (
    Planted("a stall of 2 s", "baseline", {"stall": [2, 4]}, (1,), "no standstill", late=True),
    Planted("1 % errors", "baseline", {"error_share": 0.01}, (1, 10), "errors before the switch"),
    Planted("6 % errors", "baseline", {"error_share": 0.06}, (1,), "errors before the switch"),
    Planted("6 % errors at a spike", "spike", {"error_share": 0.08}, (1,), "errors while watching"),
    Planted("p95 at 105 ms", "baseline", {"delay_s": 0.105}, (1,), "response time of reads after the cutover"),
    Planted("a tenth takes 300 ms", "baseline", {"slow_share": 0.1, "slow_s": 0.3}, (1,), "response time of reads"),
    Planted("health takes 250 ms", "baseline", {"delay_s": 0.25, "only": "health"}, (1,), "health's average"),
    Planted("1.2 s for everything", "spike", {"delay_s": 1.2}, (1,), "response time before the switch"),
    Planted("downloads fail", "baseline", {"error_share": 0.5, "only": "download"}, (1,), "errors before the switch"),
    Planted("slow only above 150/s", "stress", {"slow_above": [150, 1.5]}, (0,), "breaking point"),
    Planted("slow at the first step", "stress", {"slow_above": [20, 1.5]}, (1,), "already the first step"),
    Planted("growing latency", "soak", {"grow_s": 0.006}, (1,), "no growth", late=True),
    Planted("bodies cut off", "baseline", {"cut_share": 0.06}, (1,), "errors before the switch"),
    Planted("a body in 20 spoilt", "baseline", {"spoil_share": 0.05, "only": "download"}, (1,), "no wrong body"),
    Planted("another version for 1 %", "baseline", {"other_version_share": 0.01}, (11,), "another system or version"),
    Planted("an outage of 150 ms", "availability", {"drop": [2, 2.15]}, (1,), "nothing dropped", late=True),
    Planted("kept connections alone are closed", "availability", {"kept_closed_share": 0.2}, (1,), "nothing dropped"),
    Planted("nothing answered for 1.5 s", "availability", {"drop": [2, 3.5]}, (1,), "no silence", late=True),
    Planted("every delete fails", "baseline", {"error_share": 1, "only": "delete"}, (1,), "no endpoint fails"),
    Planted("not over after the spike", "spike", {"drop": [8.3, 9]}, (1,), "errors after the spike", late=True),
    Planted("a storm of 429", "baseline", {"limited_share": 0.3}, (1,), "errors before the switch"),
    Planted("accepts and never answers", "baseline", {"silent_share": 0.06}, (1,), "errors before the switch"),
    Planted("answers nothing at all", "availability", {"silent_share": 1}, (1,), "nothing dropped"),
    Planted("loses acknowledged writes", "availability", {"lose_write_every": 25}, (1,), "writes are lost"),
    Planted("stores writes twice", "availability", {"double_write_every": 25}, (1,), "exist twice"),
    Planted("the generator is starved", "baseline", {"delay_s": 0.02}, (11,), "sent late", during=starve),
    Planted("SIGTERM", "baseline", {}, (2,), "", during=end),
    Planted("zero requests", "smoke", {}, (11,), "no request was sent"),
    Planted("3 % eight times slower", "compare", {"delay_s": 0.004, "slow_share": 0.03, "slow_s": 0.03}, (1,),
            "slow requests against the old system", honest={"delay_s": 0.004}),
    Planted("the new one is half as fast", "compare", {"delay_s": 0.012}, (1,), "p95 against the old system",
            honest={"delay_s": 0.004}),
)  # fmt: skip
ALWAYS = ("a stall of 2 s", "the generator is starved")


def run(planted: Planted, folder: Path, *, honest: bool) -> GateRun:
    """Run the profile once against new targets."""
    with target() as worker, target("legacy") as legacy:
        project = load_project(folder, worker.url, profiles=PROFILES)
        table = project / "environments.toml"
        identity = '{ header = "x-served-by", value = "list-cutter-django" }'
        named = f'legacy = {{ url = "{legacy.url}", identity = {identity} }}'
        table.write_text(table.read_text().replace('legacy = { absent = "a target is one system" }', named))
        legacy.set_faults(**planted.honest)
        wrong = planted.honest if honest else planted.faults
        if not planted.late:
            worker.set_faults(**wrong)
        reports = folder / "reports"
        process = subprocess.Popen(
            locust_command(planted.profile, ["--env", "target", "--seed", "7", f"--reports={reports}"]),
            cwd=root(),
            env=clean_environment(CUTOVER_ROOT=str(project)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        meanwhile = threading.Thread(target=_meanwhile, args=(planted, process, worker, wrong, honest))
        meanwhile.start()
        output, _ = process.communicate(timeout=120)
        meanwhile.join()
    return GateRun(process.returncode, output, reports)


def _meanwhile(
    planted: Planted, process: subprocess.Popen[str], worker: Target, wrong: dict[str, Any], honest: bool
) -> None:
    """Plant late faults with the first arrival, and apply faults of the generator."""
    if not planted.late and (planted.during is None or honest):
        return
    deadline = time.monotonic() + 60
    while sum(worker.state["counts"].values()) < 20 and process.poll() is None and time.monotonic() < deadline:
        threading.Event().wait(0.02)
    if planted.late:
        worker.set_faults(**wrong)
    if planted.during is not None and not honest:
        planted.during(process)


def _row(planted: Planted) -> dict[str, str]:
    """Return its row in the table of planted faults."""
    return {"system": "load", "name": planted.name}


@pytest.mark.parametrize("planted", [pytest.param(one, id=one.name) for one in PLANTED if FULL or one.name in ALWAYS])
def test_planted_load_fault_is_detected(planted: Planted, fault_table: FaultTableWriter, tmp_path: Path) -> None:
    """The exit code and the reason name the fault."""
    done = run(planted, tmp_path, honest=False)
    fault_table.add(_row(planted), f"{planted.profile}: {planted.text}", "planted", f"exit {done.code}")
    assert done.code in planted.codes, done.output
    assert planted.text in done.output, done.output
    if planted.codes != (0,):
        assert planted.text in " ".join(done.verdict["reasons"]), done.output


@pytest.mark.parametrize("profile", sorted({one.profile for one in PLANTED} - {"smoke"}) if FULL else ["baseline"])
def test_load_target_without_fault_is_go(profile: str, fault_table: FaultTableWriter, tmp_path: Path) -> None:
    """The same profile against a target without the fault."""
    first = next(one for one in PLANTED if one.profile == profile)
    done = run(first, tmp_path, honest=True)
    for one in PLANTED:
        if one.profile == profile and (FULL or one.name in ALWAYS):
            fault_table.add(_row(one), f"{one.profile}: {one.text}", "control", f"exit {done.code}")
    assert done.code == 0, done.output
