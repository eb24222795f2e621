"""The contract gate from outside: what drawn requests find, how it is told, waived, repeated and kept within limits.

The run of five minutes under the plan's limiter is made with CUTOVER_LONG=1 only.
"""

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.gate_runs import GateRun, run_gate
from tests.suite.verdicts.hostile_servers import Answer, closes, garbage, hangs, redirects_to, server, something_else

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
    """This project's contract gate in a folder of its own, with one more environment."""
    project = folder / "project"
    for name in ("contracts", "tests/contract"):
        shutil.copytree(root() / name, project / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml", "manifest.toml", "environments.toml"):
        shutil.copy(root() / name, project)
    (project / "waivers.toml").write_text(waivers)
    if environment:
        told = {"identity": "", "safety": "disposable", "requests": 60000, "window": 60, "timeout": 0.5, **environment}
        with (project / "environments.toml").open("a") as file:
            file.write(ENVIRONMENT.format(**told))
    return project


def _contract(done: GateRun) -> dict[str, Any]:
    data: dict[str, Any] = json.loads((done.folder / "contract.json").read_text())
    return data


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (something_else, "undefined-content-type:worker:200 as text/html"),
        (garbage, "answer:worker:broken-answer"),
        (hangs, "answer:worker:no-answer"),
        (closes, "answer:worker:broken-answer"),
    ],
)
def test_what_is_no_worker_is_found_in_bounded_time(answer: Answer, told: str, tmp_path: Path, reports: Path) -> None:
    """NO-GO with a clear finding, one for all operations, and no traceback, however little is answered."""
    with server(answer) as (address, _):
        project = _project(tmp_path, name="hostile", worker=address)
        started = time.monotonic()
        done = run_gate("-m", "contract", "--env", "hostile", CHECKS, reports=reports, project=project)
        taken = time.monotonic() - started
    assert done.code == 1, done.output
    (found,) = [row for row in _contract(done)["findings"] if row["name"] == told]
    assert found["places"]
    assert found["rule"]
    assert "Traceback" not in done.output
    assert taken < 90


@pytest.mark.parametrize(
    ("file", "arguments", "told"),
    [
        ("contracts/known_violations.toml", (), "known_violations.toml: not valid TOML"),
        ("contracts/worker.openapi.yaml", (), "worker.openapi.yaml: is no YAML"),
        ("contracts/own.yaml", (), "own.yaml: is no YAML"),
        ("", ("--contract-minutes=inf",), "--contract-minutes: inf is no time"),
        ("", ("--contract-minutes=nan",), "--contract-minutes: nan is no time"),
        ("", ("--contract-minutes=0",), "--contract-minutes: 0 is no time"),
    ],
)
def test_broken_files_of_the_contract_are_wrong_configuration(
    file: str, arguments: tuple[str, ...], told: str, tmp_path: Path, reports: Path
) -> None:
    """4 and one message, before anything is sent: no fault of the deployment."""
    with server(something_else) as (address, asked):
        project = _project(tmp_path, name="hostile", worker=address)
        if "own" in file:
            with (project / "environments.toml").open("a") as environments:
                environments.write(f'[hostile.contract]\nworker = {{ file = "{file}" }}\n')
        if file:
            with (project / file).open("a") as broken:
                broken.write("\nx: [ = {")
        done = run_gate("-m", "contract", "--env", "hostile", *arguments, reports=reports, project=project)
    assert done.code == 4, done.output
    assert told in done.output
    assert asked == []


def test_something_else_with_an_identity_declared_is_invalid(tmp_path: Path, reports: Path) -> None:
    """Whoever answers without the Worker's header is not held to the Worker's contract."""
    with server(something_else) as (address, asked):
        project = _project(tmp_path, name="hostile", worker=address, identity=IDENTITY)
        done = run_gate("-m", "contract", "--env", "hostile", CHECKS, reports=reports, project=project)
    assert done.code == 11, done.output
    assert {line.split()[1] for line in asked} == {b"/health"}  # nothing was drawn


def test_redirect_elsewhere_is_found_and_not_followed(tmp_path: Path, reports: Path) -> None:
    """A 302 is no status of the contract's; the host that it names gets no request, from no check."""
    with server(something_else) as (elsewhere, asked_there), server(redirects_to(elsewhere)) as (address, _):
        project = _project(tmp_path, name="hostile", worker=address)
        done = run_gate("-m", "contract", "--env", "hostile", CHECKS, reports=reports, project=project)
    assert done.code == 1, done.output
    assert "undefined-status-code:worker:302" in done.output
    assert asked_there == []


def test_read_only_environment_gets_safe_methods_only(tmp_path: Path, reports: Path) -> None:
    """Nothing that could write is drawn there: not for the open operations, not as an undeclared method."""
    with server(something_else) as (address, asked):
        project = _project(tmp_path, name="hostile", worker=address, safety="read-only")
        done = run_gate("-m", "contract", "--env", "hostile", CHECKS, reports=reports, project=project)
    assert done.code == 1, done.output
    assert {line.split()[0] for line in asked} <= {b"GET", b"HEAD", b"OPTIONS"}
    assert len(asked) > 20


def test_one_defect_on_many_operations_is_one_finding_with_a_line_that_shows_it_and_one_waiver(
    own_pair: PairState, tmp_path: Path, reports: Path
) -> None:
    """A header that the errors lost: one fingerprint, its places, a curl line; waived by it, or not at all."""
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
        assert waived.code == 10, waived.output  # narrowed by -k: nothing failed, the rest was not shown
        assert waived.verdict["gates"][0]["failed"] == []
        assert len(waived.verdict["gates"][0]["waived"]) == 3
    finally:
        pair.serve(own_pair.name, "worker", None)


def test_same_requests_come_in_each_run_serial_or_not(own_pair: PairState, tmp_path: Path) -> None:
    """The hash of the sequence is one and the same on one process and on two, and nothing is left behind."""
    some = ("-k", "health or login or delete_filter or upload or linked")
    named = ("-m", "contract", "--env", "embedded", "--pair", own_pair.name, CHECKS, *some)
    hashes = set()
    for number, more in enumerate(((), ("-n", "2"))):
        done = run_gate(*named, *more, reports=tmp_path / f"run-{number}")
        assert done.code == 10, done.output  # -k: partial
        assert done.verdict["leftovers"] == []
        told = re.search(r"^sequence ([0-9a-f]{16}), 0 finding", done.output, re.MULTILINE)
        assert told
        assert told[1] == _contract(done)["sequence"]
        hashes.add(told[1])
    assert len(hashes) == 1


@pytest.mark.parametrize(
    ("requests", "window", "minutes"),
    [
        (100, 6, 0.4),
        pytest.param(
            100, 60, 5, marks=pytest.mark.skipif("CUTOVER_LONG" not in os.environ, reason="takes five minutes")
        ),
    ],
)
def test_budget_is_kept_and_what_was_not_reached_is_named(
    own_pair: PairState, tmp_path: Path, reports: Path, requests: int, window: float, minutes: float
) -> None:
    """No 429, no more than the budget, each operation its share, the rest not verified: 10."""
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
    assert all(row["sent"] <= row["share"] for row in data["operations"].values())
    assert re.search(r"^not reached: worker ", done.output, re.MULTILINE)
    assert "were sent: the budget of this environment and the minutes given allow no more" in done.output
