"""The databases as sides of a migration: read-only, on one snapshot, and writes of others are detected."""

import sqlite3
from collections.abc import Generator
from pathlib import Path

import psycopg
import pytest
from tests.suite.support.migrated_pair import environment_of

from cutover.client.http import Client
from cutover.config.validation import root
from cutover.core.errors import CheckFailed, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.embedded.state import PairState
from cutover.migration.d1_side import D1RestSide
from cutover.migration.database_side import Unrenderable
from cutover.migration.postgres_side import PostgresSide
from cutover.migration.sqlite_side import SqliteSide

pytestmark = pytest.mark.pair

TABLES = ["auth_user"]
STOP = KillSwitch(root())


@pytest.fixture
def legacy(own_pair: PairState) -> Generator[PostgresSide]:
    """Yield Django's database as a side."""
    environment = environment_of(own_pair)
    assert environment.postgres is not None
    side = PostgresSide(environment.postgres, environment, STOP)
    yield side
    side.close()


def add_account(own_pair: PairState, name: str) -> None:
    """Insert an account from another connection and commit."""
    with psycopg.connect(own_pair.pg_dsn) as connection:
        connection.execute(
            "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff,"
            " is_active, date_joined) VALUES ('x', false, %s, '', '', '', false, true, now())",
            [name],
        )


def remove_account(own_pair: PairState, name: str) -> None:
    """Delete that account."""
    with psycopg.connect(own_pair.pg_dsn) as connection:
        connection.execute("DELETE FROM auth_user WHERE username = %s", [name])


def test_readers_share_a_read_only_snapshot(legacy: PostgresSide, own_pair: PairState) -> None:
    """No reader sees a row that is committed later, and PostgreSQL refuses to write."""
    first, second = legacy.reader(), legacy.reader()
    legacy.mark(TABLES)
    count = "SELECT count(*) FROM auth_user WHERE username = 'later'"
    add_account(own_pair, "later")
    try:
        assert first.query(count) == second.query(count) == [(0,)]
        assert "auth_user was written" in (legacy.written_meanwhile(TABLES) or "")
        with pytest.raises(CheckFailed, match="25006"):
            second.query("DELETE FROM auth_user")
    finally:
        second.close()
        remove_account(own_pair, "later")


def test_transactions_of_other_tables_are_no_writes(legacy: PostgresSide, own_pair: PairState) -> None:
    """If other transactions ended, the tables themselves are compared, so statistics and sessions do not count."""
    legacy.mark(TABLES)
    with psycopg.connect(own_pair.pg_dsn) as connection:
        connection.execute("ANALYZE auth_user")
        connection.execute("CREATE TABLE unrelated(x integer)")
        connection.execute("DROP TABLE unrelated")
    assert legacy.written_meanwhile(TABLES) is None


def test_ended_session_is_unreachable(legacy: PostgresSide, own_pair: PairState) -> None:
    """After a restart of the server the snapshot is gone, so the read data cannot be used."""
    reader = legacy.reader()
    pid = reader.query("SELECT pg_backend_pid()")[0][0]
    with psycopg.connect(own_pair.pg_dsn) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(Unreachable, match="The snapshot is lost"):
        reader.query("SELECT 1")


def test_commits_to_the_d1_file_are_detected(tmp_path: Path) -> None:
    """Commits during the reading and before a later process are detected. A BLOB is not a broken file."""
    file = tmp_path / "d1.sqlite"
    other = sqlite3.connect(file)
    other.executescript("PRAGMA journal_mode = WAL; CREATE TABLE users(id INTEGER PRIMARY KEY, x)")
    side = SqliteSide(file, STOP)
    mark = side.mark(["users"])
    assert side.written_meanwhile(["users"]) is None
    reader = side.reader()
    other.execute("INSERT INTO users VALUES (1, x'ff')")
    other.commit()
    assert side.written_meanwhile(["users"])
    assert side.written_since(mark, ["users"])
    assert reader.query("SELECT count(*) FROM users") == [(0,)]
    with pytest.raises(Unrenderable):
        side.reader().query("SELECT json_group_array(x) FROM users")
    with pytest.raises(CheckFailed, match="no such table"):
        reader.query("SELECT * FROM nowhere")
    reader.close()
    side.close()
    other.close()


def test_writes_to_d1_are_detected_by_its_counter(own_pair: PairState) -> None:
    """The counter without our own queries shows the writes of others."""
    environment = environment_of(own_pair)
    assert environment.d1 is not None
    clients = [
        Client(environment, recorder=Recorder(), rate_limiter=None, kill_switch=STOP, run=f"sides{number}")
        for number in (1, 2)
    ]
    side, other = (D1RestSide(environment.d1, client) for client in clients)
    for _ in range(5):
        side.reader().query("SELECT count(*) FROM users")
    assert side.written_meanwhile(["users"]) is not None  # the other side sent a query when it was created
    fresh = D1RestSide(environment.d1, clients[0])
    fresh.reader().query("SELECT count(*) FROM users")
    assert fresh.written_meanwhile(["users"]) is None
    other.reader().query("UPDATE users SET full_name = full_name")
    assert "grew by" in (fresh.written_meanwhile(["users"]) or "")
    for client in clients:
        client.close()
