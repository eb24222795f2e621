"""Disturb a running load generator: the faults of load.toml that are not the target's.

    python reference/faults/load/generator.py NAME PID [--control]

Signals go only to that process. The control sends SIGCONT at the same times, which a running
process does not notice. The program ends when the process has ended or the fault is done.
"""

import argparse
import os
import signal
import sys
import time
import tomllib
from contextlib import suppress
from pathlib import Path

LIST = Path(__file__).parent.parent / "load.toml"


def starve(pid: int, *, stopped_s: float, running_s: float, planted: bool) -> None:
    """Stop and continue the process in turn until it ends, like a machine without free CPU time."""
    try:
        while True:
            os.kill(pid, signal.SIGSTOP if planted else signal.SIGCONT)
            time.sleep(stopped_s)
            os.kill(pid, signal.SIGCONT)
            time.sleep(running_s)
    except ProcessLookupError:
        return
    finally:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def send(pid: int, *, name: str, after_s: float, planted: bool) -> None:
    """Send one signal after a delay."""
    time.sleep(after_s)
    try:
        os.kill(pid, signal.Signals[name] if planted else signal.SIGCONT)
    except ProcessLookupError:
        sys.exit(f"generator: process {pid} had ended before")


ACTIONS = {"starve": starve, "send": send}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="a fault of load.toml")
    parser.add_argument("pid", type=int, help="of the generator, or of one of its workers")
    parser.add_argument("--control", "--neutral", action="store_true", help="run the control, which changes nothing")
    arguments = parser.parse_args()
    entries = {entry["name"]: entry for entry in tomllib.loads(LIST.read_text("utf-8"))["fault"]}
    entry = entries.get(arguments.name)
    if entry is None or entry["on"] != "generator":
        sys.exit(f"generator: {arguments.name} is not a fault of the generator")
    if arguments.pid <= 1:
        sys.exit("generator: the process must be named by its id")
    ACTIONS[entry["mode"]](arguments.pid, planted=not arguments.control, **entry["parameters"])


if __name__ == "__main__":
    main()
