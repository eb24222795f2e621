"""The prerequisites of the plan: levels, dry run, monitoring, usage, and backups that are restored on trial."""

import dataclasses
import io
import os
import sqlite3
import sys
import tarfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.scripted_client import Client

from cutover.config.environment import Environment
from cutover.config.environments import load_environment
from cutover.config.preflight_prerequisites import Backup, DryRun
from cutover.config.validation import ConfigurationError, root
from cutover.core.errors import Blocked, CheckFailed, NotVerified, Unreachable
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret
from cutover.preflight.prerequisites_backups import age_findings, d1_restore_findings
from cutover.preflight.prerequisites_migration import dry_run_findings
from cutover.preflight.prerequisites_objects import object_backup_findings
from cutover.preflight.prerequisites_plan import (
    BACKUPS,
    MONITORING,
    PLAN_TABLES,
    TABLES,
    TOOL,
    as_planned,
    row_counts,
    table_findings,
)
from cutover.preflight.prerequisites_usage import monitoring_findings, usage_findings
from cutover.preflight.storage_checks import PLAN_SCHEMA
from cutover.stores import ListedObject, RowFile
from cutover.systems.target import Target

pytestmark = pytest.mark.unit

SCHEMA = (root() / PLAN_SCHEMA).read_text(encoding="utf-8")
USER = "INSERT INTO users (username, password) VALUES ('ada; --', 'a\nb');\n"
METRICS = {"requests": 60, "errors": 0, "error_rate": 0.0, "window_s": 60}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with the contracts of this one."""
    (tmp_path / "contracts").symlink_to(root() / "contracts")
    return tmp_path


@pytest.fixture
def environment(project: Path) -> Environment:
    """Return a disposable environment."""
    return load(project, "")


def load(project: Path, more: str) -> Environment:
    (project / "environments.toml").write_text(
        '[x]\nsafety = "disposable"\nworker = { url = "https://w.example" }\nlegacy = { absent = "none" }\n' + more
    )
    return load_environment(project, "x", variables={})


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """Return a database with the plan's tables and one user."""
    file = tmp_path / "d1.sqlite"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript(SCHEMA + USER)
    return file


def names(findings: Any) -> list[str]:
    return [finding.name.removeprefix("prerequisites:") for finding in findings]


@pytest.mark.parametrize("error", [CheckFailed("x", expected="a", got="b"), NotVerified("not configured")])
@pytest.mark.parametrize("prerequisite", [TABLES, TOOL, MONITORING, BACKUPS])
def test_only_recommended_failures_are_warnings(prerequisite: Any, error: Exception) -> None:
    """A blocking prerequisite fails its check. A recommended one is a warning that names the issue."""
    recorder = Recorder()
    if prerequisite.blocking:
        with pytest.raises(type(error)), as_planned(prerequisite, (), recorder):
            raise error
        assert recorder.warnings == []
        return
    with as_planned(prerequisite, (), recorder):
        raise error
    (warning,) = recorder.warnings
    assert f"issue #{prerequisite.issue}" in warning
    assert ("expected a, got b" if isinstance(error, CheckFailed) else "not configured") in warning


def test_environment_can_require_a_recommended_one() -> None:
    """`required` makes it blocking; an unreachable system stays INVALID."""
    with pytest.raises(NotVerified), as_planned(BACKUPS, ("68",), Recorder()):
        raise NotVerified("none")
    with pytest.raises(Unreachable), as_planned(BACKUPS, (), Recorder()):
        raise Unreachable("gone")


def test_issues_without_a_description_are_undetectable() -> None:
    """The plan names 67 and 69 without saying what they are."""
    recorder = Recorder()
    with as_planned(TABLES, (), recorder):
        pass
    assert "#67 and #69" in recorder.could_not_detect[0]


def test_missing_table_is_found(database: Path) -> None:
    """Each table that does not exist is a finding."""
    assert names(table_findings(RowFile(database))) == []
    with closing(sqlite3.connect(database)) as connection:
        connection.execute("DROP TABLE audit_logs")
    assert names(table_findings(RowFile(database))) == ["no-table:audit_logs"]
    with pytest.raises(Blocked, match="no such table: audit_logs"):
        names(table_findings(RowFile(database), judged_elsewhere=True))
    with pytest.raises(Blocked, match="tables of D1"):
        row_counts(RowFile(database))


def script(text: str, **more: Any) -> DryRun:
    """Return a dry run that executes Python."""
    return DryRun((sys.executable, "-c", text, "--dry-run"), **more)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("print('{\"left_out\": 0}')", []),
        ("print('{\"left_out\": 2}')", ["dry-run-problems"]),
        ("print('{\"errors\": 1, \"files\": 4}')", ["dry-run-problems"]),
        ("import sys; sys.exit('two rows cannot be migrated')", ["dry-run-failed"]),
        ("import sqlite3, sys; c = sqlite3.connect({!r}); c.execute('DELETE FROM users'); c.commit()",
         ["dry-run-wrote"]),
    ],
)  # fmt: skip
def test_dry_run_is_judged(
    project: Path, environment: Environment, database: Path, text: str, expected: list[str]
) -> None:
    """A dry run that fails or that deletes rows is found, with its last line."""
    recorder = Recorder()
    tool = script(text.replace("{!r}", repr(str(database))))
    found = list(dry_run_findings(project, environment, tool, RowFile(database), recorder))
    assert names(found) == expected
    if expected == ["dry-run-failed"]:
        assert "two rows cannot be migrated" in found[0].got
    if not expected:
        assert recorder.measured[-1].value == 0


@pytest.mark.parametrize(("hours", "warnings"), [(24.0, 0), (24.5, 1), (10_000.0, 1)])
def test_older_backups_than_the_gates_limit_warn(hours: float, warnings: int, tmp_path: Path) -> None:
    """A limit above 24 h is the environment's decision, and the verdict says so."""
    (tmp_path / "backup").write_text("x")
    recorder = Recorder()
    assert names(age_findings("d1", Backup(tmp_path / "backup", hours), recorder)) == []
    assert len(recorder.warnings) == warnings


def test_dry_run_without_d1_says_what_it_cannot_see(project: Path, environment: Environment) -> None:
    """Without D1 no rows are counted, and the record says so."""
    recorder = Recorder()
    assert names(dry_run_findings(project, environment, script("pass"), None, recorder)) == []
    assert any("writes to D1" in text for text in recorder.could_not_detect)


def test_usage_without_any_figure_is_not_verified() -> None:
    """No D1, no bucket and no metrics: nothing is within its limits."""
    with pytest.raises(NotVerified, match="no usage is known"):
        names(usage_findings("mine", {"d1_mb": 1}, Recorder(), rows=None, objects=None, worker=None))


def test_other_writes_during_the_dry_run_warn(project: Path, environment: Environment, database: Path) -> None:
    """On an environment that others use, a changed number of rows is a warning."""
    used = dataclasses.replace(environment, safety=SafetyLevel.TEST_DATA)
    tool = script(f"import sqlite3; c = sqlite3.connect({str(database)!r}); c.execute('DELETE FROM users'); c.commit()")  # noqa: S608
    recorder = Recorder()
    assert names(dry_run_findings(project, used, tool, RowFile(database), recorder)) == []
    assert "users 1 to 0" in recorder.warnings[0]


def test_slow_dry_run_is_ended(project: Path, environment: Environment) -> None:
    """A tool that does not end within its time is a finding."""
    tool = script("import time; time.sleep(60)", timeout_s=0.3)
    assert names(dry_run_findings(project, environment, tool, None, Recorder())) == ["dry-run-slow"]


def test_dry_run_gets_only_named_variables(project: Path, environment: Environment, monkeypatch: Any) -> None:
    """The tool gets the secrets that it is given, and no other variable of the caller."""
    monkeypatch.setenv("CUTOVER_UNRELATED_TOKEN", "not for the tool")
    named = dataclasses.replace(environment, secrets={"postgres_dsn": Secret("the-dsn-of-legacy")})
    text = (
        "import os, sys; "
        "sys.exit(os.environ.get('DSN') != 'the-dsn-of-legacy' or 'CUTOVER_UNRELATED_TOKEN' in os.environ)"
    )
    tool = script(text, secrets={"DSN": "postgres_dsn"})
    assert names(dry_run_findings(project, named, tool, None, Recorder())) == []


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ('["python3", "migrate.py"]', "expected an argument like --dry-run"),
        ('["no-such-program-here", "--dry-run"]', "expected a program, got 'no-such-program-here'"),
        ("[]", "expected an argument like --dry-run"),
    ],
)
def test_unusable_dry_run_is_refused(project: Path, command: str, problem: str) -> None:
    """A command that may write, or that cannot be started, ends the run with exit code 4."""
    with pytest.raises(ConfigurationError) as raised:
        load(project, f"[x.preflight.prerequisites]\ndry_run = {{ command = {command} }}")
    assert f"[x.preflight.prerequisites.dry_run.command]: {problem}" in str(raised.value)


def test_unknown_secret_of_the_dry_run_is_refused(project: Path) -> None:
    """A secret that the environment does not name ends the run with exit code 4."""
    with pytest.raises(ConfigurationError, match=r"dry_run\.secrets\.DSN"):
        load(
            project,
            "[x.preflight.prerequisites.dry_run]\n"
            'command = ["python3", "--dry-run"]\nsecrets = { DSN = "postgres_dsn" }',
        )


def worker(environment: Environment, metrics: Any, health: Any = (200, {"status": "healthy"})) -> Target:
    """Return the Worker with these responses."""
    client: Any = Client(environment, lambda request: health if request.operation == "health" else (200, metrics), {})
    return Target("worker", environment, client, Recorder())


@pytest.mark.parametrize(
    ("metrics", "health", "alerts", "expected"),
    [
        (METRICS, (200, {}), ["pager"], []),
        (METRICS, (200, {}), [], ["no-alerts"]),
        (METRICS, (404, {}), ["pager"], ["health"]),
        (METRICS, (200, "text"), ["pager"], ["health"]),
        ({**METRICS, "error_rate": "0"}, (200, {}), ["pager"], ["metrics"]),
        ({"requests": 1}, (200, {}), ["pager"], ["metrics"]),
    ],
)
def test_monitoring_is_judged(
    environment: Environment, metrics: Any, health: Any, alerts: list[str], expected: list[str]
) -> None:
    """Endpoints without a typed answer and missing receivers of alerts are found."""
    assert names(monitoring_findings(worker(environment, metrics, health), alerts, Recorder())) == expected


@pytest.mark.parametrize(
    ("limits", "expected", "warnings"),
    [
        ({"requests_per_day": 100_000}, [], 1),
        ({"requests_per_day": 1_000_000}, [], 0),
        ({"requests_per_day": 80_000}, ["above-limit:requests_per_day"], 0),
        ({}, ["no-limit:requests_per_day"], 0),
        ({"requests_per_day": 1_000_000, "d1_mb": 0.001}, ["above-limit:d1_mb"], 0),
    ],
)
def test_usage_is_compared_with_its_limits(
    environment: Environment, database: Path, limits: dict[str, float], expected: list[str], warnings: int
) -> None:
    """60 requests a minute are 86,400 a day: above the limit, or above 80 % of it."""
    recorder = Recorder()
    found = usage_findings("x", limits, recorder, rows=RowFile(database), objects=None,
                           worker=worker(environment, METRICS))  # fmt: skip
    assert names(found) == expected
    assert len(recorder.warnings) == warnings


def backup(tmp_path: Path, text: str, *, hours: float = 1) -> Backup:
    """Return a backup of that age with a limit of 24 h."""
    file = tmp_path / "backup.sql"
    file.write_text(text)
    os.utime(file, (time.time() - hours * 3600,) * 2)
    return Backup(file, 24)


@pytest.mark.parametrize(
    ("text", "hours", "expected"),
    [("x", 23.9, []), ("x", 24.1, ["backup-old:d1"]), ("x", -1, ["backup-future:d1"]), ("", 1, ["backup-empty:d1"])],
)
def test_age_of_a_backup_is_judged(tmp_path: Path, text: str, hours: float, expected: list[str]) -> None:
    """A backup that is too old, empty or from the future is found."""
    assert names(age_findings("d1", backup(tmp_path, text, hours=hours), Recorder())) == expected


def test_missing_backup_is_found(tmp_path: Path) -> None:
    """A backup that is not declared or not there is found."""
    assert names(age_findings("d1", None, Recorder())) == ["backup-undeclared:d1"]
    assert names(age_findings("d1", Backup(tmp_path / "none"), Recorder())) == ["backup-missing:d1"]


def export(database: Path) -> str:
    """Return the database as SQL."""
    with closing(sqlite3.connect(database)) as connection:
        return "\n".join(connection.iterdump()) + "\n"


def restored(database: Path, tmp_path: Path, text: str) -> list[str]:
    return names(d1_restore_findings(backup(tmp_path, text), RowFile(database), Recorder()))


def test_d1_backup_is_restored(database: Path, tmp_path: Path) -> None:
    """A complete export has no finding, also with quotes, semicolons and line breaks in its texts."""
    assert restored(database, tmp_path, export(database)) == []


@pytest.mark.parametrize("end", ["-- end", "/* made\n   today */\n", "SELECT 1; -- end", "\n\n"])
def test_d1_backup_that_ends_with_a_comment_is_restored(database: Path, tmp_path: Path, end: str) -> None:
    """An export that ends with a comment, with or without a statement before it, is complete."""
    assert restored(database, tmp_path, export(database) + end) == []


@pytest.mark.parametrize("end", ["SELECT", "SELECT 'a;", "SELECT 1; SELECT"])
def test_d1_backup_cut_off_in_a_statement_is_found(database: Path, tmp_path: Path, end: str) -> None:
    """An export that ends within a statement or a text is not restorable."""
    assert restored(database, tmp_path, export(database) + end) == ["backup-not-restorable:d1"]


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_truncated_d1_backup_is_found(database: Path, tmp_path: Path, share: float) -> None:
    """An export that ends too early is found, by its last statement or by what it lacks."""
    text = export(database)
    assert restored(database, tmp_path, text[: int(len(text) * share)]) != []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("CREATE TABLE users", "CREATE TABEL users", ["backup-not-restorable:d1"]),
        ("COMMIT;", "INSERT INTO files (user_id, file_id, filename, original_filename, file_size, mime_type, r2_key) "
         "VALUES (99, 'a', 'a', 'a', 1, 'a', 'a'); COMMIT;", ["backup-inconsistent:d1"]),
        ("COMMIT;", "DELETE FROM users; COMMIT;", ["backup-incomplete:d1.users"]),
        ("COMMIT;", "DROP TABLE audit_logs; COMMIT;", ["backup-incomplete:d1.audit_logs"]),
        ("COMMIT;", "ATTACH 'made.db' AS made; COMMIT;", ["backup-not-restorable:d1"]),
    ],
)  # fmt: skip
def test_broken_d1_backup_is_found(database: Path, tmp_path: Path, old: str, new: str, expected: list[str]) -> None:
    """Wrong SQL, broken references, missing rows and statements that open files are found."""
    text = export(database)
    assert text.count(old) == 1
    assert restored(database, tmp_path, text.replace(old, new)) == expected
    assert not Path("made.db").exists()


class Bucket:
    """A bucket with these objects."""

    def __init__(self, **sizes: int) -> None:
        self.sizes = sizes

    def list(self, prefix: str) -> Any:
        """Return the entries of a listing."""
        assert prefix == ""
        return (ListedObject(key, size) for key, size in self.sizes.items())


def archive(tmp_path: Path, **sizes: int) -> Backup:
    """Return a compressed archive with files of these sizes."""
    file = tmp_path / "objects.tar.gz"
    with tarfile.open(file, "w:gz") as made:
        for name, size in sizes.items():
            member = tarfile.TarInfo(f"./{name}")
            member.size = size
            made.addfile(member, io.BytesIO(os.urandom(size)))
    return Backup(file)


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        ({"a": 5000, "b": 7000}, []),
        ({"a": 5000, "b": 1, "c": 1}, ["backup-incomplete:objects"]),
        ({"a": 5000, "later": 9}, []),
        ({}, []),
    ],
)
def test_object_backup_is_compared(tmp_path: Path, stored: dict[str, int], expected: list[str]) -> None:
    """Half of the objects must be in the archive with their size."""
    bucket: Any = Bucket(**stored)
    assert names(object_backup_findings(archive(tmp_path, a=5000, b=7000), bucket, Recorder())) == expected


def test_bucket_that_does_not_list_blocks(tmp_path: Path) -> None:
    """A missing bucket is a finding of its own check, and no second one of the usage or the backup."""

    class Missing:
        def list(self, prefix: str) -> Any:
            raise CheckFailed("store:list", expected="status 200", got=f"status 404 for {prefix!r}")

    bucket: Any = Missing()
    with pytest.raises(Blocked, match="bucket of R2"):
        names(object_backup_findings(archive(tmp_path, a=1), bucket, Recorder()))
    with pytest.raises(Blocked, match="bucket of R2"):
        names(usage_findings("x", {}, Recorder(), rows=None, objects=bucket, worker=None))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9])
def test_truncated_object_backup_is_found(tmp_path: Path, share: float) -> None:
    """An archive that ends too early is found."""
    made = archive(tmp_path, a=5000, b=7000)
    made.file.write_bytes(made.file.read_bytes()[: int(made.file.stat().st_size * share)])
    bucket: Any = Bucket(a=5000)
    assert names(object_backup_findings(made, bucket, Recorder())) == ["backup-not-restorable:objects"]


def test_plan_tables_are_those_of_the_schema() -> None:
    """The list of tables matches the plan's schema."""
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(SCHEMA)
        rows = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        assert {row[0] for row in rows} == set(PLAN_TABLES)
