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
