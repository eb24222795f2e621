"""An environment without registration, with an account pool: the whole gate runs and leaves nothing behind."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import clean_environment, pytest_command, run_gate
from tests.suite.support.stored_data import all_stored_data, direct_targets, wait_until_settled
from tests.suite.verdicts.conftest import ProjectFactory, SmokeProjectFactory

from cutover.accounts.pool import lease
from cutover.accounts.registered import Account, Accounts
from cutover.core.secrets import Secret
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

GATE = ("-m", "smoke", "--env", "inhabited")
TABLE = """
[inhabited]
safety = "test-data"
local_runtime = true
budget = { requests = 60000, window_s = 60 }
kv_propagation_s = 5
absent = { registration = "closed to strangers", names = "loopback", http2 = "plain http", limiter = "users" }
secrets = { worker_jwt_secret = "W_JWT", legacy_jwt_secret = "L_JWT", r2_access_key_id = "R2_ID", \
r2_secret_access_key = "R2_KEY" }
accounts.worker = [{ username = "FIRST", password = "FIRST_PW" }, { username = "SECOND", password = "SECOND_PW" }]
accounts.legacy = [{ username = "FIRST", password = "FIRST_PW" }, { username = "SECOND", password = "SECOND_PW" }]
"""
CHECKS = '''"""Checks with pool accounts."""

import pytest

from cutover.accounts.registered import Accounts
from cutover.systems.target import Target

pytestmark = [pytest.mark.smoke, pytest.mark.system("worker"), pytest.mark.level("test-data")]


def test_one(target: Target, accounts: Accounts) -> None:
    """One account."""
    account = accounts.new()
    BODY
'''
MANIFEST = '[smoke]\n"tests/smoke/test_tiny.py::test_one[worker]" = { system = "worker", level = "test-data" }\n'
UPLOAD = 'target.call("upload", token=account.access_token, file=("a.csv", b"x\\n1\\n", "text/csv"))'


@pytest.fixture(scope="module")
def inhabited_pair() -> Generator[PairState]:
    """Yield a pair with two users on each system. One has a file with tags. The rate limit is high."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions(rate_limit=(100_000, 60)))
    try:
        found = handle.wait(90)
        with direct_targets(found) as targets:
            for target in targets.values():
                for number, name in enumerate(("first", "second")):
                    made = Accounts(target, "x", None)
                    password = Secret(f"their own password {name}")
                    resident = Account(f"resident-{name}", f"{name}@example.invalid", password)
                    token = made.register(resident).expect_status().secret("access_token")
                    if number == 0:
                        file = ("theirs.csv", b"x,y\n1,2\n", "text/csv")
                        upload = target.call("upload", token=token, file=file).expect_status()
                        path = {"file_id": str(upload.field("file_id"))}
                        target.call("tags", token=token, path=path, fields={"tags": ["kept"]}).expect_status()
        yield found
    finally:
        handle.stop()


def environments(found: PairState) -> str:
    """Return the table with the pair's addresses."""
    worker = 'identity = { header = "x-served-by", value = "list-cutter-worker", version_header = "x-worker-version" }'
    legacy = 'identity = { header = "x-served-by", value = "list-cutter-django" }'
    return (
        f'{TABLE}[inhabited.worker]\nurl = "{found.worker_url}"\n{worker}\n'
        f'[inhabited.legacy]\nurl = "{found.legacy_url}"\n{legacy}\n'
        f'[inhabited.r2]\nendpoint = "{found.s3_url}"\nbucket = "{found.s3_bucket}"\n'
    )


def variables(found: PairState) -> dict[str, str]:
    """Return the variables that the table's secrets name."""
    people = {
        f"{name.upper()}{part}": value
        for name in ("first", "second")
        for part, value in (("", f"resident-{name}"), ("_PW", f"their own password {name}"))
    }
    return {
        **people,
        "W_JWT": found.jwt_secret,
        "L_JWT": found.legacy_secret_key,
        "R2_ID": found.s3_access_key,
        "R2_KEY": found.s3_secret_key,
    }


def durable_data(found: PairState) -> dict[str, object]:
    """Return all that users have (accounts, working passwords, files with their data, objects), without logs."""
    wait_until_settled(found)
    seen = all_stored_data(found)
    with direct_targets(found) as targets:
        for target in targets.values():
            for name in ("first", "second"):
                fields = {"username": f"resident-{name}", "password": f"their own password {name}"}
                login = target.call("login", fields=fields).expect_status()
                files = target.call("list_files", token=login.secret("access_token")).expect_status()
                seen[f"{target.system} {name}"] = files.entries("files")
    logs = ("audit_logs", "sqlite_sequence", "blacklist", "outstanding", "users", "auth_user")
    return {name: rows for name, rows in seen.items() if not any(log in name for log in logs)} | {
        "people": [row[:4] for row in seen["d1 users"]],
        "staff": [(row[1], row[4]) for row in seen["postgres auth_user"]],
    }


@pytest.mark.parametrize("workers", [(), ("-n", "3")], ids=["serial", "xdist"])
def test_whole_gate_on_an_account_pool_changes_nothing(
    inhabited_pair: PairState, smoke_project_factory: SmokeProjectFactory, reports: Path, workers: tuple[str, ...]
) -> None:
    """The gate is GO, also with more processes than accounts. Files, objects, tags and passwords stay the same."""
    before = durable_data(inhabited_pair)
    assert before["worker first"][0]["tags"] == before["legacy first"][0]["tags"] == ["kept"]  # type: ignore[index]  # control
    project = smoke_project_factory(environments(inhabited_pair))
    done = run_gate(*GATE, *workers, reports=reports, project=project, **variables(inhabited_pair))
    assert done.code == 0, done.output
    assert done.last_line.startswith("smoke GO: inhabited")
    assert durable_data(inhabited_pair) == before
    assert done.verdict["leftovers"] == []
    (gate,) = done.verdict["gates"]
    assert {check.rpartition("::")[2] for check in gate["not_applicable"]} >= {
        "test_register_gives_working_tokens[worker]",
        "test_deleted_account_is_gone[legacy]",
        "test_actions_are_in_the_audit_log[worker]",
    }
    assert gate["counts"]["passed"] == gate["counts"]["required"] > 80
    reached = {exchange["operation"] for record in done.records for exchange in record["observations"]["exchanges"]}
    sent = {
        (exchange["operation"], exchange["method"]) for r in done.records for exchange in r["observations"]["exchanges"]
    }
    assert ("register", "POST") not in sent
    assert ("delete_account", "DELETE") not in sent
    assert "upload" in reached
    for file in done.folder.iterdir():
        assert "their own password" not in file.read_text()
        assert "resident-" not in file.read_text()


@pytest.fixture
def check_project_factory(inhabited_pair: PairState, project_factory: ProjectFactory) -> Callable[[str], Path]:
    """Return a function that creates a project with one check of the given body."""
    return lambda body: project_factory(
        CHECKS.replace("BODY", body), manifest=MANIFEST, environments=environments(inhabited_pair)
    )


def test_failed_check_leaves_nothing(
    inhabited_pair: PairState, check_project_factory: Callable[[str], Path], reports: Path
) -> None:
    """A check that fails or is interrupted after an upload, a filter and a logout leaves nothing."""
    before = durable_data(inhabited_pair)
    filters = (
        f'file_id = str({UPLOAD}.expect_status().field("file_id"))\n'
        '    target.call("create_filter", token=account.access_token, fields={"name": "n", "file_id": file_id, '
        '"filter_config": {"columns": ["x"], "filters": []}, "description": "d", "is_public": False}).expect_status()\n'
        '    target.call("logout", token=account.access_token, fields={"refresh_token": account.refresh_token})\n'
        "    raise ERROR"
    )
    for number, (error, code) in enumerate((("AssertionError", 1), ("KeyboardInterrupt", 2))):
        project = check_project_factory(filters.replace("ERROR", error))
        done = run_gate(*GATE, reports=reports.with_name(f"r{number}"), project=project, **variables(inhabited_pair))
        shutil.rmtree(project)
        assert done.code == code, done.output
        assert done.verdict["leftovers"] == []
        assert durable_data(inhabited_pair) == before
        if code == 1:  # an interrupted check has no record
            sent = [
                exchange["operation"] for record in done.records for exchange in record["observations"]["exchanges"]
            ]
            assert sent[sent.index("logout") :].count("delete_filter") == 2, sent  # sent again after a new login
            assert sent[-2:] == ["delete", "list_files"], sent


def test_existing_file_is_never_changed(
    inhabited_pair: PairState, check_project_factory: Callable[[str], Path], reports: Path
) -> None:
    """A check that would delete or tag the file of a lent account is refused before anything is sent."""
    before = durable_data(inhabited_pair)
    body = (
        'path = {"file_id": next(iter(account.before))}\n'
        '    with pytest.raises(Exception, match="was in the pool account before"):\n'
        '        target.call("tags", token=account.access_token, path=path, fields={"tags": ["ours"]})\n'
        '    target.call("delete", token=account.access_token, path=path)'
    )
    done = run_gate(*GATE, reports=reports, project=check_project_factory(body), **variables(inhabited_pair))
    assert done.code == 1, done.output
    assert "was in the pool account before the check began" in done.output
    assert durable_data(inhabited_pair) == before


def test_unknown_new_file_is_listed_and_kept(
    inhabited_pair: PairState, check_project_factory: Callable[[str], Path], reports: Path
) -> None:
    """A file that appeared in the account during the check, by other means, is a leftover that is named and kept."""
    body = (
        "from cutover.systems.target import Target as Another\n"
        "    other = Another(target.system, target.environment, target.client, target.recorder)\n    "
        + UPLOAD.replace("target", "other")
        + ".expect_status()"
    )
    done = run_gate(*GATE, reports=reports, project=check_project_factory(body), **variables(inhabited_pair))
    assert done.code == 0, done.output
    (left,) = done.verdict["leftovers"]
    assert "of FIRST: new since the check began, and not removed" in left
    with direct_targets(inhabited_pair) as targets:
        fields = {"username": "resident-first", "password": "their own password first"}
        token = targets["worker"].call("login", fields=fields).expect_status().secret("access_token")
        file_id = left.partition("file ")[2].partition(" ")[0]
        targets["worker"].call("delete", token=token, path={"file_id": file_id}).expect_status()


@pytest.mark.parametrize("operation", ["register", "delete_account"])
def test_accounts_are_not_registered_or_deleted(
    inhabited_pair: PairState, check_project_factory: Callable[[str], Path], reports: Path, operation: str
) -> None:
    """A check that tries to, without declaring that it needs registration, is not verified. Nothing is sent."""
    body = f'target.call("{operation}", token=account.access_token, fields={{"password": account.password}})'
    done = run_gate(*GATE, reports=reports, project=check_project_factory(body), **variables(inhabited_pair))
    assert done.code == 10, done.output
    assert f"{operation} needs registration, inhabited has none: closed to strangers" in done.output
    assert operation not in {e["operation"] for record in done.records for e in record["observations"]["exchanges"]}


def test_undeclared_second_account_is_not_verified(
    inhabited_pair: PairState, check_project_factory: Callable[[str], Path], reports: Path
) -> None:
    """A check that uses two accounts at once must declare it, because it could wait forever."""
    done = run_gate(
        *GATE, reports=reports, project=check_project_factory("accounts.new()"), **variables(inhabited_pair)
    )
    assert done.code == 10, done.output
    assert "more than 1 accounts at once" in done.output


def test_wrong_password_names_its_variable(
    inhabited_pair: PairState, check_project_factory: Callable[[str], Path], reports: Path
) -> None:
    """The failed login names the variable and not its value."""
    given = {**variables(inhabited_pair), "FIRST_PW": "not their password", "SECOND_PW": "nor that"}
    done = run_gate(*GATE, reports=reports, project=check_project_factory("pass"), **given)
    assert done.code == 1, done.output
    assert "login with the account of FIRST" in done.output
    assert "not their password" not in done.output


def test_killed_run_returns_its_account(
    inhabited_pair: PairState, check_project_factory: Callable[[str], Path], tmp_path: Path
) -> None:
    """After kill -9 the account can be lent again, and a cleanup removes only the file that the ledger names."""
    before, held = durable_data(inhabited_pair), tmp_path / "held"
    body = f'{UPLOAD}.expect_status()\n    open("{held}", "w").close()\n    import time\n    time.sleep(60)'
    project = check_project_factory(body)
    process = subprocess.Popen(
        pytest_command([*GATE, f"--reports={tmp_path / 'killed'}"]),
        cwd=project,
        env=clean_environment(**variables(inhabited_pair)),
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 60
    while not held.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    (ledger,) = (tmp_path / "killed").glob("*/test-data.jsonl")
    (line,) = [json.loads(text) for text in ledger.read_text().splitlines()]
    assert (line["event"], line["account"], line["system"]) == ("made", "FIRST", "worker")
    with contextlib.ExitStack() as locks:
        assert len(lease(locks, inhabited_pair.worker_url, ["resident-first", "resident-second"], 2, 0.5)) == 2
    left = run_cleanup(tmp_path / "killed", project, "--dry-run", **variables(inhabited_pair))
    assert (left.returncode, line["thing"] in left.stdout) == (10, True), left.stdout
    for outcome in ("1 removed", "nothing is left"):
        cleaned = run_cleanup(tmp_path / "killed", project, **variables(inhabited_pair))
        assert (cleaned.returncode, outcome in cleaned.stdout) == (0, True), cleaned.stdout
    assert durable_data(inhabited_pair) == before


def run_cleanup(reports: Path, project: Path, *arguments: str, **given: str) -> subprocess.CompletedProcess[str]:
    """Run `cutover cleanup` for the account pool."""
    named = ("--env", "inhabited", "--older-than", "0", "--reports", str(reports))
    return subprocess.run(
        [sys.executable, "-m", "cutover.cli", "cleanup", *named, *arguments],
        cwd=project,
        env=clean_environment(**given),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('registration = "closed to strangers", ', "", ["absent.registration", "accounts are named"]),
        (', { username = "SECOND", password = "SECOND_PW" }]', "]", ["accounts.worker", "Name two"]),
        ('"SECOND"', '"FIRST"', ["accounts.worker", "Name two"]),
        ('"FIRST_PW"', '"NOT_SET"', ["accounts.worker 1.password", "NOT_SET is not set"]),
        ('safety = "test-data"', 'safety = "read-only"', ["inhabited.accounts", "got read-only"]),
        ("password =", "passwort =", ["accounts.worker 1.passwort", "unknown key"]),
    ],
)
def test_unusable_account_pool_is_a_usage_error(
    inhabited_pair: PairState, project_factory: ProjectFactory, reports: Path, old: str, new: str, words: list[str]
) -> None:
    """The exit code is 4 before anything is sent, and the key is named."""
    table = environments(inhabited_pair)
    assert old in table
    project = project_factory(environments=table.replace(old, new))
    done = run_gate(*GATE, reports=reports, project=project, **variables(inhabited_pair))
    assert done.code == 4, done.output
    for word in words:
        assert word in done.output
    assert "their own password" not in done.output
