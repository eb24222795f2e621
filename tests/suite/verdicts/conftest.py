"""Fixtures that create small projects with a few checks, to test every way in which a gate can end."""

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
filterwarnings = ["error", "ignore:assertions not in test modules:pytest.PytestConfigWarning"]
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

ProjectFactory = Callable[..., Path]
SmokeProjectFactory = Callable[[str], Path]


@pytest.fixture
def project_factory(tmp_path: Path) -> ProjectFactory:
    """Return a function that creates a project: our contracts, environments and conftest, and the given checks."""

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
def smoke_project_factory(project_factory: ProjectFactory) -> SmokeProjectFactory:
    """Return a function that creates a project with all smoke checks and more text in environments.toml."""

    def make(environments: str) -> Path:
        project = project_factory(manifest=(root() / "manifest.toml").read_text(), environments=environments)
        shutil.rmtree(project / "tests" / "smoke")
        shutil.copytree(
            root() / "tests" / "smoke", project / "tests" / "smoke", ignore=shutil.ignore_patterns("__pycache__")
        )
        return project

    return make


@pytest.fixture
def reports(tmp_path: Path) -> Path:
    """Return the path of the reports folder, in which a run creates its own folder."""
    return tmp_path / "reports"
