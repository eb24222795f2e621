"""Each way in which a gate run can end, seen from outside: exit code, last line, verdict.json."""

import datetime
import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.gate_runs import GateRun, clean_environment, pytest_command, run_gate
from tests.suite.verdicts.conftest import CHECKS, MANIFEST, MakeProject

from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

HEALTH = "tests/smoke/test_tiny.py::test_health_answers[worker]"
USER = "tests/smoke/test_tiny.py::test_user_is_refused[worker]"
FAILING = CHECKS.replace("expect_status(401)", "expect_status(418)")
BOTH_WAYS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])


def read_only_environment(pair: PairState) -> str:
    """An environment `careful` that may only be read."""
    worker = f'worker = {{ url = "{pair.worker_url}" }}'
    return f'\n[careful]\nsafety = "read-only"\nlegacy = {{ absent = "x" }}\n{worker}\n'


@pytest.fixture
def gate(own_pair: PairState, reports: Path) -> Any:
    """Run the smoke gate of a project on the tests' own pair."""

    def run(project: Path, *arguments: str, env: str | None = "embedded", **variables: str) -> GateRun:
        named = ["--env", env, "--pair", own_pair.name] if env is not None else []
        return run_gate("-m", "smoke", *named, *arguments, reports=reports, project=project, **variables)

    return run


@BOTH_WAYS
def test_all_passed_is_go(gate: Any, make_project: MakeProject, workers: tuple[str, ...]) -> None:
    """0, and the last line says gate, verdict, environment, URL, version and counts."""
    done = gate(make_project(), *workers, "--run-nonce", "n-123")
    assert done.code == 0, done.output
    assert done.last_line.startswith("smoke GO: embedded (http://127.0.0.1:")
    assert "2 of 2 checks passed" in done.last_line
    assert (done.verdict["verdict"], done.verdict["exit_code"], done.verdict["nonce"]) == ("GO", 0, "n-123")
    assert done.verdict["answered_versions"]
    assert done.verdict["could_not_detect"]
    assert {record["check"] for record in done.records} == {HEALTH, USER}
    assert all(exchange["request_id"] for record in done.records for exchange in record["observations"]["exchanges"])


@BOTH_WAYS
def test_one_failed_is_no_go(gate: Any, make_project: MakeProject, workers: tuple[str, ...]) -> None:
    """1, and the failure says what was expected, what came, from whom, and where to read on."""
    done = gate(make_project(FAILING), *workers)
    assert done.code == 1, done.output
    assert "smoke NO-GO" in done.last_line
    for words in (
        "expected  status 418",
        "got       status 401",
        "contracts/operations.toml [user]",
        "docs/runbook.md#",
    ):
        assert words in done.output
    assert done.verdict["gates"][0]["failed"] == [USER]


@BOTH_WAYS
def test_no_environment_is_wrong_usage(gate: Any, make_project: MakeProject, workers: tuple[str, ...]) -> None:
    """4, with the names that there are; an empty --env or CUTOVER_ENV is none."""
    project = make_project()
    for more, variables in (((), {}), (("--env", ""), {}), ((), {"CUTOVER_ENV": ""})):
        done = gate(project, *workers, *more, env=None, **variables)
        assert done.code == 4, done.output
        assert "embedded, local, staging, production, production-accounts, blue, green" in done.output
        assert "Traceback" not in done.output


@BOTH_WAYS
def test_no_environment_by_path_is_wrong_usage(
    make_project: MakeProject, reports: Path, workers: tuple[str, ...]
) -> None:
    """Selected by path and not by marker, a gate asks for its environment all the same."""
    done = run_gate("tests/smoke", *workers, reports=reports, project=make_project())
    assert done.code == 4, done.output
    assert "embedded, local, staging" in done.output


def test_environment_may_come_from_the_variable(gate: Any, make_project: MakeProject, own_pair: PairState) -> None:
    """CUTOVER_ENV and CUTOVER_PAIR stand for the options."""
    done = gate(make_project(), env=None, CUTOVER_ENV="embedded", CUTOVER_PAIR=own_pair.name)
    assert done.code == 0, done.output


@BOTH_WAYS
def test_all_skipped_is_inconclusive(gate: Any, make_project: MakeProject, workers: tuple[str, ...]) -> None:
    """10: nothing failed, nothing was shown."""
    checks = CHECKS.replace('"worker")]', '"worker"), pytest.mark.skip(reason="later")]')
    done = gate(make_project(checks), *workers)
    assert done.code == 10, done.output
    assert "smoke INCONCLUSIVE" in done.last_line
    assert done.verdict["gates"][0]["counts"]["not_verified"] == 2


@pytest.mark.parametrize(
    "marker", ["xfail(reason='known', strict=False)", "xfail(reason='known', strict=True, run=False)"]
)
def test_expected_failure_has_shown_nothing(gate: Any, make_project: MakeProject, marker: str) -> None:
    """10: whether it failed or passed, an xfailed check is not evidence."""
    done = gate(make_project(CHECKS.replace("def test_user", f"@pytest.mark.{marker}\ndef test_user")))
    assert done.code == 10, done.output


@BOTH_WAYS
def test_narrowed_run_is_partial(gate: Any, make_project: MakeProject, workers: tuple[str, ...]) -> None:
    """-k health: 10, "partial", and the names of what did not run."""
    done = gate(make_project(), *workers, "-k", "health")
    assert done.code == 10, done.output
    assert "INCONCLUSIVE (partial)" in done.last_line
    assert done.verdict["gates"][0]["missing"] == [USER]
    assert "-k 'health'" in done.verdict["reasons"][0]


@pytest.mark.parametrize(
    "arguments",
    [
        (f"--deselect={USER}",),
        ("tests/smoke/test_tiny.py::test_health_answers",),
        ("-m", "smoke and not unit", "-k", "health"),
        ("--setup-only",),
        ("--setup-plan",),
        ("--collect-only",),
        ("--stepwise-skip", "-k", "health"),
    ],
)
def test_no_way_to_run_less_is_go(gate: Any, make_project: MakeProject, arguments: tuple[str, ...]) -> None:
    """However a run is narrowed, or its checks' bodies left out, the verdict is not GO."""
    done = gate(make_project(), *arguments)
    assert done.code == 10, done.output


@BOTH_WAYS
def test_removed_check_is_missed_by_name(gate: Any, make_project: MakeProject, workers: tuple[str, ...]) -> None:
    """A check that is gone from its file: 10 and its name."""
    done = gate(make_project(CHECKS[: CHECKS.index("def test_user")]), *workers)
    assert done.code == 10, done.output
    assert USER in done.output
    assert "removed, renamed or unmarked" in done.output


def test_unmarked_check_is_missed(gate: Any, make_project: MakeProject) -> None:
    """A check whose marker is gone is missing, although it still passes under another."""
    checks = CHECKS.replace("pytest.mark.smoke, ", "")
    checks = checks.replace("def test_health", "@pytest.mark.smoke\ndef test_health")
    done = gate(make_project(checks), "tests/smoke")
    assert done.code == 10, done.output
    assert done.verdict["gates"][0]["missing"] == [USER]


@BOTH_WAYS
def test_worker_down_is_invalid(gate: Any, make_project: MakeProject, workers: tuple[str, ...]) -> None:
    """11, after the tries that were allowed, with the address and what to look at; no check was run."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    down = (
        f'\n[down]\nsafety = "read-only"\nworker = {{ url = "http://127.0.0.1:{port}" }}\nlegacy = {{ absent = "x" }}\n'
    )
    project = make_project(environments=down)
    started = time.monotonic()
    done = gate(project, *workers, "--ready-tries", "3", "--ready-interval", "0.1", env="down")
    assert done.code == 11, done.output
    assert "smoke INVALID" in done.last_line
    assert "(1/3)" in done.output
    assert f"127.0.0.1:{port}" in done.verdict["reasons"][0]
    assert done.records == []
    assert time.monotonic() - started < 60


def test_worker_that_goes_down_midway_is_invalid(gate: Any, make_project: MakeProject) -> None:
    """11: a check that cannot reach the system has shown nothing about it."""
    checks = CHECKS.replace(
        'target.call("user").expect_status(401)',
        "from cutover.core.errors import Unreachable\n    raise Unreachable('worker cannot be reached')",
    )
    done = gate(make_project(checks))
    assert done.code == 11, done.output
    assert "cannot be reached" in done.verdict["reasons"][0]


def test_wrong_system_behind_the_address_is_invalid(gate: Any, make_project: MakeProject, own_pair: PairState) -> None:
    """11: Django at the Worker's address is noticed at the first answer."""
    swapped = (
        '\n[swapped]\nsafety = "read-only"\nlegacy = { absent = "x" }\n'
        f'[swapped.worker]\nurl = "{own_pair.legacy_url}"\n'
        'identity = { header = "x-served-by", value = "list-cutter-worker" }\n'
    )
    done = gate(make_project(environments=swapped), "--ready-tries", "1", env="swapped")
    assert done.code == 11, done.output
    assert "list-cutter-django" in done.output


def test_worker_version_is_asked_for_and_proven(gate: Any, make_project: MakeProject, own_pair: PairState) -> None:
    """The version that runs: 0. One that the deployment does not have is ignored by the edge: 11."""
    project = make_project()
    done = gate(project, "--worker-version", own_pair.version_id)
    assert done.code == 0, done.output
    assert done.verdict["answered_versions"] == [own_pair.version_id]
    other = GateRun(*_again(gate, project, "--worker-version", "00000000-0000-0000-0000-000000000000"))
    assert other.code == 11, other.output
    assert "expected version 00000000" in other.output


def _again(gate: Any, project: Path, *arguments: str) -> tuple[int, str, Path]:
    done = gate(project, *arguments)
    return done.code, done.output, done.reports


def waiver(check: str, fingerprint: str, expires: datetime.date, *, environment: str = "embedded") -> str:
    """An entry of waivers.toml."""
    return (
        f'[[waiver]]\ncheck = "{check}"\nenvironment = "{environment}"\nfingerprint = "{fingerprint}"\n'
        f'reason = "known"\nowner = "team"\nexpires = {expires.isoformat()}\n'
    )


def test_waiver_is_honoured_until_it_expires(gate: Any, make_project: MakeProject, reports: Path) -> None:
    """A waived finding is GO; the same waiver a day after its last day is 4, before anything is sent."""
    project = make_project(FAILING)
    fingerprint = gate(project).records[-1]["fingerprint"]
    for folder in list(reports.iterdir()):
        folder.rename(reports.parent / "first")
    today = datetime.datetime.now(datetime.UTC).date()
    (project / "waivers.toml").write_text(waiver(USER, fingerprint, today))
    done = gate(project)
    assert done.code == 0, done.output
    assert "1 waived" in done.last_line
    (project / "waivers.toml").write_text(waiver(USER, fingerprint, today - datetime.timedelta(days=1)))
    expired = gate(project)
    assert expired.code == 4, expired.output
    assert "waivers.toml" in expired.output
    assert "expired" in expired.output


def test_waiver_that_matches_nothing_is_wrong_usage(gate: Any, make_project: MakeProject) -> None:
    """4: its check ran and passed."""
    done = gate(make_project(waivers=waiver(USER, "0" * 12, datetime.date(2100, 1, 1))))
    assert done.code == 4, done.output
    assert "matches no finding" in done.output


def test_waiver_of_what_cannot_be_waived_is_wrong_usage(gate: Any, make_project: MakeProject) -> None:
    """4: loss of data, isolation and identity have no waiver."""
    manifest = MANIFEST.replace('level = "read-only" }', 'level = "read-only", never_waived = "loss of data" }')
    done = gate(make_project(manifest=manifest, waivers=waiver(USER, "0" * 12, datetime.date(2100, 1, 1))))
    assert done.code == 4, done.output
    assert "cannot be waived (loss of data)" in done.output


@pytest.mark.parametrize(
    "arguments",
    [("--noconftest",), ("-p", "no:cutover"), ("--noconftest", "-p", "no:cutover")],
    ids=["noconftest", "no plugin", "neither"],
)
def test_run_without_the_wiring_is_never_go(
    make_project: MakeProject, reports: Path, own_pair: PairState, arguments: tuple[str, ...]
) -> None:
    """Not 0, however conftest and the plugin are left out."""
    project = make_project()
    named = ["-m", "smoke"]
    variables = {"CUTOVER_ENV": "embedded", "CUTOVER_PAIR": own_pair.name}
    done = subprocess.run(
        pytest_command([*named, *arguments]),
        cwd=project,
        env=clean_environment(**variables),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode not in (0, 5), done.stdout
    assert not reports.exists()


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("environments.toml", "[embedded", ["environments.toml", "not valid TOML"]),
        ("waivers.toml", "[[waiver]]\ncheck = 1", ["waivers.toml", "waiver 1.check"]),
        ("manifest.toml", '[smoke]\n"a" = { level = "x" }', ["manifest.toml", "level"]),
        ("contracts/operations.toml", "[health]\nworker = {}", ["operations.toml", "health"]),
    ],
)
def test_broken_configuration_is_one_message(
    gate: Any, make_project: MakeProject, file: str, text: str, words: list[str]
) -> None:
    """4: file, key and fix in one line, and no traceback."""
    project = make_project()
    (project / file).write_text(text)
    done = gate(project)
    assert done.code == 4, done.output
    assert "Traceback" not in done.output
    for word in words:
        assert word in done.output


def test_unknown_environment_and_missing_secret_are_one_message(gate: Any, make_project: MakeProject) -> None:
    """4, before anything is started."""
    project = make_project()
    for env, words in (("stagign", "no environment 'stagign'"), ("staging", "CUTOVER_STAGING_JWT_SECRET is not set")):
        done = gate(project, env=env)
        assert done.code == 4, done.output
        assert words in done.output
        assert "Traceback" not in done.output


def test_crashed_xdist_worker_is_invalid(gate: Any, make_project: MakeProject) -> None:
    """11, and the check that was lost is named."""
    checks = CHECKS.replace('target.call("user").expect_status(401)', "import os\n    os.kill(os.getpid(), 9)")
    done = gate(make_project(checks), "-n", "2")
    assert done.code == 11, done.output
    assert USER in done.verdict["reasons"][0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@BOTH_WAYS
def test_interruption_keeps_the_evidence(
    own_pair: PairState, make_project: MakeProject, reports: Path, number: int, workers: tuple[str, ...]
) -> None:
    """Ctrl-C and SIGTERM: pytest's 2, the records so far, and a last line that is no GO."""
    checks = CHECKS.replace('target.call("user").expect_status(401)', "import time\n    time.sleep(60)")
    project = make_project(checks)
    arguments = ["-m", "smoke", "--env", "embedded", "--pair", own_pair.name, f"--reports={reports}", *workers]
    process = subprocess.Popen(
        pytest_command(arguments), cwd=project, env=clean_environment(), stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and not any(reports.glob("*/evidence.jsonl")):
        time.sleep(0.05)
    (evidence,) = reports.glob("*/evidence.jsonl")
    while time.monotonic() < deadline and HEALTH not in evidence.read_text():
        time.sleep(0.05)
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=30)
    done = GateRun(process.returncode, output, reports)
    assert done.code == 2, output
    assert "smoke TOOL ERROR" in done.last_line
    assert HEALTH in evidence.read_text()
    assert done.verdict["exit_code"] == 2


def test_killed_run_leaves_invalid(own_pair: PairState, make_project: MakeProject, reports: Path) -> None:
    """kill -9 midway: verdict.json says INVALID, not the word of an earlier run."""
    checks = CHECKS.replace('target.call("user").expect_status(401)', "import os\n    os.kill(os.getpid(), 9)")
    done = run_gate(
        "-m", "smoke", "--env", "embedded", "--pair", own_pair.name, reports=reports, project=make_project(checks)
    )
    assert done.code not in (0, 1)
    assert (done.verdict["verdict"], done.verdict["exit_code"]) == ("INVALID", 11)
    assert [record["check"] for record in done.records] == [HEALTH]


@pytest.mark.parametrize("status", [401, 418], ids=["otherwise GO", "otherwise NO-GO"])
def test_evidence_that_cannot_be_written_is_invalid(
    own_pair: PairState, make_project: MakeProject, reports: Path, status: int
) -> None:
    """A full disk (here: a limit on the size of files) is 11 with the file's name; never 0, never a traceback."""
    import resource

    project = make_project(CHECKS.replace("401", str(status)))
    done = subprocess.run(
        pytest_command(["-m", "smoke", "--env", "embedded", "--pair", own_pair.name, f"--reports={reports}"]),
        cwd=project,
        env=clean_environment(PYTHONDONTWRITEBYTECODE="1", PYTHONPYCACHEPREFIX="/nonexistent"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (600, 600)),
    )
    assert done.returncode == 11, done.stdout
    assert "could not be written" in done.stdout
    assert "Traceback" not in done.stdout


def test_reports_folder_that_cannot_be_made_is_invalid(gate: Any, make_project: MakeProject, reports: Path) -> None:
    """11: without evidence there is no GO."""
    reports.write_text("a file where the folder should be")
    done = gate(make_project())
    assert done.code == 11, done.output
    assert "could not be written" in done.output


def test_above_the_safety_level_is_not_run_and_not_verified(
    gate: Any, make_project: MakeProject, own_pair: PairState
) -> None:
    """A check that needs more than the environment allows is listed, and the verdict is INCONCLUSIVE."""
    checks = CHECKS.replace("def test_user", '@pytest.mark.level("test-data")\ndef test_user')
    careful = read_only_environment(own_pair)
    done = gate(make_project(checks, environments=careful), env="careful")
    assert done.code == 10, done.output
    assert done.verdict["gates"][0]["not_verified"] == [USER]
    assert "allows read-only" in done.output


def test_write_above_the_level_is_not_sent(gate: Any, make_project: MakeProject, own_pair: PairState) -> None:
    """A check that forgot to say its level is held back by the client: not verified, nothing sent."""
    checks = CHECKS.replace(
        'target.call("user").expect_status(401)', 'target.call("login", fields={"username": "x", "password": "y"})'
    )
    careful = read_only_environment(own_pair)
    done = gate(make_project(checks, environments=careful), env="careful")
    assert done.code == 10, done.output
    (record,) = [record for record in done.records if record["check"] == USER]
    assert record["observations"]["exchanges"] == []


def test_kill_switch_stops_the_run(gate: Any, make_project: MakeProject) -> None:
    """11, and nothing is sent."""
    project = make_project()
    (project / "STOP").touch()
    done = gate(project, "--ready-tries", "1")
    assert done.code == 11, done.output
    assert "kill switch" in done.output


def test_step_summary_is_appended_and_escaped(gate: Any, make_project: MakeProject, tmp_path: Path) -> None:
    """GitHub's summary gets the verdict and the failed check, with what came from a server escaped."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    checks = CHECKS.replace(
        'target.call("user").expect_status(401)', 'raise AssertionError("<img src=x> | [link](https://evil.example)")'
    )
    done = gate(make_project(checks), GITHUB_STEP_SUMMARY=str(summary))
    assert done.code == 1
    text = summary.read_text()
    assert text.startswith("before\n")
    assert "smoke: NO-GO" in text
    assert "<img" not in text
    assert "[link]" not in text


def test_unlisted_check_is_said_to_be_unlisted(gate: Any, make_project: MakeProject) -> None:
    """A new check that the manifest does not list runs and counts, and the terminal says that it is unlisted."""
    manifest = "\n".join(line for line in MANIFEST.splitlines() if "user_is_refused" not in line)
    done = gate(make_project(FAILING, manifest=manifest))
    assert done.code == 1, done.output
    assert "not in manifest.toml" in done.output
