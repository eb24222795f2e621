"""The configuration of docs/upstream.md: it loads, and its document describes the routes that it names."""

import shutil
from pathlib import Path

import pytest

from cutover.config.environments import load_environment
from cutover.config.validation import root
from cutover.contract.document import read_contract

pytestmark = pytest.mark.unit

NAMES = ("WORKER_SECRET", "LEGACY_SECRET", "ACCOUNT_KEY", "POSTGRES_DSN")


def test_upstream_tables_and_document_agree(tmp_path: Path) -> None:
    """Each operation of the document is in the tables, with the same method and path."""
    folder = root() / "docs" / "upstream"
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    shutil.copytree(folder, tmp_path / "docs" / "upstream")
    (tmp_path / "d1.sqlite").touch()
    text = (folder / "environment.toml").read_text()
    text = text.replace("MEDIA_FOLDER", str(tmp_path)).replace("D1_FILE", str(tmp_path / "d1.sqlite"))
    (tmp_path / "environments.toml").write_text(text)
    values = dict.fromkeys((f"CUTOVER_UPSTREAM_{name}" for name in NAMES), "0123456789abcdef" * 3)
    values["CUTOVER_UPSTREAM_POSTGRES_DSN"] = "postgresql://u:p@127.0.0.1:15432/list_cutter"
    environment = load_environment(tmp_path, "upstream", variables=values)
    described = list(read_contract(folder / "worker.openapi.yaml").operations())
    operations = environment.operations["worker"]
    assert {(each.name, each.method.upper(), each.path) for each in described} == {
        (each.name, operations[each.name].method, operations[each.name].path) for each in described
    }
    assert environment.rules == "universal"
