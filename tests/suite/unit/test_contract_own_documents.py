"""Generated requests from an environment's own document: other operations, parameters and placeholders, no links."""

import contextlib
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.suite.support.scripted_client import load, target_of

from cutover.accounts.registered import Accounts
from cutover.client.request import Request
from cutover.config.validation import root
from cutover.contract.findings import ContractFailed
from cutover.contract.fuzzing import Fuzzer
from cutover.core.errors import NotApplicable, NotVerified
from cutover.core.recorder import Recorder

pytestmark = pytest.mark.unit

TOKEN = "a-token-of-24-characters"
OWN = "contract.worker = { file = 'contracts/own.yaml' }\n"
DOCUMENT = """
openapi: 3.1.0
info: {title: own, version: "1"}
x-stands-for: {PLACEHOLDER: stands-for-it, device: an-unknown-word}
security: [{bearer: []}]
components: {securitySchemes: {bearer: {type: http, scheme: bearer}}}
paths:
  /somewhere/else:
    get: {operationId: unknown_here, security: [], responses: {"200": {description: ok}}}
  /files/{PLACEHOLDER}/download:
    get:
      operationId: download
      parameters:
        - {name: PLACEHOLDER, in: path, required: true, schema: {type: string, minLength: 1}, example: stands-for-it}
        - {name: device, in: query, schema: {type: string}, example: an-unknown-word}
      responses: {"200": {description: ok}, "404": {description: none}, "401": {description: no}}
"""
REPLIES: dict[str, tuple[int, Any]] = {
    "register": (
        201,
        {"access_token": TOKEN, "refresh_token": TOKEN, "user": {"id": 1, "username": "x"}},
    ),
    "upload": (201, {"success": True, "file": {"file_id": "id-of-the-file", "filename": "stored.csv"}}),
    "delete_account": (204, None),
}


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Return a project folder with the real contracts."""
    shutil.copytree(root() / "contracts", tmp_path / "contracts")
    return tmp_path


def fuzzer_of(project: Path, document: str, text: str, minutes: float | None = None) -> tuple[Fuzzer, Accounts, Any]:
    """Return a fuzzer of the document, accounts on its target, and the client with the requests."""
    (project / "contracts" / "own.yaml").write_text(document)
    environment = load(project, OWN + text)

    def reply(request: Request) -> tuple[int, Any]:
        return REPLIES.get(request.operation, (404, {"error": "none"}))

    target, client = target_of(environment, reply)
    recorder = Recorder()
    return Fuzzer(project, environment, target, recorder, minutes=minutes), Accounts(target, "run", None), client


@pytest.mark.parametrize(
    ("placeholder", "text", "sent"),
    [
        ("file_id", "", "/api/files/id-of-the-file/download"),
        ("filename", "[x.operations.download.worker]\npath = '/d/{filename}'\n", "/d/stored.csv"),
        ("file_id", "[x.operations.download.worker]\npath = '/d/{filename}'\n", "/d/stored.csv"),
        ("id", "", "/api/files/id-of-the-file/download"),
    ],
)
def test_path_parameter_of_another_name_is_filled(project: Path, placeholder: str, text: str, sent: str) -> None:
    """The parameter of a document is filled with the run's own value, whatever its name and the path's form."""
    fuzzer, accounts, client = fuzzer_of(project, DOCUMENT.replace("PLACEHOLDER", placeholder), text)
    with contextlib.suppress(ContractFailed, NotVerified):  # findings of scripted responses are not the subject
        fuzzer.check_operation("download", accounts, examples=5)
    urls = [request.url for request in client.requests if request.operation == "download"]
    assert any(url.partition("?")[0] == f"https://worker.example{sent}" for url in urls), urls


def test_operation_of_another_document_is_left_out(project: Path) -> None:
    """An operationId that is no name of operations.toml is not generated, because nothing describes its use."""
    fuzzer, _, _ = fuzzer_of(project, DOCUMENT.replace("PLACEHOLDER", "file_id"), "", minutes=1)
    assert fuzzer.names == ["download"]
    assert fuzzer.limits is not None
    assert set(fuzzer.limits) == {"download", "sequences"}


@pytest.mark.parametrize("minutes", [None, 1.0])
def test_document_without_links_has_no_sequences(project: Path, minutes: float | None) -> None:
    """Without links there are no sequences to check: not applicable for an own document, and nothing is sent."""
    fuzzer, accounts, client = fuzzer_of(project, DOCUMENT.replace("PLACEHOLDER", "file_id"), "", minutes)
    with pytest.raises(NotApplicable, match=r"own\.yaml has no links"):
        fuzzer.check_sequences(accounts)
    assert client.requests == []
