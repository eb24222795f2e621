"""An operation that a deployment does not have leaves out its part of a check, never the whole check."""

import shutil
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import SmokeProjectFactory

from cutover.config.validation import root
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

TABLE = """
[without]
pair = true
safety = "disposable"
local_runtime = true
poses_as_clients = true
absent = { names = "loopback", http2 = "plain http" }
worker = { name = "list-cutter", identity = { header = "x-served-by", value = "list-cutter-worker" } }
legacy = { identity = { header = "x-served-by", value = "list-cutter-django" } }
budget = { requests = 60000, window_s = 60 }
readiness = { tries = 10, interval_s = 0.25 }
kv_propagation_s = 5
"""
CASES = {
    "smoke": (
        ("list_files",),
        "test_upload_limit_is_exact or test_wrong_kind_of_file or test_tags_are_stored or test_upload_list_download",
    ),
    "contract": (
        ("download", "delete", "file", "filter", "list_filters", "delete_filter", "no_such_operation", "metrics"),
        "test_bodies_smuggle or test_part_lengths or test_requests_cannot_set or test_file_names_inject or "
        "test_texts_are_stored or test_saved_filters or test_responses_carry or test_payloads_disclose",
    ),
}


def project_without(factory: SmokeProjectFactory, gate: str) -> Path:
    """Return a project whose environment has none of the operations of the case."""
    table = TABLE + "".join(
        f'[without.operations.{name}.{system}]\nabsent = "not here"\n'
        for name in CASES[gate][0]
        for system in ("worker", "legacy")
    )
    project = factory(table)
    shutil.copytree(root() / "tests" / "contract", project / "tests" / "contract")
    settings = project / "pyproject.toml"
    settings.write_text(settings.read_text().replace('"smoke: gate"', '"smoke: gate", "contract: gate"'))
    return project


@pytest.mark.parametrize("gate", CASES)
def test_absent_operation_leaves_out_only_its_part(
    own_pair: PairState, smoke_project_factory: SmokeProjectFactory, reports: Path, gate: str
) -> None:
    """Every check that can judge something without the operations passes, and is not left out."""
    project = project_without(smoke_project_factory, gate)
    named = ["-m", gate, "--pair", own_pair.name, "--env", "without", "-k", CASES[gate][1]]
    done = run_gate(*named, reports=reports, project=project)
    others = {record["check"]: record["reason"] for record in done.records if record["status"] != "passed"}
    assert others == {}, done.output
    assert len(done.records) >= 6, done.output


def test_fault_is_caught_without_a_list_of_files(
    own_pair: PairState, smoke_project_factory: SmokeProjectFactory, reports: Path
) -> None:
    """A limit that is one byte too low is found, although no list shows what was stored."""
    project = project_without(smoke_project_factory, "smoke")
    pair.serve(own_pair.name, "worker", "limit-refuses-exact-size")
    try:
        named = [
            "-m",
            "smoke",
            "--pair",
            own_pair.name,
            "--env",
            "without",
            "-k",
            "test_upload_limit_is_exact and worker",
        ]
        done = run_gate(*named, reports=reports, project=project)
        assert done.code == 1, done.output
    finally:
        pair.serve(own_pair.name, "worker", None)
