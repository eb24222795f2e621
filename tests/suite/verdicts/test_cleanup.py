"""`cutover cleanup` finds and removes the test data of a killed run. A run that ends by itself leaves nothing."""

import contextlib
import json
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from pathlib import Path

import psycopg
import pytest
from tests.suite.support.gate_runs import clean_environment, pytest_command, run_gate
from tests.suite.support.stored_data import row_count, stored_counts, wait_until_settled
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.accounts.registered import key_id, note
from cutover.config.validation import root
from cutover.core.secrets import Secret
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

NOTHING = dict.fromkeys(("worker users", "worker files", "objects", "legacy users", "legacy files", "media"), 0)
KEY = "a key of this test, which is long enough"

# Registers an account with files on its system, and kills its own process.
CUT_SHORT = '''"""A check that is killed midway."""

import os

import pytest

from cutover.accounts.registered import Accounts
from cutover.systems.target import Target

pytestmark = [pytest.mark.smoke, pytest.mark.system("worker", "legacy"), pytest.mark.level("test-data")]


def test_is_killed(target: Target, accounts: Accounts) -> None:
    """An account with two files, and one that is never registered."""
    account = accounts.new()
    for name in ("a.csv", "b.csv"):
        target.call("upload", token=account.access_token, file=(name, b"x,y\\n1,2\\n", "text/csv")).expect_status()
    accounts.name()
    os.kill(os.getpid(), 9)
'''
MANIFEST = "[smoke]\n" + "".join(
    f'"tests/smoke/test_tiny.py::test_is_killed[{system}]" = {{ system = "{system}", level = "test-data" }}\n'
    for system in ("worker", "legacy")
)


@pytest.fixture(scope="module")
def clean_pair() -> Generator[PairState]:
    """Yield a pair on which no other test has left anything."""
    handle = pair.start(pair.anonymous_name(), owned=True)
    try:
        yield handle.wait(90)
    finally:
        handle.stop()


def cleanup_command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "cutover.cli", "cleanup", *arguments]


def run_cleanup(
    *arguments: str, reports: Path, project: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run `cutover cleanup` as a process."""
    return subprocess.run(
        cleanup_command(*arguments, "--reports", str(reports)),
        cwd=project or root(),
        env=clean_environment(**variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )


def events(reports: Path) -> list[dict[str, str]]:
    return [
        json.loads(line)
        for ledger in reports.glob("*/test-data.jsonl")
        for line in ledger.read_text().splitlines()
    ]  # fmt: skip


def open_accounts(reports: Path) -> set[str]:
    lines = events(reports)
    return {line["account"] for line in lines} - {line["account"] for line in lines if line["event"] != "named"}


def kill_when(condition: Callable[[], bool], found: PairState, reports: Path) -> None:
    """Start the smoke gate of this project and kill it with SIGKILL while the condition is true.

    The process is stopped first, so that the condition cannot become false before the kill.
    """
    arguments = ["-m", "smoke", "--env", "embedded", "--pair", found.name, f"--reports={reports}"]
    with subprocess.Popen(
        pytest_command(arguments),
        cwd=root(),
        env=clean_environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        deadline = time.monotonic() + 90
        while run.poll() is None and time.monotonic() < deadline:
            if condition():
                run.send_signal(signal.SIGSTOP)
                wait_until_settled(found)  # a request may still be processed
                if condition():
                    break
                run.send_signal(signal.SIGCONT)
            time.sleep(0.005)
        run.kill()
    assert run.returncode == -9, "the run ended before it could be killed"


def run_check_that_kills(project: Path, env: tuple[str, ...], reports: Path, **variables: str) -> None:
    """Run CUT_SHORT on each system."""
    for system in ("worker", "legacy"):
        done = run_gate("-m", "smoke", *env, "-k", system, reports=reports, project=project, **variables)
        assert done.code == -9, done.output


def named_environment(found: PairState, *, key: bool = True) -> str:
    """Return an environment `named` with the pair's addresses and an account key, which is not declared as a pair."""
    secrets = 'secrets = { account_key = "ACCOUNT_KEY" }' if key else ""
    return (
        f'\n[named]\nsafety = "test-data"\nworker = {{ url = "{found.worker_url}" }}\n'
        f'legacy = {{ url = "{found.legacy_url}" }}\nbudget = {{ requests = 60000, window_s = 60 }}\n{secrets}\n'
    )


def test_data_of_a_killed_run_is_removed(clean_pair: PairState, tmp_path: Path) -> None:
    """After kill -9 on each system a dry run lists the data, and a cleanup removes all of it."""
    reports = tmp_path / "reports"
    assert stored_counts(clean_pair) == NOTHING
    # Only checks that keep their files to the end have two at once.
    with contextlib.closing(sqlite3.connect(f"file:{clean_pair.d1_file}?mode=ro", uri=True)) as d1:
        kill_when(lambda: d1.execute("SELECT count(*) FROM files").fetchone()[0] >= 2, clean_pair, reports)
    with psycopg.connect(clean_pair.pg_dsn, autocommit=True) as postgres:
        kill_when(lambda: row_count(postgres, "list_cutter_savedfile") >= 2, clean_pair, reports)
    left = stored_counts(clean_pair)
    assert all(left.values()), left
    names = open_accounts(reports)
    assert len(names) >= 2
    where = ("--env", "embedded", "--pair", clean_pair.name)

    listed = run_cleanup(*where, "--dry-run", reports=reports)
    assert listed.returncode == 10, listed.stdout
    assert all(name in listed.stdout for name in names)
    assert "dry run, nothing was sent" in listed.stdout
    assert stored_counts(clean_pair) == left
    assert open_accounts(reports) == names

    cleaned = run_cleanup(*where, reports=reports)
    assert cleaned.returncode == 0, cleaned.stdout
    assert all(name in cleaned.stdout for name in names)
    assert stored_counts(clean_pair) == NOTHING
    assert {line["account"] for line in events(reports) if line["event"] == "removed"} >= names

    again = run_cleanup(*where, reports=reports)
    assert again.returncode == 0, again.stdout
    assert again.stdout.startswith("cleanup of embedded"), again.stdout
    assert "nothing is left" in again.stdout
    assert again.stdout.splitlines()[-1].startswith("cleanup GO: embedded")


def test_complete_run_leaves_nothing(clean_pair: PairState, tmp_path: Path) -> None:
    """After a whole smoke run there is no account, row, object or file, and the ledger has no open name."""
    reports = tmp_path / "reports"
    done = run_gate("-m", "smoke", "--env", "embedded", "--pair", clean_pair.name, reports=reports)
    assert done.code == 0, done.output
    assert stored_counts(clean_pair) == NOTHING
    lines = events(reports)
    assert {line["system"] for line in lines if line["event"] == "named"} == {"worker", "legacy"}
    assert {line["environment"] for line in lines} == {"embedded"}
    assert open_accounts(reports) == set()
    assert run_cleanup("--env", "embedded", "--pair", clean_pair.name, reports=reports).returncode == 0


def test_parallel_cleanups_remove_everything(
    clean_pair: PairState, project_factory: ProjectFactory, tmp_path: Path
) -> None:
    """Young data is kept at first. Then two cleanups at once remove everything and print no secret.

    Names of accounts that were never registered stay open for a minute, because a registration may be in progress: 10.
    """
    reports = tmp_path / "reports"
    project = project_factory(CUT_SHORT, manifest=MANIFEST, environments=named_environment(clean_pair))
    for _ in range(2):
        run_check_that_kills(project, ("--env", "named"), reports, ACCOUNT_KEY=KEY)
    assert stored_counts(clean_pair) == {**dict.fromkeys(NOTHING, 4), "worker users": 2, "legacy users": 2}
    young = run_cleanup("--env", "named", reports=reports, project=project, ACCOUNT_KEY=KEY)
    assert young.returncode == 0, young.stdout
    assert young.stdout.startswith("cleanup of named"), young.stdout
    assert "8 kept because of --older-than" in young.stdout
    other = run_cleanup("--env", "embedded", "--pair", clean_pair.name, reports=reports, project=project)
    assert other.returncode == 0, other.stdout
    assert other.stdout.startswith("cleanup of embedded"), other.stdout
    assert stored_counts(clean_pair)["worker users"] == 2

    command = cleanup_command("--env", "named", "--older-than", "0", "--reports", str(reports))
    both = [
        subprocess.Popen(
            command, cwd=project, env=clean_environment(ACCOUNT_KEY=KEY), stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]  # fmt: skip
    outputs = [run.communicate(timeout=120)[0] for run in both]
    assert [run.returncode for run in both] == [10, 10], outputs
    assert stored_counts(clean_pair) == NOTHING
    assert all("undecided" in output for output in outputs)
    assert len(open_accounts(reports)) == 4
    for text in (*outputs, *(ledger.read_text() for ledger in reports.glob("*/test-data.jsonl"))):
        assert KEY not in text
        assert "Cutover-pw-" not in text


def test_unknown_password_is_inconclusive(own_pair: PairState, project_factory: ProjectFactory, tmp_path: Path) -> None:
    """Data of a run without account_key gives 10, also after a key was added. Nothing is changed."""
    reports = tmp_path / "reports"
    bare, keyed = (named_environment(own_pair, key=key) for key in (False, True))
    project = project_factory(CUT_SHORT, manifest=MANIFEST, environments=bare)
    run_check_that_kills(project, ("--env", "named"), reports)
    before = stored_counts(own_pair)
    for table, variables in ((bare, {}), (keyed, {"ACCOUNT_KEY": KEY})):
        (project / "environments.toml").write_text((root() / "environments.toml").read_text() + table)
        done = run_cleanup("--env", "named", "--older-than", "0", reports=reports, project=project, **variables)
        assert done.returncode == 10, done.stdout
        assert done.stdout.count("left: its run had no secrets.account_key") == 4
        assert f"({own_pair.worker_url}): 4 left\n" in done.stdout
        assert done.stdout.splitlines()[-1].endswith("exit 10")
    assert stored_counts(own_pair) == before


@pytest.fixture
def closed_port() -> Generator[int]:
    """Yield a port of this machine on which no process listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def test_unreachable_system_is_invalid(
    project_factory: ProjectFactory, tmp_path: Path, closed_port: int, own_pair: PairState
) -> None:
    """The exit code is 11, and the other system is cleaned up. A dry run needs no system. The kill switch stops it."""
    reports = tmp_path / "reports"
    (reports / "run").mkdir(parents=True)
    project = project_factory(
        environments=named_environment(own_pair).replace(own_pair.worker_url, f"http://127.0.0.1:{closed_port}")
    )
    for system in ("worker", "legacy"):
        for number in (1, 2):
            name = f"cutover-0a1b2c3d-4e5f60-{number}"
            note(reports / "run" / "test-data.jsonl", "named", "named", system, name, key_id(Secret(KEY)))
    arguments = ("--env", "named", "--older-than", "0")
    dry = run_cleanup(*arguments, "--dry-run", reports=reports, project=project, ACCOUNT_KEY=KEY)
    assert dry.returncode == 10, dry.stdout
    assert "4 to be tried" in dry.stdout

    (project / "STOP").touch()
    stopped = run_cleanup(*arguments, reports=reports, project=project, ACCOUNT_KEY=KEY)
    assert stopped.returncode == 11, stopped.stdout
    assert "kill switch" in stopped.stdout
    (project / "STOP").unlink()

    done = run_cleanup(*arguments, reports=reports, project=project, ACCOUNT_KEY=KEY)
    assert done.returncode == 11, done.stdout
    assert "cannot be reached" in done.stdout
    assert "2 undecided, 2 not reached" in done.stdout
    assert done.stdout.splitlines()[-1].endswith("exit 11")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "expected an environment, got none"),
        (("--env", "stagign"), "no environment 'stagign'"),
        (("--env", "production"), "expected test-data or disposable, got read-only"),
        (("--env", "local", "--older-than", "soon"), "expected a time, got 'soon'"),
        (("--env", "local", "--pair", "default"), "local is not an embedded pair"),
        (("--env", "embedded", "--pair", "nobody-has-this-one"), "no pair 'nobody-has-this-one' is up"),
        (("--env", "embedded", "--pair", "Not A Name"), "expected the name of a pair"),
        (("--env", "staging"), "CUTOVER_STAGING_JWT_SECRET is not set"),
        (("--env", "local", "--untold"), "unrecognized arguments"),
    ],
)
def test_wrong_configuration_is_one_message(arguments: tuple[str, ...], words: str, tmp_path: Path) -> None:
    """The exit code is 4, with the problem and without a traceback."""
    done = run_cleanup(*arguments, reports=tmp_path)
    assert done.returncode == 4, done.stdout
    assert words in done.stdout
    assert "Traceback" not in done.stdout
