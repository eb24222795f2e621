"""`cutover doctor`: what each gate lacks in an environment, and the exit codes."""

import dataclasses
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from tests.suite.unit.test_setup_init import Served

from cutover.cli import main
from cutover.config.environment_schema import CAPABILITIES, DOCUMENTS
from cutover.config.environments import load_environment
from cutover.config.manifest import GATES as MANIFEST_GATES
from cutover.config.manifest import load_manifest
from cutover.config.validation import root
from cutover.core.requirements import base_of
from cutover.setup.gate_requirements import GATES, KNOWN_VIOLATIONS, LINES, SECRETS, GateState, lines_of, states

pytest_plugins = ["tests.suite.unit.test_setup_init"]
pytestmark = pytest.mark.unit

TABLE = """
[mine]
safety = "{safety}"
rules = "universal"
worker = {{ url = "{url}", identity = {{ address_only = "a test" }} }}
legacy = {{ absent = "a test" }}
readiness = {{ tries = 1, interval_s = 0 }}
{more}
[mine.operations.register.worker]
path = "/api/accounts/register"
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with our contracts, environments and manifest."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    for name in ("environments.toml", "manifest.toml"):
        shutil.copy(root() / name, tmp_path)
    monkeypatch.setenv("CUTOVER_ROOT", str(tmp_path))
    return tmp_path


def write(project: Path, url: str, *, safety: str = "test-data", more: str = "") -> None:
    """Add the environment `mine` to the project."""
    with (project / "environments.toml").open("a") as file:
        file.write(TABLE.format(url=url, safety=safety, more=more))


def of(project: Path, gate: str, **variables: str) -> GateState:
    """Return the state of a gate of the environment `mine`."""
    environment = load_environment(project, "mine", variables=variables)
    return next(state for state in states(environment, load_manifest(project)) if state.gate == gate)


def missing(state: GateState) -> dict[str, str]:
    """Return what is missing -> the line to add."""
    return {each.what: each.line for each in state.missing}


def test_missing_secret_names_its_line(project: Path) -> None:
    """Without the secret that signs tokens, the checks that sign tokens cannot run."""
    write(project, "https://mine.invalid", more='absent = { d1 = "-", r2 = "-", limiter = "-", names = "-" }')
    state = of(project, "smoke")
    assert missing(state) == {
        "the secret that signs tokens (worker_jwt_secret)": 'secrets = { worker_jwt_secret = "NAME_OF_A_VARIABLE" }'
    }
    assert not state.can_run


def test_line_of_the_doctor_makes_the_gate_run(project: Path) -> None:
    """After the line of the doctor is added, nothing is missing."""
    line = 'secrets = { worker_jwt_secret = "X" }\nabsent = { d1 = "-", r2 = "-", limiter = "-", names = "-" }'
    write(project, "https://mine.invalid", more=line)
    assert of(project, "smoke", X="secret " * 8).can_run


def test_read_only_environment_lacks_the_level(project: Path) -> None:
    """In a read-only environment the level is missing, or a read-only form."""
    write(project, "https://mine.invalid", safety="read-only")
    found = {(each.line, each.other) for each in of(project, "smoke").missing}
    assert ('safety = "test-data"', 'read_only_form.smoke = "why"') in found


def test_parity_lacks_the_other_system(project: Path) -> None:
    """Parity needs two systems."""
    write(project, "https://mine.invalid")
    assert "the legacy system" in missing(of(project, "parity"))


def test_deployment_of_another_kind_needs_own_files(project: Path) -> None:
    """With rules = "universal" parity needs rules and accepted differences of its own."""
    write(project, "https://mine.invalid")
    lines = missing(of(project, "parity")).values()
    assert {'files.parity = "FILE.toml"', 'files.accepted_differences = "FILE.toml"'} <= set(lines)


def test_house_conventions_are_not_required(project: Path) -> None:
    """With rules = "universal" checks of house conventions are counted as not required."""
    write(project, "https://mine.invalid")
    reasons = of(project, "smoke").not_applicable
    assert reasons["a house convention, rules = universal"] > 20


@pytest.mark.parametrize("capability", sorted(LINES))
def test_each_capability_has_a_line(project: Path, capability: str) -> None:
    """A capability that a check needs, and that the environment neither has nor declares absent, has a line."""
    write(project, "http://127.0.0.1:9")
    environment = load_environment(project, "mine", variables={})
    manifest = [check for check in load_manifest(project) if capability in check.needs]
    bare = dataclasses.replace(environment, absent={}, rules="house", safety=max(type(environment.safety)))
    lines = {(each.line, each.other) for state in states(bare, manifest) for each in state.missing}
    assert (LINES[capability][2], f'absent.{capability} = "why"') in lines


def test_capabilities_without_a_line_need_none() -> None:
    """The other capabilities are there unless the environment says otherwise."""
    assert set(CAPABILITIES) - set(LINES) - set(DOCUMENTS) == {"registration", "limiter"}


def test_checks_that_need_a_secret_exist() -> None:
    """Every check that the table of secrets names is in the manifest."""
    known = {
        base_of(check) for gate in tomllib.loads((root() / "manifest.toml").read_text()).values() for check in gate
    }
    assert {*SECRETS, KNOWN_VIOLATIONS} <= known
    assert set(MANIFEST_GATES) <= set(GATES)


def test_lines_say_how_many_checks_lack_what(project: Path) -> None:
    """The output names the gate, the counts, the thing, the table and the line."""
    write(project, "https://mine.invalid")
    text = "\n".join(lines_of(of(project, "load"), "mine"))
    assert "load: cannot run: 0 of 1" in text
    assert "environments.toml [mine]: load = { rate = 20" in text


def test_doctor_ends_with_0_if_the_gate_can_run(
    project: Path, served: tuple[str, Served], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gate that can run completely on a system that answers as configured: exit code 0."""
    url, state = served
    monkeypatch.setenv("X", "secret " * 8)
    absent = 'absent = { d1 = "-", r2 = "-", limiter = "-", names = "-", https = "-", http2 = "-" }'
    write(project, url, more=f'secrets = {{ worker_jwt_secret = "X" }}\n{absent}')
    state.other = (401, "application/json", b"{}")
    state.answers["/health"] = (200, "application/json", b"{}")
    assert main(["doctor", "--env", "mine", "--gate", "smoke"]) == 0
    assert {method for method, _ in state.requests} == {"GET"}
    assert main(["doctor", "--env", "mine"]) == 10


def test_doctor_names_a_route_that_is_not_there(
    project: Path, served: tuple[str, Served], capsys: pytest.CaptureFixture[str]
) -> None:
    """A configured route that answers 404 is named with the line to add: exit code 10."""
    url, state = served
    write(project, url)
    state.answers["/health"] = (200, "application/json", b"{}")
    assert main(["doctor", "--env", "mine"]) == 10
    output = capsys.readouterr().out
    assert "missing: GET /api/accounts/user answers 404 (user)" in output
    assert "missing: POST" not in output  # 404 is also what many routers answer to GET on a route of POST
    assert 'environments.toml [mine.operations.user.worker]: path = "/…"' in output


def test_doctor_names_a_missing_route_of_post(
    project: Path, served: tuple[str, Served], capsys: pytest.CaptureFixture[str]
) -> None:
    """A system that answers 405 to a wrong method has no route where it answers 404."""
    url, state = served
    write(project, url)
    state.answers["/health"] = (200, "application/json", b"{}")
    state.answers["/api/accounts/login"] = (405, "application/json", b"{}")
    assert main(["doctor", "--env", "mine"]) == 10
    output = capsys.readouterr().out
    assert "missing: POST /api/accounts/register answers 404 (register)" in output
    assert "(login)" not in output


@pytest.mark.parametrize(
    ("change", "code"),
    [({"url": "http://127.0.0.1:9"}, 11), ({"url": "https://x.invalid", "more": "colour = 1"}, 4), (None, 4)],
)
def test_doctor_ends_with_the_code_of_its_cause(project: Path, change: dict[str, Any] | None, code: int) -> None:
    """An unreachable system ends with 11, a broken or unknown table with 4."""
    if change is not None:
        write(project, **change)
    assert main(["doctor", "--env", "mine"]) == code
