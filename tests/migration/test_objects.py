"""Compare every file with its object: bytes, headers and metadata."""

from collections.abc import Mapping
from typing import Any

import pytest

from cutover.core.errors import NotVerified
from cutover.core.recorder import Recorder
from cutover.migration.checks import expect_none
from cutover.migration.findings import Kind, Part
from cutover.migration.object_description import DESCRIBING

THERE = frozenset({Kind.MISSING.value, Kind.ORPHAN.value, Kind.DUPLICATED.value, Kind.UNUSABLE.value})
pytestmark = [
    pytest.mark.migration,
    pytest.mark.needs("postgres", "d1", "r2", "media"),
    pytest.mark.never_waived("loss of data"),
    pytest.mark.plan("Data Migration Execution: validation"),
]


def numbers_of(reconciliation: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the numbers of objects. Raises NotVerified if some were not compared or changed meanwhile."""
    for part, why in reconciliation["unverified"].items():
        if "objects" in part:
            raise NotVerified(why)
    numbers: Mapping[str, Any] = reconciliation["objects"]
    if not numbers or not numbers["legacy_rows"] + numbers["worker_rows"]:
        raise NotVerified("no file and no object was compared")
    return numbers


def describes(row: Mapping[str, Any]) -> bool:
    """Return True if a finding concerns an object's headers or metadata."""
    column = row["column"] or ""
    return column in (*DESCRIBING, "content_encoding") or column.startswith("metadata.")


def test_every_file_has_its_object(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """No file lacks its object, no object or file lacks its row, and no two rows share a place."""
    numbers = numbers_of(reconciliation)
    recorder.measure("objects", numbers["objects"], f"exactly {numbers['files']}, the number of files")
    rows = [row for row in reconciliation["findings"] if row["kind"] in THERE and not describes(row)]
    expect_none(
        {**reconciliation, "findings": rows}, Part.OBJECTS, "objects:there",
        promised="for each row one file and one object, and no others",
        do_next="migrate.py delta copies missing objects; inspect orphans before you remove any",
    )  # fmt: skip


def test_every_byte_is_the_same(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Size and SHA-256 of every object equal those of its file, and the sizes in the rows are correct."""
    numbers = numbers_of(reconciliation)
    recorder.measure("bytes compared", numbers["compared_bytes"], "all", sample=numbers["by_bytes"])
    rows = [row for row in reconciliation["findings"] if row["kind"] not in THERE and not describes(row)]
    expect_none(
        {**reconciliation, "findings": rows}, Part.OBJECTS, "objects:bytes",
        promised="every object equals its file byte by byte and has the size in its row",
        do_next="copy those objects again, and find out which program wrote them",
    )  # fmt: skip


def test_every_object_is_described(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Content type, encoding, caching and metadata are as the mapping declares, with this user and this name."""
    numbers = numbers_of(reconciliation)
    recorder.measure("objects described", numbers["described"], f"all {numbers['pairs']}")
    rows = [row for row in reconciliation["findings"] if describes(row)]
    expect_none(
        {**reconciliation, "findings": rows}, Part.OBJECTS, "objects:description",
        promised="the headers and metadata of contracts/migration.toml [objects]",
        do_next="write the objects again: R2 can change metadata only by copying an object onto itself",
    )  # fmt: skip
