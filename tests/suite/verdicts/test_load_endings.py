"""Ends of Locust processes that no verdict decided: wrong options, broken output, lost masters, early signals."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import GateRun, clean_environment
from tests.suite.support.load_runs import Target, load_project, locust_command, run_load, target, until

from cutover.config.validation import root
from cutover.locust_plugin.exit_guard import INTERRUPTED

pytestmark = [pytest.mark.verdicts, pytest.mark.alone]

LONG = """
[smoke]
phases = [{ name = "steady", shape = "constant", rate = 100, seconds = 50 }]
mix = { account = 1, list = 1, health = 1, fresh = 1 }
"""


@pytest.fixture
def system() -> Generator[Target]:
    """A running target."""
    with target() as up:
        yield up


@pytest.fixture
def project(tmp_path: Path, system: Target) -> Path:
    """A project with the target as environment "target"."""
    return load_project(tmp_path, system.url)


def free_port() -> str:
    """Return a port that is free now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["-f", "missing.py", "--env", "target"], "missing.py"),
        (["--config", "missing.conf", "--env", "target"], "missing.conf"),
        (["--env", "target", "-V"], "locust"),
        (["--env", "target", "--tags", "x"], "--tags"),
        (["--env", "target", "--html", "/proc/none/report.html"], "--html: /proc/none/report.html cannot be written"),
        (["--env", "target", "--csv", "/proc/none/report"], "--csv: "),
        (["--env", "target", "--json-file", "/proc/none/report.json"], "--json-file: "),
        (["--env", "target", "--logfile", "/proc/none/log"], "--logfile: "),
        (["--env", "target", "--maintenance", "0-inf"], "--maintenance: expected FROM-TO"),
    ],
)
def test_locust_without_a_run_ends_with_4(
    system: Target, project: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    """Locust itself ends with 0, 1 or 2, or after the run. One message, no request, no traceback."""
    run = run_load("smoke", *arguments, project=project, reports=tmp_path / "reports")
    assert run.code == 4, run.output
    assert says in run.output
    assert "Traceback" not in run.output
    assert not (tmp_path / "reports").exists()
    assert system.state["counts"] == {}


@pytest.mark.parametrize(("stream", "code"), [("stdout", 3), ("stderr", 0)])
def test_output_without_a_reader_ends_the_run(
    system: Target, project: Path, tmp_path: Path, stream: str, code: int
) -> None:
    """Lost progress changes nothing. A lost verdict is 3, in verdict.json too, and not Locust's 1."""
    reader, writer = os.pipe()
    os.close(reader)
    outputs = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, stream: writer}
    process = subprocess.Popen(
        locust_command("smoke", ["--env", "target", f"--reports={tmp_path / 'reports'}"]),
        cwd=root(), env=clean_environment(CUTOVER_ROOT=str(project)), stdin=subprocess.DEVNULL, **outputs,
    )  # fmt: skip
    os.close(writer)
    assert process.wait(60) == code
    assert GateRun(code, "", tmp_path / "reports").verdict["exit_code"] == code
    assert system.state["users"] == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupt_during_the_start_is_one_line(project: Path, tmp_path: Path, number: int) -> None:
    """Before the run exists: exit code 2 and one line."""
    own = tmp_path / "slow.py"
    own.write_text('import time\nprint("loading", flush=True)\ntime.sleep(20)\n')
    process = subprocess.Popen(
        locust_command("smoke", ["-f", str(own), "--env", "target"]),
        cwd=root(), env=clean_environment(CUTOVER_ROOT=str(project)), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout
    assert process.stdout.readline() == "loading\n"
    process.send_signal(number)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 2, output
    assert output == f"{INTERRUPTED}\n"


def test_workers_stop_without_their_master(system: Target, tmp_path: Path) -> None:
    """After kill -9 of the master its two workers stop sending within two seconds, and end.

    They dial the port that --master-bind-port names, not Locust's default.
    """
    project = load_project(tmp_path, system.url, profiles=LONG)
    command = ["--env", "target", "--processes", "2", f"--reports={tmp_path / 'reports'}"]
    process = subprocess.Popen(
        locust_command("smoke", [*command, "--master-bind-port", free_port()]),
        cwd=root(), env=clean_environment(CUTOVER_ROOT=str(project)), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        until(lambda: sum(system.state["counts"].values()) > 50, 30)
        workers = [int(child) for child in Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()]
        assert len(workers) == 2
        process.kill()
        time.sleep(2)
        stopped = system.state["counts"]
        time.sleep(0.5)
        assert system.state["counts"] == stopped
        assert process.stdout
        assert "this worker stops" in process.stdout.read()  # ends when both workers have closed it
    finally:
        process.kill()
        process.wait(10)
        if process.stdout:
            process.stdout.close()


def test_interrupted_run_does_not_wait_for_the_system(system: Target, project: Path, tmp_path: Path) -> None:
    """No removal gets a response. The run ends within five seconds with 2 and lists its accounts."""
    system.set_faults(never=["delete_account", "login"])
    process = subprocess.Popen(
        locust_command("smoke", ["--env", "target", f"--reports={tmp_path / 'reports'}"]),
        cwd=root(), env=clean_environment(CUTOVER_ROOT=str(project)), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    until(lambda: sum(system.state["counts"].values()) > 50, 30)
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert time.monotonic() - began < 5
    run = GateRun(process.returncode, output, tmp_path / "reports")
    assert run.code == 2, output
    assert len(run.verdict["leftovers"]) >= 4
