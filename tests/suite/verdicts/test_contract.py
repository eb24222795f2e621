"""Verdicts of the contract gate and of `cutover contract`: findings, waivers, repeatability, budget, configuration.

The run of five minutes under the plan's limiter needs CUTOVER_LONG=1.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.gate_runs import GateRun, clean_environment, run_gate
from tests.suite.verdicts.foreign_servers import (
    Answer,
    closed_connection,
    foreign_page,
    garbage,
    no_response,
    redirect_to,
    server,
)

from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

CHECKS = "tests/contract/test_operations.py"
ENVIRONMENT = """
[{name}]
safety = "{safety}"
local_runtime = true
poses_as_clients = true
absent = {{ names = "loopback", http2 = "plain http" }}
worker = {{ url = "{worker}"{identity} }}
legacy = {{ absent = "not asked here" }}
budget = {{ requests = {requests}, window_s = {window} }}
readiness = {{ tries = 2, interval_s = 0.25 }}
timeout_s = {timeout}
"""
IDENTITY = ', name = "list-cutter", identity = { header = "x-served-by", value = "list-cutter-worker" }'


def _project(folder: Path, *, waivers: str = "", **environment: Any) -> Path:
    """Copy this project's contract gate to a folder, with one more environment."""
    project = folder / "project"
    for name in ("contracts", "tests/contract"):
        shutil.copytree(root() / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml", "manifest.toml", "environments.toml"):
        shutil.copy(root() / name, project)
    (project / "waivers.toml").write_text(waivers)
    if environment:
        values = {
            "identity": "",
            "safety": "disposable",
            "requests": 60000,
            "window": 60,
            "timeout": 0.5,
            **environment,
        }
        with (project / "environments.toml").open("a") as file:
            file.write(ENVIRONMENT.format(**values))
    return project


def _contract(done: GateRun) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((done.folder / "contract.json").read_text())
    return data


@pytest.mark.parametrize(
    ("answer", "finding"),
    [
        (foreign_page, "undefined-content-type:worker:200 as text/html"),
        (garbage, "answer:worker:broken-answer"),
        (no_response, "answer:worker:no-answer"),
        (closed_connection, "answer:worker:broken-answer"),
    ],
)
def test_other_server_is_no_go_in_bounded_time(answer: Answer, finding: str, tmp_path: Path, reports: Path) -> None:
    """A server that is not the Worker is NO-GO with one finding for all operations and without a traceback."""
    with server(answer) as (address, _):
        project = _project(tmp_path, name="hostile", worker=address)
        started = time.monotonic()
        done = run_gate("-m", "contract", "--env", "hostile", CHECKS, reports=reports, project=project)
        taken = time.monotonic() - started
    assert done.code == 1, done.output
    (found,) = [row for row in _contract(done)["findings"] if row["name"] == finding]
    assert found["places"]
    assert found["rule"]
    assert "Traceback" not in done.output
    assert taken < 90


@pytest.mark.parametrize(
    ("file", "arguments", "message"),
    [
        ("contracts/known_violations.toml", (), "known_violations.toml: not valid TOML"),
        ("contracts/worker.openapi.yaml", (), "worker.openapi.yaml: expected YAML or JSON"),
        ("contracts/own.yaml", (), "own.yaml: expected YAML or JSON"),
        ("", ("--contract-minutes=inf",), "--contract-minutes: expected minutes above 0, got inf"),
        ("", ("--contract-minutes=nan",), "--contract-minutes: expected minutes above 0, got nan"),
        ("", ("--contract-minutes=0",), "--contract-minutes: expected minutes above 0, got 0"),
    ],
)
def test_broken_contract_file_is_a_configuration_error(
    file: str, arguments: tuple[str, ...], message: str, tmp_path: Path, reports: Path
) -> None:
    """A broken file or option ends with 4 and one message before any request."""
    with server(foreign_page) as (address, asked):
        project = _project(tmp_path, name="hostile", worker=address)
        if "own" in file:
            with (project / "environments.toml").open("a") as environments:
                environments.write(f'[hostile.contract]\nworker = {{ file = "{file}" }}\n')
        if file:
            with (project / file).open("a") as broken:
                broken.write("\nx: [ = {")
        done = run_gate("-m", "contract", "--env", "hostile", *arguments, reports=reports, project=project)
    assert done.code == 4, done.output
    assert message in done.output
    assert asked == []


def test_identity_mismatch_is_invalid(tmp_path: Path, reports: Path) -> None:
    """A response without the Worker's identity header is INVALID and not checked against the contract."""
    with server(foreign_page) as (address, asked):
        project = _project(tmp_path, name="hostile", worker=address, identity=IDENTITY)
        done = run_gate("-m", "contract", "--env", "hostile", CHECKS, reports=reports, project=project)
    assert done.code == 11, done.output
    assert {line.split()[1] for line in asked} == {b"/health"}  # no generated request was sent


def test_redirect_to_other_host_is_not_followed(tmp_path: Path, reports: Path) -> None:
    """A 302 is a finding, and no check sends a request to the other host."""
    with server(foreign_page) as (elsewhere, asked_there), server(redirect_to(elsewhere)) as (address, _):
        project = _project(tmp_path, name="hostile", worker=address)
        done = run_gate("-m", "contract", "--env", "hostile", CHECKS, reports=reports, project=project)
    assert done.code == 1, done.output
    assert "undefined-status-code:worker:302" in done.output
    assert asked_there == []


def test_read_only_environment_gets_safe_methods_only(tmp_path: Path, reports: Path) -> None:
    """A read-only environment gets only GET, HEAD and OPTIONS, also as undeclared methods."""
    with server(foreign_page) as (address, asked):
        project = _project(tmp_path, name="hostile", worker=address, safety="read-only")
        done = run_gate("-m", "contract", "--env", "hostile", CHECKS, reports=reports, project=project)
    assert done.code == 1, done.output
    assert {line.split()[0] for line in asked} <= {b"GET", b"HEAD", b"OPTIONS"}
    assert len(asked) > 20


def test_one_defect_is_one_finding_and_one_waiver(own_pair: PairState, tmp_path: Path, reports: Path) -> None:
    """A missing header of errors is one finding with its places and a curl command, and one waiver covers it."""
    pair.serve(own_pair.name, "worker", "errors-without-xss-protection", "planted")
    try:
        some = ("-k", "tags or list_filters or no_such")
        named = ("-m", "contract", "--env", "embedded", "--pair", own_pair.name, CHECKS, *some)
        done = run_gate(*named, reports=reports)
        assert done.code == 1, done.output
        (found,) = _contract(done)["findings"]
        assert found["name"] == "missing-headers:worker:without x-xss-protection"
        assert {place["operation"] for place in found["places"]} == {"tags", "list_filters", "no_such_operation"}
        place = next(place for place in found["places"] if place["operation"] == "no_such_operation")
        again = subprocess.run(["bash", "-c", place["curl"]], capture_output=True, text=True, check=True)  # noqa: S607 - in PATH
        assert "x-xss-protection" not in again.stdout.lower()
        assert "404" in again.stdout.splitlines()[0]
        checks = sorted({record["check"].partition("[")[0] for record in done.records if record["status"] == "failed"})
        waivers = "".join(
            f'[[waiver]]\ncheck = "{check}"\nenvironment = "embedded"\nfingerprint = "{found["fingerprint"]}"\n'
            'reason = "r"\nowner = "o"\nexpires = 2100-01-01\n'
            for check in checks
        )
        project = _project(tmp_path, waivers=waivers)
        waived = run_gate(*named, reports=tmp_path / "waived", project=project)
        assert waived.code == 10, waived.output  # narrowed by -k: nothing failed, but the rest was not verified
        assert waived.verdict["gates"][0]["failed"] == []
        assert len(waived.verdict["gates"][0]["waived"]) == 3
    finally:
        pair.serve(own_pair.name, "worker", None)


def test_requests_are_equal_with_one_and_two_processes(own_pair: PairState, tmp_path: Path) -> None:
    """The hash of the sequence is equal with one and with two processes, and no test data remain."""
    some = ("-k", "health or login or delete_filter or upload or linked")
    named = ("-m", "contract", "--env", "embedded", "--pair", own_pair.name, CHECKS, *some)
    hashes = set()
    for number, more in enumerate(((), ("-n", "2"))):
        done = run_gate(*named, *more, reports=tmp_path / f"run-{number}")
        assert done.code == 10, done.output  # -k: partial
        assert done.verdict["leftovers"] == []
        line = re.search(r"^sequence ([0-9a-f]{16}), 0 finding", done.output, re.MULTILINE)
        assert line
        assert line[1] == _contract(done)["sequence"]
        hashes.add(line[1])
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("requests", "window", "minutes"),
    [
        (100, 6, 0.4),
        pytest.param(
            100,
            60,
            5,
            marks=pytest.mark.skipif(
                "CUTOVER_LONG" not in os.environ, reason="The run of five minutes is tested only with CUTOVER_LONG set."
            ),
        ),
    ],
)
def test_budget_is_kept_and_the_rest_is_not_verified(
    own_pair: PairState, tmp_path: Path, reports: Path, requests: int, window: float, minutes: float
) -> None:
    """A tight budget causes no 429, each operation stays within its limit, and the rest is not verified (10)."""
    project = _project(
        tmp_path,
        name="tight",
        worker=own_pair.worker_url,
        identity=IDENTITY,
        requests=requests,
        window=window,
        timeout=30,
    )
    started = time.monotonic()
    done = run_gate(
        "-m", "contract", "--env", "tight", "-n", "2", f"--contract-minutes={minutes}", CHECKS,
        reports=reports, project=project,
    )  # fmt: skip
    taken = time.monotonic() - started
    assert done.code == 10, done.output
    assert done.verdict["rate_limited"] == 0
    assert done.verdict["requests"] <= requests * (taken / window + 1)
    assert taken < minutes * 60 * 1.5 + 15
    data = _contract(done)
    assert data["not_reached"]
    assert all(row["sent"] <= row["limit"] for row in data["operations"].values())
    assert re.search(r"^not reached: worker ", done.output, re.MULTILINE)
    assert "were sent: the request budget of this environment and --contract-minutes allow no more" in done.output


def test_explore_is_invalid_if_its_verdict_is_not_written(own_pair: PairState, reports: Path) -> None:
    """If the final verdict.json cannot be written, `contract explore` is INVALID (11)."""
    command = [
        sys.executable, "-m", "cutover.cli", "contract", "explore", "--env", "embedded", "--pair", own_pair.name,
        "--operation", "health", "--minutes", "0.1", "--reports", str(reports),
    ]  # fmt: skip
    with subprocess.Popen(
        command, cwd=root(), env=clean_environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        deadline = time.monotonic() + 30
        while not (written := list(reports.glob("*/verdict.json"))) and time.monotonic() < deadline:
            time.sleep(0.02)
        (unfinished,) = written
        unfinished.with_name(".verdict.json.partial").mkdir()  # the next write of verdict.json fails
        output, _ = process.communicate(timeout=60)
    assert process.returncode == 11, output
    assert "contract explore INVALID" in output.splitlines()[-1]
    assert json.loads(unfinished.read_text())["exit_code"] == 11
