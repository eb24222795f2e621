"""Compare the load generator with other tools: CPU time per request, and correct latencies during a stall.

    .venv/bin/python benchmarks/load.py [--rounds 5] [--quick]

Target and generator have a core each. The CPU time per request is the slope between a short and a long run, so that
start-up does not count. Then a stall of 2 s in 28 s at 200/s: quantiles of the ledger and of stock Locust against
theory. The last line is one JSON object: vs_X is X's CPU time per request divided by ours (null if X is not available),
lag_p99_ms the send lag at 500/s, stall_error the largest deviation of p95, p99 and p99.9 from theory. Exit code 1 if
counts differ from the target's, or stall_error is above 2 %.
"""

from __future__ import annotations

import argparse
import contextlib
import http.client
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

from cutover.embedded import node

ROOT = Path(__file__).resolve().parents[1]
LOCUST = Path(sys.executable).with_name("locust")
CORES = sorted(os.sched_getaffinity(0))
AUTOCANNON = "autocannon@8"
RATE = 3000  # near the capacity of one process: waking up for a single request costs more than the request
STALL_S, STALL_LONG_S, STALL_RATE = 2.0, 28.0, 200


def pinned(core: int) -> Callable[[], None]:
    """Return a preexec_fn that pins the process to this core."""
    return lambda: os.sched_setaffinity(0, {CORES[core % len(CORES)]})


class Target:
    """The target, on the first core."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://127.0.0.1:{port}"

    def ask(self, path: str) -> str:
        """Return the response to GET, over a new connection."""
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request("GET", path)
            return connection.getresponse().read().decode()

    @property
    def counted(self) -> int:
        """Return the number of requests so far."""
        return int(self.ask("/count"))


@contextlib.contextmanager
def target() -> Generator[Target]:
    """Start the target for the block."""
    with subprocess.Popen(
        [str(node.find().program), str(ROOT / "benchmarks" / "load_target.mjs")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, preexec_fn=pinned(0),
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        try:
            yield Target(int(process.stdout.readline()))
        finally:
            process.stdin.close()
            process.wait(10)


def cpu_of(command: list[str], **variables: str) -> tuple[float, str, int]:
    """Return CPU seconds of a command and its children on the second core, its standard output and exit code."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, cwd=ROOT,
            env={**os.environ, **variables}, preexec_fn=pinned(1),
        )  # fmt: skip
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
        if process.returncode not in (0, 1, 4, 10, 11):
            errors.seek(0)
            raise SystemExit(f"{command[0]} ended with {process.returncode}: {errors.read()[-2000:]}")
        return usage.ru_utime + usage.ru_stime, text, process.returncode


@contextlib.contextmanager
def project(url: str, rate: float, seconds: float) -> Generator[Path]:
    """Yield a project folder with one profile that requests only health."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "contracts", folder / "contracts")
        gates = (ROOT / "gates.toml").read_text(encoding="utf-8").split("[[load.gate]]")
        kept = [gate for gate in gates if 'endpoints = "connections"' not in gate]  # health needs no connections
        (folder / "gates.toml").write_text("[[load.gate]]".join(kept), encoding="utf-8")
        (folder / "load.toml").write_text(
            f'[smoke]\nphases = [{{ name = "steady", shape = "constant", rate = {rate}, seconds = {seconds} }}]\n'
            "mix = { health = 1 }\ntimeout_s = 10\n"
        )
        (folder / "environments.toml").write_text(
            f'[bench]\nsafety = "disposable"\nworker = {{ url = "{url}" }}\nlegacy = {{ absent = "none" }}\n'
            "budget = { requests = 1000000, window_s = 60 }\n"
            "load = { rate = 100000, seconds = 600, accounts = 1, connections = 4000, bytes = 100000000000, "
            "unattended = true }\n"
        )
        yield folder


def ours(up: Target, rate: float, seconds: float) -> dict[str, Any]:
    """Run our generator: CPU seconds, totals of load.json, and `exact` if its counts are the target's."""
    before = up.counted
    with project(up.url, rate, seconds) as folder:
        cpu_s, text, code = cpu_of(
            [str(LOCUST), "-f", str(ROOT / "locustfiles" / "smoke.py"), "--env", "bench", "--seed", "1",
             f"--reports={folder / 'reports'}"],
            CUTOVER_ROOT=str(folder),
        )  # fmt: skip
        if code == 4:  # refused before the first arrival: needs more than one process
            return {"code": code, "exact": False, "last": "refused: needs more than one process"}
        (run,) = (folder / "reports").iterdir()
        found = json.loads((run / "load.json").read_text())
    ready = 2  # requests of the run before its first arrival
    exact = found["totals"]["sent"] == up.counted - before - ready and found["balanced"]
    return {
        "cpu_s": cpu_s,
        "requests": found["totals"]["sent"],
        "exact": exact,
        "code": code,
        "last": text.splitlines()[-1],
    } | {key: found["totals"][key] for key in ("p50_ms", "p95_ms", "p99_ms", "p99.9_ms", "lag_p99_ms")}


def stock(client: str, up: Target, users: int, rate: float, seconds: float) -> dict[str, Any]:
    """Run stock Locust: CPU seconds, requests and latencies as it reports them."""
    cpu_s, text, _ = cpu_of(
        [str(LOCUST), "-f", str(ROOT / "benchmarks" / "load_stock.py"), "--headless", "--json", "-u", str(users),
         "-r", "1000", "-t", f"{seconds:g}s", "-H", up.url, "--only-summary"],
        BENCH_CLIENT=client, BENCH_RATE=str(rate),
    )  # fmt: skip
    rows = json.loads(text[text.index("[") :])
    if not rows:
        raise SystemExit(f"{client} sent nothing in {seconds:g} s: the machine is too busy to measure anything")
    (row,) = rows
    times = sorted((float(ms), count) for ms, count in row["response_times"].items())
    return {"cpu_s": cpu_s, "requests": row["num_requests"], **{name: quantile(times, share) for name, share in
            (("p95_ms", 0.95), ("p99_ms", 0.99), ("p99.9_ms", 0.999))}}  # fmt: skip


def quantile(times: list[tuple[float, int]], share: float) -> float:
    """Return a quantile of a histogram, by the nearest rank."""
    total = sum(count for _, count in times)
    seen = 0
    for ms, count in times:
        seen += count
        if seen >= share * total:
            return ms
    return 0.0


def cannon(folder: Path) -> list[str] | None:
    """Return the command of autocannon, installed by the pair's npm; None if it cannot be installed."""
    program = folder / "node_modules" / "autocannon" / "autocannon.js"
    if not program.is_file():
        found = node.find()
        npm = found.program.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        folder.mkdir(parents=True, exist_ok=True)
        done = subprocess.run(
            [str(found.program), str(npm), "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder),
             AUTOCANNON],
            capture_output=True, check=False, timeout=300,
            env={**os.environ, "PATH": f"{found.program.parent}:{os.environ['PATH']}"},
        )  # fmt: skip
        if done.returncode != 0 or not program.is_file():
            return None
    return [str(node.find().program), str(program)]


def slope(short: tuple[float, int], long: tuple[float, int]) -> float:
    """Return µs of CPU per request, from (CPU seconds, requests) of a short and a long run."""
    return (long[0] - short[0]) / max(1, long[1] - short[1]) * 1e6


def measured(name: str, rounds: int, one: Callable[[float], tuple[float, int]], short: float, long: float) -> float:
    """Return the median of several slopes."""
    figures = [slope(one(short), one(long)) for _ in range(rounds)]
    figure = statistics.median(figures)
    print(f"  {name:<14} {figure:8.1f} µs per request, a core sends {1e6 / figure if figure > 0 else 0:8.0f}/s   "
          f"({', '.join(f'{value:.1f}' for value in sorted(figures))})", flush=True)  # fmt: skip
    return figure


def stalled(up: Target, run: Callable[[], dict[str, Any]], starts: Callable[[], bool]) -> dict[str, Any]:
    """Run with a stall of STALL_S of the target in the middle."""

    def stall() -> None:
        deadline = time.monotonic() + 60
        while not starts() and time.monotonic() < deadline:
            time.sleep(0.05)
        time.sleep(10)
        up.ask(f"/stall?ms={STALL_S * 1000:.0f}")

    thread = threading.Thread(target=stall)
    thread.start()
    found = run()
    thread.join()
    return found


def theory() -> dict[str, float]:
    """Return the theoretical quantiles: waits are uniform from 0 to STALL_S for STALL_S / STALL_LONG_S of arrivals."""
    return {
        name: STALL_S * 1000 * (1 - (1 - share) * STALL_LONG_S / STALL_S)
        for name, share in (("p95_ms", 0.95), ("p99_ms", 0.99), ("p99.9_ms", 0.999))
    }


def main() -> int:
    """Print the table, then the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="short runs: checks that it works, without valid figures")
    options = parser.parse_args()
    rounds = 1 if options.quick else options.rounds
    short, long = (2.0, 4.0) if options.quick else (2.0, 8.0)
    exact: list[bool] = []
    with target() as up:
        print("CPU of the generator:", flush=True)

        def our_run(seconds: float) -> tuple[float, int]:
            found = ours(up, RATE, seconds)
            if found["code"] == 4:
                raise SystemExit(f"{RATE}/s: {found['last']}; the machine is too busy to measure anything")
            exact.append(found["exact"])
            return found["cpu_s"], found["requests"]

        mine = measured("ours", rounds, our_run, short, long)
        others: dict[str, float | None] = {}
        for client in ("FastHttpUser", "HttpUser"):

            def stock_run(seconds: float, client: str = client) -> tuple[float, int]:
                found = stock(client, up, 20, 0, seconds)
                return found["cpu_s"], found["requests"]

            others[client.lower()] = measured(client, rounds, stock_run, short, long)
        others |= {"autocannon": None, "wrk": None}
        command = cannon(Path(tempfile.gettempdir()) / f"cutover-autocannon-{os.getuid()}")
        if command is not None:

            def cannon_run(seconds: float) -> tuple[float, int]:
                amount = int(10_000 * seconds)
                cpu_s, _, _ = cpu_of([*command, "-c", "20", "-a", str(amount), "--json", f"{up.url}/plain"])
                return cpu_s, amount

            others["autocannon"] = measured("autocannon", rounds, cannon_run, short, long)
        if wrk := shutil.which("wrk"):

            def wrk_run(seconds: float) -> tuple[float, int]:
                cpu_s, text, _ = cpu_of([wrk, "-t", "1", "-c", "20", "-d", f"{seconds:.0f}s", f"{up.url}/plain"])
                found = re.search(r"(\d+) requests in", text)
                return cpu_s, int(found[1]) if found else 0

            others["wrk"] = measured("wrk", rounds, wrk_run, short, long)
        steady = [ours(up, 500, long) for _ in range(rounds)]
        exact += [found["exact"] for found in steady]
        lag = statistics.median(found["lag_p99_ms"] for found in steady)
        print(f"at 500/s: send lag p99 {lag:.2f} ms, counts exact: {all(exact)}")
        clean = 0
        for rate in (1000, 2000, 3000, 4000, 6000, 8000):
            found = ours(up, rate, long)
            if found["code"] == 11 or not found["exact"]:
                print(f"at {rate}/s: {found['last']}")
                break
            clean = rate
        print(f"clean up to {clean}/s in one process (a step above it was refused or INVALID)")
        counted = up.counted
        mine_stalled = stalled(up, lambda: ours(up, STALL_RATE, STALL_LONG_S), lambda: up.counted > counted + 50)
        exact.append(mine_stalled["exact"])
        counted = up.counted
        theirs = stalled(up, lambda: stock("FastHttpUser", up, 20, STALL_RATE / 20, STALL_LONG_S),
                         lambda: up.counted > counted + 50)  # fmt: skip
    truth = theory()
    print(f"a stall of {STALL_S:g} s in {STALL_LONG_S:g} s at {STALL_RATE}/s:")
    for name, value in truth.items():
        print(f"  {name:<9} theory {value:7.0f}   ours {mine_stalled[name]:7.0f}   stock Locust {theirs[name]:7.0f}")
    error = max(abs(mine_stalled[name] / value - 1) for name, value in truth.items())
    result = {
        **{f"vs_{name}": round(figure / mine, 2) if figure is not None else None for name, figure in others.items()},
        "lag_p99_ms": round(lag, 3),
        "stall_error": round(error, 4),
        "cpu_us_a_request": round(mine, 1),
        "clean_rate": clean,
        "counts_exact": all(exact),
    }
    print(json.dumps(result))
    return 0 if all(exact) and error <= 0.02 else 1


if __name__ == "__main__":
    sys.exit(main())
