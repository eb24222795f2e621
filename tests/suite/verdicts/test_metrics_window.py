"""Metrics over a window that slides: an honest count is no failure, whatever leaves it; a wrong one is."""

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
from tests.suite.verdicts.conftest import MakeProject

from cutover.config.validation import root

pytestmark = pytest.mark.verdicts

CHECK = "test_requests_are_counted"
MANIFEST = f'[smoke]\n"tests/smoke/test_tiny.py::{CHECK}[worker]" = {{ system = "worker", level = "read-only" }}\n'
WINDOW_S = 2.0
LEAVING = itertools.count()


class Deployment(ThreadingHTTPServer):
    """A Worker as far as this check knows one. It tells `told` of the true count of the last two seconds."""

    daemon_threads = True

    def __init__(self, told: Callable[[int], int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told = told
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
            self._answer(200, {"requests": self.server.told(self.server.count())})
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
    """Serve a deployment, and let other clients' requests come to it, so many a second, until the test is over."""
    ended, servers = threading.Event(), list[socketserver.BaseServer]()

    def begin(server: Deployment, rate: float) -> None:
        def come() -> None:
            while not ended.wait(1 / rate):
                server.add()

        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        if rate:
            threading.Thread(target=come, daemon=True).start()
            ended.wait(WINDOW_S)  # until as many leave as come

    yield begin
    ended.set()
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("told", "rate", "code"),
    [
        (lambda count: count, 0, 0),
        (lambda count: count, 50, 0),
        (lambda count: 10**6 + count - 30 * next(LEAVING), 0, 0),
        (lambda count: 0 * count, 50, 1),
        (lambda count: count // 2, 0, 1),
        (lambda count: 5000 + 0 * count, 50, 1),
    ],
    ids=[
        "honest, quiet",
        "honest, busy",
        "honest, more leave than come",
        "nothing",
        "every other one",
        "always the same",
    ],
)
def test_count_is_judged_while_the_window_slides(
    traffic: Callable[[Deployment, float], None],
    make_project: MakeProject,
    reports: Path,
    told: Callable[[int], int],
    rate: float,
    code: int,
) -> None:
    """Twenty requests that are counted are GO however many older ones leave; not counted ones are NO-GO."""
    server = Deployment(told)
    traffic(server, rate)
    table = (
        f'\n[sliding]\nsafety = "read-only"\nlocal_runtime = true\nlegacy = {{ absent = "x" }}\n'
        f'worker = {{ url = "http://127.0.0.1:{server.server_address[1]}" }}\n'
        "budget = { requests = 60000, window_s = 60 }\n"
    )
    checks = (root() / "tests/smoke/test_metrics.py").read_text()
    project = make_project(checks, manifest=MANIFEST, environments=table)
    done = run_gate("-m", "smoke", "--env", "sliding", "-k", CHECK, reports=reports, project=project)
    assert done.code == code, done.output
