"""The documents of stored data are equal on both systems after the same journey, and contain every later change."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import psycopg
import pytest

from cutover import corpus
from cutover.client.http import Client
from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.embedded import pair
from cutover.parity.stored_state import legacy_state, worker_state
from cutover.stores import LegacyRows, MediaFolder, ObjectStore, RowStore
from cutover.systems.target import Target

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cutover.embedded.state import PairState

pytestmark = pytest.mark.pair

PASSWORD = "Cutover-pw-of-these-tests"
SYSTEMS = ("legacy", "worker")
TAGS = ["ü", "a\"b\\c'", "\U0001f44d\U0001f3fd", "{x,y}", "null", "1", "zero\u200dwidth", "e\u0301", "<b>&amp;"]


@dataclass
class BothSystems:
    """Both systems of a pair, through their APIs and through their stores."""

    state: PairState
    targets: dict[str, Target]
    legacy_rows: LegacyRows
    media: MediaFolder
    row_store: RowStore
    object_store: ObjectStore

    def legacy(self, *usernames: str) -> dict[str, Any]:
        """Return the legacy system's document of these users."""
        return legacy_state(self.legacy_rows, self.media, usernames)

    def worker(self, *usernames: str) -> dict[str, Any]:
        """Return the Worker's document of these users."""
        return worker_state(self.row_store, self.object_store, usernames)

    def register(self, username: str, email: str | None = None) -> dict[str, Any]:
        """Register the same account on both systems and return its tokens by system."""
        fields = {
            "username": username,
            "email": email or email_of(username),
            "password": PASSWORD,
            "password_again": PASSWORD,
        }
        return {
            system: target.call("register", fields=fields).expect_status().secret("access_token")
            for system, target in self.targets.items()
        }

    def upload(self, tokens: dict[str, Any], name: str, content: bytes) -> dict[str, str]:
        """Upload the same file to both systems and return its ids by system."""
        return {
            system: str(
                target.call("upload", token=tokens[system], file=(name, content, "text/csv"))
                .expect_status()
                .field("file_id")
            )
            for system, target in self.targets.items()
        }

    def postgres(self, query: Any, *parameters: Any) -> Any:
        """Execute a statement on PostgreSQL and return the first row, if there is one."""
        with psycopg.connect(self.state.pg_dsn) as connection:
            done = connection.execute(query, parameters)
            return done.fetchone() if done.description else None

    def d1(self, query: str, *parameters: str) -> list[dict[str, Any]]:
        """Execute a statement on D1 through its REST interface and return the rows."""
        return self.row_store.rows(query, *parameters)


@pytest.fixture(scope="module")
def both_systems(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BothSystems]:
    """Yield a pair of these tests, which change its tables."""
    handle = pair.start(pair.anonymous_name(), owned=True)
    with contextlib.ExitStack() as ends:
        ends.callback(handle.stop)
        state = handle.wait(90)
        environment, recorder = load_environment(root(), "embedded", pair=state), Recorder()
        assert environment.postgres is not None
        assert environment.media is not None
        assert environment.d1 is not None
        assert environment.bucket is not None
        stop = KillSwitch(tmp_path_factory.mktemp("stop"))
        client = Client(environment, recorder=recorder, rate_limiter=None, kill_switch=stop, run="held")
        ends.callback(client.close)
        rows = LegacyRows(environment.postgres, environment, recorder=recorder, kill_switch=stop)
        ends.callback(rows.close)
        yield BothSystems(
            state,
            {system: Target(system, environment, client, recorder) for system in SYSTEMS},
            rows,
            MediaFolder(environment.media),
            RowStore(environment.d1, client),
            ObjectStore(environment.bucket, client),
        )


@pytest.fixture
def username() -> str:
    """Return a username for this test only."""
    return f"held-{secrets.token_hex(4)}"


def email_of(username: str) -> str:
    """Return an ASCII e-mail address for a username. Both systems require ASCII."""
    return f"{username.encode().hex()}@example.invalid"


def without_ids_and_instants(document: dict[str, Any]) -> dict[str, Any]:
    """Return the document without ids, and with instants replaced by True or False (present or not)."""
    for user in document["users"]:
        user |= {"created_at": user["created_at"] is not None, "last_login": user["last_login"] is not None}
    for file in document["files"]:
        file |= {"created_at": file["created_at"] is not None, "file_id": file["file_id"] is not None}
    return document


def test_same_journey_stores_the_same_data(both_systems: BothSystems) -> None:
    """Two users, awkward names and contents, tags, a deletion and a login give equal documents."""
    first, second = f"Zoë-{secrets.token_hex(3)}", f"aña.@+_{secrets.token_hex(3)}"
    lists = [kind for kind in corpus.list_files() if kind.accepted and kind.size < 2_000_000]
    tokens = both_systems.register(first)
    for kind in lists:
        both_systems.upload(tokens, kind.filename, kind.content)
    tokens = both_systems.register(second)
    for name in ("same.csv", "same.csv", "gone.csv"):
        ids = both_systems.upload(tokens, name, b"\xef\xbb\xbfa;b\r\n1;2\r\n")
        for system, target in both_systems.targets.items():
            path = {"file_id": ids[system]}
            if name == "gone.csv":
                target.call("delete", token=tokens[system], path=path).expect_status()
            else:
                target.call("tags", token=tokens[system], path=path, fields={"tags": TAGS}).expect_status()
    for target in both_systems.targets.values():
        target.call("login", fields={"username": second, "password": PASSWORD}).expect_status()

    legacy, worker = (
        without_ids_and_instants(held(second, first, "nobody", first))
        for held in (both_systems.legacy, both_systems.worker)
    )
    assert legacy == worker
    assert json.loads(json.dumps(legacy)) == legacy
    assert [user["username"] for user in legacy["users"]] == [first, second]
    form = "pbkdf2_sha256$100000"
    flags = {"is_active": True, "is_admin": False, "password_form": form, "created_at": True}
    assert legacy["users"][0] == {"username": first, "email": email_of(first), "last_login": False, **flags}
    assert legacy["users"][1]["last_login"] is True
    assert [file["filename"] for file in legacy["files"]] == [kind.stored_filename for kind in lists] + ["same.csv"] * 2
    for kind, file in zip(lists, legacy["files"], strict=False):
        assert (file["bytes"], file["stored_size"], file["file_size"]) == (kind.sha256, kind.size, kind.size)
        assert (file["mime_type"], file["tags"], file["path_or_key_ok"]) == ("text/csv", [], True)
    assert [file["tags"] for file in legacy["files"][-2:]] == [TAGS, TAGS]
    assert legacy["orphans"] == []


def test_different_email_domains_are_in_the_documents(both_systems: BothSystems, username: str) -> None:
    """Django lowers the domain of an e-mail address, the Worker does not. The documents contain both forms."""
    both_systems.register(username, f"{username}@Example.Invalid")
    emails = [held(username)["users"][0]["email"] for held in (both_systems.legacy, both_systems.worker)]
    assert emails == [f"{username}@example.invalid", f"{username}@Example.Invalid"]


def test_instants_keep_each_systems_precision(both_systems: BothSystems, username: str) -> None:
    """Instants have microseconds on legacy and milliseconds on the Worker, both with Z."""
    both_systems.upload(both_systems.register(username), "a.csv", b"a\n")
    for held, digits in ((both_systems.legacy(username), 6), (both_systems.worker(username), 3)):
        for row in (*held["users"], *held["files"]):
            date, _, fraction = row["created_at"].partition(".")
            assert (len(date), date[10], len(fraction), fraction[-1]) == (19, "T", digits + 1, "Z")


def test_document_contains_no_secret(both_systems: BothSystems, username: str) -> None:
    """The document has a password's algorithm and iterations, but neither salt nor hash."""
    both_systems.register(username)
    hashes = [
        both_systems.postgres("SELECT password FROM auth_user WHERE username = %s", username)[0],
        both_systems.d1("SELECT password FROM users WHERE username = ?1", username)[0]["password"],
    ]
    shown = json.dumps([both_systems.legacy(username), both_systems.worker(username)])
    for stored in hashes:
        assert [part for part in stored.split("$")[2:] if part in shown] == []


@pytest.mark.parametrize(
    ("password", "form"),
    [
        ("pbkdf2_sha256$870000$salt$hash", "pbkdf2_sha256$870000"),
        ("pbkdf2_sha1$180000$salt$hash", "pbkdf2_sha1$180000"),
        ("pbkdf2_sha256$many$salt$hash", "pbkdf2_sha256"),
        ("scrypt$salt$16384$8$1$hash", "scrypt"),
        ("md5$salt$hash", "md5"),
        ("bcrypt_sha256$$2b$12$hash", "bcrypt_sha256"),
        ("argon2$argon2id$v=19$m=102400$salt$hash", "argon2"),
        ("!unusable", "unusable"),
        ("plain text", "unknown form"),
        ("plain$text", "unknown form"),
        ("plain$text$with$dollars", "unknown form"),
        ("$", "unknown form"),
        ("$$", "unknown form"),
        ("", "unknown form"),
    ],
)
def test_form_of_a_password(both_systems: BothSystems, username: str, password: str, form: str) -> None:
    """The form of a stored password is equal on both systems. Unknown forms are not shown."""
    both_systems.register(username)
    both_systems.postgres("UPDATE auth_user SET password = %s WHERE username = %s", password, username)
    both_systems.d1("UPDATE users SET password = ?1 WHERE username = ?2", password, username)
    for held in (both_systems.legacy(username), both_systems.worker(username)):
        assert held["users"][0]["password_form"] == form


@pytest.mark.parametrize(
    ("change", "column", "shown"),
    [
        ("email = NULL", "email", None),
        ("email = 'x@y.invalid'", "email", "x@y.invalid"),
        ("email = x'C3A4'", "email", {"blob": "C3A4"}),
        ("is_active = 0", "is_active", False),
        ("is_active = 2", "is_active", {"integer": 2}),
        ("is_active = 'true'", "is_active", {"text": "true"}),
        ("is_active = NULL", "is_active", None),
        ("is_admin = 1", "is_admin", True),
        ("is_admin = 1.5", "is_admin", {"real": "1.5"}),
        ("is_admin = x'31'", "is_admin", {"blob": "31"}),
        ("created_at = datetime(0, 'unixepoch')", "created_at", "1970-01-01 00:00:00"),
        ("created_at = 1700000000", "created_at", "1700000000"),
        ("last_login = '2026-01-01T00:00:00.000Z'", "last_login", "2026-01-01T00:00:00.000Z"),
        ("password = x'00'", "password_form", {"blob": "unknown form"}),
    ],
)
def test_changed_user_in_d1_is_in_the_document(
    both_systems: BothSystems, username: str, change: str, column: str, shown: Any
) -> None:
    """The document has the new value, or its storage class if it differs from the column's. The rest is unchanged."""
    both_systems.register(username)
    (before,) = both_systems.worker(username)["users"]
    both_systems.d1(f"UPDATE users SET {change} WHERE username = ?1", username)  # noqa: S608 - of the list above
    (after,) = both_systems.worker(username)["users"]
    assert after == before | {column: shown}
    assert type(after[column]) is type(shown)


def test_username_as_blob_is_in_the_document(both_systems: BothSystems, username: str) -> None:
    """A username stored as a BLOB is neither missing nor equal to the text, and the user's files are found."""
    both_systems.upload(both_systems.register(username), "a.csv", b"a\n")
    both_systems.d1("UPDATE users SET username = CAST(username AS BLOB) WHERE username = ?1", username)
    held = both_systems.worker(username)
    blob = {"blob": username.encode().hex().upper()}
    assert [row["username"] for row in (*held["users"], *held["files"])] == [blob, blob]


@pytest.mark.parametrize(
    ("change", "column", "shown"),
    [
        ("filename = 'other.csv'", "filename", "other.csv"),
        ("filename = CAST(filename AS BLOB)", "filename", {"blob": "612E637376"}),
        ("file_size = 9007199254740993", "file_size", 9007199254740993),
        ("file_size = 4.5", "file_size", {"real": "4.5"}),
        ("file_size = 'four'", "file_size", {"text": "four"}),
        ("file_size = x'34'", "file_size", {"blob": "34"}),
        ("mime_type = 'text/plain'", "mime_type", "text/plain"),
        ("tags = NULL", "tags", None),
        ("tags = '[\"a\", 1, null]'", "tags", ["a", 1, None]),
        ("tags = '[\"a\",'", "tags", '["a",'),
        ("tags = ''", "tags", ""),
        ("tags = '\"a\"'", "tags", '"a"'),
        ("tags = '{\"a\": 1}'", "tags", '{"a": 1}'),
        ("tags = '[NaN]'", "tags", "[NaN]"),
        ("tags = x'5B5D'", "tags", {"blob": "5B5D"}),
        ("created_at = 'soon'", "created_at", "soon"),
    ],
)
def test_changed_file_in_d1_is_in_the_document(
    both_systems: BothSystems, username: str, change: str, column: str, shown: Any
) -> None:
    """The document has the new value of the file's row."""
    ids = both_systems.upload(both_systems.register(username), "a.csv", b"a,b\n")
    (before,) = both_systems.worker(username)["files"]
    both_systems.d1(f"UPDATE files SET {change} WHERE file_id = ?1", ids["worker"])  # noqa: S608 - of the list above
    (after,) = both_systems.worker(username)["files"]
    assert after == before | {column: shown}
    assert type(after[column]) is type(shown)


@pytest.mark.parametrize(
    ("change", "column", "shown"),
    [
        ("email = ''", "email", ""),
        ("is_active = false", "is_active", False),
        ("is_staff = true, is_superuser = true", "is_admin", True),
        ("is_staff = true", "is_admin", {"is_staff": True, "is_superuser": False}),
        ("is_superuser = true", "is_admin", {"is_staff": False, "is_superuser": True}),
        ("date_joined = '2026-01-01T01:00:00+01:00'", "created_at", "2026-01-01T00:00:00.000000Z"),
        ("date_joined = 'infinity'", "created_at", "infinity"),
        ("last_login = '1970-01-01T00:00:00.000001Z'", "last_login", "1970-01-01T00:00:00.000001Z"),
    ],
)
def test_changed_user_in_postgres_is_in_the_document(
    both_systems: BothSystems, username: str, change: Any, column: str, shown: Any
) -> None:
    """The document has the new value of the column. The rest is unchanged."""
    both_systems.register(username)
    (before,) = both_systems.legacy(username)["users"]
    both_systems.postgres(f"UPDATE auth_user SET {change} WHERE username = %s", username)  # noqa: S608 - of the list above
    (after,) = both_systems.legacy(username)["users"]
    assert after == before | {column: shown}


def test_changed_file_in_postgres_is_in_the_document(both_systems: BothSystems, username: str) -> None:
    """The document has the new name, size and tags."""
    ids = both_systems.upload(both_systems.register(username), "a.csv", b"a,b\n")
    (before,) = both_systems.legacy(username)["files"]
    both_systems.postgres(
        "UPDATE list_cutter_savedfile SET file_name = 'b.csv', file_size = 5, user_tags = ARRAY['x', NULL] "
        "WHERE file_id = %s",
        ids["legacy"],
    )
    (after,) = both_systems.legacy(username)["files"]
    assert after == before | {"filename": "b.csv", "file_size": 5, "tags": ["x", None]}


def test_changed_bytes_are_in_the_document(both_systems: BothSystems, username: str) -> None:
    """A truncated, changed or missing file changes bytes and stored_size. The row's own columns stay."""
    tokens, content = both_systems.register(username), b"a,b\n1,2\n"
    ids = both_systems.upload(tokens, "a.csv", content)
    user_id = both_systems.postgres("SELECT id FROM auth_user WHERE username = %s", username)[0]
    place = Path(both_systems.state.media_root, f"uploads/{user_id}/{ids['legacy']}.csv")
    (before,) = both_systems.legacy(username)["files"]
    os.truncate(place, 5)
    cut = {"bytes": hashlib.sha256(content[:5]).hexdigest(), "stored_size": 5}
    assert both_systems.legacy(username)["files"] == [before | cut]
    place.unlink()
    lost = {"bytes": None, "stored_size": None, "content_type": None}
    assert both_systems.legacy(username)["files"] == [before | lost]

    (before,) = both_systems.worker(username)["files"]
    with bucket_writer(both_systems.state) as bucket:
        (key,) = [listed.key for listed in both_systems.object_store.list("uploads/") if ids["worker"] in listed.key]
        bucket("put_object", Key=key, Body=b"a,b\n1,3\n", ContentType=before["content_type"])
        changed = {"bytes": hashlib.sha256(b"a,b\n1,3\n").hexdigest()}
        assert both_systems.worker(username)["files"] == [before | changed]
        bucket("delete_object", Key=key)
        assert both_systems.worker(username)["files"] == [before | lost]
        assert both_systems.worker(username)["orphans"] == []


def test_wrong_path_or_key_is_in_the_document(both_systems: BothSystems, username: str) -> None:
    """A row with a wrong path is marked, its file is an orphan, and paths outside the folder are not read."""
    tokens = both_systems.register(username)
    ids = both_systems.upload(tokens, "a.csv", b"a,b\n")
    (before,) = both_systems.legacy(username)["files"]
    lost = {"bytes": None, "stored_size": None, "content_type": None, "path_or_key_ok": False}
    name = f"{ids['legacy']}.csv"
    for path in ("../../../../../../etc/hostname", "/etc/hostname", "uploads/none.csv", ""):
        both_systems.postgres("UPDATE list_cutter_savedfile SET file_path = %s WHERE file_id = %s", path, ids["legacy"])
        held = both_systems.legacy(username)
        assert held["files"] == [before | lost]
        assert held["orphans"] == [{"username": username, "name": name}]

    (before,) = both_systems.worker(username)["files"]
    for key in ("uploads/none.csv", "", "../x"):
        both_systems.d1("UPDATE files SET r2_key = ?1 WHERE file_id = ?2", key, ids["worker"])
        held = both_systems.worker(username)
        assert held["files"] == [before | lost]
        assert held["orphans"] == [{"username": username, "name": f"{ids['worker']}.csv"}]
    both_systems.d1("UPDATE files SET r2_key = x'00' WHERE file_id = ?1", ids["worker"])
    assert both_systems.worker(username)["files"] == [before | lost]


def test_orphans_are_named(both_systems: BothSystems, username: str) -> None:
    """Files in a user's folder without a row are named relative to it. Those of user 70 do not belong to user 7."""
    both_systems.register(username)
    legacy_id = both_systems.postgres("SELECT id FROM auth_user WHERE username = %s", username)[0]
    worker_id = both_systems.d1("SELECT CAST(id AS TEXT) AS id FROM users WHERE username = ?1", username)[0]["id"]
    assert both_systems.legacy(username)["orphans"] == both_systems.worker(username)["orphans"] == []
    place = Path(both_systems.state.media_root, "uploads")
    with bucket_writer(both_systems.state) as bucket:
        for name in ("b & c.csv", "a/inner ä.csv"):
            (place / str(legacy_id) / name).parent.mkdir(parents=True, exist_ok=True)
            (place / str(legacy_id) / name).touch()
            bucket("put_object", Key=f"uploads/user-{worker_id}/{name}", Body=b"")
        (place / f"{legacy_id}0").mkdir()
        (place / f"{legacy_id}0" / "not-his.csv").touch()
        bucket("put_object", Key=f"uploads/user-{worker_id}0/not-his.csv", Body=b"")
    orphans = [{"username": username, "name": name} for name in ("a/inner ä.csv", "b & c.csv")]
    assert both_systems.legacy(username)["orphans"] == both_systems.worker(username)["orphans"] == orphans


def test_files_are_ordered_by_instant(both_systems: BothSystems, username: str) -> None:
    """Files are ordered by instant, in any notation. Values that are not instants come last."""
    tokens = both_systems.register(username)
    instants = ["soon", "2026-01-01T02:00:00.000Z", "2026-01-01 01:00:00", "2026-01-01T02:30:00+02:00"]
    for number, instant in enumerate(instants):
        ids = both_systems.upload(tokens, f"{number}.csv", b"a\n")
        both_systems.d1("UPDATE files SET created_at = ?1 WHERE file_id = ?2", instant, ids["worker"])
    assert [file["created_at"] for file in both_systems.worker(username)["files"]] == instants[::-1]


def test_other_object_key_is_used(both_systems: BothSystems, username: str) -> None:
    """The environment's form of object keys is used. Without a folder per user, orphans are not verified."""
    both_systems.upload(both_systems.register(username), "a.csv", b"a\n")
    other = worker_state(
        both_systems.row_store, both_systems.object_store, [username], object_key="u/{user_id}/{file_id}"
    )
    assert other["files"] == [both_systems.worker(username)["files"][0] | {"path_or_key_ok": False}]
    with pytest.raises(NotVerified, match="no folder per user"):
        worker_state(both_systems.row_store, both_systems.object_store, [username], object_key="{file_id}")


@contextlib.contextmanager
def bucket_writer(state: PairState) -> Iterator[Callable[..., Any]]:
    """Yield a function that calls another S3 client, to write objects as the Worker would not."""
    client = boto3.client(
        "s3",
        endpoint_url=state.s3_url,
        aws_access_key_id=state.s3_access_key,
        aws_secret_access_key=state.s3_secret_key,
        region_name="auto",
    )
    # botocore sends Expect: 100-continue and waits 1 s for a response that Miniflare does not send.
    client.meta.events.register("before-sign.s3", lambda request, **_: request.headers.__delitem__("Expect"))
    yield lambda operation, **arguments: getattr(client, operation)(Bucket=state.s3_bucket, **arguments)
    client.close()
