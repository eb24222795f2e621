"""Further protected paths and operators' paths of an environment: their declaration and their requests."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.scripted_client import load, target_of

from cutover.client.request import Request
from cutover.config.validation import ConfigurationError, root
from cutover.contract.finding_collector import Inspection
from cutover.contract.operator_paths import OPERATORS, probes
from cutover.contract.protected_paths import inspect_protected
from cutover.core.secrets import Secret

pytestmark = pytest.mark.unit

ADMIN = """
[[x.protected]]
system = "worker"
path = "/api/v1/admin/users?all=1"
user = 403
[[x.protected]]
system = "worker"
path = "/api/v1/admin/purge"
method = "POST"
body = { days = 30 }
anonymous = [401, 403]
user = [403, 404]
harmless = true
"""
TOKEN = Secret("a-token-of-24-characters")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real contracts."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    return tmp_path


def inspected(project: Path, text: str, statuses: dict[str, int]) -> tuple[list[str], list[str], list[Request]]:
    """Return the names of the findings, the requests not sent, and the sent ones. statuses: role -> status."""

    def reply(request: Request) -> tuple[int, Any]:
        bearer = request.headers.get("authorization")
        role = "anonymous" if bearer is None else "user" if bearer.endswith(TOKEN.reveal()) else "bad"
        return statuses[role], {}

    environment = load(project, text)
    target, client = target_of(environment, reply)
    inspection = Inspection(target, "protected", "rule")
    left = inspect_protected(inspection, environment.protected, TOKEN)
    return [finding.name for finding in inspection.findings], left, client.requests


def test_refusals_as_declared_are_no_finding(project: Path) -> None:
    """Each path is requested without a token, with a bad one and as a user, with method, query and body."""
    found, left, sent = inspected(project, ADMIN, {"anonymous": 401, "bad": 401, "user": 403})
    assert (found, left, len(sent)) == ([], [], 6)
    assert {request.url for request in sent} == {
        "https://worker.example/api/v1/admin/users?all=1",
        "https://worker.example/api/v1/admin/purge",
    }
    assert {(request.method, request.content) for request in sent} == {("GET", None), ("POST", b'{"days": 30}')}


@pytest.mark.parametrize(
    ("role", "status", "count"),
    [("anonymous", 200, 2), ("anonymous", 404, 2), ("bad", 403, 1), ("user", 200, 2), ("user", 404, 1)],
)
def test_other_status_is_a_finding(project: Path, role: str, status: int, count: int) -> None:
    """A status that is not declared for that caller is a finding, also the 404 of a path that does not exist."""
    statuses = {"anonymous": 401, "bad": 401, "user": 403} | {role: status}
    found, _, _ = inspected(project, ADMIN, statuses)
    assert len(found) == count
    assert all(name.startswith("protected:") for name in found)


def test_changing_request_needs_a_disposable_environment(project: Path) -> None:
    """A write that is not declared harmless is not sent elsewhere, and is listed."""
    text = ADMIN.replace("harmless = true\n", "")
    _, left, sent = inspected(project, text, {"anonymous": 401, "bad": 401, "user": 403})
    assert left == ["POST /api/v1/admin/purge"]
    assert {request.method for request in sent} == {"GET"}


def test_declared_operator_paths_are_probed(project: Path) -> None:
    """A declared path is probed like those of the plan; on legacy only declared ones are."""
    environment = load(project, "operator_paths.worker = ['/ops/purge']\n")
    declared = environment.operator_paths["worker"]
    own = [probe for probe in probes(harmless=True, declared=declared) if probe.path == "ops/purge"]
    assert {probe.method for probe in own} == {"GET", "POST", "DELETE"}
    assert {probe.path for probe in probes(harmless=False, declared=declared)} >= {"ops/purge", OPERATORS[0]}
    paths = {probe.path for probe in probes(harmless=True, declared=declared, only_declared=True)}
    assert paths == {"ops/purge", ""}  # the root, with a header that names the path
    assert not any(probe.path == "ops/purge" for probe in probes(harmless=True))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[x.protected]]\npath = '/a'", ["x.protected 1.system", "missing"]),
        ("[[x.protected]]\nsystem = 'worker'", ["x.protected 1.path", "missing"]),
        ("[[x.protected]]\nsystem = 'wroker'\npath = '/a'", ["x.protected 1.system", "worker, legacy"]),
        ("[[x.protected]]\nsystem = 'worker'\npath = 'a'", ["x.protected 1.path", "begins with /"]),
        ("[[x.protected]]\nsystem = 'worker'\npath = '/a b'", ["x.protected 1.path", "percent-encoded"]),
        ("[[x.protected]]\nsystem = 'worker'\npath = '/a'\nmethod = 'FETCH'", ["x.protected 1.method", "GET"]),
        ("[[x.protected]]\nsystem = 'worker'\npath = '/a'\nanonymous = 200", ["1.anonymous", "300 to 499"]),
        ("[[x.protected]]\nsystem = 'worker'\npath = '/a'\nuser = 500", ["1.user", "200 to 499"]),
        ("[[x.protected]]\nsystem = 'worker'\npath = '/a'\nbody = {}", ["protected 1.body", "no body for GET"]),
        ("[[x.protected]]\nsystem = 'worker'\npath = '/a'\nbody = 1", ["protected 1.body", "a table"]),
        (ADMIN + ADMIN, ["protected 3", "listed twice"]),
        ("protected = { a = 1 }", ["x.protected", "an array of tables"]),
        ("operator_paths = ['/a']", ["x.operator_paths", "a table"]),
        ("operator_paths.worker = '/a'", ["x.operator_paths.worker", "an array of paths"]),
        ("operator_paths.worker = ['a']", ["x.operator_paths.worker 1", "begins with /"]),
    ],
)
def test_mistake_in_protected_names_key_and_fix(project: Path, text: str, words: list[str]) -> None:
    """Each mistake is one message with file, key and fix."""
    with pytest.raises(ConfigurationError) as caught:
        load(project, text)
    for word in ("environments.toml", *words):
        assert word in str(caught.value)
