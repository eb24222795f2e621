"""No token and no password of a run is in anything that the run writes or prints."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import clean_environment, pytest_command
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

# Every way in which a check could print a secret: locals, print, logging, an assertion, an exception that quotes
# the response. The secrets are also written to a file of the test, which searches for them afterwards.
LEAKING = '''"""Checks that leak secrets in every way."""

import logging
import os

import pytest

from cutover.accounts.registered import Accounts
from cutover.systems.target import Target

pytestmark = [pytest.mark.smoke, pytest.mark.system("worker", "legacy"), pytest.mark.level("test-data")]


def keep(*texts: str) -> None:
    with open(os.environ["LEAKED"], "a") as file:
        file.writelines(text + "\\n" for text in texts)


def test_leaks(target: Target, accounts: Accounts) -> None:
    """Leaks all secrets."""
    account = accounts.new()
    login = target.call("login", fields={"username": account.username, "password": account.password})
    access = login.secret("access_token").reveal()
    password = account.password.reveal()
    keep(access, password, account.refresh_token.reveal(), account.access_token.reveal())
    print("printed", access, password)
    logging.getLogger().warning("logged %s %s", access, password)
    document = login.answer.json
    try:
        raise ValueError(f"cause {password}")
    except ValueError as error:
        assert document == {"token": access, "password": password}, f"{access} {error}"


def test_leaks_by_exception(target: Target, accounts: Accounts) -> None:
    """An exception whose text is the answer."""
    account = accounts.new()
    keep(account.access_token.reveal(), account.password.reveal())
    raise RuntimeError(f"{account.access_token.reveal()} {account.password.reveal()}")


@pytest.fixture
def broken(target: Target, accounts: Accounts) -> None:
    account = accounts.new()
    keep(account.access_token.reveal(), account.password.reveal())
    raise RuntimeError(account.access_token.reveal())


def test_leaks_in_setup(broken: None) -> None:
    """A fixture that fails."""


@pytest.fixture
def breaks_later(target: Target, accounts: Accounts):
    account = accounts.new()
    keep(account.access_token.reveal(), account.password.reveal())
    yield
    raise RuntimeError(f"{account.access_token.reveal()} {account.password.reveal()}")


def test_leaks_in_teardown(breaks_later: None) -> None:
    """A fixture that fails afterwards."""
'''

MANIFEST = "[smoke]\n" + "".join(
    f'"tests/smoke/test_tiny.py::{name}[{system}]" = {{ system = "{system}", level = "test-data" }}\n'
    for name in ("test_leaks", "test_leaks_by_exception", "test_leaks_in_setup", "test_leaks_in_teardown")
    for system in ("worker", "legacy")
)


@pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])
def test_secrets_are_in_no_output(
    own_pair: PairState, project_factory: ProjectFactory, tmp_path: Path, workers: tuple[str, ...]
) -> None:
    """reports/, JUnit, Allure, the step summary and the terminal contain no secret, with --showlocals and -rA."""
    project, leaked = project_factory(LEAKING, manifest=MANIFEST), tmp_path / "leaked"
    outputs = tmp_path / "outputs"
    outputs.mkdir()
    done = subprocess.run(
        pytest_command(
            [
                *("-m", "smoke", "--env", "embedded", "--pair", own_pair.name, *workers),
                *(f"--reports={outputs}/reports", f"--junitxml={outputs}/junit.xml", f"--alluredir={outputs}/allure"),
                *("--showlocals", "--tb=long", "-rA", "-vv", "-o", "log_cli_level=DEBUG", "-o", "junit_logging=all"),
            ]
        ),
        cwd=project,
        env=clean_environment(LEAKED=str(leaked), GITHUB_STEP_SUMMARY=f"{outputs}/summary.md"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout
    (outputs / "terminal.txt").write_text(done.stdout)
    secrets = set(leaked.read_text().split())
    secrets |= {own_pair.jwt_secret, own_pair.jwt_refresh_secret, own_pair.legacy_secret_key, own_pair.s3_secret_key}
    assert len(secrets) >= 20
    files = [file for file in outputs.rglob("*") if file.is_file()]
    assert {"junit.xml", "summary.md", "terminal.txt", "verdict.json", "evidence.jsonl"} <= {f.name for f in files}
    assert any("allure" in str(file) for file in files)
    for file in files:
        text = file.read_text(errors="replace")
        for secret in secrets:
            assert secret not in text, f"{file.name} shows a secret of the run"
            # No usable part of a secret either: a token's signature, a password without its prefix.
            piece = secret.rpartition(".")[2] if secret.startswith("eyJ") else secret.removeprefix("Cutover-pw-")
            assert piece not in text, f"{file.name} shows a piece of a secret"
    assert re.search(r"•••", done.stdout)


def test_own_files_are_private(own_pair: PairState, project_factory: ProjectFactory, tmp_path: Path) -> None:
    """The run's folder has mode 0700 and its files 0600, with any umask."""
    reports = tmp_path / "reports"
    command = pytest_command(["-m", "smoke", "--env", "embedded", "--pair", own_pair.name, f"--reports={reports}"])
    script = f"import os, sys; os.umask(0); os.execv({sys.executable!r}, {command!r})"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project_factory(), env=clean_environment(), capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout
    (folder,) = reports.iterdir()
    assert oct(folder.stat().st_mode)[-3:] == "700"
    assert {oct(file.stat().st_mode)[-3:] for file in folder.iterdir()} == {"600"}
