"""Load runs from outside: real Locust processes against a target that counts requests."""

import json
import os
import re
import signal
import socket
import subprocess
import threading
import urllib.request
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.gate_runs import GateRun, clean_environment
from tests.suite.support.load_runs import (
    CAPS,
    PROFILES,
    Target,
    load_project,
    locust_command,
    run_load,
    target,
    until,
)

from cutover.config.validation import root

pytestmark = [pytest.mark.verdicts, pytest.mark.alone]

NARROWED = "3 s instead of 65 s; load.toml leaves out large"
"""What the last line says about the profile of these tests."""


@pytest.fixture
def system() -> Generator[Target]:
    """A running target."""
    with target() as up:
        yield up


@pytest.fixture
def project(tmp_path: Path, system: Target) -> Path:
    """A project with the target as environment "target"."""
    return load_project(tmp_path, system.url)


def scheduled_and_counted(run: GateRun) -> tuple[int, dict[str, int]]:
    """Return the scheduled requests and the sent requests by endpoint, from load.json."""
    data = json.loads((run.folder / "load.json").read_text())
    cells = data["ledger"]
    sent: dict[str, int] = {}
    for cell in cells:
        count = sum(cell["outcomes"].values()) - cell["outcomes"]["unsent"]
        name = cell["endpoint"].rpartition(":")[2]
        if count:
            sent[name] = sent.get(name, 0) + count
    return sum(cell["scheduled"] for cell in cells), sent


def test_smoke_run_is_go_and_its_ledger_is_exact(system: Target, project: Path, tmp_path: Path) -> None:
    """One process: GO, both counts agree, nothing is left behind, and no file contains a secret."""
    run = run_load("smoke", "--env", "target", "--run-nonce", "n-1", project=project, reports=tmp_path / "reports")
    assert run.code == 0, run.output
    assert run.last_line.startswith(f"load smoke ({NARROWED}) GO: target ")
    assert run.last_line.endswith("; exit 0")
    verdict = run.verdict
    assert (verdict["verdict"], verdict["exit_code"], verdict["nonce"]) == ("GO", 0, "n-1")
    assert verdict["planned_s"] == 3
    assert 3 <= verdict["load"]["duration_s"] < 6
    assert verdict["leftovers"] == []
    scheduled, sent = scheduled_and_counted(run)
    state = system.state
    assert sent == state["counts"]
    assert scheduled == sum(state["counts"].values())
    assert (state["users"], state["files"]) == (0, 0)
    for file in run.folder.iterdir():
        assert not re.search(r"Cutover-pw-|(access|refresh)\.[0-9a-f]{32}", file.read_text()), file
    assert not re.search(r"Cutover-pw-|(access|refresh)\.[0-9a-f]{32}", run.output)


def test_two_processes_send_one_schedule(system: Target, project: Path, tmp_path: Path) -> None:
    """Counts agree with --processes 2; outside the embedded pair a short run is INCONCLUSIVE."""
    run = run_load(
        "smoke", "--env", "target", "--short", "--processes", "2", project=project, reports=tmp_path / "reports"
    )
    assert run.code == 10, run.output
    assert "--short" in run.last_line
    assert any("--short" in reason for reason in run.verdict["reasons"])
    assert run.verdict["load"]["workers_reported"] == 2
    scheduled, sent = scheduled_and_counted(run)
    assert sent == system.state["counts"]
    assert scheduled == sum(system.state["counts"].values())


def test_connection_cap_is_shared_by_all_processes(system: Target, tmp_path: Path) -> None:
    """Two processes get one of two connections each; requests without a connection are unsent: INVALID."""
    system.set_faults(delay_s=0.1)
    project = load_project(tmp_path, system.url, load=CAPS.replace("connections = 2000", "connections = 2"))
    run = run_load("smoke", "--env", "target", "--processes", "2", project=project, reports=tmp_path / "reports")
    assert run.code == 11, run.output
    assert "more than 1 connections" in run.output
    assert "planned arrivals were sent" in " ".join(run.verdict["reasons"])


def test_distributed_run_has_an_exact_ledger(system: Target, project: Path, tmp_path: Path) -> None:
    """Three processes are started separately, as on three machines."""
    with distributed(project, tmp_path / "reports") as (master, _):
        output, _ = master.communicate(timeout=60)
    run = GateRun(master.returncode, output, tmp_path / "reports")
    assert run.code == 0, run.output
    assert run.last_line.startswith(f"load smoke ({NARROWED}) GO: target ")
    scheduled, sent = scheduled_and_counted(run)
    assert sent == system.state["counts"]
    assert scheduled == sum(system.state["counts"].values())
    assert system.state["users"] == 0


def test_killed_worker_makes_the_run_invalid(system: Target, project: Path, tmp_path: Path) -> None:
    """Its requests are unknown, so the run is INVALID; the accounts are removed."""
    with distributed(project, tmp_path / "reports") as (master, workers):
        until(lambda: sum(system.state["counts"].values()) > 50)
        workers[0].kill()
        output, _ = master.communicate(timeout=60)
    run = GateRun(master.returncode, output, tmp_path / "reports")
    assert run.code == 11, run.output
    assert "was lost" in " ".join(run.verdict["reasons"])
    assert system.state["users"] == 0


@pytest.mark.parametrize(
    ("ending", "code", "word"), [("SIGTERM", 2, "TOOL ERROR"), ("SIGINT", 2, "TOOL ERROR"), ("STOP", 11, "INVALID")]
)
def test_early_end_is_never_go(
    system: Target, project: Path, tmp_path: Path, ending: str, code: int, word: str
) -> None:
    """Signals: 2; the kill switch: 11. The ledger contains exactly the requests sent so far."""
    reports, stop = tmp_path / "reports", tmp_path / "STOP"
    process = subprocess.Popen(
        locust_command("smoke", ["--env", "target", f"--reports={reports}"]),
        cwd=root(),
        env=clean_environment(CUTOVER_ROOT=str(project), CUTOVER_STOP_FILE=str(stop)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    until(lambda: sum(system.state["counts"].values()) > 50)
    if ending == "STOP":
        stop.write_text("")
    else:
        process.send_signal(signal.Signals[ending])
    output, _ = process.communicate(timeout=60)
    run = GateRun(process.returncode, output, reports)
    assert run.code == code, run.output
    assert run.last_line.startswith(f"load smoke ({NARROWED}) {word}: ")
    assert run.verdict["exit_code"] == code
    _, sent = scheduled_and_counted(run)
    assert sent == system.state["counts"]
    assert (system.state["users"] == 0) == (ending != "STOP")  # the kill switch stops the removal as well
    assert bool(run.verdict["leftovers"]) == (ending == "STOP")


def test_errors_above_the_threshold_are_no_go(system: Target, project: Path, tmp_path: Path) -> None:
    """A fifth of all responses is 500."""
    system.set_faults(error_share=0.2)
    run = run_load("smoke", "--env", "target", project=project, reports=tmp_path / "reports")
    assert run.code == 1, run.output
    assert "errors while watching" in " ".join(run.verdict["reasons"])


@pytest.mark.parametrize(
    ("faults", "says", "blocked"),
    [
        ({"statuses": {"upload": 400}}, "status:upload:", {"cut", "download", "list", "new_list"}),
        ({"without_tokens": True}, "field:register:access_token:", set()),
    ],
)
def test_broken_precondition_is_one_finding(
    system: Target, project: Path, tmp_path: Path, faults: dict[str, Any], says: str, blocked: set[str]
) -> None:
    """NO-GO for one reason. It names the journeys that it blocks, and all others are sent."""
    system.set_faults(**faults)
    run = run_load("smoke", "--env", "target", project=project, reports=tmp_path / "reports")
    assert run.code == 1, run.output
    (reason,) = run.verdict["reasons"]
    assert says in reason
    assert {name.partition(" ")[0] for name in run.verdict["load"]["not_sent"]} == blocked
    assert all(f"{name} worker" in reason for name in blocked)
    counts = system.state["counts"]
    sent = {"upload": "new_list", "list_files": "list", "user": "account", "export": "cut", "health": "health"}
    assert {name for operation, name in sent.items() if operation not in counts} == blocked & set(sent.values())


def test_absent_operations_leave_out_their_journeys(system: Target, tmp_path: Path) -> None:
    """A journey of an operation that is declared absent is not required; the last line names it."""
    rows = [f'[target.operations.{name}]\nworker = {{ absent = "none here" }}\n' for name in ("delete", "health")]
    project = load_project(tmp_path, system.url, more="".join(rows))
    run = run_load("smoke", "--env", "target", project=project, reports=tmp_path / "reports")
    assert run.code == 0, run.output
    assert run.last_line.startswith(f"load smoke ({NARROWED}; not in this environment: new_list, health) GO: ")
    assert system.state["counts"]["user"] > 50
    assert not {"upload", "delete", "health"} & set(system.state["counts"])


def test_outage_is_found_with_both_bounds(system: Target, project: Path, tmp_path: Path) -> None:
    """Every request fails for 0.4 s: one outage in each stream, with bounds that enclose this time."""
    watcher = watch_for_start(system, lambda: system.set_faults(drop=[0.6, 1.0]))
    run = run_load("availability", "--env", "target", project=project, reports=tmp_path / "reports")
    watcher.join()
    assert run.code == 1, run.output
    streams: dict[str, Any] = run.verdict["availability"]["streams"]
    for stream in ("fresh", "kept"):
        (window,) = streams[stream]["windows"]
        assert window["lower_ms"] <= 400 <= window["upper_ms"], window
        assert window["upper_ms"] - window["lower_ms"] < 100, window
    assert not run.verdict["availability"]["writes"]["lost"]


def test_lost_and_doubled_writes_are_no_go(system: Target, project: Path, tmp_path: Path) -> None:
    """Acknowledged writes that are missing or exist twice are found after the run, by name."""
    system.set_faults(lose_write_every=20, double_write_every=30)
    run = run_load("availability", "--env", "target", project=project, reports=tmp_path / "reports")
    assert run.code == 1, run.output
    writes = run.verdict["availability"]["writes"]
    assert writes["acknowledged"] == system.state["counts"]["upload"]
    assert len(writes["lost"]) == writes["acknowledged"] // 20 - writes["acknowledged"] // 60
    assert len(writes["doubled"]) == writes["acknowledged"] // 30 - writes["acknowledged"] // 60


CRASHING = """
from cutover.load import load_run
from cutover.locust_plugin.wiring import profile

def decide_load(*_, **__):
    raise RuntimeError("ours")

load_run.decide_load = decide_load
Smoke = profile("smoke")
"""


@pytest.mark.parametrize("stopped", [False, True])
def test_crash_removes_or_lists_the_accounts(system: Target, project: Path, tmp_path: Path, stopped: bool) -> None:
    """Exit code 3; the kill switch keeps the accounts, and verdict.json names them."""
    own, stop = tmp_path / "smoke.py", tmp_path / "STOP"
    own.write_text(CRASHING)
    watcher = watch_for_start(system, lambda: stop.write_text("") if stopped else None)
    run = run_load(
        "smoke", "-f", str(own), "--env", "target", project=project, reports=tmp_path / "reports",
        CUTOVER_STOP_FILE=str(stop),
    )  # fmt: skip
    watcher.join()
    assert run.code == 3, run.output
    assert run.verdict["verdict"] == "TOOL ERROR"
    assert (system.state["users"] > 0) == bool(run.verdict["leftovers"]) == stopped


@pytest.mark.parametrize("error_share", [0.0, 0.2], ids=["GO", "NO-GO"])
@pytest.mark.parametrize("file", ["verdict.json", "load.json"])
def test_file_that_cannot_be_written_is_invalid(
    system: Target, project: Path, tmp_path: Path, file: str, error_share: float
) -> None:
    """A file of the run that cannot be written makes every verdict INVALID, also a NO-GO."""
    reports = tmp_path / "reports"
    system.set_faults(error_share=error_share)

    def block() -> None:
        (folder,) = reports.iterdir()
        (folder / f".{file}.partial").mkdir()

    watcher = watch_for_start(system, block)
    run = run_load("smoke", "--env", "target", project=project, reports=reports)
    watcher.join()
    assert run.code == 11, run.output
    assert "evidence could not be written" in run.output
    assert run.last_line.startswith(f"load smoke ({NARROWED}) INVALID: ")
    assert run.verdict["exit_code"] == 11


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--env", "target", "--host", "http://127.0.0.1:1"], "--host"),
        (["--env", "target", "-u", "5"], "--users"),
        ([], "--env"),
        (["--env", "nowhere"], "nowhere"),
        (["--env", "production"], "production.load"),
        (["--env", "slow"], "slow.load.rate"),
        (["--env", "twice"], "--load-on twice"),
        (["--env", "limited"], "limited.budget"),
        (["--env", "target", "--maintenance", "soon"], "--maintenance"),
        (["--env", "target", "--no-such-option"], "no-such-option"),
        (["--env", "target", "--list"], "--list"),
        (["--env", "target", "--show-task-ratio"], "--show-task-ratio"),
        (["--env", "target", "--show-task-ratio-json"], "--show-task-ratio-json"),
        (["--env", "target", "Nobody"], "Nobody"),
        (["--env", "target", "-f", f"{root()}/locustfiles/smoke.py,{root()}/locustfiles/availability.py"], "-f: "),
        (["--env", "embedded", "--pair", "../x"], "../x"),
        (["--env", "embedded", "--pair", "revA"], "revA"),
    ],
)
def test_wrong_usage_ends_with_4_before_sending(
    system: Target, tmp_path: Path, arguments: list[str], says: str
) -> None:
    """One message, no request, no traceback."""
    base = (
        'safety = "disposable"\nworker = {{ url = "{url}/{name}" }}\nlegacy = {{ absent = "none" }}\n'
        "budget = {{ requests = {budget}, window_s = 60 }}\nload = {{ {caps} }}\n"
    )
    rows = [("slow", CAPS.replace("rate = 2000", "rate = 20"), 60000), ("limited", CAPS, 90),
            ("twice", CAPS.replace(", unattended = true", ""), 60000)]  # fmt: skip
    more = "\n".join(
        f"[{name}]\n" + base.format(url=system.url, name=name, caps=caps, budget=budget) for name, caps, budget in rows
    )
    project = load_project(tmp_path, system.url, more=more)
    run = run_load("smoke", *arguments, project=project, reports=tmp_path / "reports")
    assert run.code == 4, run.output
    assert says in run.output
    assert "Traceback" not in run.output
    assert system.state["counts"] == {}
    assert system.state["users"] == 0


@pytest.mark.skipif(
    os.environ.get("CUTOVER_LOAD") != "full",
    reason="The web page is tested only with CUTOVER_LOAD=full, because it takes ten seconds.",
)
def test_web_page_shows_the_same_requests(system: Target, project: Path, tmp_path: Path) -> None:
    """--web: the run starts from the page, which counts the same requests; the exit code is the verdict."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    reports = tmp_path / "reports"
    options = ["--env", "target", "--web", "--web-host", "127.0.0.1", "--web-port", url.rpartition(":")[2]]
    process = subprocess.Popen(
        locust_command("smoke", [*options, f"--reports={reports}"]),
        cwd=root(),
        env=clean_environment(CUTOVER_ROOT=str(project)),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )

    def fetched(path: str, body: bytes | None = None) -> str:
        try:
            with urllib.request.urlopen(url + path, body, timeout=5) as answer:  # noqa: S310 - our own page
                return str(answer.read().decode())
        except OSError:
            return ""

    until(lambda: bool(fetched("/")))
    fetched("/swarm", b"user_count=1&spawn_rate=1")
    until(lambda: '"state": "stopped"' in fetched("/stats/requests"))
    rows = {row["name"]: row["num_requests"] for row in json.loads(fetched("/stats/requests"))["stats"]}
    assert len(fetched("/stats/report?download=1")) > 10_000
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=60)
    run = GateRun(process.returncode, output, reports)
    assert run.code == 0, run.output
    assert run.last_line.startswith(f"load smoke ({NARROWED}) GO: target ")
    assert {name: count for name, count in rows.items() if name != "Aggregated"} == system.state["counts"]


def test_missing_workers_make_the_run_invalid(system: Target, project: Path, tmp_path: Path) -> None:
    """Locust itself would end with 1, which means NO-GO."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    run = run_load(
        "smoke", "--env", "target", "--master", "--expect-workers", "2", "--expect-workers-max-wait", "1",
        "--master-bind-host", "127.0.0.1", "--master-bind-port", port, project=project, reports=tmp_path / "reports",
    )  # fmt: skip
    assert run.code == 11, run.output
    assert "0 of 2 workers connected" in run.output
    assert run.verdict["exit_code"] == 11
    assert system.state["counts"] == {}


def test_fast_profile_and_read_only_reports_end_with_4(system: Target, tmp_path: Path) -> None:
    """Both end before anything is sent; the first message says how many processes are needed."""
    fast = CAPS.replace("rate = 2000", "rate = 100000").replace("accounts = 100", "accounts = 1000")
    profiles = PROFILES.replace("rate = 150", "rate = 60000").replace("register = 1 ", "register = 0 ")
    project = load_project(tmp_path, system.url, load=fast, profiles=profiles)
    (tmp_path / "file").write_text("")
    for profile, reports, says in (("smoke", "reports", "Use --processes"), ("availability", "file", "--reports")):
        run = run_load(profile, "--env", "target", project=project, reports=tmp_path / reports)
        assert run.code == 4, run.output
        assert says in run.output
    assert system.state["users"] == 0


class distributed:  # noqa: N801 - a context manager, read like a function
    """A master and two workers, started separately, on a free port."""

    def __init__(self, project: Path, reports: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self._port = str(free.getsockname()[1])
        self._environment = clean_environment(CUTOVER_ROOT=str(project))
        self._reports = reports
        self._all: list[subprocess.Popen[str]] = []

    def __enter__(self) -> tuple[subprocess.Popen[str], list[subprocess.Popen[str]]]:
        """Return the master, whose output is kept, and the workers."""
        own = ["--master-bind-host", "127.0.0.1", "--master-bind-port", self._port]
        master = self._start(
            "--env", "target", "--master", "--expect-workers", "2", *own, f"--reports={self._reports}",
            stdout=subprocess.PIPE,
        )  # fmt: skip
        theirs = ["--worker", "--master-host", "127.0.0.1", "--master-port", self._port]
        workers = [self._start(*theirs, stdout=subprocess.DEVNULL) for _ in range(2)]
        return master, workers

    def __exit__(self, *_: object) -> None:
        """End all processes."""
        for process in self._all:
            if process.poll() is None:
                process.kill()
            process.wait(10)
            if process.stdout is not None:
                process.stdout.close()

    def _start(self, *arguments: str, stdout: int) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            locust_command("smoke", arguments),
            cwd=root(),
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._all.append(process)
        return process


def watch_for_start(system: Target, action: Callable[[], object]) -> Any:
    """Call a function as soon as the target counts the first arrival."""

    def watch() -> None:
        until(lambda: bool(system.state["counts"]))
        action()

    thread = threading.Thread(target=watch)
    thread.start()
    return thread
