"""The parity gate seen from outside: honest systems, declarations that do not hold, one system under two addresses."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.gate_runs import GateRun, clean_environment, run_gate

from cutover.config.manifest import CLOSING
from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

JOURNEY = "tests/parity/test_journeys.py::test_journey_differs_only_as_declared[{}]"
ENTRY = """
[[accepted]]
operations = ["{operation}"]
path = "{path}"
class = "missing"
legacy = "text"
reason = "written by a test"
owner = "nobody"
expires = {expires}
"""
ONE_SYSTEM = """
[one-system]
safety = "disposable"
local_runtime = true
absent = {{ names = "loopback", http2 = "plain http" }}
worker = {{ url = "{worker}", name = "list-cutter", identity = {{ header = "x-served-by", value = "{identity}" }} }}
legacy = {{ url = "{legacy}", identity = {{ header = "x-served-by", value = "list-cutter-django" }} }}
budget = {{ requests = 60000, window_s = 60 }}
readiness = {{ tries = 3, interval_s = 0.25 }}
kv_propagation_s = 5
"""


def _project(folder: Path, *, acceptances: str = "", environments: str = "") -> Path:
    """This project's parity gate in a folder of its own, with more acceptances or environments."""
    project = folder / "project"
    for name in ("contracts", "tests/parity"):
        shutil.copytree(root() / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml", "manifest.toml", "waivers.toml", "environments.toml"):
        shutil.copy(root() / name, project)
    with (project / "environments.toml").open("a") as file:
        file.write(environments)
    with (project / "contracts/accepted_differences.toml").open("a") as file:
        file.write(acceptances)
    return project


def _parity(done: GateRun) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((done.folder / "parity.json").read_text())
    return data


def _line_of(project: Path, path: str) -> int:
    """The line on which the last entry begins that names the path."""
    lines = (project / "contracts/accepted_differences.toml").read_text().splitlines()
    at = max(number for number, line in enumerate(lines) if path in line)
    return max(number for number, line in enumerate(lines[:at], 1) if line == "[[accepted]]")


def test_honest_pair_is_go_with_its_coverage(own_pair: PairState, reports: Path) -> None:
    """Exit 0, every required combination shown on the terminal, report written, nothing left in either database."""
    done = run_gate("-n", "2", "-m", "parity", "--env", "embedded", "--pair", own_pair.name, reports=reports)
    assert done.code == 0, done.output
    assert done.last_line.startswith("parity GO: embedded")
    required = [cell for cell in _parity(done)["coverage"] if cell["required"]]
    assert f"coverage: {len(required)} of {len(required)} required combinations" in done.output
    entries = [row for row in (*_parity(done)["acceptances"], *_parity(done)["noise"]) if row["seen"]]
    assert f", {len(entries)} accepted differences" in done.last_line
    assert all(cell["seen"] for cell in required)
    assert done.verdict["leftovers"] == []
    page = (done.folder / "parity.html").read_text()
    assert "http://" not in page.replace(own_pair.worker_url, "").replace(own_pair.legacy_url, "")


def test_stale_and_too_broad_acceptances_fail_and_name_their_lines(
    own_pair: PairState, tmp_path: Path, reports: Path
) -> None:
    """One that is not there any more, and one that names an operation more than showed it: NO-GO with both lines."""
    text = ENTRY.format(operation="login", path="/user/nickname", expires="2099-12-31")
    project = _project(tmp_path, acceptances=text)
    file = project / "contracts/accepted_differences.toml"
    broad = 'operations = ["download"]\npath = "header:content-disposition/fallback"'
    assert broad in file.read_text()
    file.write_text(file.read_text().replace(broad, broad.replace('["download"]', '["download", "export"]')))
    done = run_gate(
        "-n", "2", "-m", "parity", "--env", "embedded", "--pair", own_pair.name, reports=reports, project=project
    )
    assert done.code == 1, done.output
    assert done.verdict["gates"][0]["failed"] == [CLOSING["parity"][1]]
    for path, state in (("/user/nickname", "stale"), ("header:content-disposition/fallback", "too broad")):
        assert f"contracts/accepted_differences.toml:{_line_of(project, path)} is {state}" in done.output
        assert [row["state"] for row in _parity(done)["acceptances"] if row["path"] == path] == [state]


def test_expired_acceptance_ends_with_4_and_names_its_line(own_pair: PairState, tmp_path: Path, reports: Path) -> None:
    """Nothing is compared by a file that holds what nobody decided again."""
    project = _project(tmp_path, acceptances=ENTRY.format(operation="login", path="/x", expires="2026-01-31"))
    named = ("-m", "parity", "--env", "embedded", "--pair", own_pair.name)
    done = run_gate(*named, JOURNEY.format("cut_by_columns"), reports=reports, project=project)
    assert done.code == 4, done.output
    assert f"line {_line_of(project, '/x')} accepted.expires" in done.output
    assert "expired on 2026-01-31" in done.output
    assert "Traceback" not in done.output


@pytest.mark.parametrize("identity", ["list-cutter-worker", "list-cutter-django"])
def test_one_system_under_two_addresses_is_invalid(
    own_pair: PairState, tmp_path: Path, reports: Path, identity: str
) -> None:
    """A Worker that in truth is Django: found by who answers, and where that deceives by its accounts."""
    worker = own_pair.legacy_url.replace("127.0.0.1", "localhost")
    table = ONE_SYSTEM.format(worker=worker, legacy=own_pair.legacy_url, identity=identity)
    project = _project(tmp_path, environments=table)
    operations = project / "contracts/operations.toml"
    if identity == "list-cutter-django":  # so that it answers as a Worker would, its routes are the Worker's
        lines = operations.read_text().splitlines()
        legacy = ""
        for number in range(len(lines) - 1, -1, -1):
            if lines[number].startswith("legacy = "):
                legacy = lines[number].removeprefix("legacy = ")
            elif lines[number].startswith("worker = ") and "absent" not in legacy:
                lines[number] = f"worker = {legacy}"
        operations.write_text("\n".join(lines) + "\n")
    named = ("-m", "parity", "--env", "one-system", JOURNEY.format("cut_by_columns"))
    done = run_gate(*named, reports=reports, project=project)
    assert done.code == 11, done.output
    assert "INVALID" in done.last_line


def test_defect_of_three_steps_is_reported_with_three(own_pair: PairState, reports: Path) -> None:
    """Found among 262 steps, told in the three that it takes, with a curl command for each system and no secret."""
    pair.serve(own_pair.name, "worker", "upload-tags-export", "planted")
    try:
        named = ("-m", "parity", "--env", "embedded", "--pair", own_pair.name)
        done = run_gate(*named, JOURNEY.format("three_things_in_every_order"), reports=reports)
    finally:
        pair.serve(own_pair.name, "worker", None)
    assert done.code == 1, done.output
    (found,) = (row for row in _parity(done)["differences"] if row["decision"] == "undeclared")
    steps = found["reproduction"]["steps"]
    assert [step.split()[1] for step in steps] == ["upload", "tags", "export"]
    assert found["reproduction"]["legacy"].startswith("curl ")
    assert "${ANN_ACCESS_TOKEN}" in found["reproduction"]["worker"]
    assert f"in 3 steps: {steps[0]}" in done.output
    assert done.verdict["reasons"] == [cause["line"] for cause in _parity(done)["causes"]]


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (["learn", "--rounds=1", "--journey=cut_by_columns"], None),
        (["explore", "--journeys=1", "--seed=1"], None),
        (["explore", "--journeys=4", "--seed=1"], "total-with-fraction"),
    ],
    ids=["learn", "explore", "NO-GO"],
)
def test_command_without_written_verdict_is_invalid(
    own_pair: PairState, reports: Path, command: list[str], fault: str | None
) -> None:
    """A command whose final verdict.json cannot be written ends with 11, whatever it found."""
    pair.serve(own_pair.name, "worker", fault)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "cutover.cli", "parity", *command, "--env=embedded", f"--pair={own_pair.name}",
             f"--reports={reports}"],
            cwd=root(), env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        while not (unfinished := list(reports.glob("*/verdict.json"))):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        unfinished[0].unlink()
        unfinished[0].mkdir()  # not even root can replace a folder that is not empty
        (unfinished[0] / "file").touch()
        output, _ = process.communicate(timeout=120)
    finally:
        pair.serve(own_pair.name, "worker", None)
    assert process.returncode == 11, output
    last_line = output.rstrip().rpartition("\n")[2]
    assert last_line.startswith(f"parity {command[0]} INVALID")
    assert "evidence could not be written" in output
