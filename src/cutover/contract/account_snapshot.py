"""All that a person has, as the API shows it, to be compared before and after what must not change it.

Not for what stands behind the API: stores/ and parity/state.py.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from cutover.contract.finding_collector import Inspection
from cutover.contract.valid_requests import Person
from cutover.core.errors import CheckFailed
from cutover.systems.target import Target


def belongings(target: Target, person: Person) -> dict[str, Any]:
    """Account, files with their data and the hash of their bytes, filters.

    Raises CheckFailed when the person cannot see any of it. Things that a lent account had before are left out.
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
    """Whether the person has what it had; when not, that is a finding. after: what came before, for the report."""
    target = inspection.target
    try:
        found = changes(before, belongings(target, person))
    except CheckFailed as error:
        found = [f"the owner cannot see it any more: {str(error).splitlines()[0]}"]
    if found:
        inspection.see(
            target.call("user", token=person.token),
            f"data changed{f' by {after}' if after else ''}",
            expected="everything as it was",
            got="; ".join(found[:8]),
            role=after,
            do_next="users lose or change data by what was refused: look at what the operation does before it refuses",
        )
    return not found


def changes(before: Any, after: Any, path: str = "") -> list[str]:
    """Where two JSON values differ, as JSON pointers, with what happened there. Values are not shown."""
    if type(before) is not type(after):
        return [f"{path or '/'} is another type"]
    if isinstance(before, dict):
        found = []
        for key in sorted({*before, *after}, key=str):
            here = f"{path}/{key}"
            if key not in after:
                found.append(f"{here} is gone")
            elif key not in before:
                found.append(f"{here} is new")
            else:
                found += changes(before[key], after[key], here)
        return found
    if isinstance(before, list):
        if len(before) != len(after):
            return [f"{path} has {len(after)} elements in place of {len(before)}"]
        return [
            line
            for index, pair in enumerate(zip(before, after, strict=True))
            for line in changes(*pair, f"{path}/{index}")
        ]
    return [] if before == after else [f"{path} changed"]
