"""List files that a check needs but does not judge."""

from __future__ import annotations

from typing import Final

from cutover import corpus
from cutover.core.secrets import Secret
from cutover.systems.target import Target

UNKNOWN_FILE: Final = "00000000-0000-4000-8000-000000000000"
"""The id of a file that does not exist."""


def prepare_file(target: Target, token: Secret, file: corpus.ListFile | None = None) -> str:
    """Upload a valid list file (a small one by default) and return its id. Raises Blocked if uploads are broken.

    A check of refused or unusual uploads does this first: the response to a valid upload proves that a refusal is one.
    """
    file = file or corpus.list_file("semicolons")
    sent = (file.filename, file.content, "text/csv")
    return str(target.prepare("upload", token=token, file=sent, having=("file_id",)).field("file_id"))
