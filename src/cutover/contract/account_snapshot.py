"""Snapshots of an account as the API returns it, compared before and after requests that must not change it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import Person
from cutover.core.errors import CheckFailed
from cutover.systems.target import Target


def snapshot(target: Target, person: Person) -> dict[str, Any]:
    """Return account, files (data and SHA-256 of their bytes) and saved filters of a person.

    Raises CheckFailed if the person cannot read one of them. Files that an account of the pool had before are omitted.
    """
    token = person.token
    last = target.call("user", token=token).expect_status()
    held: dict[str, Any] = {"account": last.answer.json}
    last = target.call("list_files", token=token).expect_status()
    raw = last.field("files")
    files: dict[str, Any] = {}
    for entry, data in zip(last.entries("files"), raw, strict=True):
        file_id = str(entry["file_id"])
        if file_id not in person.account.before:
            files[file_id] = data
    for file_id, data in files.items():
        download = target.call("download", token=token, path={"file_id": file_id}).expect_status()
        files[file_id] = {"data": data, "bytes": hashlib.sha256(download.body).hexdigest()}
    held["files"] = files
    if target.environment.operations[target.system]["list_filters"].absent is None:
        last = target.call("list_filters", token=token).expect_status()
        held["filters"] = last.field("filters")
    return held


def expect_unchanged(inspection: Inspection, person: Person, before: Mapping[str, Any], *, after: str = "") -> bool:
    """Return True if the snapshot is unchanged; report a finding otherwise. after: the request sent in between."""
    target = inspection.target
    try:
        found = changes(before, snapshot(target, person))
    except CheckFailed as error:
        found = [f"the owner can no longer read the data: {str(error).splitlines()[0]}"]
    if found:
        inspection.report(
            target.call("user", token=person.token),
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
