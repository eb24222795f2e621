"""Every program of the suite prints its help."""

import contextlib
import io
import re
import subprocess
import sys

import pytest

from cutover.cli import main
from cutover.config.validation import root

pytestmark = pytest.mark.unit


def help_of(*words: str) -> str:
    """Return the help of a `cutover` command."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return text.getvalue()


def commands_of(*words: str) -> list[tuple[str, ...]]:
    """Return a command and all commands below it."""
    listed = help_of(*words).partition("positional arguments:")[2].partition("\noptions:")[0]
    names = re.findall(r"^    ([a-z]+)(?: |$)", listed, re.MULTILINE)
    return [words, *(found for name in names for found in commands_of(*words, name))]


def test_every_command_prints_its_help() -> None:
    """A per cent sign in a help text is escaped, or argparse raises an exception."""
    found = commands_of()
    assert ("parity", "replay") in found
    assert len(found) > 10


def test_pytest_prints_its_help() -> None:
    """The options of the gates are listed."""
    command = [sys.executable, "-m", "pytest", "--help"]
    done = subprocess.run(command, cwd=root(), capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert "--worker-version" in done.stdout
