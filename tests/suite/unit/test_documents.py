"""What the documents promise is there."""

import re
import tomllib

import pytest

from cutover.config.validation import root

pytestmark = pytest.mark.unit

CHECKS = [check for gate in tomllib.loads((root() / "manifest.toml").read_text()).values() for check in gate]


def test_runbook_has_a_heading_for_every_check_and_no_other() -> None:
    """The link that a failure prints leads somewhere."""
    headings = set(re.findall(r"^## ([a-z0-9_]+)$", (root() / "docs/runbook.md").read_text(), re.MULTILINE))
    assert headings == {re.sub(r"\[.*", "", check.rpartition("::")[2]) for check in CHECKS}


PAGES = ("architecture", "environments", "gates", "load", "load-verdict")


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", *(f"docs/{name}.md" for name in PAGES)])
def test_links_lead_to_files(page: str) -> None:
    """No link of a page leads nowhere."""
    file = root() / page
    for link in re.findall(r"\]\(([^)#]+)\)", file.read_text()):
        assert (file.parent / link).exists(), link


def test_no_committed_lock_names_an_address() -> None:
    """Lock files carry hashes, no registry's address."""
    for lock in ("requirements.lock", "bootstrap.lock", "reference/worker/package-lock.json"):
        assert "://" not in (root() / lock).read_text(), lock
