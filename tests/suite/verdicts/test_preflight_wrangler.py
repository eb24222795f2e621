"""Complete preflight runs about a Wrangler configuration: every outcome of the gate. Nothing is sent."""

import json
import shutil
from pathlib import Path

import pytest
from tests.suite.support.gate_runs import GateRun, run_gate

from cutover.config.validation import root

pytestmark = pytest.mark.verdicts

CONFIGURATIONS = root() / "tests" / "suite" / "support" / "wrangler"
NAMES = ("production", "staging", "blue", "green")
SECRET = "Zq8-wLm3vT0xK"
PYPROJECT = """
[tool.pytest]
strict = true
testpaths = ["tests"]
addopts = ["-p", "no:locust", "-p", "no:schemathesis", "-p", "no:hypothesispytest"]
filterwarnings = ["error", "ignore:assertions not in test modules:pytest.PytestConfigWarning"]
markers = ["preflight: gate"]
"""
ENVIRONMENT = """
[mine]
safety = "read-only"
worker = { url = "https://api.list-cutter.com" }
legacy = { absent = "only the file is tested here" }
"""
SECTION = """
[mine.preflight.wrangler]
file = "wrangler.toml"
sources = "source"
shared = [{ environments = ["production", "blue", "green"], reason = "two versions on the same data" }]
secrets = { production = ["JWT_SECRET"] }
secret_lists = { production = "secrets.json" }
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project with the checks of the Wrangler configuration only, and the corrected file of the plan."""
    folder = tmp_path / "project"
    (folder / "tests" / "preflight").mkdir(parents=True)
    (folder / "contracts").symlink_to(root() / "contracts")
    shutil.copy(root() / "conftest.py", folder)
    for name in ("conftest.py", "test_wrangler.py"):
        shutil.copy(root() / "tests" / "preflight" / name, folder / "tests" / "preflight")
    lines = (root() / "manifest.toml").read_text().splitlines()
    checks = [line for line in lines if line.startswith('"tests/preflight/test_wrangler.py::')]
    (folder / "manifest.toml").write_text("\n".join(["[preflight]", *checks]))
    (folder / "pyproject.toml").write_text(PYPROJECT)
    (folder / "waivers.toml").write_text("")
    (folder / "environments.toml").write_text(ENVIRONMENT + SECTION)
    (folder / "source").mkdir()
    (folder / "source" / "count.ts").write_text("export const count = (env) => env.ANALYTICS.writeDataPoint({});")
    (folder / "secrets.json").write_text(json.dumps([{"name": "JWT_SECRET", "type": "secret_text"}]))
    shutil.copy(CONFIGURATIONS / "workers.corrected.toml", folder / "wrangler.toml")
    return folder


def run(project: Path, *arguments: str) -> GateRun:
    """Run the gate in the project."""
    return run_gate("-m", "preflight", "--env", "mine", *arguments, project=project, reports=project.parent / "reports")


def test_corrected_configuration_is_go(project: Path) -> None:
    """The corrected configuration of the plan passes every check without a request."""
    gate = run(project)
    assert gate.code == 0, gate.output
    assert "11 of 11 checks passed; 0 requests" in gate.last_line


def test_configuration_of_the_plan_is_no_go(project: Path) -> None:
    """The plan's own configuration, by --wrangler, is NO-GO. Each failed check names file, line, promise and fix."""
    gate = run(project, f"--wrangler={CONFIGURATIONS / 'workers.toml'}")
    assert gate.code == 1, gate.output
    assert len(gate.verdict["gates"][0]["failed"]) == 6
    assert "workers.toml:57: expected an inline table on one line" in gate.output
    assert "workers.toml:31: expected a database id (a UUID" in gate.output
    assert "promised  Cloudflare docs, Workers, Wrangler configuration" in gate.output
    assert "next      create the resource, and write its real value here" in gate.output


def test_file_that_cannot_be_parsed_is_one_cause(project: Path) -> None:
    """The check of the syntax fails, and the others are blocked by it: one reason."""
    (project / "wrangler.toml").write_text("name = \n")
    gate = run(project)
    assert gate.code == 1, gate.output
    assert gate.verdict["gates"][0]["counts"] | {"failed": 1, "blocked": 10} == gate.verdict["gates"][0]["counts"]
    assert len(gate.verdict["reasons"]) == 1, gate.verdict["reasons"]
    assert "wrangler.toml:1: expected valid TOML 1.0" in gate.verdict["reasons"][0]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("wrangler.toml", b"name = '\xff'", "wrangler.toml: cannot be read: 'utf-8' codec"),
        ("secrets.json", b'{"JWT_SECRET": 1}', "secrets.json: expected an array of objects with a name"),
        ("secrets.json", b"not JSON", "secrets.json: expected the output of `wrangler secret list` (JSON)"),
    ],
)
def test_unreadable_input_is_one_message(project: Path, name: str, content: bytes, message: str) -> None:
    """A file that is something else ends the run with exit code 4 and one message, before any check."""
    (project / name).write_bytes(content)
    gate = run(project)
    assert gate.code == 4, gate.output
    assert message in gate.output
    assert "Traceback" not in gate.output


def test_environment_without_the_section_is_inconclusive(project: Path) -> None:
    """Without the section nothing is verified, and the reason names the table and the key to add."""
    (project / "environments.toml").write_text(ENVIRONMENT)
    gate = run(project)
    assert gate.code == 10, gate.output
    assert '[mine.preflight.wrangler] is missing: add file = "path/to/wrangler.toml"' in gate.output


def test_secret_in_vars_is_found_and_not_shown(project: Path) -> None:
    """A secret in vars is a finding with its line. Its value is in no output and no file."""
    text = (project / "wrangler.toml").read_text().replace('API_VERSION = "v1"', f'JWT_SECRET = "{SECRET}"', 1)
    (project / "wrangler.toml").write_text(text)
    gate = run(project)
    assert gate.code == 1, gate.output
    line = text.splitlines().index(f'JWT_SECRET = "{SECRET}"') + 1
    assert f"wrangler.toml:{line}: expected JWT_SECRET as a secret" in gate.output
    assert SECRET not in gate.output
    assert not [file for file in gate.folder.iterdir() if SECRET in file.read_text()]
