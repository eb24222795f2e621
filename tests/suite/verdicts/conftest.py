"""Small projects with a few checks of their own, to see what a gate makes of each way to end."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from cutover.config.validation import root

PYPROJECT = """
[tool.pytest]
strict = true
testpaths = ["tests"]
addopts = ["-p", "no:locust", "-p", "no:schemathesis", "-p", "no:hypothesispytest"]
filterwarnings = ["error"]
markers = ["smoke: gate", "unit: no gate"]
"""

CHECKS = '''"""Two checks."""

import pytest

from cutover.systems.target import Target

pytestmark = [pytest.mark.smoke, pytest.mark.system("worker")]


def test_health_answers(target: Target) -> None:
    """Health is 200."""
    target.call("health").expect_status()


def test_user_is_refused(target: Target) -> None:
    """Without a token the account is 401."""
    target.call("user").expect_status(401)
'''

MANIFEST = """
[smoke]
"tests/smoke/test_tiny.py::test_health_answers[worker]" = { system = "worker", level = "read-only" }
"tests/smoke/test_tiny.py::test_user_is_refused[worker]" = { system = "worker", level = "read-only" }
"""

MakeProject = Callable[..., Path]
WholeProject = Callable[[str], Path]


@pytest.fixture
def make_project(tmp_path: Path) -> MakeProject:
    """Make a project folder: this one's contracts, environments and conftest, and checks of one's own."""

    def make(checks: str = CHECKS, *, manifest: str = MANIFEST, waivers: str = "", environments: str = "") -> Path:
        project = tmp_path / "project"
        (project / "tests" / "smoke").mkdir(parents=True)
        shutil.copytree(root() / "contracts", project / "contracts")
        shutil.copy(root() / "conftest.py", project)
        (project / "environments.toml").write_text((root() / "environments.toml").read_text() + environments)
        (project / "pyproject.toml").write_text(PYPROJECT)
        (project / "manifest.toml").write_text(manifest)
        (project / "waivers.toml").write_text(waivers)
        (project / "tests" / "smoke" / "test_tiny.py").write_text(checks)
        return project

    return make


@pytest.fixture
def whole_project(make_project: MakeProject) -> WholeProject:
    """Make a project folder with all checks of this one, whose environments.toml ends with that text."""

    def make(environments: str) -> Path:
        project = make_project(manifest=(root() / "manifest.toml").read_text(), environments=environments)
        shutil.rmtree(project / "tests" / "smoke")
        shutil.copytree(
            root() / "tests" / "smoke", project / "tests" / "smoke", ignore=shutil.ignore_patterns("__pycache__")
        )
        return project

    return make


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Where the run's folder is made."""
    return tmp_path / "reports"
