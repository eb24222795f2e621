"""A deployment with other routes and other token names needs no change in any check."""

from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import SmokeProjectFactory

from cutover.embedded import pair
from cutover.embedded.state import PairState

pytestmark = pytest.mark.verdicts

ROUTES = """
[renamed]
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

[renamed.routes.worker]
prefix = { from = "/api/", to = "/v2/" }
trailing_slash = true
fields = { access_token = "access", refresh_token = "refresh" }
"""


def test_second_route_table_runs_the_same_gate(
    own_pair: PairState, smoke_project_factory: SmokeProjectFactory, reports: Path
) -> None:
    """The whole smoke gate is GO on /v2/…/ with its own table of routes, and NO-GO with the default one."""
    project = smoke_project_factory(ROUTES)
    pair.serve_variant(own_pair.name, "renamed-routes")
    try:
        named = ["-m", "smoke", "--pair", own_pair.name, "--env"]
        done = run_gate(*named, "renamed", reports=reports, project=project)
        assert done.code == 0, done.output
        first = run_gate(
            *named, "embedded", "-k", "register_gives and worker", reports=reports.with_name("r2"), project=project
        )
        assert first.code == 1, first.output
    finally:
        pair.serve_variant(own_pair.name, None)


REDUCED = """
[reduced]
pair = true
safety = "disposable"
local_runtime = true
poses_as_clients = true
absent = { names = "loopback", http2 = "plain http" }
budget = { requests = 60000, window_s = 60 }
readiness = { tries = 10, interval_s = 0.25 }
kv_propagation_s = 5
legacy = { identity = { address_only = "the table declares no header" } }
promises.security_headers.x-xss-protection = false
promises.tokens.worker.claims.aud = false
promises.uploads.legacy.limit = false
[reduced.worker]
name = "list-cutter"
identity = { header = "x-served-by", value = "list-cutter-worker", operations = ["health", "user"] }

[reduced.routes.worker]
fields = { user_id = false }
refusal = { 401 = [401, 403] }
[reduced.routes.legacy]
fields = { user_id = false, refresh_token = false, total = false, success = false, file_size = false }

[reduced.operations]
register.worker = { replace = true, response = {} }
register.legacy = { replace = true, response = {} }
health.legacy.absent = "not here"
metrics.worker.absent = "not here"
tags.worker.absent = "not here"
tags.legacy.absent = "not here"
logout.legacy.absent = "not here"
refresh.legacy.absent = "not here"
delete_account.legacy.absent = "not here"
columns.legacy.absent = "not here"
upload.worker.response.success = false
"""


def test_reduced_table_is_go_and_lists_what_it_lacks(
    own_pair: PairState, smoke_project_factory: SmokeProjectFactory, reports: Path
) -> None:
    """A table without tokens of the registration, ids, health, logout … is GO, and names each check that it drops.

    With a planted fault of isolation the same table is NO-GO: what is dropped hides nothing else.
    """
    project = smoke_project_factory(REDUCED)
    named = ["-m", "smoke", "--pair", own_pair.name, "--env", "reduced"]
    done = run_gate(*named, reports=reports, project=project)
    assert done.code == 0, done.output
    gate = done.verdict["gates"][0]
    reasons = {check.rpartition("::")[2]: reason for check, reason in gate["inapplicable_because"].items()}
    for check, reason in {
        "test_health_is_fresh[legacy]": "legacy has no health: not here",
        "test_logout_revokes_tokens[legacy]": "legacy has no logout: not here",
        "test_deleted_account_is_gone[legacy]": "legacy has no delete_account: not here",
        "test_refresh_token_is_refused_as_access_token[legacy]": "legacy gives no refresh token",
        "test_delete_removes_the_object[worker]": "worker names no user_id",
        "test_upload_limit_is_exact[legacy]": "uploads.legacy.limit] = false",
    }.items():
        assert reason in reasons[check]
    for check in ("test_logout_revokes_tokens[worker]", "test_file_of_another_user_is_inaccessible[legacy]"):
        assert check not in reasons
    assert gate["counts"]["passed"] == gate["counts"]["required"] > 80
    unproven = " ".join(done.verdict["could_not_detect"])
    assert "legacy: another system at the same address" in unproven
    assert "worker: another system behind other answers than those of health, user" in unproven
    pair.serve(own_pair.name, "worker", "foreign-download")
    try:
        chosen = ["-k", "test_file_of_another_user and worker"]
        faulty = run_gate(*named, *chosen, reports=reports.with_name("r2"), project=project)
        assert faulty.code == 1, faulty.output
    finally:
        pair.serve(own_pair.name, "worker", None)
