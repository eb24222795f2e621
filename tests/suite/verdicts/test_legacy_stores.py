"""Checks that read the legacy system's stores: GO, not verified if a store is not configured, 4 if it is wrong."""

from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import ProjectFactory

from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

CHECKS = '''"""Two checks that read the stores of the legacy system."""

import pytest

from cutover.stores import LegacyRows, MediaFolder

pytestmark = pytest.mark.smoke


@pytest.mark.needs("postgres")
def test_database_is_seen(legacy_rows: LegacyRows) -> None:
    """It answers."""
    assert legacy_rows.rows("SELECT count(*) >= 0 AS there FROM auth_user") == [{"there": True}]


@pytest.mark.needs("media")
def test_folder_is_seen(media_folder: MediaFolder) -> None:
    """It has no such file."""
    assert media_folder.get("uploads/0/none.csv") is None
'''
MANIFEST = """[smoke]
"tests/smoke/test_tiny.py::test_database_is_seen" = { level = "read-only", needs = "postgres" }
"tests/smoke/test_tiny.py::test_folder_is_seen" = { level = "read-only", needs = "media" }
"""
PLAIN = """
[plain]
safety = "read-only"
worker = {{ url = "{url}" }}
legacy = {{ absent = "not asked" }}
budget = {{ requests = 60000, window_s = 60 }}
"""


@pytest.mark.parametrize(
    ("more", "code", "words"),
    [
        ("", 10, ["names no postgres, so legacy's rows cannot be read", "names no media"]),
        (
            'absent = { postgres = "behind a wall", media = "elsewhere" }\n',
            10,
            ["behind a wall", "0 of 0 checks passed"],
        ),
        ('media = "/no/such/folder"\n', 4, ["plain.media", "No such file"]),
        ('postgres = {}\nsecrets = { postgres_dsn = "DSN" }\n', 4, ["plain.secrets.postgres_dsn", "several hosts"]),
    ],
)
def test_missing_or_wrong_store_is_reported(
    own_pair: PairState, project_factory: ProjectFactory, reports: Path, more: str, code: int, words: list[str]
) -> None:
    """A store that is not configured is not verified; a wrong setting is a usage error. Each has its own message."""
    project = project_factory(CHECKS, manifest=MANIFEST, environments=PLAIN.format(url=own_pair.worker_url) + more)
    dsn = "postgresql://reader:a-long-password@a.example,b.example/d"
    done = run_gate("-m", "smoke", "--env", "plain", "-rs", reports=reports, project=project, DSN=dsn)
    assert done.code == code, done.output
    for word in words:
        assert word in done.output
    assert "a-long-password" not in done.output


def test_pair_configures_both_stores(own_pair: PairState, project_factory: ProjectFactory, reports: Path) -> None:
    """The embedded environment has the database and the folder, and the evidence contains the queries."""
    project = project_factory(CHECKS, manifest=MANIFEST)
    done = run_gate("-m", "smoke", "--env", "embedded", "--pair", own_pair.name, reports=reports, project=project)
    assert done.code == 0, done.output
    systems = [exchange["system"] for record in done.records for exchange in record["observations"]["exchanges"]]
    assert set(systems) == {"postgres"}
