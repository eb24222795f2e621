"""Load runs as a caller starts them: Locust as a process, against a target that counts for itself (load_target.py)."""

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
mix = { list = 30, account = 20, download = 20, cut = 15, new_list = 10, health = 20, login = 2, register = 1 }
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
description = "a target that counts for itself"
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
    """A target that is up."""

    url: str
    port: int

    def does_wrong(self, **defects: Any) -> None:
        """From now on."""
        self._ask("POST", json.dumps(defects))

    @property
    def told(self) -> dict[str, Any]:
        """counts by operation, of a run's arrivals alone; files and users that are there."""
        told: dict[str, Any] = self._ask("GET")
        return told

    def _ask(self, method: str, body: str = "") -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        with contextlib.closing(connection):
            connection.request(method, "/control", body)
            return json.loads(connection.getresponse().read())


@contextlib.contextmanager
def target(*arguments: str) -> Generator[Target]:
    """A target, for as long as the block goes on. arguments: "legacy" makes it say that it is Django."""
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
    """A project folder with this one's contracts and gates, short profiles, and the target as its environment."""
    project = folder / "project"
    shutil.copytree(root() / "contracts", project / "contracts")
    shutil.copy(root() / "gates.toml", project)
    environment = ENVIRONMENT.format(url=url, load=load, identity=IDENTITY)
    (project / "environments.toml").write_text((root() / "environments.toml").read_text() + environment + more)
    (project / "load.toml").write_text(profiles)
    return project


def locust_command(profile: str, arguments: Sequence[str]) -> list[str]:
    """Locust of this environment with one of our locustfiles."""
    locust = Path(sys.executable).with_name("locust")
    return [str(locust), "-f", str(root() / "locustfiles" / f"{profile}.py"), *arguments]


def run_load(profile: str, *arguments: str, project: Path, reports: Path, **variables: str) -> GateRun:
    """Run a profile and wait for its end."""
    done = subprocess.run(
        locust_command(profile, [*arguments, f"--reports={reports}"]),
        cwd=root(),  # whose pyproject.toml says headless
        env=clean_environment(CUTOVER_ROOT=str(project), **variables),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return GateRun(done.returncode, done.stderr + done.stdout, reports)


def until(happens: Callable[[], bool], seconds: float = 90) -> None:
    """Poll until it is so, or fail."""
    deadline = time.monotonic() + seconds
    while not happens():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.02)
