"""Compare the contract gate's generated requests with schemathesis' command line, on the same document and Worker.

    .venv/bin/python benchmarks/contract.py [--runs N] [--cases N] [--examples N]

vs_schemathesis_cli  ratio of generated requests per second, ours to theirs, including start and end, serial, median of
                     N runs (3). Both generate examples, coverage, fuzzing and sequences. Our time includes the
                     creation and removal of accounts and files; theirs uses a given token and removes nothing
n2_vs_serial         ratio of the wall time of the gate's generated checks, with -n 2 to serial
rss_growth           resident memory of one process that sends --cases requests (20,000): ratio of the end to the first
                     quarter, minus 1

The benchmark starts and stops a separate pair. It exits with 1 if a run has a finding or the hashes differ.
"""

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
PAIR = "benchmark-contract"
BIN = Path(sys.executable).parent
CHECKS = "tests/contract/test_operations.py"
VARIABLES = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("CUTOVER_", "PYTEST_")) and name != "PYTHONDONTWRITEBYTECODE"
}
MEMORY = ("list_files", "file", "tags", "export", "create_filter", "filter", "front_end")


def counted(url: str) -> int:
    """Return the Worker's count of requests in the last 300 s."""
    with urllib.request.urlopen(f"{url}/metrics") as answer:  # noqa: S310 - the pair's own address
        return int(json.load(answer)["requests"])


class Worker:
    """The pair's Worker. It is restarted before each measurement, because its metrics cover 300 s only."""

    def __init__(self) -> None:
        from cutover.embedded import state

        found = state.read(PAIR)
        assert found is not None
        self.url, self.bypass = found.worker_url, found.limiter_bypass

    def requests(self, command: list[str], expected: tuple[int, ...], **variables: str) -> tuple[float, int, str]:
        """Run a command. Return the wall time in seconds, the requests that reached the Worker, and the output."""
        before = counted(self.url)
        started = time.perf_counter()
        done = subprocess.run(
            command, cwd=PROJECT, env={**VARIABLES, **variables}, capture_output=True, text=True, check=False
        )
        wall = time.perf_counter() - started
        if done.returncode not in expected:
            sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
        if wall > 280:
            sys.exit("a run took longer than the 300 s of the Worker's metrics: lower --examples")
        return wall, counted(self.url) - before, done.stdout


def restart() -> Worker:
    """Restart the pair, so that its counters start at 0."""
    subprocess.run([BIN / "cutover", "pair", "down", "--name", PAIR], check=False, capture_output=True)
    subprocess.run([BIN / "cutover", "pair", "up", "--name", PAIR], check=True, capture_output=True)
    return Worker()


def ours(worker: Worker, folder: Path, *more: str) -> tuple[float, int, str]:
    """Run the gate's checks with generated requests."""
    command = [
        sys.executable, "-m", "pytest", "-m", "contract", "--env", "embedded", "--pair", PAIR, CHECKS,
        f"--reports={folder}", *more,
    ]  # fmt: skip
    # 10: the run selects only a part of the gate's checks.
    return worker.requests(command, (10,), PYTEST_ADDOPTS="")


def theirs(worker: Worker, folder: Path, examples: int) -> tuple[float, int, str]:
    """Run schemathesis' command line with the token of an account, exempt from the rate limit."""
    config = folder / "schemathesis.toml"
    config.write_text(
        "[cache]\nenabled = false\n[phases.coverage]\nunexpected-methods = "
        '["get", "put", "post", "delete", "options", "patch"]\n'
    )
    command = [
        str(BIN / "st"), "--config-file", str(config), "run", str(PROJECT / "contracts/worker.openapi.yaml"),
        "--url", worker.url, "-n", str(examples), "--workers", "1", "--generation-deterministic",
        "--continue-on-failure", "--no-shrink", "-H", f"Authorization: Bearer {token(worker)}",
        "-H", f"X-Limiter-Bypass: {worker.bypass}",
    ]  # fmt: skip
    # 1: it reports rules that a schema cannot express (taken names, different passwords). Our gate knows them.
    return worker.requests(command, (0, 1))


def token(worker: Worker) -> str:
    """Register an account and return its access token."""
    name = f"cutover-benchmark-{os.urandom(4).hex()}"
    body = {
        "username": name,
        "email": f"{name}@cutover.invalid",
        "password": "a-password-1",
        "password2": "a-password-1",
    }
    request = urllib.request.Request(  # noqa: S310 - the pair's own address
        f"{worker.url}/api/accounts/register", json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request) as answer:  # noqa: S310 - the same
        return str(json.load(answer)["access_token"])


def number(pattern: str, output: str) -> int:
    """Return the count in the output of a run. Exits if there is none."""
    found = re.search(pattern, output, re.MULTILINE)
    if found is None:
        sys.exit(f"expected {pattern!r} in:\n{output[-2000:]}")
    return int(found[1])


def rss_kb() -> int:
    """Return the resident memory of this process in KiB."""
    found = re.search(r"VmRSS:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found
    return int(found[1])


def memory(cases: int) -> tuple[int, int, int]:
    """Return the number of sent requests and the resident KiB after a quarter and at the end. Run by --memory."""
    from cutover.accounts.pool import accounts_on
    from cutover.client.http import Client
    from cutover.config.environments import load_environment
    from cutover.contract.findings import ATTACHMENT
    from cutover.contract.fuzzing import Fuzzer
    from cutover.core.recorder import Recorder
    from cutover.core.safety import KillSwitch
    from cutover.embedded import state
    from cutover.systems.target import Target

    environment = load_environment(PROJECT, "embedded", pair=state.read(PAIR))
    recorder = Recorder()
    client = Client(environment, recorder=recorder, rate_limiter=None, kill_switch=KillSwitch(PROJECT), run="benchmark")
    target = Target("worker", environment, client, recorder)
    sent, quarter, round_number = 0, 0, 0
    while sent < cases:
        round_number += 1
        for name in MEMORY:
            accounts = accounts_on(target, "benchmark", None, at_once=1)
            Fuzzer(PROJECT, environment, target, recorder, seed=str(round_number)).check_operation(
                name, accounts, examples=200
            )
            sent += recorder.attachments[ATTACHMENT]["operations"][name]["sent"]
            accounts.close(recorder)
            recorder.take()
        if not quarter and sent >= cases / 4:
            quarter = rss_kb()
    return sent, quarter, rss_kb()


def main() -> None:
    """Print the table and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--examples", type=int, default=40, help="schemathesis' requests per operation")
    parser.add_argument("--memory", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        print(json.dumps(memory(options.cases)))
        return
    rows: dict[str, list[tuple[float, int]]] = {"the gate": [], "schemathesis run": [], "the gate, -n 2": []}
    hashes: set[str] = set()
    grown: dict[str, Any] = {}
    print(f"{'run':20} {'wall s':>8} {'requests':>9} {'sent':>7} {'per s':>9}")
    try:
        for _ in range(options.runs):
            for name in rows:
                with tempfile.TemporaryDirectory() as folder:
                    worker = restart()
                    if name == "schemathesis run":
                        wall, requests, output = theirs(worker, Path(folder), options.examples)
                        count = number(r"^  (\d+) generated", output)
                    else:
                        more = ("-n", "2") if name.endswith("2") else ()
                        wall, requests, output = ours(worker, Path(folder) / "reports", *more)
                        count = number(r"^generated requests sent: (\d+)", output)
                        hashes |= set(re.findall(r"^sequence ([0-9a-f]{16}), 0 finding", output, re.MULTILINE))
                rows[name].append((wall, count))
                print(f"{name:20} {wall:8.2f} {requests:9} {count:7} {count / wall:9.1f}", flush=True)
        if options.cases:
            restart()
            done = subprocess.run(
                [sys.executable, __file__, "--memory", "--cases", str(options.cases)],
                cwd=PROJECT, env=VARIABLES, capture_output=True, text=True, check=False,
            )  # fmt: skip
            if done.returncode != 0:
                sys.exit(f"the memory run ended with {done.returncode}:\n{done.stderr[-3000:]}")
            sent, quarter, end = json.loads(done.stdout.splitlines()[-1])
            print(
                f"{'memory':20} {sent} requests: {quarter / 1024:.0f} MiB after a quarter, {end / 1024:.0f} at the end"
            )
            grown = {"rss_growth": round(end / quarter - 1, 3)}
    finally:
        subprocess.run([BIN / "cutover", "pair", "down", "--name", PAIR], check=False, capture_output=True)
    if len(hashes) != 1:
        sys.exit(f"the gate sent {len(hashes)} different sequences, or found something")
    rate = {name: statistics.median(count / wall for wall, count in row) for name, row in rows.items()}
    wall_of = {name: statistics.median(wall for wall, _ in row) for name, row in rows.items()}
    print(
        json.dumps(
            {
                "vs_schemathesis_cli": round(rate["the gate"] / rate["schemathesis run"], 3),
                "n2_vs_serial": round(wall_of["the gate, -n 2"] / wall_of["the gate"], 3),
                **grown,
            }
        )
    )


if __name__ == "__main__":
    main()
