"""Each fault of reference/faults/load.toml ends a load run with the verdict of its row.

The faults were written without knowledge of the thresholds. By default two of them run; with CUTOVER_SENSITIVITY=full
all run (about ten minutes, one run at a time, because two at once delay each other's generator).
"""

import contextlib
import itertools
import json
import os
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import tomllib
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from tests.suite.sensitivity.conftest import FaultTableWriter
from tests.suite.support.gate_runs import GateRun, clean_environment
from tests.suite.support.load_runs import Target, load_project, locust_command, target

from cutover.config.validation import root

pytestmark = [pytest.mark.sensitivity, pytest.mark.alone]

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
FOLDER = root() / "reference" / "faults" / "load"
FAULTS = {row["name"]: row for row in tomllib.loads(FOLDER.with_suffix(".toml").read_text())["fault"]}
CODES = {"GO": {0}, "NO-GO": {1}, "INCONCLUSIVE": {10}, "INVALID": {11}, "tool error": {2, 3, 4}}
THRESHOLDS = {
    "error rate < 1 %": ("errors before the switch",),
    "error rate <= 5 %": ("errors while watching",),
    "p95 < 100 ms": ("response time of reads after the cutover",),
    "p95 < 1000 ms": ("response time before the switch",),
    "average < 200 ms": ("health's average response time",),
    "zero dropped": ("nothing dropped",),
}
"""Names of thresholds in load.toml and in gates.toml. A run has the thresholds of its profile only."""

READS = "list = 35, account = 30, download = 20, cut = 10, health = 5"
FRESH = ", fresh = 12"
"""Of profiles with a threshold on new connections."""

STREAMS = "fresh = 50, kept = 50"
WRITES = "fresh = 35, kept = 35, write = 30"


@dataclass(frozen=True)
class Seen:
    """The results of a run: output, load.json, and the log of the proxy."""

    run: GateRun
    folder: Path

    @cached_property
    def data(self) -> dict[str, Any]:
        """Return load.json."""
        data: dict[str, Any] = json.loads((self.run.folder / "load.json").read_text())
        return data

    @cached_property
    def log(self) -> list[dict[str, Any]]:
        """Return the lines of the proxy's log."""
        return [json.loads(line) for line in (self.folder / "front.log").read_text().splitlines()]

    def count(self, outcome: str, *endpoints: str) -> int:
        """Return the number of requests with that outcome, of all endpoints or of those with these prefixes."""
        rows = [row for row in self.data["ledger"] if not endpoints or row["endpoint"].startswith(endpoints)]
        return sum(int(row["outcomes"][outcome]) for row in rows)

    def share(self, outcome: str, *endpoints: str) -> float:
        """Return the same in per cent of the sent requests."""
        rows = [row for row in self.data["ledger"] if not endpoints or row["endpoint"].startswith(endpoints)]
        return 100 * self.count(outcome, *endpoints) / max(1, sum(row["sent"] for row in rows))

    def harmed(self, name: str) -> int:
        """Return the number of requests that the proxy changed with this fault."""
        return sum(line.get("harm") == name for line in self.log)

    def threshold(self, name: str) -> dict[str, Any]:
        """Return a threshold of load.json."""
        (found,) = [gate for gate in self.data["gates"] if gate["name"] == name]
        return found

    def p95(self) -> float:
        """Return the p95 of the threshold of reads, in ms."""
        return float(self.threshold("response time of reads after the cutover")["interval"]["estimate"])

    def says(self, text: str) -> bool:
        """Return True if the output contains the pattern."""
        return re.search(text, self.run.output) is not None


@dataclass(frozen=True)
class Run:
    """A fault and the profile that must detect it.

    rate, seconds: of its phase; accounts: that arrivals take turns with. sees: the testable part of `sees` in
    load.toml. codes, because: an exit code that differs from load.toml by design, and why. broken: text in the reason.
    declared: the maintenance was declared; with_control: the control runs as well.
    """

    fault: str
    profile: str
    rate: float
    seconds: float
    sees: Callable[[Seen], bool]
    broken: str
    mix: str = READS
    accounts: int = 1
    timeout_s: float = 2
    arguments: tuple[str, ...] = ()
    phase: str = ""
    codes: frozenset[int] = frozenset()
    because: str = ""
    with_control: bool = False
    declared: bool = True

    @property
    def name(self) -> str:
        """Return the name of the test case."""
        return f"{self.fault} by {self.profile}{'' if self.declared else ', undeclared'}"

    @property
    def row(self) -> Mapping[str, Any]:
        """Return the row of load.toml."""
        return FAULTS[self.fault]

    @property
    def expected(self) -> frozenset[int]:
        """Return the accepted exit codes."""
        words = [self.row["verdict"], *([self.row["may_be"]] if "may_be" in self.row else [])]
        return self.codes or frozenset().union(*(CODES[word] for word in words))

    @property
    def holds(self) -> tuple[str, ...]:
        """Return the thresholds that must not break, by their names in load.toml; none without declaration."""
        return tuple(self.row.get("holds", ())) if self.declared else ()

    @property
    def toml(self) -> str:
        """Return the profile as TOML."""
        phase = self.phase or f'name = "steady", shape = "constant", rate = {self.rate}, seconds = {self.seconds}'
        mix = self.mix + (FRESH if self.profile in ("smoke", "baseline", "soak") and "fresh" not in self.mix else "")
        systems = 'systems = ["worker", "legacy"]' if self.profile == "compare" else ""
        version = "any_version = true" if self.profile == "availability" else ""
        return (
            f"[{self.profile}]\nphases = [{{ {phase} }}]\nmix = {{ {mix} }}\naccounts = {self.accounts}\n"
            f"timeout_s = {self.timeout_s}\n{systems}\n{version}\n"
        )

    @property
    def seed(self) -> int:
        """Return the seed of the proxy. It leaves the requests of the preparation unchanged, which are not measured."""
        share = self.row.get("parameters", {}).get("share")
        prepared = self.accounts + 2
        if share is None:
            return 1
        first = round(1 / share)
        # S311: repeatable, not secret.
        return next(seed for seed in itertools.count(1) if random.Random(seed).randrange(first) >= prepared)  # noqa: S311


def outage_is_found(seen: Seen) -> bool:
    """Return True if each stream has one outage whose bounds enclose the proxy's own times."""
    times = {event: [line["monotonic"] for line in seen.log if line["event"] == event] for event in ("shut", "open")}
    lasted_ms = 1000 * (times["open"][-1] - times["shut"][0])
    streams = seen.data["availability"]["streams"].values()
    windows = [window for stream in streams for window in stream["windows"]]
    return len(windows) == len(streams) and all(w["lower_ms"] <= lasted_ms <= w["upper_ms"] for w in windows)


def maintenance_is_separate(seen: Seen) -> bool:
    """Return True if exactly the refused writes count as refused by maintenance, and refused reads as errors."""
    refused = seen.count("refused_by_maintenance")
    errors = seen.count("http_error")
    of_reads = sum(line.get("harm") == "Maintenance" and line["method"] == "GET" for line in seen.log)
    return refused == seen.count("refused_by_maintenance", "upload") > 0 and errors == of_reads


def grows(seen: Seen) -> bool:
    """Return True if the median at the end is far above that at the start."""
    medians = [row["p50_ms"] for row in seen.data["timeline"]["bins"] if row["p50_ms"] is not None]
    return float(medians[-2]) - float(medians[1]) > 60


def writes(seen: Seen, kind: str, harm: str) -> bool:
    """Return True if as many writes are reported as the proxy lost or doubled."""
    return len(seen.data["availability"]["writes"][kind]) == seen.harmed(harm) > 0


def worker_of(process: subprocess.Popen[str]) -> int:
    """Return the id of one of its forked generator processes."""
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    found = [int(child) for child in children if b"locust" in Path(f"/proc/{child}/cmdline").read_bytes()]
    return found[0]


STEPS = 'name = "step", shape = "step", rate = 70, to_rate = 220, steps = 3, seconds = 18'
DESIGN = "docs/load-verdict.md: wrong version makes the run INVALID, because another system was measured"
FLOOR = (
    "the minimum network latency is the time of a TCP handshake, which a delay of responses does not change; the "
    "threshold is kept with these 60 ms, so GO is correct"
)
ERRORS, LIMITS = "errors before the switch", "response time of reads after the cutover"
RUNS = (
    Run("stall", "baseline", 100, 15, lambda seen: seen.p95() > 500 and seen.says("stall"), "no standstill",
        with_control=True),
    Run("errors-1-percent", "baseline", 60, 12, lambda seen: 0.7 < seen.share("http_error") < 1.3, ERRORS),
    Run("errors-6-percent", "smoke", 130, 26, lambda seen: 5 < seen.share("http_error") < 7, "errors while watching",
        mix="list = 36, account = 32, download = 20, cut = 10, health = 2", with_control=True),
    Run("p95-at-105-ms", "baseline", 100, 14, lambda seen: 100 < seen.p95() < 150, LIMITS),
    Run("tail-eight-times", "compare", 440, 24,
        lambda seen: seen.threshold("p95 against the old system")["state"] != "broken",
        "slow requests against the old system", mix="list = 40, account = 40, download = 20", with_control=True),
    Run("slow-above-150", "baseline", 200, 11, lambda seen: grows(seen) and seen.count("http_error") == 0,
        "response time", mix="list = 45, account = 45, health = 10", timeout_s=10),
    Run("slow-above-150", "stress", 220, 18, lambda seen: 145 <= float(seen.data["breaking"]["broke_at_rate"]) <= 220,
        "breaking point", mix="list = 50, account = 50", timeout_s=10, phase=STEPS, codes=frozenset({0}),
        because="docs/load-verdict.md: a stress run looks for the breaking point", with_control=True),
    Run("growing-latency", "baseline", 20, 28, grows, LIMITS),
    Run("body-cut", "availability", 60, 10, lambda seen: 0.4 < seen.share("network_error") < 1.6, "nothing dropped",
        mix=STREAMS),
    Run("body-short", "baseline", 50, 10, lambda seen: seen.count("wrong_body") == seen.harmed("BodyShort"),
        "no wrong body"),
    Run("body-of-another", "baseline", 40, 8, lambda seen: seen.share("wrong_body", "download") > 20, "no wrong body",
        accounts=4),
    Run("error-as-200", "baseline", 50, 10,
        lambda seen: seen.count("wrong_body") + seen.count("http_error") == seen.harmed("ErrorAs200"), "no wrong body"),
    Run("wrong-version", "baseline", 50, 10, lambda seen: seen.count("wrong_version") == seen.harmed("OtherVersion"),
        "another system or version", codes=frozenset({11}), because=DESIGN),
    Run("redirected", "baseline", 80, 12,
        lambda seen: seen.count("http_error") == seen.harmed("Redirected") and not seen.says("redirected.invalid"),
        ERRORS),
    Run("outage-150-ms", "availability", 100, 11, outage_is_found, "nothing dropped", mix=STREAMS, with_control=True),
    Run("kept-alive-reset", "availability", 50, 10,
        lambda seen: seen.count("network_error", "kept") > 0 == seen.count("network_error", "fresh"),
        "nothing dropped", mix=STREAMS),
    Run("idle-connections-closed", "availability", 16, 20,
        lambda seen: any(line["event"] == "idle connection closed" for line in seen.log)
        and seen.data["availability"]["connections_closed_while_idle_without_a_request"] > 0,
        "", mix="fresh = 95, kept = 5"),
    Run("storm-429", "smoke", 50, 15, lambda seen: seen.count("http_error") == seen.harmed("Storm"),
        "errors while watching"),
    Run("never-answers", "availability", 40, 10,
        lambda seen: seen.data["balanced"] and seen.count("time_out") == seen.harmed("NeverAnswers"),
        "nothing dropped", mix=STREAMS, timeout_s=1),
    Run("closed-without-answer", "availability", 50, 10,
        lambda seen: seen.count("network_error") == seen.harmed("ClosedWithoutAnswer")
        and seen.count("network_error", "fresh") > 0,
        "nothing dropped", mix=STREAMS),
    Run("lost-write", "availability", 40, 10, lambda seen: writes(seen, "lost", "LostWrite"), "writes are lost",
        mix=WRITES),
    Run("doubled-write", "availability", 40, 10, lambda seen: writes(seen, "doubled", "DoubledWrite"), "exist twice",
        mix=WRITES),
    Run("late-body", "baseline", 70, 12, lambda seen: seen.p95() > 300, LIMITS),
    Run("late-connections", "baseline", 40, 12,
        lambda seen: seen.p95() > 250 and seen.threshold("health's average response time")["state"] == "kept",
        LIMITS, mix="list = 35, account = 30, fresh = 20, health = 15"),
    Run("first-request-300-ms", "smoke", 40, 11,
        lambda seen: float(seen.threshold("first request of a connection")["interval"]["estimate"]) > 250,
        "first request of a connection", mix=READS.replace("health = 5", "health = 10"), with_control=True),
    Run("stall-500-ms", "baseline", 60, 16,
        lambda seen: len(seen.data["stalls"]) == 2 and seen.threshold("no standstill")["state"] == "kept",
        "no repeated stalls", with_control=True),
    Run("large-bodies-fail", "smoke", 40, 11,
        lambda seen: seen.count("http_error", "large") == seen.count("http_error") == seen.harmed("LargeBodies") > 3,
        "no endpoint fails", mix=READS.replace("health = 5", "health = 10, large = 3"), with_control=True),
    Run("body-cut-rarely", "baseline", 100, 15,
        lambda seen: seen.count("network_error") == seen.harmed("BodyCut") > 0, "no truncated response",
        with_control=True),
    Run("growing-1-ms", "baseline", 60, 16,
        lambda seen: seen.says("the median changed by") and seen.p95() < 100, "no growing response time",
        with_control=True),
    Run("maintenance-of-writes", "availability", 35, 13, maintenance_is_separate, "", mix=WRITES,
        arguments=("--maintenance", "2.5-10.5")),
    Run("maintenance-of-writes", "availability", 35, 11, lambda seen: seen.count("refused_by_maintenance") == 0,
        "nothing dropped", mix=WRITES, codes=frozenset({1}), because="the same without a declared window",
        declared=False),
    Run("maintenance-of-reads", "availability", 35, 13, maintenance_is_separate, "nothing dropped", mix=WRITES,
        arguments=("--maintenance", "2.5-10.5")),
    Run("floor-over-half", "baseline", 40, 11,
        lambda seen: 60 < seen.p95() < 100 and float(seen.data["network_floor_ms"]) < 5, "",
        mix="list = 35, account = 30, download = 20, health = 15", codes=frozenset({0}), because=FLOOR),
    Run("generator-starved", "baseline", 50, 10, lambda seen: float(seen.data["totals"]["lag_max_ms"]) > 300,
        "sent late"),
    Run("worker-killed", "baseline", 40, 10, lambda seen: seen.says("was lost"), "cut short",
        arguments=("--processes", "2")),
    Run("generator-terminated", "baseline", 40, 10,
        lambda seen: seen.data["planned_s"] == 10 and 3 < seen.data["duration_s"] < 9, "ended by a signal"),
    Run("zero-requests", "smoke", 0.001, 1,
        lambda seen: not any(gate["state"] == "kept" for gate in seen.data["gates"]), "no request was sent",
        phase='name = "steady", shape = "poisson", rate = 0.001, seconds = 1'),
    Run("zero-requests", "baseline", 0, 5, lambda seen: seen.says(r"baseline\.phases 1\.rate.: expected .* got 0"), ""),
    Run("few-samples", "baseline", 40, 5,
        lambda seen: seen.says("200 requests, .* needs 299")
        and any(line.startswith("errors in less than") for line in seen.data["could_not_detect"]),
        ERRORS),
)  # fmt: skip
ALWAYS = ("body-of-another", "few-samples")


@contextlib.contextmanager
def front(name: str, upstream: str, log: Path, *arguments: str) -> Generator[str]:
    """Start a proxy with that fault in front of a system; yield its address."""
    command = [sys.executable, str(FOLDER / "front.py"), name, "--upstream", upstream, "--log", str(log), *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield json.loads(process.stdout.readline())["url"]
        finally:
            process.terminate()
            process.communicate(timeout=10)


def play(run: Run, folder: Path, *, control: bool) -> Seen:
    """Run the profile once against new targets."""
    with contextlib.ExitStack() as stack:
        worker, legacy = stack.enter_context(target()), stack.enter_context(target("legacy"))
        worker_url, legacy_url = worker.url, legacy.url
        if run.profile == "compare":
            for system in (worker, legacy):  # so that the proxy's own time is less than a tenth of a response
                system.set_faults(delay_s=0.02)
            quiet = front(run.fault, legacy.url, folder / "legacy.log", "--control")
            legacy_url = stack.enter_context(quiet)
        if run.row["on"] == "front":
            more = ["--seed", str(run.seed), *(["--control"] if control else [])]
            worker_url = stack.enter_context(front(run.fault, worker.url, folder / "front.log", *more))
        project = load_project(folder, worker_url, profiles=run.toml)
        table = project / "environments.toml"
        identity = '{ header = "x-served-by", value = "list-cutter-django" }'
        named = f'legacy = {{ url = "{legacy_url}", identity = {identity} }}'
        table.write_text(table.read_text().replace('legacy = { absent = "a target is one system" }', named))
        arguments = ["--env", "target", "--seed", "7", f"--reports={folder / 'reports'}", *run.arguments]
        if "--processes" in run.arguments:
            port = str(_free_port())
            arguments += ["--master-bind-port", port, "--master-port", port]
        process = subprocess.Popen(
            locust_command(run.profile, arguments),
            cwd=root(),
            env=clean_environment(CUTOVER_ROOT=str(project)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if run.row["on"] == "generator":
            stack.enter_context(_harm(run, process, worker, control=control))
        try:
            output, _ = process.communicate(timeout=100)
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
    return Seen(GateRun(process.returncode, output, folder / "reports"), folder)


@contextlib.contextmanager
def _harm(run: Run, process: subprocess.Popen[str], worker: Target, *, control: bool) -> Generator[None]:
    """Apply the fault to the generator from its first arrivals on."""
    done: list[subprocess.Popen[bytes]] = []

    def meanwhile() -> None:
        deadline = time.monotonic() + 60
        while sum(worker.state["counts"].values()) < 5 and process.poll() is None and time.monotonic() < deadline:
            threading.Event().wait(0.02)
        whom = worker_of(process) if run.fault == "worker-killed" else process.pid
        more = ["--control"] if control else []
        done.append(subprocess.Popen([sys.executable, str(FOLDER / "generator.py"), run.fault, str(whom), *more]))

    thread = threading.Thread(target=meanwhile)
    thread.start()
    yield
    thread.join()
    for harming in done:
        harming.wait(10)


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _table_row(run: Run) -> dict[str, str]:
    return {"system": "load", "name": run.name}


def _cases() -> list[Any]:
    return [pytest.param(run, id=run.name) for run in RUNS if FULL or run.fault in ALWAYS]


@pytest.mark.parametrize("run", _cases())
def test_load_fault_has_its_verdict(run: Run, fault_table: FaultTableWriter, tmp_path: Path) -> None:
    """The exit code, the reason, the thresholds that must be kept, and the figures of the report."""
    seen = play(run, tmp_path, control=False)
    fault_table.add(
        _table_row(run), f"{run.profile}: {run.broken or run.row['gate']}", "planted", f"exit {seen.run.code}"
    )
    output = f"{run.row['sees']}\n{run.because}\n{seen.run.output}"
    assert seen.run.code in run.expected, output
    if seen.run.code != 4:
        assert run.broken in seen.run.output, output
        for name in itertools.chain.from_iterable(THRESHOLDS[held] for held in run.holds):
            red = [gate for gate in seen.data["gates"] if gate["name"] == name and gate["state"] == "broken"]
            assert not red, output
    assert run.sees(seen), output


@pytest.mark.parametrize("run", [pytest.param(run, id=run.name) for run in RUNS if FULL and run.with_control])
def test_load_control_is_go(run: Run, fault_table: FaultTableWriter, tmp_path: Path) -> None:
    """The same profile through a proxy that makes the same random choices and changes nothing."""
    seen = play(run, tmp_path, control=True)
    fault_table.add(_table_row(run), f"{run.profile}: {run.broken}", "control", f"exit {seen.run.code}")
    assert seen.run.code == 0, seen.run.output


def test_every_load_fault_has_a_run() -> None:
    """No fault is left out, and each threshold that must be kept exists in gates.toml."""
    assert {run.fault for run in RUNS} == set(FAULTS)
    known = {gate["name"] for gate in tomllib.loads((root() / "gates.toml").read_text())["load"]["gate"]}
    assert {name for names in THRESHOLDS.values() for name in names} <= known
    assert {held for row in FAULTS.values() for held in row.get("holds", ())} <= set(THRESHOLDS)
