"""Tests of losses that both systems share: a journey knows what it uploaded, so equal responses can be wrong."""

import json
from typing import Any

import httpx
import pytest

from cutover.client.http import Answer, Request
from cutover.config.operations import load_operations
from cutover.config.validation import root
from cutover.parity.accepted_differences import STATE
from cutover.parity.differences import NOT_FOUND, NOT_LISTED, OTHER_BYTES, STILL_LISTED
from cutover.parity.journeys import actions
from cutover.parity.shared_losses import UploadedFiles
from cutover.parity.steps import Step
from cutover.systems.target import Result

pytestmark = pytest.mark.unit

OPERATIONS = load_operations(root() / "contracts/operations.toml", {}, {}, "unit")
IDS = ("legacy id", "worker id")
CONTENT = b"a\r\n1\r\n"


def answers(operation: str, *sides: tuple[int, Any]) -> tuple[Result, Result]:
    """Return the responses of legacy and Worker, from one (status, body) for both or one for each."""
    both = [*sides, *sides][:2]
    found = []
    for system, (status, body) in zip(("legacy", "worker"), both, strict=True):
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        request = Request(system, operation, "GET", f"https://{system}.example/x")
        answer = Answer(request, "r", status, httpx.Headers({}), raw, 0.0)
        found.append(Result(answer, OPERATIONS[system][operation]))
    return found[0], found[1]


def stored() -> UploadedFiles:
    """Return the files of a journey that uploaded one file of ann."""
    files = UploadedFiles()
    created = [(201, {"success": True, "file": {"file_id": own}}) for own in IDS]
    files.note(actions.upload("ann", "a.csv", CONTENT), answers("upload", *created), None)
    return files


def words(files: UploadedFiles, step: Step, *sides: tuple[int, Any]) -> list[str]:
    """Return the losses that the responses to a step show."""
    ids = IDS if "file_id" in step.path else None
    return [each.candidate for each in files.losses(step, answers(step.operation, *sides), ids)]


def listed(*ids: str) -> list[tuple[int, Any]]:
    """Return the list responses of both systems. ids: one for each side, or none for an empty list."""
    return [(200, {"files": [{"file_id": own}], "total": 1}) for own in ids] or [(200, {"files": [], "total": 0})]


def test_file_that_neither_list_contains_is_lost() -> None:
    """An empty list on both sides is a loss, a list with the file on one side is left to the comparison."""
    look = actions.list_files("ann")
    assert words(stored(), look, *listed()) == [NOT_LISTED]
    assert words(stored(), look, *listed("x", "y")) == [NOT_LISTED]
    assert words(stored(), look, *listed(*IDS)) == []
    assert words(stored(), look, *listed(IDS[0], "y")) == []
    assert words(stored(), actions.list_files("bob"), *listed()) == []
    assert words(stored(), actions.list_files("ann", bearer=None), (401, {})) == []
    assert words(stored(), look, (200, {"files": None})) == []


def test_deleted_file_that_both_lists_contain_is_found() -> None:
    """A deletion that both confirmed and neither did. A file that only one system deleted is not tracked."""
    files, remove = stored(), actions.delete("ann", "a.csv")
    files.note(remove, answers("delete", (204, b"")), IDS)
    assert words(files, actions.list_files("ann"), *listed(*IDS)) == [STILL_LISTED]
    assert words(files, actions.list_files("ann"), *listed()) == []
    half = stored()
    half.note(remove, answers("delete", (204, b""), (500, b"")), IDS)
    assert (
        words(half, actions.list_files("ann"), *listed(*IDS)) == words(half, actions.list_files("ann"), *listed()) == []
    )


@pytest.mark.parametrize("operation", ["download", "delete"])
def test_own_file_that_neither_system_finds_is_lost(operation: str) -> None:
    """404 on both for the owner is a loss; for another user and after the account's deletion it is right."""
    step = Step(operation, "ann", path={"file_id": "x"})
    assert words(stored(), step, (404, {})) == [NOT_FOUND]
    assert words(stored(), step, (404, {}), (200, {})) == []
    assert words(stored(), Step(operation, "bob", path={"file_id": "x"}, owner="ann"), (404, {})) == []
    gone = stored()
    gone.note(actions.delete_account("ann"), answers("delete_account", (204, b"")), None)
    assert words(gone, step, (404, {})) == []


def test_other_404_of_a_stored_file_is_no_loss() -> None:
    """A deployment may answer 404 for a column that does not exist."""
    for operation in ("columns", "export", "tags"):
        assert words(stored(), Step(operation, "ann", path={"file_id": "x"}), (404, {})) == []


def test_equal_bytes_that_were_not_uploaded_are_found() -> None:
    """The comparison sees equal bytes, and bytes that differ between the sides are left to it."""
    step = actions.download("ann", "a.csv")
    assert words(stored(), step, (200, CONTENT)) == []
    assert words(stored(), step, (200, b"a\r\n")) == [OTHER_BYTES]
    assert words(stored(), step, (200, b"a\r\n"), (200, b"b\r\n")) == []


def test_loss_has_a_key_without_values() -> None:
    """The key names operation, path and class, and is the same in each run."""
    (found,) = stored().losses(actions.list_files("ann"), answers("list_files", *listed()), None)
    assert found.key == ("list_files", "/files/*", "semantics", NOT_LISTED, NOT_LISTED, "")
    assert found.operation != STATE
