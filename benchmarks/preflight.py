"""How long the preflight gate takes on the embedded pair, and how much of it is waiting for DNS and TLS servers.

    .venv/bin/python benchmarks/preflight.py [--runs N]

wall_s      wall time of the gate's process, in seconds: with the start of the pair (cold), and on a running pair (warm)
survey_s    wall time of the questions to DNS servers and of the connections to TLS servers
waiting_s   sum of the durations of all these questions and connections: their wall time one after the other

Medians of N runs (3 by default) without the first warm run, which starts the surroundings. Every run must be GO, and
each must take less than LIMIT_S. Otherwise it ends with 1.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parent.parent
PAIR = "benchmark-preflight"
LIMIT_S = 5.0
VARIABLES = {name: value for name, value in os.environ.items() if not name.startswith(("CUTOVER_", "PYTEST_"))}


class Figures(NamedTuple):
    """The figures of one run, in seconds. checks: number of checks that passed."""

    wall_s: float
    dns_s: float
    dns_waiting_s: float
    tls_s: float
    tls_waiting_s: float
    checks: int


def measured(*options: str) -> Figures:
    """Run the gate and return its figures. Ends the benchmark with 1 if the run is not GO."""
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder) / "reports"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "preflight", "--env", "embedded", *options]
        started = time.perf_counter()
        done = subprocess.run(
            [*command, f"--reports={reports}"], cwd=PROJECT, env=VARIABLES, capture_output=True, text=True, check=False
        )
        wall = time.perf_counter() - started
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-2000:]}")
        (run,) = reports.iterdir()
        lines = [json.loads(line) for line in (run / "evidence.jsonl").read_text().splitlines()]
    records = [line for line in lines if line["kind"] == "check"]
    values = {each["name"]: each["value"] for record in records for each in record["observations"]["measured"]}
    names = (
        "DNS: time of the survey (s)",
        "DNS: time waiting, all questions (s)",
        "TLS: time of the survey (s)",
        "TLS: time waiting, all connections (s)",
    )
    return Figures(wall, *(values[name] for name in names), sum(record["status"] == "passed" for record in records))


def main() -> None:
    """Print the table and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    cutover = [str(Path(sys.executable).with_name("cutover")), "pair"]
    cold = [measured() for _ in range(runs)]
    subprocess.run([*cutover, "up", "--name", PAIR], check=True, capture_output=True, env=VARIABLES, cwd=PROJECT)
    try:
        first = measured("--pair", PAIR)
        warm = [measured("--pair", PAIR) for _ in range(runs)]
    finally:
        subprocess.run([*cutover, "down", "--name", PAIR], check=True, capture_output=True, env=VARIABLES, cwd=PROJECT)

    print(f"{'run':34} {'wall s':>8} {'survey s':>9} {'waiting s':>10} {'checks':>7}")
    rows = [(f"cold pair, {number}", each) for number, each in enumerate(cold, 1)]
    rows += [("running pair, starts surroundings", first)]
    rows += [(f"running pair, {number}", each) for number, each in enumerate(warm, 1)]
    for name, each in rows:
        survey, waiting = each.dns_s + each.tls_s, each.dns_waiting_s + each.tls_waiting_s
        print(f"{name:34} {each.wall_s:8.2f} {survey:9.2f} {waiting:10.2f} {each.checks:7}")
    figures = {
        "cold_wall_s": statistics.median(each.wall_s for each in cold),
        "warm_wall_s": statistics.median(each.wall_s for each in warm),
        "survey_s": statistics.median(each.dns_s + each.tls_s for each in warm),
        "waiting_s": statistics.median(each.dns_waiting_s + each.tls_waiting_s for each in warm),
        "checks": warm[0].checks,
        "limit_s": LIMIT_S,
    }
    slowest = max(each.wall_s for _, each in rows)
    if slowest > LIMIT_S:
        print(f"the slowest run took {slowest:.2f} s, more than {LIMIT_S:g} s")
    print(json.dumps({key: round(value, 3) for key, value in figures.items()}))
    sys.exit(int(slowest > LIMIT_S))


if __name__ == "__main__":
    main()
