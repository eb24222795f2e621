"""Ledgers, derived passwords and the results of a cleanup, without a system."""

import base64
import hashlib
import hmac
import json
import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cutover.accounts.cleanup import (
    LEDGER,
    SETTLED_S,
    Cleanup,
    Leftover,
    RemovalResult,
    RemovalStatus,
    find_leftovers,
    seconds_of,
)
from cutover.accounts.registered import Accounts, RemovalError, derived_password, key_id, note
from cutover.cli import main
from cutover.client.account_markers import AccountMarkers
from cutover.config.environments import load_environment
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import CheckFailed, IdentityMismatch, RateLimited, Stopped, Unreachable
from cutover.core.secrets import MASK, Secret, redact
from cutover.core.verdict import ExitCode
from cutover.run import lifecycle
from cutover.run.cleanup_run import CleanupRun

pytestmark = pytest.mark.unit

KEY = Secret("k" * 40)
NAME = "cutover-0a1b2c3d-4e5f60-1"


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """Return the path of a run's ledger, which does not exist yet."""
    folder = tmp_path / "20260101T000000Z-0a1b2c3d"
    folder.mkdir()
    return folder / "test-data.jsonl"


def found(ledger: Path, environment: str = "x") -> list[str]:
    """Return the accounts of the leftovers that the ledger's folder names."""
    return [leftover.account for leftover in find_leftovers(ledger.parent.parent, environment)]


def test_password_depends_on_key_system_and_name() -> None:
    """The password has the documented form and differs for another key, system or name. `redact` masks it."""
    password = derived_password(KEY, "worker", NAME).reveal()
    code = hmac.new(b"k" * 40, f"worker\n{NAME}".encode(), hashlib.sha256).digest()
    assert password == "Cutover-pw-" + base64.urlsafe_b64encode(code).decode()[:22]
    others = [(Secret("l" * 40), "worker", NAME), (KEY, "legacy", NAME), (KEY, "worker", NAME + "0")]
    assert len({password, *(derived_password(*other).reveal() for other in others)}) == 4
    assert redact(f"password {password}!") == f"password {MASK}!"
    assert key_id(KEY) != key_id(Secret("l" * 40))
    assert key_id(KEY) not in password


def test_created_and_not_removed_account_is_left(ledger: Path) -> None:
    """Removed and missing accounts are closed, and the names of other environments are ignored."""
    for number, event in ((1, "removed"), (2, "gone"), (3, None)):
        name = f"cutover-0a1b2c3d-4e5f60-{number}"
        note(ledger, "named", "x", "worker", name, key_id(KEY))
        note(ledger, "named", "x", "legacy", name, None)
        if event:
            note(ledger, event, "x", "worker", name, key_id(KEY))
            note(ledger, event, "x", "legacy", name, None)
    note(ledger, "named", "y", "worker", "cutover-0a1b2c3d-4e5f60-4", None)
    there = find_leftovers(ledger.parent.parent, "x")
    assert {(left.system, left.account[-1], left.key) for left in there} == {
        ("worker", "3", key_id(KEY)),
        ("legacy", "3", None),
    }
    assert found(ledger, "y") == ["cutover-0a1b2c3d-4e5f60-4"]
    assert oct(ledger.stat().st_mode)[-3:] == "600"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"account": "admin"}, "gives no account such a name"),
        ({"account": "cutover-0a1b2c3d-4e5f60-1 "}, "gives no account such a name"),
        ({"account": "cutover-x-4e5f60-1\n"}, "gives no account such a name"),
        ({"account": "CUTOVER-a-4e5f60-1"}, "gives no account such a name"),
        ({"thing": "bucket 7"}, "does not know this kind of test data: 'bucket 7'"),
        ({"thing": 7}, "does not know this kind of test data: 7"),
        ({"event": "renamed"}, "does not know the event 'renamed'"),
        ({"event": None}, "does not know the event 'incomplete'"),
        ({"environment": None}, "does not know the event 'incomplete'"),
        ({"system": 7}, "does not know the event 'incomplete'"),
        ({"account": ["a"]}, "does not know the event 'incomplete'"),
        ({"at": "yesterday"}, "does not know the event 'incomplete'"),
        ({"at": True}, "does not know the event 'incomplete'"),
    ],
)
def test_unknown_entry_is_left_and_never_removed(
    tmp_path: Path, ledger: Path, line: dict[str, Any], reason: str
) -> None:
    """An entry that this version cannot remove is listed as left, and nothing is sent for it."""
    written = {"at": 1.0, "event": "named", "environment": "x", "system": "worker", "account": NAME, "key": key_id(KEY)}
    ledger.write_text(json.dumps({**written, **line}) + "\n")
    target = FakeTarget()
    (result,) = clean_up(tmp_path, find_leftovers(ledger.parent.parent, "x"), target)
    assert result.status is RemovalStatus.LEFT
    assert reason in result.reason
    assert target.asked == []


@pytest.mark.parametrize("ending", ["", ".Ünï+cödé_-@", "ЖенщинаИмя", "MiXed"])
def test_name_with_unusual_characters_is_found(ledger: Path, ending: str) -> None:
    """A journey's names may end with letters and signs of any kind. All of them are found."""
    client = SimpleNamespace(markers=AccountMarkers())
    target: Any = SimpleNamespace(system="worker", environment=SimpleNamespace(name="x", secrets={}), client=client)
    account = Accounts(target, "0a1b2c3d", ledger).name(ending)
    assert found(ledger) == [account.username]


def test_removal_in_another_ledger_counts(ledger: Path, tmp_path: Path) -> None:
    """Names are unique, so a removal closes the name for all ledgers."""
    note(ledger, "named", "x", "worker", NAME, None)
    other = tmp_path / "other"
    other.mkdir()
    note(other / "test-data.jsonl", "removed", "x", "worker", NAME, None)
    assert found(ledger) == []


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(cut=st.integers(0, 200), garbage=st.text(max_size=30))
def test_truncated_line_hides_no_other(ledger: Path, cut: int, garbage: str) -> None:
    """A truncated line, or any other text, hides neither the line before nor the line after it."""
    ledger.unlink(missing_ok=True)
    note(ledger, "named", "x", "worker", "cutover-a-4e5f60-1", None)
    whole = ledger.read_bytes()
    with ledger.open("ab") as file:
        file.write(whole[: min(cut, len(whole) - 2)])
    note(ledger, "named", "x", "worker", "cutover-a-4e5f60-2", None)
    with ledger.open("ab") as file:
        file.write(garbage.encode("utf-8", "surrogatepass") + b"\xff\n")
    note(ledger, "named", "x", "worker", "cutover-a-4e5f60-3", None)
    assert found(ledger) == [f"cutover-a-4e5f60-{number}" for number in (1, 2, 3)]


def test_truncated_write_is_an_error(ledger: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An account is not requested if its name is not in the ledger."""
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(OSError, match="truncated"):
        note(ledger, "named", "x", "worker", NAME, None)


@pytest.mark.parametrize(
    ("text", "seconds"), [("0", 0), ("90s", 90), ("30m", 1800), ("1h", 3600), ("1.5h", 5400), ("2d", 172_800)]
)
def test_time_is_read(text: str, seconds: float) -> None:
    """A time is a number and a unit, or 0."""
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "1", "h", "-1h", "1 h", "1w", "nan", "1hh"])
def test_invalid_time_is_a_usage_error(text: str) -> None:
    """The message gives valid times, also for a number without a unit."""
    with pytest.raises(ConfigurationError, match="90s, 30m, 1h, 2d"):
        seconds_of(text)


def result_of(project: Path, left: Leftover, text: str, *, dry_run: bool = False, **variables: str) -> Any:
    """Clean up one leftover in the environment of the text, without a target. Return status and text."""
    (project / "environments.toml").write_text(text)
    environment = load_environment(project, "x", variables=variables)

    def no_target(system: str) -> Any:
        raise AssertionError(f"{system} was asked")

    (result,) = Cleanup(environment, no_target).results([left], dry_run=dry_run)
    return result.status, result.text


TABLE = """
[x]
safety = "test-data"
worker = { url = "https://worker.example" }
legacy = { absent = "none here" }
"""
KEPT = '[x.operations.delete_account.worker]\nabsent = "accounts are kept"\n'
KEYED = TABLE + 'secrets = { account_key = "KEY" }\n'


@pytest.mark.parametrize(
    ("system", "key", "table", "words"),
    [
        ("worker", None, KEYED, "its run had no secrets.account_key"),
        ("worker", key_id(KEY), TABLE, "[x] names no secrets.account_key"),
        ("worker", "00000000", KEYED, "another account_key"),
        ("legacy", key_id(KEY), KEYED, "x no longer has a legacy"),
        ("worker", key_id(KEY), KEYED + KEPT, "worker has no delete_account: accounts are kept"),
    ],
)
def test_impossible_removal_is_reported_and_not_sent(
    tmp_path: Path, system: str, key: str | None, table: str, words: str
) -> None:
    """The account is left, with the reason: a 401 for a wrong password does not prove that it is gone.

    A dry run says the same: it promises no removal that the system does not have.
    """
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    left = Leftover(system, NAME, 0.0, key, tmp_path)
    status, text = result_of(tmp_path, left, table, KEY=KEY.reveal())
    assert status is RemovalStatus.LEFT
    assert words in text
    assert KEY.reveal() not in text
    assert (status, text) == result_of(tmp_path, left, table, dry_run=True, KEY=KEY.reveal())


class FakeTarget:
    """A target that records the operations and returns nothing, or raises."""

    def __init__(self, failure: Exception | None = None) -> None:
        self.failure = failure
        self.asked: list[str] = []

    def has(self, *_operations: str) -> bool:
        """Return True: it has every operation."""
        return True

    def call(self, operation: str) -> None:
        self.asked.append(operation)
        if self.failure is not None:
            raise self.failure


def clean_up(tmp_path: Path, found: list[Leftover], target: FakeTarget) -> list[RemovalResult]:
    """Clean up the leftovers and return the results."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    (tmp_path / "environments.toml").write_text(KEYED)
    environment = load_environment(tmp_path, "x", variables={"KEY": KEY.reveal()})
    return list(Cleanup(environment, lambda _system: target).results(found, dry_run=False))  # type: ignore[arg-type,return-value]


def test_missing_account_is_closed_after_a_minute(
    tmp_path: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A refused login closes an old name. The registration of a young name may still be in progress."""
    asked = []

    def refused(_target: object, username: str, password: Secret) -> bool:
        asked.append((username, password))
        return False

    monkeypatch.setattr("cutover.accounts.registered.remove_account", refused)
    now = time.time()
    old, young = (
        Leftover("worker", f"cutover-a-4e5f60-{n}", at, key_id(KEY), ledger)
        for n, at in ((1, now - SETTLED_S - 1), (2, now))
    )
    target = FakeTarget()
    results = clean_up(tmp_path, [old, young], target)
    assert [result.status for result in results] == [RemovalStatus.GONE, RemovalStatus.UNDECIDED]
    assert target.asked == ["health"]  # once
    assert asked == [(left.account, derived_password(KEY, "worker", left.account)) for left in (old, young)]
    (line,) = ledger.read_text().splitlines()
    assert (json.loads(line)["event"], json.loads(line)["account"]) == ("gone", old.account)


@pytest.mark.parametrize("failure", [Unreachable("no route"), IdentityMismatch("not worker"), Stopped("kill switch")])
def test_no_password_is_sent_to_an_unidentified_system(
    tmp_path: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    """Only one health request is sent. All accounts of the system are not reached, and none is closed."""

    def sent(*_: object) -> bool:
        raise AssertionError("a login was sent")

    monkeypatch.setattr("cutover.accounts.registered.remove_account", sent)
    found = [Leftover("worker", f"cutover-a-4e5f60-{n}", 0.0, key_id(KEY), ledger) for n in (1, 2)]
    target = FakeTarget(failure)
    results = clean_up(tmp_path, found, target)
    assert [result.text for result in results] == [f"not reached: {failure}"] * 2
    assert target.asked == ["health"]
    assert not ledger.exists()


@pytest.mark.parametrize(
    ("failure", "status", "words"),
    [
        (RemovalError("login answered 500 (request r-1)"), RemovalStatus.LEFT, "login answered 500 (request r-1)"),
        (CheckFailed("broken-answer:login", expected="HTTP", got="nothing"), RemovalStatus.LEFT, "got       nothing"),
        (RateLimited("429 again"), RemovalStatus.UNREACHED, "429 again"),
    ],
)
def test_failed_removal_is_listed_with_its_reason(
    tmp_path: Path, ledger: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception, status: RemovalStatus, words: str
) -> None:
    """An account is left after an error response. A system that stops responding is not asked again."""
    asked = []

    def fails(_target: object, username: str, _password: Secret) -> bool:
        asked.append(username)
        raise failure

    monkeypatch.setattr("cutover.accounts.registered.remove_account", fails)
    found = [Leftover("worker", f"cutover-a-4e5f60-{n}", 0.0, key_id(KEY), ledger) for n in (1, 2)]
    results = clean_up(tmp_path, found, FakeTarget())
    assert [result.status for result in results] == [status, status]
    assert all(" ".join(words.split()) in result.text for result in results)
    assert len(asked) == (2 if status is RemovalStatus.LEFT else 1)
    assert not ledger.exists()


def test_short_account_key_is_a_usage_error(tmp_path: Path) -> None:
    """Passwords are derived from the key, so it must be hard to guess. The message does not contain it."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    (tmp_path / "environments.toml").write_text(KEYED)
    with pytest.raises(ConfigurationError, match="at least 32 characters") as caught:
        load_environment(tmp_path, "x", variables={"KEY": "too short"})
    assert "too short" not in str(caught.value)


def test_ledger_lines_are_json_of_one_line(ledger: Path) -> None:
    """A line contains time, event, environment, system, account and the id of the key."""
    note(ledger, "named", "x", "worker", NAME, key_id(KEY))
    (line,) = ledger.read_text().splitlines()
    assert list(json.loads(line)) == ["at", "event", "environment", "system", "account", "key"]
    assert ledger.name == LEDGER


@pytest.mark.parametrize(("command", "deprecated"), [("cleanup", False), ("sweep", True)])
def test_old_name_of_the_command_is_deprecated(
    command: str,
    deprecated: bool,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both names run the cleanup. The old one prints a deprecation message on standard error."""
    for step in ("interrupt_on_sigterm", "ignore_interrupts"):  # this process keeps its signals
        monkeypatch.setattr(lifecycle, step, lambda: None)
    assert main([command, "--env", "local", "--reports", str(tmp_path)]) == ExitCode.GO
    output = capsys.readouterr()
    assert "nothing is left" in output.out
    assert ("deprecated" in output.err) is deprecated


def cleanup_of(tmp_path: Path, count: int, *, dry_run: bool) -> CleanupRun:
    """Return the finished cleanup of that many accounts on a system that cannot delete any."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    (tmp_path / "environments.toml").write_text(KEYED + KEPT)
    environment = load_environment(tmp_path, "x", variables={"KEY": KEY.reveal()})
    left = [Leftover("worker", f"{NAME}{number}", 0.0, key_id(KEY), tmp_path) for number in range(count)]
    run = CleanupRun(tmp_path, environment, left, planted=None, reports=tmp_path / "reports", kept=0, dry_run=dry_run)
    assert run.execute() == 10
    return run


@pytest.mark.parametrize("dry_run", [True, False])
def test_many_accounts_without_a_delete_route_are_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], dry_run: bool
) -> None:
    """The line counts them and names the file of the run's folder that lists them. A dry run promises no removal."""
    run = cleanup_of(tmp_path, 1200, dry_run=dry_run)
    output = capsys.readouterr().out
    assert output.count("accounts are kept") == 1
    assert "1,200 items left: worker has no delete_account: accounts are kept; all listed in" in output
    assert "to be tried" not in output
    listed = (run.folder / "leftovers.txt").read_text().splitlines()
    assert len(listed) == 1200
    assert all("accounts are kept" in line for line in listed)
