"""Tests of whole migration runs: generated, migrated and compared, forward and reverse, killed and resumed."""

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from tests.suite.support.gate_runs import GateRun, clean_environment, run_gate
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.config.validation import root
from cutover.embedded import pair, pair_migration
from cutover.embedded.state import PairState
from cutover.migration.value_kinds import KINDS, NULLS, SIZES, undetectable

pytestmark = pytest.mark.verdicts

GROWN = 200_000
DEADLINE_S = 60.0


@dataclass(frozen=True)
class Reconciled:
    """A finished `cutover reconcile`: exit code, output, reconciliation.json (None: there is none)."""

    code: int
    output: str
    data: dict[str, Any] | None

    @property
    def last_line(self) -> str:
        """Return the last line of the output."""
        return self.output.rstrip("\n").rpartition("\n")[2]


def reconcile(own_pair: PairState, reports: Path, *arguments: str) -> Reconciled:
    """Run the command on the pair and wait for its end."""
    before = set(reports.glob("*/verdict.json"))
    done = subprocess.run(
        [*_command(own_pair, reports), *arguments], cwd=root(), env=clean_environment(), stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
    )  # fmt: skip
    (made,) = {*reports.glob("*/verdict.json")} - before or {None}
    file = made.parent / "reconciliation.json" if made else None
    return Reconciled(done.returncode, done.stdout, json.loads(file.read_text()) if file and file.exists() else None)


def _command(own_pair: PairState, reports: Path) -> list[str]:
    named = ["--env", "embedded", "--pair", own_pair.name, "--reports", str(reports)]
    return [sys.executable, "-m", "cutover.cli", "reconcile", *named]


@pytest.fixture(scope="module")
def first_run(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[PairState, GateRun]]:
    """A pair for these tests and the gate's first run on it, which generates and migrates the data."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions())
    try:
        own = handle.wait(90)
        reports = tmp_path_factory.mktemp("first") / "reports"
        yield own, run_gate("-m", "migration", "--env", "embedded", "--pair", own.name, reports=reports)
    finally:
        handle.stop()


@pytest.fixture(scope="module")
def filled_pair(first_run: tuple[PairState, GateRun]) -> PairState:
    """The pair with its data. A test that changes it restores it."""
    return first_run[0]


@pytest.fixture
def copy(filled_pair: PairState, tmp_path: Path) -> Path:
    """A copy of D1's file that a test may change."""
    target = tmp_path / "copy.sqlite"
    with sqlite3.connect(f"file:{filled_pair.d1_file}?mode=ro", uri=True) as source, sqlite3.connect(target) as made:
        source.backup(made)
    source.close()
    made.close()
    return target


def change(file: Path, *statements: str) -> None:
    """Run statements on an SQLite file, on another connection."""
    connection = sqlite3.connect(file, isolation_level=None)
    for statement in statements:
        connection.execute(statement)
    connection.close()


def test_generated_and_migrated_pair_is_go(first_run: tuple[PairState, GateRun]) -> None:
    """The gate fills an empty pair, migrates it and compares it; rows, files and bytes are exact."""
    own, done = first_run
    assert done.code == 0, done.output
    assert done.last_line.startswith("migration GO: embedded")
    data = json.loads((done.folder / "reconciliation.json").read_text())
    users, files = data["tables"]["users"], data["tables"]["files"]
    assert users["source_rows"] == users["target_rows"] > pair_migration.USERS
    assert files["source_rows"] == files["target_rows"] == data["objects"]["by_bytes"] > pair_migration.FILES
    stored = sum(file.stat().st_size for file in Path(own.media_root).rglob("*.csv"))
    assert data["objects"]["file_bytes"] == data["objects"]["object_bytes"] == stored > 0
    assert f"{stored:,} bytes" in done.output
    assert data["total_findings"] == 0


def test_data_of_the_pair_has_every_kind_of_value(first_run: tuple[PairState, GateRun]) -> None:
    """Each kind occurs in each column, the evidence and the terminal say so, and nothing is left undetectable."""
    _, done = first_run
    kinds = json.loads((done.folder / "reconciliation.json").read_text())["kinds"]
    missing = [line for table, counts in kinds.items() for line in undetectable(table, counts)]
    assert missing == []
    assert {kind.name for kind in (*KINDS, NULLS, *SIZES)} == {kind for counts in kinds.values() for kind in counts}
    assert "  contained: " in done.output
    assert "could not detect" not in done.output
    (record,) = [each for each in done.records if each["check"].endswith("test_every_value_is_unchanged[users]")]
    measured = {each["name"]: each["value"] for each in record["observations"]["measured"]}
    assert measured["users: infinity"] == "created_at: 1, last_login: 2"


def test_hours_around_clock_changes_are_known(filled_pair: PairState) -> None:
    """PostgreSQL finds the hours that clocks repeat or skip as Python's zones do, for each quarter hour of a year."""
    repeated, skipped = (next(kind.sql for kind in KINDS if kind.name.endswith(word)) for word in ("repeat", "skip"))
    with psycopg.connect(filled_pair.pg_dsn, options="-c timezone=UTC") as legacy:
        rows = legacy.execute(
            f"SELECT t, coalesce(({repeated.format('t')}), false), coalesce(({skipped.format('t')}), false)"  # noqa: S608 - constants
            " FROM generate_series(timestamptz '2019-01-01', '2020-01-01', '15 minutes') t".encode()
        ).fetchall()
    zones = [ZoneInfo(name) for name in ("Europe/Berlin", "Europe/London", "America/New_York", "America/Los_Angeles")]
    hour = timedelta(hours=1)

    def local(instant: datetime, zone: ZoneInfo) -> datetime:
        return instant.astimezone(zone).replace(tzinfo=None, fold=0)

    def is_missing(clock: datetime, zone: ZoneInfo) -> bool:
        return local(clock.replace(tzinfo=zone).astimezone(UTC), zone) != clock

    for instant, is_repeated, is_skipped in rows:
        near = (instant - hour, instant + hour)
        assert is_repeated == any(local(instant, zone) in [local(each, zone) for each in near] for zone in zones)
        assert is_skipped == any(is_missing(instant.replace(tzinfo=None), zone) for zone in zones)
    assert sum(row[1] for row in rows) == 2 * 4 * 3  # two hours: EU at one instant, two zones of America
    assert sum(row[2] for row in rows) == 4 * 3


def test_delta_is_go_and_a_row_lost_in_reverse_is_no_go(filled_pair: PairState, reports: Path) -> None:
    """New writes: NO-GO; their delta: GO; a rollback: GO; a deleted row in Django: NO-GO with its key."""
    pair_migration.generate(filled_pair, "--change", "--seed", "7")
    assert reconcile(filled_pair, reports, "--thorough").code == 1
    pair_migration.migrate(filled_pair, "delta")
    done = reconcile(filled_pair, reports, "--thorough")
    assert done.code == 0, done.output
    pair_migration.migrate(filled_pair, "reverse")
    done = reconcile(filled_pair, reports, "--thorough", "--direction", "reverse")
    assert done.code == 0, done.output
    named = ("-m", "migration", "--env", "embedded", "--pair", filled_pair.name)
    gate = run_gate(*named, "--direction=reverse", reports=reports)
    assert gate.code == 0, gate.output
    assert gate.last_line.startswith("migration GO: embedded")
    with psycopg.connect(filled_pair.pg_dsn, autocommit=True) as legacy:
        row = legacy.execute("SELECT * FROM list_cutter_savedfile ORDER BY id LIMIT 1").fetchone()
        assert row is not None
        legacy.execute("DELETE FROM list_cutter_savedfile WHERE id = %s", [row[0]])
        try:
            done = reconcile(filled_pair, reports, "--direction", "reverse")
        finally:
            marks = ", ".join(["%s"] * len(row))
            adapted = [json.dumps(value) if isinstance(value, dict) else value for value in row]
            legacy.execute(f"INSERT INTO list_cutter_savedfile VALUES ({marks})", adapted)  # noqa: S608 - marks alone
    assert done.code == 1, done.output
    assert f"1 missing: files, first key {row[0]}" in done.output
    assert done.data is not None
    missing = [each for each in done.data["findings"] if each["kind"] == "missing" and each["part"] == "rows"]
    assert [(each["count"], each["samples"][0]["key"]) for each in missing] == [(1, str(row[0]))]


def test_resumed_run_reads_no_proven_range_twice(filled_pair: PairState, copy: Path, reports: Path) -> None:
    """After kill -9 without writes, proven ranges count and are not read; after a write, all are read."""
    last_id = _grow(filled_pair, copy, GROWN)
    try:
        proven = _killed_in_the_middle(filled_pair, copy, reports)
        saved = shutil.copytree(reports, reports.with_name("saved"))
        done = reconcile(filled_pair, reports, "--resume", "--d1-file", str(copy))
        assert done.data is not None, done.output
        users = done.data["tables"]["users"]
        assert users["source_rows"] == users["target_rows"] > GROWN
        assert users["resumed_rows"] == proven > 0
        assert users["source_read"] == users["source_rows"] - proven
        assert done.data["total_findings"] == 0, done.output
        change(copy, "UPDATE users SET full_name = 'x' WHERE id = (SELECT min(id) FROM users)")
        again = reconcile(filled_pair, saved, "--resume", "--d1-file", str(copy))
        assert again.code == 1, again.output
        assert again.data is not None
        assert again.data["tables"]["users"]["resumed_rows"] == 0
        assert "read again: D1" in again.output
    finally:
        _shrink(filled_pair, last_id)


def _grow(filled_pair: PairState, copy: Path, rows: int) -> int:
    """Add accounts on both sides, enough to kill a run in the middle. Return the last id that was used before."""
    with psycopg.connect(filled_pair.pg_dsn, autocommit=True) as legacy:
        found = legacy.execute("SELECT last_value FROM auth_user_id_seq").fetchone()
        assert found is not None
        legacy.execute(
            "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff,"
            " is_active, date_joined) SELECT 'x', false, 'grown' || n, '', '', '', false, false,"
            " timestamptz '2026-01-01 00:00:00Z'"
            " FROM generate_series(1, %s) n",
            [rows],
        )
        grown = legacy.execute("SELECT id, username FROM auth_user WHERE username LIKE 'grown%%'").fetchall()
    connection = sqlite3.connect(copy)
    at = "2026-01-01T00:00:00.000000Z"
    connection.executemany(
        "INSERT INTO users VALUES (?, ?, NULL, 'x', NULL, 0, 0, 0, ?, ?, NULL)", ((*row, at, at) for row in grown)
    )
    connection.commit()
    connection.close()
    return int(found[0])


def _shrink(filled_pair: PairState, last_id: int) -> None:
    """Remove the added accounts, and set the sequence back, because the pair is used again."""
    with psycopg.connect(filled_pair.pg_dsn, autocommit=True) as legacy:
        legacy.execute("DELETE FROM auth_user WHERE username LIKE 'grown%%'")
        legacy.execute("SELECT setval('auth_user_id_seq', %s)", [last_id])


def _start_reconciliation(filled_pair: PairState, copy: Path, reports: Path, output: int) -> subprocess.Popen[str]:
    """Start `cutover reconcile` on the pair and the copy of D1's file."""
    return subprocess.Popen(
        [*_command(filled_pair, reports), "--d1-file", str(copy)], cwd=root(), env=clean_environment(),
        stdout=output, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def _in_the_middle(filled_pair: PairState, copy: Path, reports: Path, output: int) -> subprocess.Popen[str]:
    """Start a run and wait until it has compared a few ranges of users."""
    process = _start_reconciliation(filled_pair, copy, reports, output)
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        journals = list(reports.glob("*/reconciliation.journal"))
        if journals and journals[0].read_bytes().count(b'"users"') >= 2:
            break
        time.sleep(0.002)
    return process


def _killed_in_the_middle(filled_pair: PairState, copy: Path, reports: Path) -> int:
    """Kill a run after a few ranges. Return the number of users in them."""
    process = _in_the_middle(filled_pair, copy, reports, subprocess.DEVNULL)
    process.send_signal(signal.SIGKILL)
    process.wait()
    (recorder,) = reports.glob("*/reconciliation.journal")
    lines = [json.loads(line) for line in recorder.read_bytes().split(b"\n")[:-1]]
    assert not any("ended" in line for line in lines), "it was too fast to be killed"
    return sum(line["rows"] for line in lines[1:] if line["table"] == "users")


@pytest.mark.parametrize(
    ("statements", "code", "said"),
    [
        (("DELETE FROM files", "DELETE FROM users"), 1, "missing: users"),
        (("DROP TABLE files",), 1, "missing: files"),
        (("ALTER TABLE files DROP COLUMN tags",), 1, "missing: files.tags"),
        (("UPDATE users SET password = 'x' WHERE id = (SELECT max(id) FROM users)",), 1, "changed: users.password"),
    ],
    ids=["empty target", "table missing", "column missing", "one value"],
)
def test_changed_copy_is_no_go_with_its_place(
    statements: tuple[str, ...], code: int, said: str, filled_pair: PairState, copy: Path, reports: Path
) -> None:
    """The output names each place and no user's value."""
    change(copy, *statements)
    done = reconcile(filled_pair, reports, "--d1-file", str(copy))
    assert done.code == code, done.output
    assert said in done.output
    assert "Traceback" not in done.output
    assert "pbkdf2_sha256$" not in done.output


def test_export_replaces_d1(filled_pair: PairState, copy: Path, tmp_path: Path, reports: Path) -> None:
    """The statements of an export give the same rows; half of an export ends with 4 and names the line."""
    connection = sqlite3.connect(copy)
    lines = [
        line for line in connection.iterdump() if "_cf_" not in line and line not in ("BEGIN TRANSACTION;", "COMMIT;")
    ]
    connection.close()
    export = tmp_path / "export.sql"
    export.write_text("PRAGMA defer_foreign_keys=TRUE;\n" + "\n".join(lines) + "\n")
    done = reconcile(filled_pair, reports, "--d1-export", str(export))
    assert done.code == 10, done.output  # the list form of objects
    assert done.data is not None
    assert done.data["total_findings"] == 0
    export.write_text(export.read_text()[: export.stat().st_size // 2])
    done = reconcile(filled_pair, reports, "--d1-export", str(export))
    assert done.code in (1, 4), done.output
    assert "Traceback" not in done.output


def test_restarted_server_makes_the_run_invalid(filled_pair: PairState, copy: Path, reports: Path) -> None:
    """End the reconciler's sessions while it reads rows: exit code 11, the next step, no traceback and no GO."""
    last_id = _grow(filled_pair, copy, GROWN)
    try:
        # The role of the run sees its queries and may end them.
        with psycopg.connect(filled_pair.pg_reader_dsn, autocommit=True) as reader:
            process = _start_reconciliation(filled_pair, copy, reports, subprocess.PIPE)
            ended = _end_sessions_during_a_row_query(reader, process)
        output, _ = process.communicate(timeout=DEADLINE_S)
    finally:
        _shrink(filled_pair, last_id)
    assert ended > 0, f"the run ended before one of its row queries was seen:\n{output}"
    assert process.returncode == 11, output
    assert "run it again" in output
    assert "Traceback" not in output


def _end_sessions_during_a_row_query(reader: psycopg.Connection, process: subprocess.Popen[str]) -> int:
    """Wait until a row query runs, then end all sessions of the run, as a restart does. Return how many were ended."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline and process.poll() is None:
        # One statement looks and ends, so that no query can finish between the two.
        row = reader.execute(
            "WITH sessions AS (SELECT pid, state, query FROM pg_stat_activity"
            " WHERE application_name = 'cutover' AND pid <> pg_backend_pid())"
            " SELECT count(pg_terminate_backend(pid)) FROM sessions WHERE EXISTS"
            " (SELECT FROM sessions WHERE state = 'active' AND query LIKE '%string_agg%')"
        ).fetchone()
        if row and row[0]:
            return int(row[0])
        time.sleep(0.002)
    return 0


def test_empty_source_makes_every_row_extra(filled_pair: PairState, copy: Path, reports: Path) -> None:
    """In the reverse direction from an empty D1, every row of Django is extra."""
    change(copy, "DELETE FROM files", "DELETE FROM users")
    with psycopg.connect(filled_pair.pg_dsn) as legacy:
        held = legacy.execute("SELECT count(*) FROM auth_user").fetchone()
    assert held
    done = reconcile(filled_pair, reports, "--direction", "reverse", "--d1-file", str(copy))
    assert done.code == 1, done.output
    assert f"{held[0]} extra: users" in done.output
    assert "Traceback" not in done.output


def test_broken_database_is_invalid(filled_pair: PairState, reports: Path, tmp_path: Path) -> None:
    """A file that is not a database ends with 11 and one message, without a traceback."""
    broken = tmp_path / "broken.sqlite"
    broken.write_bytes(os.urandom(8192))
    done = reconcile(filled_pair, reports, "--d1-file", str(broken))
    assert done.code == 11, done.output
    assert "Traceback" not in done.output
    assert done.last_line.startswith("reconcile INVALID")


TRUNCATED = b"""<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
<Contents><Key>uploads/user-1/a.csv</Key><Size>3</Size><ETag>&quot;e&quot;</ETag></Contents>
<IsTruncated>true</IsTruncated></ListBucketResult>"""
TRUNCATED_ENVIRONMENT = """
[truncated]
safety = "read-only"
worker = {{ url = "{pair.worker_url}" }}
legacy = {{ absent = "not asked" }}
budget = {{ requests = 60000, window_s = 60 }}
media = "{pair.media_root}"
postgres = {{}}
d1 = {{ file = "{pair.d1_file}" }}
r2 = {{ endpoint = "{endpoint}", bucket = "{pair.s3_bucket}" }}
secrets = {{ postgres_dsn = "DSN", r2_access_key_id = "KEY_ID", r2_secret_access_key = "KEY" }}
"""


@pytest.fixture
def truncated_store() -> Generator[str]:
    """The URL of an S3 server whose listing announces more objects and gives no continuation token."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-length", str(len(TRUNCATED)))
            self.end_headers()
            self.wfile.write(TRUNCATED)

        def log_message(self, *_: object) -> None:
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_truncated_listing_is_invalid_in_the_gate(
    filled_pair: PairState, truncated_store: str, project_factory: ProjectFactory, reports: Path
) -> None:
    """Every check of the gate reads the reconciliation, so each is INVALID, and the run ends with 11."""
    environment = TRUNCATED_ENVIRONMENT.format(pair=filled_pair, endpoint=truncated_store)
    project = project_factory(manifest=(root() / "manifest.toml").read_text(), environments=environment)
    with (project / "pyproject.toml").open("a") as settings:
        settings.write('pythonpath = ["."]\n')
    text = (project / "pyproject.toml").read_text().replace('"unit: no gate"', '"unit: no gate", "migration: gate"')
    (project / "pyproject.toml").write_text(text)
    shutil.rmtree(project / "tests" / "smoke")
    shutil.copytree(root() / "tests" / "migration", project / "tests" / "migration")
    done = run_gate(
        "-m", "migration", "--env", "truncated", reports=reports, project=project,
        DSN=filled_pair.pg_dsn, KEY_ID=filled_pair.s3_access_key, KEY=filled_pair.s3_secret_key,
    )  # fmt: skip
    assert done.code == 11, done.output
    assert done.last_line.startswith("migration INVALID: ")
    assert "was cut short" in done.output
    assert "INTERNALERROR" not in done.output
    assert "invalid" in {record["status"] for record in done.records}
