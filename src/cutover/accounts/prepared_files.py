"""List files that a check needs but does not judge."""

from __future__ import annotations

from typing import Any, Final

from cutover import corpus
from cutover.accounts.registered import Account
from cutover.core.secrets import Secret
from cutover.systems.target import Result, Target

UNKNOWN_FILE: Final = "00000000-0000-4000-8000-000000000000"
"""The id of a file that does not exist."""


def prepare_file(target: Target, token: Secret, file: corpus.ListFile | None = None) -> str:
    """Upload a valid list file (a small one by default) and return its id. Raises Blocked if uploads are broken.

    A check of refused or unusual uploads does this first: the response to a valid upload proves that a refusal is one.
    The name and a cell of the default file contain the account's marker, so that they are recognized in answers to
    others (client/account_markers.py).
    """
    sent = _marked(target.client.markers.marker_of(token)) if file is None else (file.filename, file.content)
    uploaded = target.prepare("upload", token=token, file=(*sent, "text/csv"), having=("file_id",))
    return str(uploaded.field("file_id"))


def list_own(target: Target, account: Account) -> tuple[list[dict[str, Any]], Result]:
    """Return the account's files that did not exist before the check, and the response with the list.

    Raises Blocked if the list is broken, NotApplicable if the system has none or its entries have no id.
    """
    listed = target.prepare("list_files", token=account.access_token)
    return account.own(listed), listed


def _marked(marker: str | None) -> tuple[str, bytes]:
    """Return name and bytes of a small list file. marker: None for an account whose token is not known."""
    if marker is None:
        plain = corpus.list_file("semicolons")
        return plain.filename, plain.content
    return f"{marker}-list.csv", f"name,city\r\n{marker}-cell,Oslo\r\n".encode()
