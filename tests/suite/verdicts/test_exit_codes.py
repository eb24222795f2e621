"""Each way in which a gate run can end: exit code, last line and verdict.json of a pytest process."""

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
from tests.suite.verdicts.conftest import CHECKS, MANIFEST, ProjectFactory

from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

HEALTH = "tests/smoke/test_tiny.py::test_health_answers[worker]"
USER = "tests/smoke/test_tiny.py::test_user_is_refused[worker]"
FAILING = CHECKS.replace("expect_status(401)", "expect_status(418)")
BOTH_WAYS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])


def read_only_environment(pair: PairState) -> str:
    """Return an environment `careful` whose safety level is read-only."""
    worker = f'worker = {{ url = "{pair.worker_url}" }}'
    return f'\n[careful]\nsafety = "read-only"\nlegacy = {{ absent = "x" }}\n{worker}\n'


@pytest.fixture
def gate_runner(own_pair: PairState, reports: Path) -> Any:
    """Return a function that runs the smoke gate of a project on the tests' own pair."""

    def run(project: Path, *arguments: str, env: str | None = "embedded", **variables: str) -> GateRun:
        named = ["--env", env, "--pair", own_pair.name] if env is not None else []
        return run_gate("-m", "smoke", *named, *arguments, reports=reports, project=project, **variables)

    return run


@BOTH_WAYS
def test_all_passed_is_go(gate_runner: Any, project_factory: ProjectFactory, workers: tuple[str, ...]) -> None:
    """The exit code is 0, and the last line has gate, verdict, environment, URL, version and counts."""
    done = gate_runner(project_factory(), *workers, "--run-nonce", "n-123")
    assert done.code == 0, done.output
    assert done.last_line.startswith("smoke GO: embedded (http://127.0.0.1:")
    assert "2 of 2 checks passed" in done.last_line
    assert (done.verdict["verdict"], done.verdict["exit_code"], done.verdict["nonce"]) == ("GO", 0, "n-123")
    assert done.verdict["answered_versions"]
    assert done.verdict["could_not_detect"]
    assert {record["check"] for record in done.records} == {HEALTH, USER}
    assert all(exchange["request_id"] for record in done.records for exchange in record["observations"]["exchanges"])


@BOTH_WAYS
def test_one_failed_is_no_go(gate_runner: Any, project_factory: ProjectFactory, workers: tuple[str, ...]) -> None:
    """The exit code is 1, and the failure states expected, got, source and the runbook heading."""
    done = gate_runner(project_factory(FAILING), *workers)
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
def test_missing_environment_is_a_usage_error(
    gate_runner: Any, project_factory: ProjectFactory, workers: tuple[str, ...]
) -> None:
    """The exit code is 4, with the existing names. An empty --env or CUTOVER_ENV counts as missing."""
    project = project_factory()
    for more, variables in (((), {}), (("--env", ""), {}), ((), {"CUTOVER_ENV": ""})):
        done = gate_runner(project, *workers, *more, env=None, **variables)
        assert done.code == 4, done.output
        assert "embedded, local, staging, production, production-accounts, blue, green" in done.output
        assert "Traceback" not in done.output


@BOTH_WAYS
def test_path_without_environment_is_a_usage_error(
    project_factory: ProjectFactory, reports: Path, workers: tuple[str, ...]
) -> None:
    """A gate that is selected by its path needs an environment too."""
    done = run_gate("tests/smoke", *workers, reports=reports, project=project_factory())
    assert done.code == 4, done.output
    assert "embedded, local, staging" in done.output


def test_environment_from_variables_is_used(
    gate_runner: Any, project_factory: ProjectFactory, own_pair: PairState
) -> None:
    """CUTOVER_ENV and CUTOVER_PAIR replace the options."""
    done = gate_runner(project_factory(), env=None, CUTOVER_ENV="embedded", CUTOVER_PAIR=own_pair.name)
    assert done.code == 0, done.output


@BOTH_WAYS
def test_all_skipped_is_inconclusive(
    gate_runner: Any, project_factory: ProjectFactory, workers: tuple[str, ...]
) -> None:
    """The exit code is 10: nothing failed, but nothing was verified."""
    checks = CHECKS.replace('"worker")]', '"worker"), pytest.mark.skip(reason="later")]')
    done = gate_runner(project_factory(checks), *workers)
    assert done.code == 10, done.output
    assert "smoke INCONCLUSIVE" in done.last_line
    assert done.verdict["gates"][0]["counts"]["not_verified"] == 2


@pytest.mark.parametrize(
    "marker", ["xfail(reason='known', strict=False)", "xfail(reason='known', strict=True, run=False)"]
)
def test_expected_failure_is_inconclusive(gate_runner: Any, project_factory: ProjectFactory, marker: str) -> None:
    """The exit code is 10: an xfailed check is no evidence, whether it failed or passed."""
    done = gate_runner(project_factory(CHECKS.replace("def test_user", f"@pytest.mark.{marker}\ndef test_user")))
    assert done.code == 10, done.output


@BOTH_WAYS
def test_narrowed_run_is_partial(gate_runner: Any, project_factory: ProjectFactory, workers: tuple[str, ...]) -> None:
    """With -k health the exit code is 10, and the verdict is partial and names the missing checks."""
    done = gate_runner(project_factory(), *workers, "-k", "health")
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
def test_narrowed_run_is_never_go(
    gate_runner: Any, project_factory: ProjectFactory, arguments: tuple[str, ...]
) -> None:
    """Any option that runs fewer checks, or skips their bodies, makes the verdict INCONCLUSIVE."""
    done = gate_runner(project_factory(), *arguments)
    assert done.code == 10, done.output


@BOTH_WAYS
def test_removed_check_is_missing_by_name(
    gate_runner: Any, project_factory: ProjectFactory, workers: tuple[str, ...]
) -> None:
    """A check that was removed from its file gives exit code 10 and is named."""
    done = gate_runner(project_factory(CHECKS[: CHECKS.index("def test_user")]), *workers)
    assert done.code == 10, done.output
    assert USER in done.output
    assert "removed, renamed or unmarked" in done.output


def test_unmarked_check_is_missing(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """A check without its gate's marker is missing, even if it runs and passes."""
    checks = CHECKS.replace("pytest.mark.smoke, ", "")
    checks = checks.replace("def test_health", "@pytest.mark.smoke\ndef test_health")
    done = gate_runner(project_factory(checks), "tests/smoke")
    assert done.code == 10, done.output
    assert done.verdict["gates"][0]["missing"] == [USER]


@BOTH_WAYS
def test_worker_down_is_invalid(gate_runner: Any, project_factory: ProjectFactory, workers: tuple[str, ...]) -> None:
    """The exit code is 11 after the allowed tries, with the address. No check is run."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    down = (
        f'\n[down]\nsafety = "read-only"\nworker = {{ url = "http://127.0.0.1:{port}" }}\nlegacy = {{ absent = "x" }}\n'
    )
    project = project_factory(environments=down)
    started = time.monotonic()
    done = gate_runner(project, *workers, "--ready-tries", "3", "--ready-interval", "0.1", env="down")
    assert done.code == 11, done.output
    assert "smoke INVALID" in done.last_line
    assert "(1/3)" in done.output
    assert f"127.0.0.1:{port}" in done.verdict["reasons"][0]
    assert done.records == []
    assert time.monotonic() - started < 60


def test_worker_down_during_the_run_is_invalid(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """The exit code is 11: a check that cannot reach the system proves nothing about it."""
    checks = CHECKS.replace(
        'target.call("user").expect_status(401)',
        "from cutover.core.errors import Unreachable\n    raise Unreachable('worker cannot be reached')",
    )
    done = gate_runner(project_factory(checks))
    assert done.code == 11, done.output
    assert "cannot be reached" in done.verdict["reasons"][0]


def test_django_at_the_workers_address_is_invalid(
    gate_runner: Any, project_factory: ProjectFactory, own_pair: PairState
) -> None:
    """The exit code is 11 from the first response on."""
    swapped = (
        '\n[swapped]\nsafety = "read-only"\nlegacy = { absent = "x" }\n'
        f'[swapped.worker]\nurl = "{own_pair.legacy_url}"\n'
        'identity = { header = "x-served-by", value = "list-cutter-worker" }\n'
    )
    done = gate_runner(project_factory(environments=swapped), "--ready-tries", "1", env="swapped")
    assert done.code == 11, done.output
    assert "list-cutter-django" in done.output


def test_worker_version_is_requested_and_proven(
    gate_runner: Any, project_factory: ProjectFactory, own_pair: PairState
) -> None:
    """The running version gives 0. A version that is not deployed gives 11: the edge ignores the override."""
    project = project_factory()
    done = gate_runner(project, "--worker-version", own_pair.version_id)
    assert done.code == 0, done.output
    assert done.verdict["answered_versions"] == [own_pair.version_id]
    other = GateRun(*_again(gate_runner, project, "--worker-version", "00000000-0000-0000-0000-000000000000"))
    assert other.code == 11, other.output
    assert "expected version 00000000" in other.output


def _again(gate_runner: Any, project: Path, *arguments: str) -> tuple[int, str, Path]:
    done = gate_runner(project, *arguments)
    return done.code, done.output, done.reports


def waiver(check: str, fingerprint: str, expires: datetime.date, *, environment: str = "embedded") -> str:
    """Return an entry of waivers.toml."""
    return (
        f'[[waiver]]\ncheck = "{check}"\nenvironment = "{environment}"\nfingerprint = "{fingerprint}"\n'
        f'reason = "known"\nowner = "team"\nexpires = {expires.isoformat()}\n'
    )


def test_waiver_is_valid_until_its_last_day(gate_runner: Any, project_factory: ProjectFactory, reports: Path) -> None:
    """A waived finding is GO. A day after the waiver's last day the exit code is 4, and nothing is sent."""
    project = project_factory(FAILING)
    fingerprint = gate_runner(project).records[-1]["fingerprint"]
    for folder in list(reports.iterdir()):
        folder.rename(reports.parent / "first")
    today = datetime.datetime.now(datetime.UTC).date()
    (project / "waivers.toml").write_text(waiver(USER, fingerprint, today))
    done = gate_runner(project)
    assert done.code == 0, done.output
    assert "1 waived" in done.last_line
    (project / "waivers.toml").write_text(waiver(USER, fingerprint, today - datetime.timedelta(days=1)))
    expired = gate_runner(project)
    assert expired.code == 4, expired.output
    assert "waivers.toml" in expired.output
    assert "expired" in expired.output


def test_unused_waiver_is_a_usage_error(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """The exit code is 4 if the waiver's check ran and passed."""
    done = gate_runner(project_factory(waivers=waiver(USER, "0" * 12, datetime.date(2100, 1, 1))))
    assert done.code == 4, done.output
    assert "matches no finding" in done.output


def test_forbidden_waiver_is_a_usage_error(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """The exit code is 4: data loss, isolation and identity cannot be waived."""
    manifest = MANIFEST.replace('level = "read-only" }', 'level = "read-only", never_waived = "loss of data" }')
    done = gate_runner(project_factory(manifest=manifest, waivers=waiver(USER, "0" * 12, datetime.date(2100, 1, 1))))
    assert done.code == 4, done.output
    assert "cannot be waived (loss of data)" in done.output


@pytest.mark.parametrize(
    "arguments",
    [("--noconftest",), ("-p", "no:cutover"), ("--noconftest", "-p", "no:cutover")],
    ids=["noconftest", "no plugin", "neither"],
)
def test_run_without_conftest_or_plugin_is_not_go(
    project_factory: ProjectFactory, reports: Path, own_pair: PairState, arguments: tuple[str, ...]
) -> None:
    """The exit code is not 0 if conftest.py or the plugin is disabled."""
    project = project_factory()
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
        ("waivers.toml", "[[waiver]]\ncheck = 1", ["waivers.toml", "waiver 1."]),
        ("manifest.toml", '[smoke]\n"a" = { level = "x" }', ["manifest.toml", "level"]),
        ("contracts/operations.toml", "[health]\nworker = {}", ["operations.toml", "health"]),
    ],
)
def test_broken_configuration_is_one_message(
    gate_runner: Any, project_factory: ProjectFactory, file: str, text: str, words: list[str]
) -> None:
    """The exit code is 4, with file, key and fix, and without a traceback."""
    project = project_factory()
    (project / file).write_text(text)
    done = gate_runner(project)
    assert done.code == 4, done.output
    assert "Traceback" not in done.output
    for word in words:
        assert word in done.output


def test_unknown_environment_or_secret_is_one_message(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """The exit code is 4 before anything is started."""
    project = project_factory()
    for env, words in (("stagign", "no environment 'stagign'"), ("staging", "CUTOVER_STAGING_JWT_SECRET is not set")):
        done = gate_runner(project, env=env)
        assert done.code == 4, done.output
        assert words in done.output
        assert "Traceback" not in done.output


def test_crashed_xdist_worker_is_invalid(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """The exit code is 11, and the lost check is named."""
    checks = CHECKS.replace('target.call("user").expect_status(401)', "import os\n    os.kill(os.getpid(), 9)")
    done = gate_runner(project_factory(checks), "-n", "2")
    assert done.code == 11, done.output
    assert USER in done.verdict["reasons"][0]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@BOTH_WAYS
def test_interruption_keeps_the_evidence(
    own_pair: PairState, project_factory: ProjectFactory, reports: Path, number: int, workers: tuple[str, ...]
) -> None:
    """SIGINT and SIGTERM give pytest's exit code 2, keep the records, and the last line is not GO."""
    checks = CHECKS.replace('target.call("user").expect_status(401)', "import time\n    time.sleep(60)")
    project = project_factory(checks)
    arguments = ["-m", "smoke", "--env", "embedded", "--pair", own_pair.name, f"--reports={reports}", *workers]
    process = subprocess.Popen(
        pytest_command(arguments), cwd=project, env=clean_environment(), stdout=subprocess.PIPE, text=True
    )
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline and not any(reports.glob("*/evidence.jsonl")):
        time.sleep(0.05)
    (evidence,) = reports.glob("*/evidence.jsonl")
    while time.monotonic() < deadline and HEALTH not in evidence.read_text():
        time.sleep(0.05)
    os.kill(process.pid, number)
    output, _ = process.communicate(timeout=90)
    done = GateRun(process.returncode, output, reports)
    assert done.code == 2, output
    assert "smoke TOOL ERROR" in done.last_line
    assert HEALTH in evidence.read_text()
    assert done.verdict["exit_code"] == 2


def test_killed_run_leaves_invalid(own_pair: PairState, project_factory: ProjectFactory, reports: Path) -> None:
    """After kill -9 during a run verdict.json contains INVALID, not an earlier verdict."""
    checks = CHECKS.replace('target.call("user").expect_status(401)', "import os\n    os.kill(os.getpid(), 9)")
    done = run_gate(
        "-m", "smoke", "--env", "embedded", "--pair", own_pair.name, reports=reports, project=project_factory(checks)
    )
    assert done.code not in (0, 1)
    assert (done.verdict["verdict"], done.verdict["exit_code"]) == ("INVALID", 11)
    assert [record["check"] for record in done.records] == [HEALTH]


@pytest.mark.parametrize("status", [401, 418], ids=["otherwise GO", "otherwise NO-GO"])
def test_unwritable_evidence_is_invalid(
    own_pair: PairState, project_factory: ProjectFactory, reports: Path, status: int
) -> None:
    """A full disk (here a limit on file sizes) gives 11 with the file's name, never 0 and no traceback."""
    import resource

    project = project_factory(CHECKS.replace("401", str(status)))
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


def test_unwritable_reports_folder_is_invalid(gate_runner: Any, project_factory: ProjectFactory, reports: Path) -> None:
    """The exit code is 11: there is no GO without evidence."""
    reports.write_text("a file where the folder should be")
    done = gate_runner(project_factory())
    assert done.code == 11, done.output
    assert "could not be written" in done.output


def test_check_above_the_safety_level_is_not_run(
    gate_runner: Any, project_factory: ProjectFactory, own_pair: PairState
) -> None:
    """The check is listed as not verified, and the verdict is INCONCLUSIVE."""
    checks = CHECKS.replace("def test_user", '@pytest.mark.level("test-data")\ndef test_user')
    careful = read_only_environment(own_pair)
    done = gate_runner(project_factory(checks, environments=careful), env="careful")
    assert done.code == 10, done.output
    assert done.verdict["gates"][0]["not_verified"] == [USER]
    assert "allows read-only" in done.output


def test_write_above_the_safety_level_is_not_sent(
    gate_runner: Any, project_factory: ProjectFactory, own_pair: PairState
) -> None:
    """The client refuses the write of a check that did not declare its level. The check is not verified."""
    checks = CHECKS.replace(
        'target.call("user").expect_status(401)', 'target.call("login", fields={"username": "x", "password": "y"})'
    )
    careful = read_only_environment(own_pair)
    done = gate_runner(project_factory(checks, environments=careful), env="careful")
    assert done.code == 10, done.output
    (record,) = [record for record in done.records if record["check"] == USER]
    assert record["observations"]["exchanges"] == []


def test_kill_switch_stops_the_run(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """The exit code is 11, and nothing is sent."""
    project = project_factory()
    (project / "STOP").touch()
    done = gate_runner(project, "--ready-tries", "1")
    assert done.code == 11, done.output
    assert "kill switch" in done.output


def test_step_summary_is_appended_and_escaped(
    gate_runner: Any, project_factory: ProjectFactory, tmp_path: Path
) -> None:
    """GitHub's summary gets the verdict and the failed check. Text from a server is escaped."""
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    checks = CHECKS.replace(
        'target.call("user").expect_status(401)', 'raise AssertionError("<img src=x> | [link](https://evil.example)")'
    )
    done = gate_runner(project_factory(checks), GITHUB_STEP_SUMMARY=str(summary))
    assert done.code == 1
    text = summary.read_text()
    assert text.startswith("before\n")
    assert "smoke: NO-GO" in text
    assert "<img" not in text
    assert "[link]" not in text


def test_unlisted_check_is_reported_as_unlisted(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """A check that is not in the manifest runs and counts, and the terminal says that it is unlisted."""
    manifest = "\n".join(line for line in MANIFEST.splitlines() if "user_is_refused" not in line)
    done = gate_runner(project_factory(FAILING, manifest=manifest))
    assert done.code == 1, done.output
    assert "not in manifest.toml" in done.output


def test_unlisted_check_is_never_go(gate_runner: Any, project_factory: ProjectFactory) -> None:
    """A manifest that lacks a check that ran is not complete: INCONCLUSIVE, although every listed check passed."""
    manifest = "\n".join(line for line in MANIFEST.splitlines() if "user_is_refused" not in line)
    done = gate_runner(project_factory(manifest=manifest))
    assert done.code == 10, done.output
    assert "manifest.toml does not list 1 check(s) that ran: " in done.output


def test_error_in_the_last_steps_is_a_tool_error(project_factory: ProjectFactory, tmp_path: Path) -> None:
    """The exit code is 3, not Python's 1, which means NO-GO; verdict.json and the last line state it."""
    (tmp_path / "broken_report.py").write_text(
        "from cutover.pytest_plugin import gate_conclusion\n\ngate_conclusion._present = None\n"
    )
    done = run_gate(
        "-m", "smoke", "--env", "https://127.0.0.1:9", "--ready-tries", "1", "-p", "broken_report",
        reports=tmp_path / "reports", project=project_factory(),
        PYTHONPATH=f"{tmp_path}:{Path(__file__).parents[3] / 'src'}",
    )  # fmt: skip
    assert done.code == 3, done.output
    assert done.last_line.startswith("smoke TOOL ERROR")
    assert (done.verdict["verdict"], done.verdict["exit_code"]) == ("TOOL ERROR", 3)
