"""How long a person waits for the smoke gate: from a cold pair, and beyond the systems' own answers.

    .venv/bin/python benchmarks/smoke.py [--runs N]

make_smoke_s   wall time of `make smoke` without a running pair, installed and warm, in seconds
overhead_s     on a running pair: wall time of the gate's process minus the sum of its exchanges' times
requests       exchanges of one run

Medians of N runs (3 by default). Every run must be GO, or the figures mean nothing and it ends with 1.
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
from typing import Any

PROJECT = Path(__file__).resolve().parent.parent
PAIR = "benchmark"
VARIABLES = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("CUTOVER_", "PYTEST_", "MAKE")) and name != "PYTHONDONTWRITEBYTECODE"
}


def timed(command: list[str], **variables: str) -> tuple[float, dict[str, Any], list[dict[str, Any]]]:
    """Wall seconds, verdict and exchanges of one gate run."""
    with tempfile.TemporaryDirectory() as folder:
        reports = Path(folder) / "reports"
        started = time.perf_counter()
        done = subprocess.run(
            command,
            cwd=PROJECT,
            env={**VARIABLES, "PYTEST_ADDOPTS": f"--reports={reports}", **variables},
            capture_output=True,
            text=True,
            check=False,
        )
        wall = time.perf_counter() - started
        if done.returncode != 0:
            sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
        (run,) = reports.iterdir()
        verdict = json.loads((run / "verdict.json").read_text())
        lines = [json.loads(line) for line in (run / "evidence.jsonl").read_text().splitlines()]
    exchanges = [exchange for line in lines for exchange in line.get("page", line).get("exchanges", ())]
    return wall, verdict, exchanges


def main() -> None:
    """Print the table and, last, one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    runs = parser.parse_args().runs
    pytest = [sys.executable, "-m", "pytest", "-m", "smoke", "--env", "embedded"]
    cutover = [str(Path(sys.executable).with_name("cutover")), "pair"]

    cold = [timed(["make", "smoke"], CUTOVER_PAIR="")[0] for _ in range(runs)]
    subprocess.run([*cutover, "up", "--name", PAIR], check=True, capture_output=True)
    try:
        warm = [timed([*pytest, "--pair", PAIR]) for _ in range(runs)]
        both = [timed([*pytest, "--pair", PAIR, "-n", "2"]) for _ in range(runs)]
    finally:
        subprocess.run([*cutover, "down", "--name", PAIR], check=True, capture_output=True)

    print(f"{'run':34} {'wall s':>8} {'answers s':>10} {'overhead s':>11} {'requests':>9}")
    for number, wall in enumerate(cold, 1):
        print(f"{f'make smoke, cold pair, {number}':34} {wall:8.2f}")
    overheads = []
    for number, (wall, _, exchanges) in enumerate(warm, 1):
        answers = sum(exchange["ms"] for exchange in exchanges) / 1000
        overheads.append(wall - answers)
        print(f"{f'running pair, {number}':34} {wall:8.2f} {answers:10.2f} {wall - answers:11.2f} {len(exchanges):9}")
    for number, (wall, _, exchanges) in enumerate(both, 1):
        print(f"{f'running pair, -n 2, {number}':34} {wall:8.2f} {'':10} {'':11} {len(exchanges):9}")
    print(
        json.dumps(
            {
                "make_smoke_s": round(statistics.median(cold), 2),
                "overhead_s": round(statistics.median(overheads), 2),
                "requests": statistics.median(len(exchanges) for _, _, exchanges in warm),
                "n2_wall_s": round(statistics.median(wall for wall, _, _ in both), 2),
            }
        )
    )


if __name__ == "__main__":
    main()
