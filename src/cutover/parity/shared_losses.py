"""Find losses that both systems share: equal responses to a user whose uploaded file is gone on both.

A comparison alone cannot detect them. A journey knows what it uploaded and deleted, so it can.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from cutover.config.operations import follow_pointer
from cutover.core.errors import CheckFailed, NotVerified
from cutover.parity.differences import NOT_FOUND, NOT_LISTED, OTHER_BYTES, STILL_LISTED, Difference, Kind
from cutover.parity.side import Side
from cutover.parity.steps import Step
from cutover.systems.target import Result

_Value = TypeVar("_Value")
_OF_A_FILE: Final = ("download", "delete")
"""Operations for which 404 means that the file is gone. Others may answer it for a column that does not exist."""


@dataclass(frozen=True)
class _File:
    """A file that both systems stored. ids: on the baseline and on the candidate."""

    actor: str
    ids: tuple[str, str]
    content: bytes


class UploadedFiles:
    """The files that a journey uploaded and deleted on both systems."""

    def __init__(self) -> None:
        self._stored: dict[tuple[str, str], _File] = {}
        self._deleted: dict[tuple[str, str], _File] = {}

    def losses(self, step: Step, answers: tuple[Result, Result], ids: tuple[str, str] | None) -> list[Difference]:
        """Return the losses in two responses. ids: of the step's file on both sides, None if it names none."""
        found: list[str] = []
        path = "status"
        if step.bearer != "access" or step.method not in ("", "GET") or step.headers:
            return []
        if step.operation == "list_files" and _succeeded(answers):
            path, found = "/files/*", self._wrongly_listed(step.actor, answers)
        elif step.operation in _OF_A_FILE and (file := self._stored.get(ids or ("", ""))) is not None:
            if file.actor == step.actor and all(answer.status == 404 for answer in answers):
                found = [NOT_FOUND]
            elif step.operation == "download" and _succeeded(answers):
                path = "body"
                bodies = {answer.body for answer in answers}
                found = [OTHER_BYTES] if len(bodies) == 1 and bodies != {file.content} else []
        return [Difference(step.operation, path, Kind.SEMANTICS, word, word, step.case) for word in found]

    def note(self, step: Step, answers: tuple[Result, Result], ids: tuple[str, str] | None) -> None:
        """Note what two responses stored or deleted. A file that only one system deleted is forgotten."""
        succeeded = [answer.status in answer.operation.statuses for answer in answers]
        if step.operation == "upload" and all(succeeded) and step.file is not None:
            created = _read(lambda: (str(answers[0].field("file_id")), str(answers[1].field("file_id"))))
            if created is not None:
                self._stored[created] = _File(step.actor, created, step.file.content)
        elif step.operation == "delete" and any(succeeded) and ids is not None:
            file = self._stored.pop(ids, None)
            if file is not None and all(succeeded):
                self._deleted[ids] = file
        elif step.operation == "delete_account" and any(succeeded):
            for files in (self._stored, self._deleted):
                for own in [file.ids for file in files.values() if file.actor == step.actor]:
                    del files[own]

    def _wrongly_listed(self, actor: str, answers: tuple[Result, Result]) -> list[str]:
        listed = _read(lambda: [_listed_ids(answer) for answer in answers])
        if listed is None:
            return []  # the comparison reports a malformed list
        own = [[file.ids for file in files.values() if file.actor == actor] for files in (self._stored, self._deleted)]
        lost = any(not any(one in side for one, side in zip(ids, listed, strict=True)) for ids in own[0])
        kept = any(all(one in side for one, side in zip(ids, listed, strict=True)) for ids in own[1])
        return [word for word, holds in ((NOT_LISTED, lost), (STILL_LISTED, kept)) if holds]


def _listed_ids(answer: Result) -> set[str]:
    pointer = answer.operation.entry["file_id"]
    return {str(follow_pointer(row, pointer)) for row in answer.field("files")}


def file_ids(sides: tuple[Side, Side], step: Step) -> tuple[str, str] | None:
    """Return the ids of the file that a step names, on both sides. None if it names none."""
    if "file_id" not in step.path:
        return None
    found: list[Mapping[str, Any]] = [side.resolve(step.path, step.actor) for side in sides]
    return str(found[0]["file_id"]), str(found[1]["file_id"])


def _succeeded(answers: tuple[Result, Result]) -> bool:
    return all(answer.status in answer.operation.statuses for answer in answers)


def _read(read: Callable[[], _Value]) -> _Value | None:
    """Return a value of the responses, None if a response does not have it."""
    try:
        return read()
    except (CheckFailed, KeyError, NotVerified, TypeError, ValueError):
        return None
