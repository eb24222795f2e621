"""The configuration of docs/upstream.md: it loads, and its document describes the routes that it names."""

import datetime
import shutil
from pathlib import Path

import pytest

from cutover.config.environments import Environment, load_environment
from cutover.config.validation import root
from cutover.contract.document import read_contract
from cutover.parity.accepted_differences_file import load_accepted_differences
from cutover.parity.rules import load_rules

pytestmark = pytest.mark.unit

NAMES = ("WORKER_SECRET", "LEGACY_SECRET", "ACCOUNT_KEY", "POSTGRES_DSN")
FOLDER = root() / "docs" / "upstream"


@pytest.fixture
def upstream(tmp_path: Path) -> Environment:
    """Return the environment, in a project folder with paths of this machine."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    shutil.copytree(FOLDER, tmp_path / "docs" / "upstream")
    (tmp_path / "migrations_up").mkdir()
    for name in ("d1.sqlite", "wrangler.toml", "migrations_up/0000_first.sql"):
        (tmp_path / name).touch()
    text = (FOLDER / "environment.toml").read_text()
    paths = {"MEDIA_FOLDER": tmp_path, "D1_FILE": tmp_path / "d1.sqlite", "WORKER_FOLDER": tmp_path}
    for name, path in paths.items():
        text = text.replace(name, str(path))
    (tmp_path / "environments.toml").write_text(text)
    values = dict.fromkeys((f"CUTOVER_UPSTREAM_{name}" for name in NAMES), "0123456789abcdef" * 3)
    values["CUTOVER_UPSTREAM_POSTGRES_DSN"] = "postgresql://u:p@127.0.0.1:15432/list_cutter"
    return load_environment(tmp_path, "upstream", variables=values)


def test_upstream_tables_and_document_agree(upstream: Environment) -> None:
    """Each operation of the document is in the tables, with the same method and path."""
    described = list(read_contract(FOLDER / "worker.openapi.yaml").operations())
    operations = upstream.operations["worker"]
    assert {(each.name, each.method.upper(), each.path) for each in described} == {
        (each.name, operations[each.name].method, operations[each.name].path) for each in described
    }
    assert upstream.rules == "universal"


def test_upstream_parity_files_are_valid(tmp_path: Path, upstream: Environment) -> None:
    """The rules and the accepted differences of the environment load."""
    load_rules(tmp_path, upstream.operations, upstream.files["parity"])
    today = datetime.date(2026, 11, 28)
    load_accepted_differences(tmp_path, upstream.operations["worker"], today, upstream.files["accepted_differences"])
