"""Metrics over a sliding window: a correct count passes, whatever leaves the window, and a wrong count fails."""

import itertools
import json
import socketserver
import threading
import time
from collections import deque
from collections.abc import Callable, Generator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.config.validation import root

pytestmark = pytest.mark.verdicts

CHECK = "test_requests_are_counted"
MANIFEST = f'[smoke]\n"tests/smoke/test_tiny.py::{CHECK}[worker]" = {{ system = "worker", level = "read-only" }}\n'
WINDOW_S = 2.0
LEAVING = itertools.count()


class Deployment(ThreadingHTTPServer):
    """A Worker as this check knows it. `reported` maps the true count of the last two seconds to the reported one."""

    daemon_threads = True

    def __init__(self, reported: Callable[[int], int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reported = reported
        self.times: deque[float] = deque()
        self.lock = threading.Lock()

    def count(self) -> int:
        with self.lock:
            while self.times and self.times[0] < time.monotonic() - WINDOW_S:
                self.times.popleft()
            return len(self.times)

    def add(self) -> None:
        with self.lock:
            self.times.append(time.monotonic())


class _Handler(BaseHTTPRequestHandler):
    server: Deployment
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/metrics":
            self._answer(200, {"requests": self.server.reported(self.server.count())})
        elif self.path == "/health":
            self._answer(200, {"status": "healthy"})
        else:
            self.server.add()
            self._answer(401, {})

    def _answer(self, status: int, document: dict[str, object]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def traffic() -> Generator[Callable[[Deployment, float], None]]:
    """Return a function that serves a deployment and adds other clients' requests at a rate, until the test ends."""
    ended, servers = threading.Event(), list[socketserver.BaseServer]()

    def begin(server: Deployment, rate: float) -> None:
        def add_requests() -> None:
            while not ended.wait(1 / rate):
                server.add()

        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        if rate:
            threading.Thread(target=add_requests, daemon=True).start()
            ended.wait(WINDOW_S)  # then as many requests leave the window as are added

    yield begin
    ended.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("reported", "rate", "code"),
    [
        (lambda count: count, 0, 0),
        (lambda count: count, 50, 0),
        (lambda count: 10**6 + count - 30 * next(LEAVING), 0, 0),
        (lambda count: 0 * count, 50, 1),
        (lambda count: count // 2, 0, 1),
        (lambda count: 5000 + 0 * count, 50, 1),
    ],
    ids=[
        "correct, no other traffic",
        "correct, other traffic",
        "correct, more requests leave than are added",
        "always zero",
        "half of them",
        "always the same number",
    ],
)
def test_count_in_a_sliding_window_is_judged(
    traffic: Callable[[Deployment, float], None],
    project_factory: ProjectFactory,
    reports: Path,
    reported: Callable[[int], int],
    rate: float,
    code: int,
) -> None:
    """A correct count of twenty requests is GO, however many older ones leave the window. A wrong count is NO-GO."""
    server = Deployment(reported)
    traffic(server, rate)
    table = (
        f'\n[sliding]\nsafety = "read-only"\nlocal_runtime = true\nlegacy = {{ absent = "x" }}\n'
        f'worker = {{ url = "http://127.0.0.1:{server.server_address[1]}" }}\n'
        "budget = { requests = 60000, window_s = 60 }\n"
    )
    checks = (root() / "tests/smoke/test_metrics.py").read_text()
    project = project_factory(checks, manifest=MANIFEST, environments=table)
    done = run_gate("-m", "smoke", "--env", "sliding", "-k", CHECK, reports=reports, project=project)
    assert done.code == code, done.output
