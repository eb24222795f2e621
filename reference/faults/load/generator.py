"""What can happen to a load generator while it runs: defects of load.toml that are not the target's.

    python reference/faults/load/generator.py NAME PID [--neutral]

Signals go to that one process and to nothing else. The twin sends SIGCONT at the same moments, which a running process
does not notice. It ends when the process has ended, or what was to be done is done.
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
    """Stops and continues it in turn, until it has ended: a machine that has no time for it."""
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
    """One signal after a while."""
    time.sleep(after_s)
    try:
        os.kill(pid, signal.Signals[name] if planted else signal.SIGCONT)
    except ProcessLookupError:
        sys.exit(f"generator: process {pid} had ended before")


ACTIONS = {"starve": starve, "send": send}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="a defect of load.toml")
    parser.add_argument("pid", type=int, help="of the generator, or of one of its workers")
    parser.add_argument("--neutral", action="store_true", help="the twin that changes nothing")
    arguments = parser.parse_args()
    entries = {entry["name"]: entry for entry in tomllib.loads(LIST.read_text("utf-8"))["fault"]}
    entry = entries.get(arguments.name)
    if entry is None or entry["on"] != "generator":
        sys.exit(f"generator: {arguments.name} is no defect of a generator")
    if arguments.pid <= 1:
        sys.exit("generator: the process must be named by its id")
    ACTIONS[entry["mode"]](arguments.pid, planted=not arguments.neutral, **entry["parameters"])


if __name__ == "__main__":
    main()
