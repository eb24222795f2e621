"""The smoke check of a list's way through a deployment that stores it under another name."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.smoke.test_files import test_upload_list_download_delete as check
from tests.suite.support.scripted_client import load, target_of

from cutover.accounts.registered import Accounts
from cutover.client.request import Request
from cutover.config.validation import root
from cutover.core.errors import CheckFailed

pytestmark = pytest.mark.unit

TOKENS = {"access_token": "a-token-of-24-characters", "refresh_token": "a-token-of-24-characters-2"}
USER = {"id": 1, "user_id": 1, "username": "someone", "email": "someone@cutover.invalid"}


class Deployment:
    """A deployment with one account. It stores a list under `stored` and lists it as `listed`."""

    def __init__(self, stored: str | None, listed: str | None) -> None:
        self.stored, self.listed, self.content = stored, listed, b""
        self.files: list[dict[str, Any]] = []

    def __call__(self, request: Request) -> tuple[int, Any]:
        """Answer register, upload, list_files, download and delete."""
        match request.operation:
            case "upload":
                assert request.parts is not None
                ((name, self.content, _),) = request.parts.values()
                entry = {"file_id": "f-1", "file_size": len(self.content), "tags": []}
                self.files = [{**entry, "filename": self.listed or name}]
                return 201, {"success": True, "file": {**entry, "filename": self.stored or name}}
            case "list_files":
                return 200, {"files": self.files, "total": len(self.files)}
            case "download":
                return (200, self.content) if self.files else (404, {"error": "no such file"})
            case "delete":
                self.files = []
                return 204, None
        return 201, {**TOKENS, **USER, "user": USER}


def run(tmp_path: Path, rules: str, stored: str | None, listed: str | None) -> None:
    """Run the check on the deployment, in an environment with these rules."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    target, _ = target_of(load(tmp_path, f'rules = "{rules}"\n'), Deployment(stored, listed))
    check(target, Accounts(target, "run", None), target.recorder)


@pytest.mark.parametrize("rules", ["universal", "house"])
def test_file_with_its_own_name_passes(tmp_path: Path, rules: str) -> None:
    """The list has the name that was sent: both profiles pass (the control)."""
    run(tmp_path, rules, None, None)


def test_renamed_file_passes_by_universal_rules(tmp_path: Path) -> None:
    """The upload says that the list was stored under another name, and it is listed so: no data were lost."""
    run(tmp_path, "universal", "contacts_18.csv", "contacts_18.csv")


def test_renamed_file_breaks_a_house_convention(tmp_path: Path) -> None:
    """The convention is that names are kept, so the renamed list is a finding."""
    with pytest.raises(CheckFailed, match="list:wrong"):
        run(tmp_path, "house", "contacts_18.csv", "contacts_18.csv")


def test_file_listed_under_a_third_name_is_found(tmp_path: Path) -> None:
    """The name in the list is neither the sent nor the stored one: a finding by universal rules too."""
    with pytest.raises(CheckFailed, match="list:wrong"):
        run(tmp_path, "universal", "contacts_18.csv", "invoices.csv")
