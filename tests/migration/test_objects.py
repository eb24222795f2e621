"""Each file against its object: every byte, and what describes it."""

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
    """The numbers of objects. Raises NotVerified for what was not looked at, or changed meanwhile."""
    for part, why in reconciliation["unverified"].items():
        if "objects" in part:
            raise NotVerified(why)
    numbers: Mapping[str, Any] = reconciliation["objects"]
    if not numbers or not numbers["legacy_rows"] + numbers["worker_rows"]:
        raise NotVerified("no file and no object was compared, so nothing was shown")
    return numbers


def describes(row: Mapping[str, Any]) -> bool:
    """Whether a finding is about an object's headers and metadata."""
    column = row["column"] or ""
    return column in (*DESCRIBING, "content_encoding") or column.startswith("metadata.")


def test_every_file_has_its_object(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """No file without object, no object or file without row, no two rows at one place."""
    numbers = numbers_of(reconciliation)
    recorder.measure("objects", numbers["objects"], f"exactly {numbers['files']}, as there are files")
    rows = [row for row in reconciliation["findings"] if row["kind"] in THERE and not describes(row)]
    expect_none(
        {**reconciliation, "findings": rows}, Part.OBJECTS, "objects:there",
        promised="for each row one file and one object, and nothing beside them",
        do_next="migrate.py delta copies what is missing; look at orphans before anything is removed",
    )  # fmt: skip


def test_every_byte_is_the_same(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Size and SHA-256 of every object are those of its file, and what was calculated from them is right."""
    numbers = numbers_of(reconciliation)
    recorder.measure("bytes compared", numbers["compared_bytes"], "all", sample=numbers["by_bytes"])
    rows = [row for row in reconciliation["findings"] if row["kind"] not in THERE and not describes(row)]
    expect_none(
        {**reconciliation, "findings": rows}, Part.OBJECTS, "objects:bytes",
        promised="every object byte for byte as its file, of the size that its row says",
        do_next="copy those objects again, and find out what wrote the others",
    )  # fmt: skip


def test_every_object_is_described(reconciliation: Mapping[str, Any], recorder: Recorder) -> None:
    """Content type, encoding, caching and metadata are as the mapping has them: of this user, under this name."""
    numbers = numbers_of(reconciliation)
    recorder.measure("objects described", numbers["described"], f"all {numbers['pairs']}")
    rows = [row for row in reconciliation["findings"] if describes(row)]
    expect_none(
        {**reconciliation, "findings": rows}, Part.OBJECTS, "objects:description",
        promised="the headers and metadata that contracts/migration.toml gives in [objects]",
        do_next="write the objects anew: R2 changes metadata by a copy onto itself only",
    )  # fmt: skip
