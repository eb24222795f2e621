"""Links, headings and lock files of the repository are consistent."""

import ast
import io
import os
import re
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from cutover.config.validation import root

pytestmark = pytest.mark.unit

CHECKS = [check for gate in tomllib.loads((root() / "manifest.toml").read_text()).values() for check in gate]


def test_runbook_has_a_heading_for_each_check() -> None:
    """Every check has a heading in the runbook, because failures link to it, and every heading has a check."""
    headings = set(re.findall(r"^## ([a-z0-9_]+)$", (root() / "docs/runbook.md").read_text(), re.MULTILINE))
    assert headings == {re.sub(r"\[.*", "", check.rpartition("::")[2]) for check in CHECKS}


PAGES = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
PAGES += sorted(str(page.relative_to(root())) for page in (root() / "docs").rglob("*.md"))


@pytest.mark.parametrize("page", PAGES)
def test_links_have_existing_targets(page: str) -> None:
    """Every relative link of the pages has an existing target."""
    file = root() / page
    for link in re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", file.read_text()):
        assert (file.parent / link).exists(), link


@pytest.mark.parametrize("page", [page for page in PAGES if "/adr/" not in page and page != "CHANGELOG.md"])
def test_paths_in_pages_exist(page: str) -> None:
    """Every path from the top of the repository that a page names exists. Capitals are placeholders."""
    folders = "src|tests|docs|contracts|reference|locustfiles|benchmarks"
    for path in re.findall(rf"`((?:{folders})/[\w./-]+\.\w+)`", (root() / page).read_text()):
        assert (root() / path).exists() or re.search("[A-Z]{4}", path), path


FILE_NAME = re.compile(r"(?<![\w./<*-])((?:[\w-]+/)*[\w-]+\.(?:py|md|toml|mjs|yaml))(?!\w)")
GENERATED = ("node_modules", "__pycache__", "reports", ".venv", ".git")


def repository_files() -> list[str]:
    """Return the files of the repository to which docstrings may refer, as paths that start with a slash."""
    found = []
    for folder, folders, names in os.walk(root()):
        folders[:] = [name for name in folders if name not in GENERATED]
        found += [f"/{(Path(folder) / name).relative_to(root())}" for name in names if FILE_NAME.fullmatch(name)]
    return found


def docstrings_and_comments(source: str) -> Iterator[str]:
    """Yield the docstrings, the strings that are statements, and the comments of a module."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield node.value.value
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.string


def test_files_named_in_docstrings_exist() -> None:
    """Every file that a docstring or comment names exists. A module of another package needs its folder."""
    files = repository_files()
    missing = []
    for module in [*(root() / "src").rglob("*.py"), *(root() / "tests").rglob("*.py")]:
        for text in docstrings_and_comments(module.read_text(encoding="utf-8")):
            for name in FILE_NAME.findall(text):
                if (module.parent / name).exists():
                    continue
                folder = "/src/" if "/" not in name and module.is_relative_to(root() / "src") else None
                if not any(file.endswith(f"/{name}") and not (folder and file.startswith(folder)) for file in files):
                    missing.append(f"{module.relative_to(root())}: {name}")
    assert missing == []


def test_lock_files_contain_no_address() -> None:
    """Lock files contain hashes and no address of a registry."""
    for lock in ("requirements.lock", "bootstrap.lock", "reference/worker/package-lock.json"):
        assert "://" not in (root() / lock).read_text(), lock
