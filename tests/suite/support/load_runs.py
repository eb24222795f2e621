"""Load runs as a user starts them: Locust as a subprocess, against a target that counts requests (load_target.py)."""

import contextlib
import http.client
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.suite.support.gate_runs import GateRun, clean_environment

from cutover.config.validation import root

PROFILES = """
[smoke]
phases = [{ name = "steady", shape = "poisson", rate = 150, seconds = 3 }]
short = [{ name = "steady", shape = "poisson", rate = 150, seconds = 2.5 }]
mix = { list = 30, account = 20, download = 20, cut = 15, new_list = 9, fresh = 9, health = 9, login = 1, register = 1 }
timeout_s = 2

[availability]
phases = [{ name = "steady", shape = "constant", rate = 300, seconds = 2.5 }]
short = [{ name = "steady", shape = "constant", rate = 300, seconds = 2.5 }]
mix = { fresh = 45, kept = 45, write = 10 }
timeout_s = 1
any_version = true
"""

ENVIRONMENT = """
[target]
description = "a target that counts requests"
safety = "disposable"
worker = {{ url = "{url}", identity = {identity} }}
legacy = {{ absent = "a target is one system" }}
budget = {{ requests = 600000, window_s = 60 }}
readiness = {{ tries = 40, interval_s = 0.25 }}
load = {{ {load} }}
"""

IDENTITY = '{ header = "x-served-by", value = "list-cutter-worker", version_header = "x-worker-version" }'

CAPS = "rate = 2000, seconds = 60, accounts = 100, connections = 2000, bytes = 1_000_000_000, unattended = true"


@dataclass(frozen=True)
class Target:
    """A running target."""

    url: str
    port: int

    def set_faults(self, **faults: Any) -> None:
        """Set the faults of the target from now on."""
        self._ask("POST", json.dumps(faults))

    @property
    def state(self) -> dict[str, Any]:
        """Return request counts by operation (arrivals only), and the numbers of stored files and users."""
        state: dict[str, Any] = self._ask("GET")
        return state

    def _ask(self, method: str, body: str = "") -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, "/control", body)
            return json.loads(connection.getresponse().read())


@contextlib.contextmanager
def target(*arguments: str) -> Generator[Target]:
    """Start a target for the block. arguments: "legacy" makes it identify itself as Django."""
    program = Path(__file__).with_name("load_target.py")
    with subprocess.Popen(
        [sys.executable, str(program), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        port = int(process.stdout.readline())
        try:
            yield Target(f"http://127.0.0.1:{port}", port)
        finally:
            process.stdin.close()
            process.wait(10)


def load_project(folder: Path, url: str, *, load: str = CAPS, profiles: str = PROFILES, more: str = "") -> Path:
    """Return a project folder with this project's contracts and thresholds, short profiles, and the target."""
    project = folder / "project"
    shutil.copytree(root() / "contracts", project / "contracts")
    shutil.copy(root() / "gates.toml", project)
    environment = ENVIRONMENT.format(url=url, load=load, identity=IDENTITY)
    (project / "environments.toml").write_text((root() / "environments.toml").read_text() + environment + more)
    (project / "load.toml").write_text(profiles)
    return project


def locust_command(profile: str, arguments: Sequence[str]) -> list[str]:
    """Return the command line of Locust with one of our locustfiles."""
    locust = Path(sys.executable).with_name("locust")
    return [str(locust), "-f", str(root() / "locustfiles" / f"{profile}.py"), *arguments]


def run_load(profile: str, *arguments: str, project: Path, reports: Path, **variables: str) -> GateRun:
    """Run a profile and wait for its end."""
    done = subprocess.run(
        locust_command(profile, [*arguments, f"--reports={reports}"]),
        cwd=root(),  # its pyproject.toml makes headless the default
        env=clean_environment(CUTOVER_ROOT=str(project), **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return GateRun(done.returncode, done.stderr + done.stdout, reports)


def until(condition: Callable[[], bool], seconds: float = 90) -> None:
    """Poll until the condition is true, or fail."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)
