"""One deployment with other conventions, judged by universal rules and by the conventions of contracts/api.md."""

import socket
import threading
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import run_gate
from tests.suite.verdicts.conftest import ProjectFactory
from tests.suite.verdicts.foreign_servers import server

pytestmark = pytest.mark.verdicts

CHECKS = '''"""A universal check and a house convention."""

import pytest

from cutover.core.rule_table import Rule
from cutover.systems.target import Target

pytestmark = [pytest.mark.smoke, pytest.mark.system("worker")]


@pytest.mark.rule(Rule.AUTHENTICATION)
def test_user_is_refused(target: Target) -> None:
    """Without a token the account is refused."""
    target.call("user").expect_refusal(401)


@pytest.mark.rule(Rule.CORS)
def test_vary_names_the_origin(target: Target) -> None:
    """The response varies by origin."""
    result = target.call("user")
    if "vary" not in result.answer.headers:
        raise result.failed("cors:vary", expected="Vary", got="none")
'''
USER = "tests/smoke/test_tiny.py::test_user_is_refused[worker]"
VARY = "tests/smoke/test_tiny.py::test_vary_names_the_origin[worker]"
MANIFEST = f"""
[smoke]
"{USER}" = {{ system = "worker", level = "read-only", rule = "universal:authentication" }}
"{VARY}" = {{ system = "worker", level = "read-only", rule = "house:cors" }}
"""


def forbidden(connection: socket.socket, _over: threading.Event) -> None:
    """Refuse the request with 403, a status that contracts/api.md does not have for a missing token."""
    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")


def accepted(connection: socket.socket, _over: threading.Event) -> None:
    """Answer like to the owner."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}")


def environment(url: str, rules: str) -> str:
    """Return an environment `elsewhere` with the Worker at the URL."""
    return f'\n[elsewhere]\nsafety = "read-only"\nlegacy = {{ absent = "x" }}\nworker = {{ url = "{url}" }}\n{rules}\n'


def test_universal_rules_leave_house_conventions_out(project_factory: ProjectFactory, reports: Path) -> None:
    """GO: the request without a token is refused. The convention is not run, and the verdict counts it."""
    with server(forbidden) as (url, asked):
        project = project_factory(CHECKS, manifest=MANIFEST, environments=environment(url, 'rules = "universal"'))
        done = run_gate("-m", "smoke", "--env", "elsewhere", reports=reports, project=project)
    assert done.code == 0, done.output
    assert "house conventions not judged: 1 check, rules = universal" in done.output
    assert "within other checks: house:statuses" in done.output
    assert "1 of 1 checks passed, 1 house conventions not judged" in done.output
    gate = done.verdict["gates"][0]
    assert (gate["rules"], gate["not_judged"], done.verdict["not_judged_rules"]) == (
        "universal", [VARY], ["house:statuses"],
    )  # fmt: skip
    assert sum(b"/health" not in line for line in asked) == 1


def test_house_rules_are_the_default(project_factory: ProjectFactory, reports: Path) -> None:
    """NO-GO: the status and the header break conventions, and each finding names its rule."""
    with server(forbidden) as (url, _):
        project = project_factory(CHECKS, manifest=MANIFEST, environments=environment(url, ""))
        done = run_gate("-m", "smoke", "--env", "elsewhere", reports=reports, project=project)
    assert done.code == 1, done.output
    assert "rule     house:statuses" in done.output
    assert "rule     house:cors" in done.output
    rules = {record["check"]: record["observations"]["rule"] for record in done.records}
    assert rules == {USER: "house:statuses", VARY: "house:cors"}


def test_universal_rules_find_an_accepted_request(project_factory: ProjectFactory, reports: Path) -> None:
    """NO-GO in profile universal: the request without a token is accepted."""
    with server(accepted) as (url, _):
        project = project_factory(CHECKS, manifest=MANIFEST, environments=environment(url, 'rules = "universal"'))
        done = run_gate("-m", "smoke", "--env", "elsewhere", reports=reports, project=project)
    assert done.code == 1, done.output
    assert "rule     universal:authentication" in done.output
