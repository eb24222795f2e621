"""Run gates many times on the embedded pair, half of the runs under CPU load, and count the exit codes.

    .venv/bin/python benchmarks/honest_runs.py [--runs smoke=50,migration=50,parity=15,contract=15,load=15]
        [--burners N] [--minutes N] [--lock FILE] [--keep DIR]

The pair has no fault, so each run must be GO (0). INVALID (11) is accepted only in a run under CPU load: the machine
did not allow a measurement, and the suite says so. Any other code is wrong, NO-GO first of all.

Every run starts and stops its own pair. Every second run is under CPU load: --burners processes (one for each core
by default) compute for as long as the run takes. Of the pytest gates two runs are serial, two with -n 2, and so on.
load is the profile `smoke` with --short. --minutes: no run starts later than that. --lock: hold this file's lock
during each run, on a machine that others measure on. --keep: where the folder with reports and output of
the runs that were not GO is created (the temporary folder by default).

Prints a line for each run, the last lines of each run that was not GO, a table and, last, one JSON object. It exits
with 1 if a run was wrong or fewer runs were made than asked.
"""

import argparse
import collections
import contextlib
import fcntl
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
GATES = ("smoke", "migration", "parity", "contract", "load")
DEFAULT = "smoke=50,migration=50,parity=15,contract=15,load=15"
LIMIT_S = 900.0
"""The longest time of one run. A run that takes longer is ended and counts as wrong."""
GRACE_S = 20.0
"""The time that a run gets to stop its pair after SIGTERM."""
VARIABLES = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("CUTOVER_", "PYTEST_", "MAKE")) and name != "PYTHONDONTWRITEBYTECODE"
}
# A burner ends by itself at its time limit, or when this process is gone.
BURNER = """
import os, sys, time
parent, end = int(sys.argv[1]), time.monotonic() + float(sys.argv[2])
while time.monotonic() < end and os.getppid() == parent:
    for _ in range(100_000):
        pass
"""


@dataclass(frozen=True)
class Run:
    """One run of a gate: `code` is None if it was ended after LIMIT_S, `last` the verdict's line.

    load_average: of the last minute, at the end of the run: a calm run is one only if no others work on the machine.
    """

    gate: str
    number: int
    workers: int
    loaded: bool
    code: int | None
    seconds: float
    load_average: float
    last: str

    @property
    def right(self) -> bool:
        """Return True for GO, and for INVALID under CPU load."""
        return self.code == 0 or (self.loaded and self.code == 11)


def counts(text: str) -> dict[str, int]:
    """Return the runs of each gate from "smoke=50,load=15". Raises argparse.ArgumentTypeError otherwise."""
    asked: dict[str, int] = {}
    for part in text.split(","):
        gate, _, number = part.partition("=")
        if gate not in GATES or gate in asked or re.fullmatch(r"[1-9][0-9]{0,3}", number) is None:
            message = f"expected GATE=NUMBER, each of {', '.join(GATES)} at most once, got {part!r}"
            raise argparse.ArgumentTypeError(message)
        asked[gate] = int(number)
    return asked


def command(gate: str, workers: int, reports: Path) -> list[str]:
    """Return the command of one run."""
    if gate == "load":
        arguments = ["-f", "locustfiles/smoke.py", "--env", "embedded", "--short", "--headless"]
        return [str(BIN / "locust"), *arguments, "--reports", str(reports)]
    processes = ["-n", str(workers)] if workers > 1 else []
    return [str(BIN / "pytest"), "-m", gate, "--env", "embedded", *processes, f"--reports={reports}"]


@contextlib.contextmanager
def cpu_load(burners: int) -> Iterator[None]:
    """Keep `burners` processes computing inside the block. Ends exactly those processes."""
    line = [sys.executable, "-c", BURNER, str(os.getpid()), str(LIMIT_S + GRACE_S)]
    running = [subprocess.Popen(line) for _ in range(burners)]
    try:
        yield
    finally:
        for process in running:
            process.kill()
        for process in running:
            process.wait()


@contextlib.contextmanager
def locked(path: Path | None) -> Iterator[None]:
    """Hold the exclusive lock of the file inside the block. Does nothing without a file."""
    if path is None:
        yield
        return
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def one_run(gate: str, number: int, burners: int, keep: Path) -> Run:
    """Run the gate once. Keep reports and output in keep/GATE-NUMBER if it was not GO."""
    loaded, workers = number % 2 == 0, 1 if gate == "load" or (number - 1) // 2 % 2 == 0 else 2
    folder = keep / f"{gate}-{number}"
    folder.mkdir(parents=True)
    output = folder / "output.txt"
    with cpu_load(burners if loaded else 0), output.open("wb") as file:
        started = time.monotonic()
        process = subprocess.Popen(
            command(gate, workers, folder / "reports"),
            cwd=PROJECT,
            env=VARIABLES,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        code: int | None = None
        try:
            code = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            pass
        finally:
            end(process)
        seconds = time.monotonic() - started
    lines = output.read_text(errors="replace").split("\n")
    last = next((line for line in lines[::-1] if line), "")
    run = Run(gate, number, workers, loaded, code, round(seconds, 1), round(os.getloadavg()[0], 1), last)
    if code == 0:
        shutil.rmtree(folder)
    return run


def end(process: subprocess.Popen[bytes]) -> None:
    """Send SIGTERM to a run that has not ended, so that it stops its pair, and SIGKILL after GRACE_S."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def show(run: Run, keep: Path, tail: int) -> None:
    """Print the line of one run, and the last lines of its output if it was not GO."""
    state = "CPU load" if run.loaded else "calm"
    code = "none" if run.code is None else str(run.code)
    figures = f"-n {run.workers} {code:>5} {run.seconds:8.1f} s  load {run.load_average:4.1f}"
    print(f"{run.gate:10} {run.number:4} {state:9} {figures}  {run.last[:90]}")
    if run.code != 0:
        folder = keep / f"{run.gate}-{run.number}"
        for line in (folder / "output.txt").read_text(errors="replace").splitlines()[-tail:]:
            print(f"    | {line}")
        print(f"    kept: {folder}")
    sys.stdout.flush()


def summary(asked: dict[str, int], runs: list[Run]) -> dict[str, object]:
    """Print the table of all runs. Return the same figures, by gate and CPU load."""
    columns = f"{'gate':10} {'machine':9} {'runs':>5} {'asked':>6} {'exit codes':20} {'median s':>9} {'longest s':>10}"
    columns += f" {'load average':>13}"
    print(f"\n{columns}")
    figures: dict[str, object] = {}
    for gate, number in asked.items():
        for loaded in (False, True):
            part = [run for run in runs if run.gate == gate and run.loaded == loaded]
            wanted = number // 2 if loaded else number - number // 2
            codes = collections.Counter("none" if run.code is None else str(run.code) for run in part)
            seconds = [run.seconds for run in part]
            median, longest = (statistics.median(seconds), max(seconds)) if seconds else (0.0, 0.0)
            average = round(statistics.mean(run.load_average for run in part), 1) if part else 0.0
            text = ", ".join(f"{code}: {count}" for code, count in sorted(codes.items()))
            state = "CPU load" if loaded else "calm"
            print(
                f"{gate:10} {state:9} {len(part):5} {wanted:6} {text:20} {median:9.1f} {longest:10.1f} {average:13.1f}"
            )
            figures[f"{gate} {state}"] = {
                "runs": len(part),
                "asked": wanted,
                "codes": dict(codes),
                "median_s": round(median, 1),
                "longest_s": longest,
                "load_average": average,
            }
    return figures


def interrupted(*_: object) -> None:
    """Turn SIGTERM into KeyboardInterrupt, so that the gate and the burners are ended."""
    raise KeyboardInterrupt


def main() -> None:
    """Make the runs, print them, and exit with 1 if one was wrong or is missing."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=counts, default=counts(DEFAULT), metavar="GATE=N,…")
    parser.add_argument("--burners", type=int, default=os.cpu_count() or 1, metavar="N")
    parser.add_argument("--minutes", type=float, default=float("inf"), metavar="N")
    parser.add_argument("--lock", type=Path, metavar="FILE")
    parser.add_argument("--keep", type=Path, metavar="DIR")
    parser.add_argument("--tail", type=int, default=15, metavar="LINES")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, interrupted)
    if options.keep:
        options.keep.mkdir(parents=True, exist_ok=True)
    keep = Path(tempfile.mkdtemp(prefix="honest-runs-", dir=options.keep)).absolute()
    latest_start = time.monotonic() + options.minutes * 60
    runs: list[Run] = []
    with contextlib.suppress(KeyboardInterrupt):
        for gate, number in options.runs.items():
            for index in range(1, number + 1):
                with locked(options.lock):
                    if time.monotonic() > latest_start:
                        break
                    runs.append(one_run(gate, index, options.burners, keep))
                show(runs[-1], keep, options.tail)
    figures = summary(options.runs, runs)
    wrong = [run for run in runs if not run.right]
    missing = sum(options.runs.values()) - len(runs)
    invalid = sum(run.code == 11 and run.right for run in runs)
    print(
        json.dumps(
            {"runs": len(runs), "missing": missing, "invalid_under_load": invalid, "wrong": len(wrong)}
            | {"gates": figures, "wrong_runs": [asdict(run) for run in wrong]}
        )
    )
    sys.exit(1 if wrong or missing else 0)


if __name__ == "__main__":
    main()
