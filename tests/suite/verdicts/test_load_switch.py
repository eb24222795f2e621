"""Availability through a TCP proxy that records when it closed: the run's bounds against the proxy's own times.

CUTOVER_LOAD=full runs stricter tests, on a quiet machine: 500/s, bounds within 5 ms, and a reload of nginx.
"""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.load_runs import PROFILES, Target, load_project, run_load, target, until

from cutover.config.validation import root

pytestmark = [pytest.mark.verdicts, pytest.mark.alone]

FULL = os.environ.get("CUTOVER_LOAD") == "full"
RATE, SECONDS = (500, 6) if FULL else (250, 2.5)
AVAILABILITY = PROFILES.replace("rate = 300, seconds = 2.5", f"rate = {RATE}, seconds = {SECONDS}").replace(
    "write = 10", "write = 1"
)
if FULL:  # the ends of an outage are known to the gap between two requests of a stream: 2.2 ms
    AVAILABILITY = AVAILABILITY.replace("fresh = 45, kept = 45", "fresh = 90, kept = 9")


class Front:
    """A running TCP proxy."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self._process, self.port = process, port
        self.times: dict[str, int] = {}

    def send(self, **command: Any) -> None:
        """Send a command and keep the times in its response."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        self.times = json.loads(self._process.stdout.readline())


@contextlib.contextmanager
def front(port: int) -> Generator[Front]:
    """Start a proxy in front of that port."""
    program = root() / "tests" / "suite" / "support" / "tcp_proxy.py"
    with subprocess.Popen(
        [sys.executable, str(program), str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield Front(process, int(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait(10)


@contextlib.contextmanager
def later(system: Target, arrivals: int, then: Any) -> Generator[None]:
    """Call a function once the target has counted so many arrivals."""

    def wait() -> None:
        until(lambda: sum(system.state["counts"].values()) >= arrivals)
        then()

    thread = threading.Thread(target=wait)
    thread.start()
    yield
    thread.join()


def test_outage_of_a_proxy_is_found_with_its_length(tmp_path: Path) -> None:
    """Closed for 0.15 s: NO-GO, and the bounds of the fresh stream enclose the proxy's own times."""
    with target() as system, front(system.port) as before:
        project = load_project(tmp_path, f"http://127.0.0.1:{before.port}", profiles=AVAILABILITY)
        with later(system, RATE, lambda: before.send(close_s=0.15)):
            run = run_load("availability", "--env", "target", project=project, reports=tmp_path / "reports")
    assert run.code == 1, run.output
    true_ms = (before.times["open"] - before.times["closed"]) / 1e6
    (window,) = run.verdict["availability"]["streams"]["fresh"]["windows"]
    spare = 5 if FULL else 100  # a busy machine accepts connections late
    assert window["lower_ms"] <= true_ms + 1 <= window["upper_ms"] + 2, (window, true_ms)
    assert window["lower_ms"] >= true_ms - spare, (window, true_ms)
    assert window["upper_ms"] <= true_ms + spare, (window, true_ms)


def test_switch_without_a_gap_drops_nothing(tmp_path: Path) -> None:
    """New connections go elsewhere from one moment on, kept ones stay: GO, no request is dropped."""
    with target() as system, front(system.port) as before, front(system.port) as other:
        project = load_project(tmp_path, f"http://127.0.0.1:{before.port}", profiles=AVAILABILITY)
        with later(system, RATE, lambda: before.send(switch=other.port)):
            run = run_load("availability", "--env", "target", project=project, reports=tmp_path / "reports")
    assert run.code == 0, run.output
    assert run.verdict["availability"]["dropped"].startswith("0 of ")
    assert "(Wilson)" in (run.folder / "load.html").read_text()
    assert [stream["windows"] for stream in run.verdict["availability"]["streams"].values()] == [[], []]


def test_switch_from_django_to_the_worker_is_go(tmp_path: Path) -> None:
    """At the Worker's address Django responds first; lists move too, and are looked up on the Worker."""
    with target("legacy") as system, front(system.port) as before:
        project = load_project(tmp_path, f"http://127.0.0.1:{before.port}", profiles=AVAILABILITY)
        table = project / "environments.toml"
        identity = '{ header = "x-served-by", value = "list-cutter-django" }'
        django = f'legacy = {{ url = "{system.url}", identity = {identity} }}'
        table.write_text(table.read_text().replace('legacy = { absent = "a target is one system" }', django))
        with later(system, RATE, lambda: system.set_faults(served_by="worker")):
            run = run_load("availability", "--env", "target", project=project, reports=tmp_path / "reports")
        left = system.state
    assert run.code == 0, run.output
    seen = run.verdict["availability"]
    assert set(seen["versions"]) == {"legacy", "worker version-1"}
    assert all(row["answers"] > 50 for row in seen["versions"].values())
    assert seen["changes_of_version"] == 1
    assert seen["writes"]["lost"] == []
    assert (left["users"], run.verdict["leftovers"]) == (0, [])


@pytest.mark.skipif(
    not (FULL and shutil.which("nginx")),
    reason="The reload of nginx is tested only with CUTOVER_LOAD=full and with nginx installed.",
)
def test_nginx_reload_drops_nothing_on_new_connections(tmp_path: Path) -> None:
    """A reload of its configuration, as a real proxy does it."""
    with target() as system, front(system.port) as spare:
        port = spare.port  # free once the proxy has ended
    with target() as system:
        config = tmp_path / "nginx.conf"
        config.write_text(
            f"daemon off; pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{ worker_connections 4096; }}\n"
            f"http {{ access_log off; server {{ listen 127.0.0.1:{port} backlog=1024; location / {{ "
            f"proxy_pass http://127.0.0.1:{system.port}; proxy_pass_request_headers on; }} }} }}\n"
        )
        nginx = shutil.which("nginx")
        assert nginx
        with subprocess.Popen([nginx, "-c", str(config), "-e", str(tmp_path / "error.log")]) as process:
            until(lambda: (tmp_path / "pid").exists())
            project = load_project(tmp_path, f"http://127.0.0.1:{port}", profiles=AVAILABILITY)
            with later(system, RATE, lambda: subprocess.run([nginx, "-c", str(config), "-s", "reload"], check=True)):
                run = run_load("availability", "--env", "target", project=project, reports=tmp_path / "reports")
            process.terminate()
    assert run.verdict["availability"]["streams"]["fresh"]["windows"] == [], run.output
