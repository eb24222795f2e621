"""The sides of a migration on the pair's own databases: read-only, one moment, and what was written is noticed."""

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
    """Django's database as a side."""
    environment = environment_of(own_pair)
    assert environment.postgres is not None
    side = PostgresSide(environment.postgres, environment, STOP)
    yield side
    side.close()


def add_account(own_pair: PairState, name: str) -> None:
    """Written by another, and committed."""
    with psycopg.connect(own_pair.pg_dsn) as connection:
        connection.execute(
            "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff,"
            " is_active, date_joined) VALUES ('x', false, %s, '', '', '', false, true, now())",
            [name],
        )


def remove_account(own_pair: PairState, name: str) -> None:
    """The same taken back."""
    with psycopg.connect(own_pair.pg_dsn) as connection:
        connection.execute("DELETE FROM auth_user WHERE username = %s", [name])


def test_readers_see_one_moment_and_write_nothing(legacy: PostgresSide, own_pair: PairState) -> None:
    """A row that is committed later is in no reader's sight; PostgreSQL itself refuses to write."""
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
    """Statistics and sessions are written all the time: then the tables themselves are asked."""
    legacy.mark(TABLES)
    with psycopg.connect(own_pair.pg_dsn) as connection:
        connection.execute("ANALYZE auth_user")
        connection.execute("CREATE TABLE unrelated(x integer)")
        connection.execute("DROP TABLE unrelated")
    assert legacy.written_meanwhile(TABLES) is None


def test_server_that_ends_the_session_is_unreachable(legacy: PostgresSide, own_pair: PairState) -> None:
    """As a restart does: what was read belongs to a snapshot that is gone."""
    reader = legacy.reader()
    pid = reader.query("SELECT pg_backend_pid()")[0][0]
    with psycopg.connect(own_pair.pg_dsn) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", [pid])
    with pytest.raises(Unreachable, match="snapshot that is gone"):
        reader.query("SELECT 1")


def test_file_tells_what_others_committed(tmp_path: Path) -> None:
    """While it is read, and to a later process; a BLOB and a missing table are told from a broken file."""
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


def test_d1_tells_writes_of_others_by_its_counter(own_pair: PairState) -> None:
    """Our own queries move it, too, and are taken off; one that another sends is seen."""
    environment = environment_of(own_pair)
    assert environment.d1 is not None
    clients = [
        Client(environment, recorder=Recorder(), rate_limiter=None, kill_switch=STOP, run=f"sides{number}")
        for number in (1, 2)
    ]
    side, other = (D1RestSide(environment.d1, client) for client in clients)
    for _ in range(5):
        side.reader().query("SELECT count(*) FROM users")
    assert side.written_meanwhile(["users"]) is not None  # the other side asked when it was made
    fresh = D1RestSide(environment.d1, clients[0])
    fresh.reader().query("SELECT count(*) FROM users")
    assert fresh.written_meanwhile(["users"]) is None
    other.reader().query("UPDATE users SET full_name = full_name")
    assert "moved by" in (fresh.written_meanwhile(["users"]) or "")
    for client in clients:
        client.close()
