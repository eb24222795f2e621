"""The read-only clients of the stores on a real pair: they read everything and can change nothing."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import secrets
import socket
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
import pytest

from cutover.client.http import Client
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.errors import CheckFailed, Refused, Stopped, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import AllowList, KillSwitch
from cutover.core.secrets import Secret
from cutover.migration.postgres_side import PostgresReader
from cutover.stores import LegacyRows, ObjectStore
from cutover.stores import objects as objects_module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from cutover.config.environments import Environment
    from cutover.config.postgres_uri import PostgresAddress
    from cutover.embedded.state import PairState

    Connect = Callable[..., LegacyRows]

pytestmark = pytest.mark.pair


@pytest.fixture(scope="module")
def environment(own_pair: PairState) -> Environment:
    """Return the embedded environment of the tests' own pair."""
    return load_environment(root(), "embedded", pair=own_pair)


@pytest.fixture
def recorder() -> Recorder:
    """Return the recorder of the stores."""
    return Recorder()


@pytest.fixture
def rows_factory(environment: Environment, recorder: Recorder, tmp_path: Path) -> Iterator[Connect]:
    """Yield a function that returns LegacyRows of the pair with parts of its address changed. Close all afterwards."""
    made = []  # with the role of Django, which may write: the sessions must not

    def make(*, allow: bool = True, timeout_s: float = 10.0, **changes: Any) -> LegacyRows:
        assert environment.postgres_writer is not None
        address: PostgresAddress = dataclasses.replace(environment.postgres_writer, **changes)
        servers = {"postgres": (address.host, address.port)} if allow else {}
        here = dataclasses.replace(environment, allowed=AllowList({}, servers), timeout_s=timeout_s)
        made.append(LegacyRows(address, here, recorder=recorder, kill_switch=KillSwitch(tmp_path)))
        return made[-1]

    yield make
    for rows in made:
        rows.close()


@pytest.fixture
def object_store(environment: Environment, recorder: Recorder, tmp_path: Path) -> Iterator[ObjectStore]:
    """Yield the pair's bucket through the suite's client."""
    assert environment.bucket is not None
    client = Client(environment, recorder=recorder, rate_limiter=None, kill_switch=KillSwitch(tmp_path), run="stores")
    yield ObjectStore(environment.bucket, client)
    client.close()


@pytest.fixture(scope="module")
def writable_bucket(own_pair: PairState) -> Any:
    """Yield another client of the same bucket that can write, and the bucket's name."""
    client = boto3.client(
        "s3",
        endpoint_url=own_pair.s3_url,
        aws_access_key_id=own_pair.s3_access_key,
        aws_secret_access_key=own_pair.s3_secret_key,
        region_name="auto",
    )
    # botocore sends Expect: 100-continue and waits 1 s for a response that Miniflare does not send.
    client.meta.events.register("before-sign.s3", lambda request, **_: request.headers.__delitem__("Expect"))
    yield client, own_pair.s3_bucket
    client.close()


def test_rows_are_read(rows_factory: Connect, recorder: Recorder) -> None:
    """Values have Python's types, parameters are bound, and each query is recorded without them."""
    rows = rows_factory()
    query = "SELECT %(text)s::text AS text, ARRAY['a', NULL] AS list, true AS yes, 9007199254740993 AS whole"
    assert rows.rows(query, {"text": "ä'\"\\"}) == [
        {"text": "ä'\"\\", "list": ["a", None], "yes": True, "whole": 9007199254740993}
    ]
    assert rows.rows("SELECT 1 AS one WHERE false") == []
    assert {(exchange.system, exchange.path) for exchange in recorder.exchanges} == {("postgres", "/list_cutter")}


def test_session_is_read_only_and_named(rows_factory: Connect) -> None:
    """The session and each transaction are read-only, on one snapshot, named and with a time limit."""
    rows = rows_factory(timeout_s=7)
    names = ["transaction_read_only", "default_transaction_read_only", "transaction_isolation"]
    names += ["statement_timeout", "application_name", "client_encoding"]
    found = rows.rows("SELECT name, current_setting(name) AS value FROM unnest(%s::text[]) AS name", [names])
    assert [row["value"] for row in found] == ["on", "on", "repeatable read", "7s", "cutover", "UTF8"]


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO auth_group (name) VALUES ('x') RETURNING id",
        "WITH made AS (INSERT INTO auth_group (name) VALUES ('x') RETURNING id) SELECT * FROM made",
        "DELETE FROM auth_user RETURNING id",
        "CREATE TABLE x (y int)",
        "SELECT nextval('auth_user_id_seq')",
        "SELECT * FROM auth_user FOR UPDATE",
        "SET TRANSACTION READ WRITE",
        "SELECT set_config('transaction_read_only', 'off', false)",
        "COMMIT; INSERT INTO auth_group (name) VALUES ('x')",
        "SELECT 1; SELECT 2",
    ],
)
def test_writes_are_refused(rows_factory: Connect, own_pair: PairState, query: Any) -> None:
    """A statement that writes or allows writing, and two statements at once, are refused. Nothing is changed."""
    rows = rows_factory()
    with pytest.raises(CheckFailed, match=r"store:query:(25006|25001|42601)"):
        rows.rows(query)
    with psycopg.connect(own_pair.pg_dsn) as control:
        assert control.execute("SELECT count(*) FROM auth_group").fetchone() == (0,)
    assert rows.rows("SELECT 1 AS one") == [{"one": 1}]


def test_each_transaction_is_read_only(rows_factory: Connect) -> None:
    """A session that was set to write by default still starts each transaction as read-only."""
    rows = rows_factory()
    rows.rows("SELECT set_config('default_transaction_read_only', 'off', false)")
    with pytest.raises(CheckFailed, match="25006"):
        rows.rows("INSERT INTO auth_group (name) VALUES ('x') RETURNING id")


def test_snapshot_is_constant(rows_factory: Connect, own_pair: PairState) -> None:
    """Within a snapshot nothing changes. After it the newest state is read."""
    rows, name = rows_factory(), f"g-{secrets.token_hex(4)}"
    query = "SELECT count(*) AS n FROM auth_group WHERE name = %s"
    with psycopg.connect(own_pair.pg_dsn, autocommit=True) as other:
        with rows.snapshot():
            assert rows.rows(query, [name]) == [{"n": 0}]
            other.execute("INSERT INTO auth_group (name) VALUES (%s)", [name])
            assert rows.rows(query, [name]) == [{"n": 0}]
        assert rows.rows(query, [name]) == [{"n": 1}]
        other.execute("DELETE FROM auth_group WHERE name = %s", [name])


def test_rows_hidden_by_a_policy_are_an_error(
    rows_factory: Connect, environment: Environment, own_pair: PairState, tmp_path: Path
) -> None:
    """Row-level security that hides rows is an error, for single queries and in bulk."""
    assert environment.postgres_writer is not None
    with psycopg.connect(own_pair.pg_dsn, autocommit=True) as owner:
        owner.execute("ALTER TABLE auth_group ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY")
        owner.execute("CREATE POLICY hides ON auth_group USING (name < 'm')")
        bulk = PostgresReader(environment.postgres_writer, environment, KillSwitch(tmp_path), None)
        try:
            with pytest.raises(CheckFailed, match="row-level security"):
                rows_factory().rows("SELECT count(*) AS n FROM auth_group")
            with pytest.raises(CheckFailed, match="row-level security"):
                bulk.query("SELECT count(*) FROM auth_group")
        finally:
            bulk.close()
            owner.execute("DROP POLICY hides ON auth_group")
            owner.execute("ALTER TABLE auth_group DISABLE ROW LEVEL SECURITY, NO FORCE ROW LEVEL SECURITY")


def test_refused_login_says_what_to_do(rows_factory: Connect, environment: Environment) -> None:
    """A wrong password, user or database is a failed check. The message contains no password."""
    assert environment.postgres_writer is not None
    wrong = "wrong-password-of-this-test"
    changes: list[dict[str, Any]] = [{"password": Secret(wrong)}, {"user": "nobody"}, {"database": "no_such"}]
    for change in changes:
        with pytest.raises(CheckFailed, match="store:login") as caught:
            rows_factory(**change).rows("SELECT 1")
        assert "secrets.postgres_dsn" in str(caught.value)
        for password in (wrong, environment.postgres_writer.password.reveal()):
            assert password not in str(caught.value)


def test_unreachable_server_is_reported_as_such(rows_factory: Connect, environment: Environment) -> None:
    """A closed port, and a server that cannot prove its identity, are unreachable after two tries."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        closed: dict[str, Any] = {"port": free.getsockname()[1]}
        for change in (closed, {"sslmode": "verify-full"}):
            with pytest.raises(Unreachable, match="Tried twice") as caught:
                rows_factory(**change).rows("SELECT 1")
            assert environment.postgres_writer is not None
            assert environment.postgres_writer.password.reveal() not in str(caught.value)


def test_unnamed_server_gets_no_request(rows_factory: Connect, recorder: Recorder) -> None:
    """The client refuses a server that the environment does not name."""
    with pytest.raises(Refused, match="not a server of this environment"):
        rows_factory(allow=False).rows("SELECT 1")
    assert recorder.exchanges == []


def test_callers_variables_change_nothing(rows_factory: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    """PGHOSTADDR, PGOPTIONS and similar variables have no effect, and are unchanged afterwards."""
    ours = {
        "PGHOSTADDR": "192.0.2.1",
        "PGSERVICE": "no-such-service",
        "PGOPTIONS": "-c default_transaction_read_only=off",
        "PGSSLMODE": "verify-full",
        "PGREQUIREAUTH": "none",
    }
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    assert rows_factory().rows("SELECT current_setting('default_transaction_read_only') AS s") == [{"s": "on"}]
    assert {name: os.environ[name] for name in ours} == ours


def test_slow_query_is_ended(rows_factory: Connect) -> None:
    """The server ends the query, the check fails with the time limit, and the session can still be used."""
    rows = rows_factory(timeout_s=0.2)
    with pytest.raises(CheckFailed, match=r"no-answer:query\n.*within 0.2 s"):
        rows.rows("SELECT pg_sleep(5)")
    assert rows.rows("SELECT 1 AS one") == [{"one": 1}]


def test_broken_session_is_replaced(rows_factory: Connect, own_pair: PairState) -> None:
    """The query during which it broke fails. The next query succeeds."""
    rows = rows_factory()
    ((pid,),) = [row.values() for row in rows.rows("SELECT pg_backend_pid() AS pid")]
    with psycopg.connect(own_pair.pg_dsn, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    with pytest.raises(CheckFailed, match="broken-answer:query"):
        rows.rows("SELECT 1")
    assert rows.rows("SELECT 1 AS one") == [{"one": 1}]


def test_kill_switch_stops_queries(rows_factory: Connect, tmp_path: Path) -> None:
    """The kill switch also stops the queries of an open session."""
    rows = rows_factory()
    rows.rows("SELECT 1")
    (tmp_path / "STOP").touch()
    with pytest.raises(Stopped):
        rows.rows("SELECT 1")


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 2500])
def test_object_is_read_in_full(
    object_store: ObjectStore, writable_bucket: Any, recorder: Recorder, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    """Size, SHA-256, media type and metadata are right for sizes around the size of a part."""
    monkeypatch.setattr(objects_module, "PIECE_BYTES", 1000)
    client, name = writable_bucket
    key, content = f"pieces/ä & #?%2F {size}.csv", secrets.token_bytes(size)
    client.put_object(
        Bucket=name, Key=key, Body=content, ContentType="text/csv", CacheControl="private, no-store",
        Metadata={"originalName": "caf%C3%A9%22.csv"},
    )  # fmt: skip
    found = object_store.get(key)
    assert found is not None
    assert (found.key, found.size, found.sha256) == (key, size, hashlib.sha256(content).hexdigest())
    assert (found.content_type, found.cache_control) == ("text/csv", "private, no-store")
    assert found.original_name == 'café".csv'
    head = object_store.head(key)
    assert head is not None
    assert dataclasses.replace(head, sha256=found.sha256) == found
    gets = [exchange for exchange in recorder.exchanges if exchange.operation == "get_object"]
    assert len(gets) == max(1, -(-size // 1000))
    client.delete_object(Bucket=name, Key=key)
    assert object_store.get(key) is None


def test_object_changed_during_the_reading_is_an_error(
    object_store: ObjectStore, writable_bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts of two versions of an object are never combined."""
    client, name = writable_bucket
    client.put_object(Bucket=name, Key="changes", Body=b"a" * 2000)
    monkeypatch.setattr(objects_module, "PIECE_BYTES", 1000)
    send = object_store._transport._client.send  # noqa: SLF001 - to step in between two pieces, which no interface offers

    def and_change(request: Any) -> Any:
        answer = send(request)
        client.put_object(Bucket=name, Key="changes", Body=b"b" * 2000)
        return answer

    monkeypatch.setattr(object_store._transport._client, "send", and_change)  # noqa: SLF001 - the same
    with pytest.raises(CheckFailed, match="store:changed"):
        object_store.get("changes")
    client.delete_object(Bucket=name, Key="changes")


def test_encoded_object_is_an_error(object_store: ObjectStore, writable_bucket: Any) -> None:
    """An object with Content-Encoding is refused, because the client could decode its bytes."""
    client, name = writable_bucket
    client.put_object(Bucket=name, Key="encoded", Body=b"plain", ContentEncoding="gzip")
    with pytest.raises(CheckFailed):
        object_store.get("encoded")
    client.delete_object(Bucket=name, Key="encoded")


def test_listing_reads_all_pages(object_store: ObjectStore, writable_bucket: Any, recorder: Recorder) -> None:
    """Every key with the prefix is listed once and unchanged, and no key with another prefix."""
    client, name = writable_bucket
    keys = ["list/7/a b+c.csv", "list/7/ä&<>\"'.csv", "list/7/%2F.csv", "list/7/x/y.csv", "list/7/z"]
    for key in [*keys, "list/70/a.csv", "list/8"]:
        client.put_object(Bucket=name, Key=key, Body=key.encode())
    for page_size in (1, 2, 5, 1000):
        found = list(object_store.list("list/7/", page_size=page_size))
        assert {listed.key: listed.size for listed in found} == {key: len(key.encode()) for key in keys}
        assert len(found) == len(keys)
    assert list(object_store.list("list/9/")) == []
    assert {exchange.operation for exchange in recorder.exchanges} == {"list_objects"}
    for key in [*keys, "list/70/a.csv", "list/8"]:
        client.delete_object(Bucket=name, Key=key)


def test_wrong_s3_keys_are_an_error(environment: Environment, object_store: ObjectStore) -> None:
    """A store that refuses the keys is an error and not an empty bucket."""
    assert environment.bucket is not None
    wrong = dataclasses.replace(environment.bucket, secret_access_key=Secret("a-wrong-secret-of-this-test"))
    refused = ObjectStore(wrong, object_store._transport._client)  # noqa: SLF001 - the same client, other keys
    for look in (lambda: refused.get("x"), lambda: refused.head("x"), lambda: list(refused.list("x"))):
        with pytest.raises(CheckFailed, match="status 403"):
            look()
