"""The migration program on a real pair (full, delta, reverse, resume, undo), compared with an oracle of the tests."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
import tomllib
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import httpx
import psycopg
import pytest
from migration_program import Programs

from cutover.config.validation import root
from cutover.embedded import pair

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from cutover.embedded.state import PairState

pytestmark = pytest.mark.pair

SMALL = ("--users", "40", "--files", "80")


@pytest.fixture(scope="module")
def empty_pair() -> Iterator[PairState]:
    """Yield a pair without other rows than those of these tests."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions())
    yield handle.wait(90)
    handle.stop()


@pytest.fixture
def programs(empty_pair: PairState, tmp_path: Path) -> Programs:
    """Return both programs, on a small set of legacy data and an empty target."""
    made = Programs(empty_pair, tmp_path / "journal")
    made.generate("--clear", "--users", "0", "--files", "0")
    if made.target()["users"]:
        Programs(empty_pair, tmp_path / "emptying").migrate("full", "--replace")
    assert [made.target()[name] for name in ("users", "files", "objects")] == [[], [], {}]
    made.generate(*SMALL, "--accounts", str(tmp_path / "accounts.json"))
    return made


def assert_migrated(programs: Programs) -> None:
    """Assert that the target has the source's data as contracts/migration.toml says, without using the program."""
    source, target = programs.source(), programs.target()
    users = [json.loads(text) for text in source["auth_user"]]
    assert [row[:4] for row in target["users"]] == [
        (row["id"], row["username"], row["email"] or None, row["password"]) for row in users
    ]
    for row, held in zip(users, target["users"], strict=True):
        assert held[4:8] == (None, int(row["is_active"]), int(row["is_staff"]), 0)
        assert [value and datetime.fromisoformat(value) for value in held[8:]] == [
            value and datetime.fromisoformat(value)
            for value in (row["date_joined"], row["date_joined"], row["last_login"])
        ]
    files = [json.loads(text) for text in source["list_cutter_savedfile"]]
    assert [held[:8] for held in target["files"]] == [
        (
            row["id"], row["user_id"], row["file_id"], row["file_name"], row["file_name"], row["file_size"], "text/csv",
            f"uploads/user-{row['user_id']}/{row['file_id']}.csv",
        )
        for row in files
    ]  # fmt: skip
    for row, held in zip(files, target["files"], strict=True):
        assert (json.loads(held[12]), json.loads(held[13])) == (row["metadata"], row["user_tags"])
        assert held[14] == source["media"][row["file_path"]]
        assert datetime.fromisoformat(held[15]) == datetime.fromisoformat(row["uploaded_at"])
    assert len(target["objects"]) == len(files)
    for held in target["files"]:
        assert target["objects"][held[7]][0] == held[5]


def test_full_migrates_everything_and_undo_removes_it(programs: Programs, tmp_path: Path) -> None:
    """Rows and objects follow the mapping, accounts log in, a second full is refused, and undo leaves nothing."""
    empty = programs.target()
    programs.migrate("full", "--dry-run")
    assert programs.target() == empty
    done = programs.migrate("full")
    assert (done["written"], done["left_out"]) == ({"users": 40, "files": 80}, [])
    assert_migrated(programs)
    assert_objects_are_as_the_worker_writes_them(programs)
    assert "holds rows" in programs.migrate("full", code=4)["message"]
    assert programs.migrate("undo")["not_undone"] == {}
    assert programs.target() == empty
    programs.migrate("full")
    assert_accounts_log_in(programs, json.loads((tmp_path / "accounts.json").read_text()))


def assert_objects_are_as_the_worker_writes_them(programs: Programs) -> None:
    """Assert that bytes, type, cache control and metadata of the objects are those of the Worker's own uploads."""
    for row in programs.target()["files"][::5]:
        found = programs.s3.get_object(Bucket=programs.pair.s3_bucket, Key=row[7])
        media = Path(programs.pair.media_root) / f"uploads/{row[1]}/{row[2]}.csv"
        assert found["Body"].read() == media.read_bytes()
        assert (found["ContentType"], found["CacheControl"]) == ("text/csv", "private, no-store")
        metadata = found["Metadata"]
        assert (metadata["userid"], metadata["fileid"]) == (str(row[1]), row[2])
        assert unquote(metadata["originalname"], errors="strict") == row[3]
        assert datetime.fromisoformat(metadata["migratedat"]).tzinfo is not None


def assert_accounts_log_in(programs: Programs, accounts: list[dict[str, Any]]) -> None:
    """Assert that active accounts log in on both systems with the generator's passwords, and disabled ones do not."""
    active = [account for account in accounts if account["is_active"]]
    disabled = [account for account in accounts if not account["is_active"]]
    assert disabled
    with httpx.Client(trust_env=False) as client:
        for account in active[:6] + disabled[:1]:
            body = {"username": account["username"], "password": account["password"]}
            for url in (
                f"{programs.pair.legacy_url}/api/accounts/login/",
                f"{programs.pair.worker_url}/api/accounts/login",
            ):
                assert client.post(url, json=body).status_code == (200 if account["is_active"] else 401)


def test_delta_migrates_changes_and_undo_reverts_them(programs: Programs) -> None:
    """Deletions, new passwords, swapped names and changed bytes are migrated. A second delta finds nothing."""
    programs.migrate("full")
    before = programs.target()
    changed = programs.generate("--change", "--seed", "5")
    assert min(changed[name] for name in ("users_deleted", "users_changed", "files_removed", "files_changed")) > 0
    planned = programs.migrate("delta", "--dry-run")["would_write"]
    assert programs.target() == before
    done = programs.migrate("delta")
    assert {table: count for table, count in done["written"].items() if table != "objects"} == {
        table: count for table, count in planned.items() if table != "objects"
    }
    assert_migrated(programs)
    assert programs.migrate("delta", "--dry-run")["would_write"] == {"objects": {"delete": 0}}
    assert programs.migrate("undo")["not_undone"] == {}
    assert programs.target() == before


def test_killed_full_is_resumed(programs: Programs) -> None:
    """After SIGKILL it writes the rest and nothing twice. Another command is refused until then."""
    empty = programs.target()
    _kill(programs, "full", lambda: 4 <= len(programs.target()["files"]) < 80)
    there = len(programs.target()["files"])
    assert "was cut short" in programs.migrate("delta", code=4)["message"]
    done = programs.migrate("full", "--batch", "4")
    assert done["went_on"] is True
    assert (done["written"]["users"], done["written"]["files"]) == (0, pytest.approx(80 - there, abs=4))
    assert_migrated(programs)
    assert programs.migrate("undo")["not_undone"] == {}
    assert programs.target() == empty


def test_killed_delta_and_reverse_are_resumed(programs: Programs, tmp_path: Path) -> None:
    """After SIGKILL both are resumed, and undo restores the state before the first run."""
    programs.migrate("full")
    before = programs.target()
    for seed in "6789":  # enough changes to be interrupted
        programs.generate("--change", "--seed", seed)
    changed = programs.source()
    _kill(programs, "delta", lambda: programs.target() != before)
    assert programs.migrate("delta", "--batch", "4")["went_on"] is True
    assert_migrated(programs)
    assert programs.migrate("undo")["not_undone"] == {}
    assert programs.target() == before
    reverse = Programs(programs.pair, tmp_path / "reverse")
    _kill(reverse, "reverse", lambda: not programs.source_rows().items() <= changed.items())
    assert reverse.migrate("reverse", "--batch", "4")["went_on"] is True
    assert_migrated(programs)
    assert reverse.migrate("undo")["not_undone"] == {}
    assert programs.source() == changed


def _kill(programs: Programs, command: str, has_begun: Callable[[], bool]) -> None:
    """Start a command with small batches, and kill it with SIGKILL as soon as it has written something."""
    with subprocess.Popen(programs.command(command, "--batch", "2"), env=programs.environment) as process:
        deadline = time.monotonic() + 60
        while not has_begun():
            assert time.monotonic() < deadline
            assert process.poll() is None
            time.sleep(0.01)
        os.kill(process.pid, signal.SIGKILL)


def _worker_writes(programs: Programs, account: dict[str, Any]) -> dict[str, Any]:
    """Write at the Worker as users do after the cutover: a new account with a file, and a deleted file."""
    api = f"{programs.pair.worker_url}/api"
    with httpx.Client(trust_env=False) as client:
        fields = {
            "username": "new-at-the-worker",
            "email": "",
            "password": "new password 1",
            "password2": "new password 1",
        }
        fields["email"] = "new@example.org"
        new = client.post(f"{api}/accounts/register", json=fields).raise_for_status().json()
        bearer = {"authorization": f"Bearer {new['access_token']}"}
        content = "näme,b\r\n1,2\r\n".encode()
        sent = client.post(
            f"{api}/files/upload", files={"file": ("nëu.csv", content)}, headers=bearer
        ).raise_for_status()
        login = {"username": account["username"], "password": account["password"]}
        token = client.post(f"{api}/accounts/login", json=login).raise_for_status().json()["access_token"]
        bearer = {"authorization": f"Bearer {token}"}
        files = client.get(f"{api}/files", headers=bearer).raise_for_status().json()["files"]
        client.delete(f"{api}/files/{files[0]['file_id']}", headers=bearer).raise_for_status()
    deadline = time.monotonic() + 30
    with sqlite3.connect(f"file:{programs.pair.d1_file}?mode=ro", uri=True) as database:
        while database.execute("SELECT count(*) FROM files WHERE upload_status = 'processing'").fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    return {"file_id": sent.json()["file"]["file_id"], "content": content, "gone": files[0]["file_id"]}


def test_reverse_migrates_writes_of_the_worker(programs: Programs, tmp_path: Path) -> None:
    """The new account logs in at Django and downloads its file there. Undo leaves Django as it was."""
    programs.migrate("full")
    accounts = json.loads((tmp_path / "accounts.json").read_text())
    owners = {row[1] for row in programs.target()["files"]}
    account = next(a for a in accounts if a["is_active"] and a["id"] in owners)
    before = programs.source()
    written = _worker_writes(programs, account)
    reverse = Programs(programs.pair, tmp_path / "reverse")
    done = reverse.migrate("reverse")
    assert done["written"] == {
        "auth_user": {"insert": 1, "update": 1},
        "list_cutter_savedfile": {"delete": 1, "insert": 1},
    }
    assert reverse.migrate("reverse", "--dry-run")["would_write"] == {}
    legacy = f"{programs.pair.legacy_url}/api"
    with httpx.Client(trust_env=False) as client:
        login = {"username": "new-at-the-worker", "password": "new password 1"}
        token = client.post(f"{legacy}/accounts/login/", json=login).raise_for_status().json()["access"]
        url = f"{legacy}/list_cutter/download/{written['file_id']}/"
        got = client.get(url, headers={"authorization": f"Bearer {token}"}).raise_for_status()
        assert got.content == written["content"]
    assert not list(Path(programs.pair.media_root).rglob(f"{written['gone']}.csv"))
    with psycopg.connect(programs.pair.pg_dsn, autocommit=True) as connection:
        # The login above changed Django's row and added a token. Undo reverts only the run's own writes.
        assert reverse.migrate("undo", code=1)["not_undone"] == {"auth_user": 1}
        connection.execute(
            "DELETE FROM token_blacklist_outstandingtoken WHERE user_id = (SELECT max(id) FROM auth_user)"
        )
        connection.execute("DELETE FROM auth_user WHERE username = 'new-at-the-worker'")
    assert programs.source() == before


def test_awkward_data_is_refused_or_left_out(programs: Programs) -> None:
    """Nothing is written while one row cannot be migrated. With --leave-out only those rows are missing."""
    kinds = tomllib.loads((root() / "reference/migration/awkward.toml").read_text())["awkward"]
    wanted = [word for kind in kinds for word in ("--awkward", kind["name"]) if kind["name"] != "largest-file"]
    made = programs.generate("--clear", "--users", "5", "--files", "5", *wanted)["awkward"]
    empty = programs.target()
    message = programs.migrate("full", code=1)["message"]
    assert "nothing was written" in message
    assert {name: programs.target()[name] for name in ("users", "files", "objects")} == {
        name: empty[name] for name in ("users", "files", "objects")
    }
    programs.migrate("full", "--leave-out", code=1)
    held = programs.target()
    there = {"users": {row[0] for row in held["users"]}, "files": {row[0] for row in held["files"]}}
    for kind in kinds:
        if kind["name"] not in made:
            continue
        rows = [(table, key) for table in ("users", "files") for key in made[kind["name"]][table]]
        lost = {table for table, key in rows if key not in there[table]}
        shown = {shows["table"] for shows in kind.get("shows", []) if shows["kind"] == "missing"}
        assert lost == shown, kind["name"]
        assert (kind["migrate"] == "leaves out") == bool(lost or "in-use" in kind["name"]), kind["name"]


def test_missing_or_wrong_settings_are_named(programs: Programs) -> None:
    """A missing variable gives 4 with its name, an unreachable side 11. No message contains a secret."""
    assert "MIGRATE_S3_SECRET_KEY" in programs.migrate("full", code=4, MIGRATE_S3_SECRET_KEY="")["message"]
    assert (
        "MIGRATE_PG_DSN" in programs.migrate("full", code=4, MIGRATE_PG_DSN="postgresql://x:y@127.0.0.1:1/z")["message"]
    )
    assert "D1" in programs.migrate("full", "--d1-url", "http://127.0.0.1:1/d1", code=11)["message"]
    wrong = programs.migrate("full", code=11, MIGRATE_S3_SECRET_KEY="wrong")["message"]
    assert "R2" in wrong
