"""The smoke gate against servers that send for ever: a verdict in time, bounded memory, and an end by Ctrl-C."""

import contextlib
import gzip
import itertools
import os
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import clean_environment, pytest_command
from tests.suite.verdicts.foreign_servers import Answer, server

from cutover.config.validation import root

pytestmark = pytest.mark.verdicts

ENVIRONMENT = """
[hostile]
safety = "test-data"
worker = {{ url = "{url}", identity = {{ address_only = "a test" }} }}
legacy = {{ absent = "not asked here" }}
absent = {{ names = "loopback", http2 = "plain http", https = "plain http" }}
budget = {{ requests = 60000, window_s = 60 }}
timeout_s = {timeout_s}
"""
MIB = 1024 * 1024
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
TIMEOUT_S = float(os.environ.get("CUTOVER_HOSTILE_TIMEOUT_S", "1"))
"""The default of environments is 30 s, with which each of these runs takes about a minute."""


def drip(connection: socket.socket, over: threading.Event) -> None:
    """Send one byte of a body at a time."""
    connection.sendall(HEAD + b"Content-Length: 100000\r\n\r\n")
    while not over.wait(0.1):
        connection.sendall(b" ")


def endless(connection: socket.socket, over: threading.Event) -> None:
    """Send chunks of 1 MiB for ever."""
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    while not over.is_set():
        connection.sendall(b"%x\r\n%s\r\n" % (MIB, bytes(MIB)))


def bomb(connection: socket.socket, over: threading.Event) -> None:
    """Send compressed chunks, which have 2 GiB together."""
    member = gzip.compress(bytes(32 * MIB))
    connection.sendall(HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(64):
        if not over.is_set():
            connection.sendall(b"%x\r\n%s\r\n" % (len(member), member))


def flood(connection: socket.socket, over: threading.Event) -> None:
    """Send interim responses for ever."""
    while not over.is_set():
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def project_at(folder: Path, url: str) -> Path:
    """Copy this project's smoke gate to a folder, with the hostile server as an environment."""
    project = folder / "project"
    for name in ("contracts", "tests/smoke"):
        shutil.copytree(root() / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml", "manifest.toml"):
        shutil.copy(root() / name, project)
    (project / "environments.toml").write_text(ENVIRONMENT.format(url=url, timeout_s=TIMEOUT_S))
    (project / "waivers.toml").write_text("")
    return project


def resident_memory(process: "subprocess.Popen[str]") -> Generator[int]:
    """Yield the resident memory of a process in bytes, every 0.1 s until it ends."""
    statm, page = Path(f"/proc/{process.pid}/statm"), os.sysconf("SC_PAGESIZE")
    while process.poll() is None:
        with contextlib.suppress(OSError, IndexError):  # the process has ended
            yield int(statm.read_text().split()[1]) * page
        time.sleep(0.1)


def start(project: Path, reports: Path) -> "subprocess.Popen[str]":
    """Start the smoke gate."""
    return subprocess.Popen(
        pytest_command(["-m", "smoke", "--env", "hostile", f"--reports={reports}"]),
        cwd=project,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        restore_signals=True,
    )


@pytest.mark.parametrize("answer", [drip, endless, bomb, flood])
def test_hostile_server_is_no_go_in_bounded_time(answer: Answer, tmp_path: Path, reports: Path) -> None:
    """The verdict follows within 60 s, and the run needs less than 500 MB."""
    with server(answer) as (url, _):
        started = time.monotonic()
        with start(project_at(tmp_path, url), reports) as process:
            watched = threading.Thread(target=lambda: peaks.append(max(itertools.chain([0], resident_memory(process)))))
            peaks: list[int] = []
            watched.start()
            output, _ = process.communicate(timeout=120)
            watched.join()
        taken = time.monotonic() - started
    print(f"{answer.__name__}: {taken:.1f} s, {peaks[0] / 1e6:.0f} MB")  # noqa: T201 - pytest -s shows the figures
    assert process.returncode == 1, output
    assert output.rstrip().rpartition("\n")[2].startswith("smoke NO-GO"), output
    assert "Traceback" not in output
    assert taken < 60
    assert peaks[0] < 500e6


@pytest.mark.parametrize("answer", [drip, flood])
def test_interrupt_ends_a_run_that_waits(answer: Answer, tmp_path: Path, reports: Path) -> None:
    """Ctrl-C during an exchange ends the run within 5 s, with exit code 2 and a last line."""
    with server(answer) as (url, asked), start(project_at(tmp_path, url), reports) as process:
        deadline = time.monotonic() + 60
        while not any(b" /health" not in line for line in asked) and time.monotonic() < deadline:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        started = time.monotonic()
        output, _ = process.communicate(timeout=60)
        taken = time.monotonic() - started
    assert process.returncode == 2, output
    assert taken < 5, output
