"""Signals while a process starts: exit code 2 and one line, before and after pytest takes over."""

import os
import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.unit

START = """
import time
from cutover.run import signals
signals.end_at_once()
{more}
try:
    print("ready", flush=True)
    time.sleep(20)
except KeyboardInterrupt:
    raise SystemExit(7) from None
"""
COMMAND = (
    "import sys, time; from cutover import cli; sys.argv[1:] = ['manifest']; "
    "cli._run = lambda _: (print('ready', flush=True), time.sleep(20)); sys.exit(cli.main())"
)
ENDINGS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])


def ended(program: str, number: int) -> tuple[int, str]:
    """Start the program, send it the signal when it is ready, and return its exit code and its last lines."""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        output, _ = process.communicate(timeout=15)
        return process.returncode, output


@ENDINGS
def test_signal_during_the_start_ends_with_2(number: int) -> None:
    """One line and no traceback."""
    code, output = ended(START.format(more=""), number)
    assert (code, output) == (2, "interrupted during the start, before anything was sent\n")


@ENDINGS
def test_signal_after_the_start_is_an_interrupt(number: int) -> None:
    """The run concludes by itself."""
    code, output = ended(START.format(more="signals.interrupt_on_signals()"), number)
    assert code == 7, output


@ENDINGS
def test_signal_ends_a_command_with_2(number: int) -> None:
    """Each `cutover` command, also one without a run."""
    code, output = ended(COMMAND, number)
    assert code == 2, output
    assert output.splitlines()[-1] == "interrupted"


@pytest.mark.parametrize(
    ("error", "code"), [("RuntimeError('x')", 3), ("KeyboardInterrupt", 2), ("SystemExit(10)", 10)]
)
def test_uncaught_exception_is_no_verdict(error: str, code: int) -> None:
    """Python's 1 would mean NO-GO."""
    program = f"from cutover.run import signals; signals.end_with_meaning(); print('ready', flush=True); raise {error}"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert ("Traceback" in done.stderr) == (code == 3)
