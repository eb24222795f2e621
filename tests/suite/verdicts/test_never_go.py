"""Command lines, variables, signals and edits of judging files that must not end with 0 (never_go_rows.py).

One row of each kind runs always, all of them with CUTOVER_SENSITIVITY=full.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import GateRun, clean_environment
from tests.suite.support.load_runs import Target, load_project, target
from tests.suite.support.never_go_rows import ROWS, RUNS, Row
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.config.validation import root

pytestmark = pytest.mark.verdicts

FULL = os.environ.get("CUTOVER_SENSITIVITY") == "full"
RUN_BEGAN = "verdict.json"
BIN = Path(sys.executable).parent


def chosen() -> list[Row]:
    """Return all rows, or the first of each program and kind."""
    first: dict[tuple[str, str], Row] = {}
    for row in ROWS:
        first.setdefault((row.program, row.kind), row)
    return ROWS if FULL else list(first.values())


@pytest.fixture(scope="module")
def system() -> Generator[Target]:
    """A running target of load runs."""
    with target() as up:
        yield up


@pytest.fixture
def project(project_factory: ProjectFactory, system: Target, tmp_path: Path) -> Path:
    """A project with two smoke checks, the locustfiles, and the target as an environment. All runs of RUNS are GO."""
    made = project_factory()
    loads = load_project(tmp_path / "load", system.url)
    for name in ("gates.toml", "load.toml", "environments.toml"):
        shutil.copy(loads / name, made)
    shutil.copytree(root() / "locustfiles", made / "locustfiles", ignore=shutil.ignore_patterns("__pycache__"))
    with (made / "pyproject.toml").open("a") as file:
        file.write("\n[tool.locust]\nheadless = true\n")
    return made


def edit(project: Path, name: str, old: str | None, new: str | None) -> None:
    """Change a file of the project. The text must be in it."""
    file = project / name
    if new is None or new in ("FIFO", "FOLDER"):
        file.unlink()
        if new is not None:
            os.mkfifo(file) if new == "FIFO" else file.mkdir()
    elif old is None:
        file.write_text(new)
    else:
        text = file.read_text()
        assert old in text, f"{name} does not contain {old!r}"
        file.write_text(text.replace(old, new))


def command(row: Row, pair: str, reports: Path) -> list[str]:
    """Return the command line of a row."""
    whole, more = RUNS[row.program], row.more
    if more.startswith("="):
        whole, more = more[1:], ""
    words = shlex.split(f"{whole} {more}".format(pair=pair))
    if row.program != "cutover" and not any(word.startswith("--reports") for word in words):
        words.append(f"--reports={reports}")
    if row.program == "pytest":
        return [sys.executable, "-m", "pytest", *words]
    return [str(BIN / row.program), *words]


def run_row(row: Row, project: Path, request: pytest.FixtureRequest, reports: Path) -> GateRun:
    """Apply the edits, run the command, and send the signal. A pair is started only for rows that name it."""
    needed = row.program == "pytest" and ("{pair}" in row.more or not row.more.startswith("="))
    pair = request.getfixturevalue("own_pair").name if needed else ""
    for name, old, new in row.edits:
        edit(project, name, old, new)
    variables = {"CUTOVER_ROOT": str(project), **row.variables}
    if row.program == "pytest" or row.more == "= manifest":  # the first takes its folder, the second this project
        del variables["CUTOVER_ROOT"]
    process = subprocess.Popen(
        command(row, pair, reports), cwd=project if row.more != "= manifest" else root(),
        env=clean_environment(**variables), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    with process:
        if row.signal:
            time.sleep(row.at_s)  # the moment is what the row is about
            process.send_signal(signal.Signals[row.signal])
        try:
            output, _ = process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            process.kill()
            output, _ = process.communicate()
            raise AssertionError(f"did not end within 60 s:\n{output}") from None
    return GateRun(process.returncode, output, reports)


@pytest.mark.parametrize("program", RUNS)
def test_unchanged_run_is_go(program: str, project: Path, request: pytest.FixtureRequest, reports: Path) -> None:
    """The control of the rows: without the change the exit code is 0."""
    done = run_row(Row(program, "control", "", (0,)), project, request, reports)
    assert done.code == 0, done.output


@pytest.mark.parametrize("row", chosen(), ids=lambda row: row.name)
def test_row_never_ends_with_zero(row: Row, project: Path, request: pytest.FixtureRequest, reports: Path) -> None:
    """The exit code and the message are right, without a traceback. A run that began ends with its verdict."""
    done = run_row(row, project, request, reports)
    assert 0 not in row.codes
    assert done.code in row.codes, done.output
    assert row.says in done.output, done.output
    assert "Traceback" not in done.output or row.codes == (3,), done.output
    assert " GO:" not in done.last_line, done.output
    began = [folder for folder in reports.glob("*") if (folder / RUN_BEGAN).is_file()] if reports.is_dir() else []
    if began and row.signal != "SIGKILL" and row.codes != (3,):
        assert done.verdict["exit_code"] == done.code, done.output
        assert done.last_line.endswith(f"exit {done.code}"), done.output
