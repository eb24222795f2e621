"""The read-only form of a gate, for environments with real users: its words, and that it writes nothing."""

import json
from collections.abc import Generator
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.support.stored_data import all_stored_data, direct_targets, wait_until_settled
from tests.suite.verdicts.conftest import CHECKS, ProjectFactory, SmokeProjectFactory

from cutover.accounts.registered import Accounts
from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

WHY = "users live here"
HARMLESS = ("GET", "HEAD", "OPTIONS")
WRITING = CHECKS.replace("def test_user", '@pytest.mark.level("test-data")\ndef test_user')
MANIFEST = """
[smoke]
"tests/smoke/test_tiny.py::test_health_answers[worker]" = { system = "worker", level = "read-only" }
"tests/smoke/test_tiny.py::test_user_is_refused[worker]" = { system = "worker", level = "test-data" }
"""
BOTH_WAYS = pytest.mark.parametrize("workers", [(), ("-n", "2")], ids=["serial", "xdist"])


def table(found: PairState, form: str = f'read_only_form = {{ smoke = "{WHY}" }}', safety: str = "read-only") -> str:
    """Return an environment `inhabited` with the pair's addresses and no other property of a pair."""
    return f"""
[inhabited]
safety = "{safety}"
{form}
local_runtime = true
budget = {{ requests = 60000, window_s = 60 }}
absent = {{ names = "loopback", http2 = "plain http" }}
[inhabited.worker]
url = "{found.worker_url}"
identity = {{ header = "x-served-by", value = "list-cutter-worker", version_header = "x-worker-version" }}
[inhabited.legacy]
url = "{found.legacy_url}"
identity = {{ header = "x-served-by", value = "list-cutter-django" }}
"""


@pytest.fixture
def unlimited_pair() -> Generator[PairState]:
    """Yield a pair with a high rate limit, because an inhabited environment does not pose as many clients."""
    handle = pair.start(pair.anonymous_name(), owned=True, options=pair.PairOptions(rate_limit=(100_000, 60)))
    try:
        yield handle.wait(90)
    finally:
        handle.stop()


def test_read_only_form_writes_nothing(
    unlimited_pair: PairState, smoke_project_factory: SmokeProjectFactory, tmp_path: Path
) -> None:
    """The whole gate sends only safe methods, changes no row and lists the omitted checks. A fault is NO-GO."""
    with direct_targets(unlimited_pair) as targets:
        for target in targets.values():
            token = Accounts(target, "resident", None).new().access_token
            target.call("upload", token=token, file=("a.csv", b"x,y\n1,2\n", "text/csv")).expect_status()
    wait_until_settled(unlimited_pair)
    project, summary = smoke_project_factory(table(unlimited_pair)), tmp_path / "summary.md"
    before = all_stored_data(unlimited_pair)
    done = run_gate(
        "-m", "smoke", "--env", "inhabited", reports=tmp_path / "r", project=project, GITHUB_STEP_SUMMARY=str(summary)
    )
    assert done.code == 0, done.output
    assert all_stored_data(unlimited_pair) == before
    sent = {
        (exchange["operation"], exchange["method"]) for r in done.records for exchange in r["observations"]["exchanges"]
    }
    assert {method for _, method in sent} <= set(HARMLESS), sent

    (gate,) = done.verdict["gates"]
    left_out = gate["not_in_form"]
    assert done.last_line.startswith("smoke GO (read-only form): inhabited (http://127.0.0.1:")
    assert f"{len(left_out)} not part of the read-only form" in done.last_line
    assert (done.verdict["verdict"], gate["verdict"]) == ("GO (read-only form)", "GO (read-only form)")
    assert (gate["read_only_form"], done.verdict["read_only_form"]) == (WHY, {"smoke": WHY})
    assert "tests/smoke/test_files.py::test_upload_list_download_delete[worker]" in left_out
    assert gate["counts"]["passed"] == gate["counts"]["required"] > 30
    assert gate["not_verified"] == gate["missing"] == []
    for text in (done.output, summary.read_text()):
        assert "GO (read-only form)" in text
        assert f"ot part of the read-only form ({WHY}), so not verified" in text
        assert "test_upload_list_download_delete" in text
        assert "smoke GO:" not in text
        assert "smoke: GO\n" not in text

    pair.serve(unlimited_pair.name, "worker", "health-two-parts-degraded")
    faulty = run_gate("-m", "smoke", "--env", "inhabited", reports=tmp_path / "faulty", project=project)
    assert faulty.code == 1, faulty.output
    assert faulty.last_line.startswith("smoke NO-GO: inhabited")
    assert "not part of the read-only form" in faulty.last_line


@BOTH_WAYS
def test_form_needs_every_read_only_check(
    own_pair: PairState, project_factory: ProjectFactory, reports: Path, workers: tuple[str, ...]
) -> None:
    """A run without one of the read-only checks is INCONCLUSIVE. Checks that write are not missing."""
    project = project_factory(WRITING, manifest=MANIFEST, environments=table(own_pair))
    done = run_gate("-m", "smoke", "--env", "inhabited", "-k", "user", *workers, reports=reports, project=project)
    assert done.code == 10, done.output
    assert [gate["missing"] for gate in done.verdict["gates"]] == [
        ["tests/smoke/test_tiny.py::test_health_answers[worker]"]
    ]
    whole = run_gate("-m", "smoke", "--env", "inhabited", *workers, reports=reports.with_name("r2"), project=project)
    assert whole.code == 0, whole.output
    assert "smoke GO (read-only form)" in whole.last_line


def test_form_without_declaration_is_inconclusive(
    own_pair: PairState, project_factory: ProjectFactory, reports: Path
) -> None:
    """Without the key in the table, and at an ad-hoc address, the run is INCONCLUSIVE. No option replaces the key."""
    project = project_factory(WRITING, manifest=MANIFEST, environments=table(own_pair, form=""))
    for number, env in enumerate(("inhabited", own_pair.worker_url)):
        folder = reports.with_name(f"r{number}")
        done = run_gate("-m", "smoke", "--env", env, reports=folder, project=project)
        assert done.code == 10, done.output
        assert json.dumps(done.verdict["gates"]).count("read-only form") == 0
    for option in ("--read-only-form", "--form=read-only"):
        assert run_gate("-m", "smoke", "--env", "inhabited", option, reports=reports, project=project).code == 4


@pytest.mark.parametrize(
    ("form", "safety", "words"),
    [
        ('read_only_form = { smoke = "x" }', "test-data", ["inhabited.read_only_form", "got test-data"]),
        ('read_only_form = { smoke = " " }', "read-only", ["inhabited.read_only_form.smoke", "expected a reason"]),
        ('read_only_form = { smoek = "x" }', "read-only", ["inhabited.read_only_form.smoek", "unknown key"]),
        ("read_only_form = true", "read-only", ["inhabited.read_only_form", "a table"]),
    ],
)
def test_invalid_form_is_a_usage_error(
    own_pair: PairState, project_factory: ProjectFactory, reports: Path, form: str, safety: str, words: list[str]
) -> None:
    """The exit code is 4 if more may run, if the reason is empty, or if there is no such gate."""
    project = project_factory(environments=table(own_pair, form, safety))
    done = run_gate("-m", "smoke", "--env", "inhabited", reports=reports, project=project)
    assert done.code == 4, done.output
    for word in words:
        assert word in done.output
