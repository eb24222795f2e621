"""Links, headings and lock files of the repository are consistent."""

import re
import tomllib

import pytest

from cutover.config.validation import root

pytestmark = pytest.mark.unit

CHECKS = [check for gate in tomllib.loads((root() / "manifest.toml").read_text()).values() for check in gate]


def test_runbook_has_a_heading_for_each_check() -> None:
    """Every check has a heading in the runbook, because failures link to it, and every heading has a check."""
    headings = set(re.findall(r"^## ([a-z0-9_]+)$", (root() / "docs/runbook.md").read_text(), re.MULTILINE))
    assert headings == {re.sub(r"\[.*", "", check.rpartition("::")[2]) for check in CHECKS}


PAGES = ("architecture", "environments", "gates", "load", "load-verdict")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{name}.md" for name in PAGES)])
def test_links_have_existing_targets(page: str) -> None:
    """Every relative link of the pages has an existing target."""
    file = root() / page
    for link in re.findall(r"\]\(([^)#]+)\)", file.read_text()):
        assert (file.parent / link).exists(), link


def test_lock_files_contain_no_address() -> None:
    """Lock files contain hashes and no address of a registry."""
    for lock in ("requirements.lock", "bootstrap.lock", "reference/worker/package-lock.json"):
        assert "://" not in (root() / lock).read_text(), lock
