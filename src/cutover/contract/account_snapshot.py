"""Snapshots of an account as the API returns it, compared before and after requests that must not change it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from enum import Enum
from functools import partial
from typing import Any, Final

from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import Person, valid_request
from cutover.core.errors import CheckFailed
from cutover.systems.target import Result, Target

Reader = Callable[[Person, Callable[..., Result]], Any]


class Judged(Enum):
    """The stored data that a check judges by its snapshots."""

    NOTHING = "nothing"
    """The check judges responses; its snapshots only find more."""
    DATA = "data"
    """No stored data may change."""
    LIST = "list"
    """No file may be added, which only the list of files shows."""


def snapshot(target: Target, person: Person, judged: Judged = Judged.NOTHING) -> dict[str, Any]:
    """Return account, files (data and SHA-256 of their bytes) and saved filters of a person.

    What cannot be read because an operation is broken or absent is omitted, and named in the record. Files that an
    account of the pool had before are omitted. A check that judges these data is blocked by a broken operation. Where
    no list of files can be read, its snapshot contains the bytes of the person's file. Without those, or without a list
    that the check judges, the check is not verified.
    """
    held: dict[str, Any] = {}

    def hold(part: str) -> None:
        read = partial(_PARTS[part], person, target.prepare)
        found = target.if_possible(read, without=f"changes of {part}", judged=_is_judged(part, judged))
        if found is not None:
            held[part] = found

    for part in _EACH:
        hold(part)
    if judged is not Judged.NOTHING and not held.keys() & {"files", "bytes"}:
        if person.has_file:
            hold("file")
        if "file" not in held:
            _leave_unverified(target, "changes of stored files: neither the list nor the check's own file can be read")
    if judged is Judged.LIST and "files" not in held:
        _leave_unverified(target, "uploads that must store nothing: there is no list of files to compare")
    return held


def _is_judged(part: str, judged: Judged) -> bool:
    return judged is Judged.DATA or (judged is Judged.LIST and part in ("files", "bytes", "file"))


def _leave_unverified(target: Target, why: str) -> None:
    target.unverified.append(f"{why} on {target.system} (could_not_detect of the record has the reason)")


def _account(person: Person, send: Callable[..., Result]) -> Any:
    return send("user", token=person.token).answer.json


def _files(person: Person, send: Callable[..., Result]) -> Any:
    listed = send("list_files", token=person.token)
    files: dict[str, Any] = {}
    for entry, data in zip(listed.entries("files"), listed.field("files"), strict=True):
        file_id = str(entry["file_id"])
        if file_id not in person.account.before:
            files[file_id] = data
    return files


def _bytes(person: Person, send: Callable[..., Result]) -> Any:
    hashes = {}
    for file_id in _files(person, send):
        downloaded = send("download", token=person.token, path={"file_id": file_id})
        hashes[file_id] = hashlib.sha256(downloaded.body).hexdigest()
    return hashes


def _file(person: Person, send: Callable[..., Result]) -> Any:
    downloaded = send("download", token=person.token, path={"file_id": person.file_id})
    return hashlib.sha256(downloaded.body).hexdigest()


def _filters(person: Person, send: Callable[..., Result]) -> Any:
    return send("list_filters", token=person.token).field("filters")


_EACH: Final[Mapping[str, Reader]] = {"account": _account, "files": _files, "bytes": _bytes, "filters": _filters}
_PARTS: Final[Mapping[str, Reader]] = {**_EACH, "file": _file}


def expect_unchanged(inspection: Inspection, person: Person, before: Mapping[str, Any], *, after: str = "") -> bool:
    """Return True if the snapshot is unchanged; report a finding otherwise. after: the request sent in between."""
    target = inspection.target

    def send(name: str, **sent: Any) -> Result:
        return target.call(name, **sent).expect_status()

    try:
        found = changes(before, {part: _PARTS[part](person, send) for part in before})
    except CheckFailed as error:
        found = [f"the owner can no longer read the data: {str(error).splitlines()[0]}"]
    if found:
        seen = next(name for name in ("user", "list_files", "list_filters", "login") if target.has(name))
        inspection.report(
            target.call(seen, token=person.token, **valid_request(seen, person)),
            f"data changed{f' by {after}' if after else ''}",
            expected="no change",
            got="; ".join(found[:8]),
            role=after,
            do_next="a refused request changed users' data: look at the code that runs before the refusal",
        )
    return not found


def changes(before: Any, after: Any, path: str = "") -> list[str]:
    """Return one line per difference of two JSON values: JSON pointer and kind of the change, without values."""
    if type(before) is not type(after):
        return [f"{path or '/'} has another type"]
    if isinstance(before, dict):
        found = []
        for key in sorted({*before, *after}, key=str):
            here = f"{path}/{key}"
            if key not in after:
                found.append(f"{here} is missing")
            elif key not in before:
                found.append(f"{here} is new")
            else:
                found += changes(before[key], after[key], here)
        return found
    if isinstance(before, list):
        if len(before) != len(after):
            return [f"{path} has {len(after)} elements instead of {len(before)}"]
        return [
            line
            for index, pair in enumerate(zip(before, after, strict=True))
            for line in changes(*pair, f"{path}/{index}")
        ]
    return [] if before == after else [f"{path} changed"]
