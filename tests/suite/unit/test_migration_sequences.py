"""Tests of sequences: the target continues after the source's last id, also if its rows were deleted."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cutover.config.validation import root
from cutover.core.errors import NotVerified
from cutover.migration.database_side import Cell, Dialect
from cutover.migration.findings import Findings, Kind
from cutover.migration.mapping_file import load_mapping
from cutover.migration.sequences import SequenceNumbers, check_sequence

pytestmark = pytest.mark.unit

USERS = load_mapping(root()).table("users")


class FakeReader:
    """A side with one table. sequence: its last id, None without a sequence."""

    batch_bytes = 1
    where = "a fake"

    def __init__(self, dialect: Dialect, greatest: int, sequence: int | None, *, readable: bool = True) -> None:
        self.dialect, self.greatest, self.sequence, self.readable = dialect, greatest, sequence, readable

    def query(self, sql: str) -> list[Sequence[Cell]]:
        """Answer the queries of check_sequence."""
        if "max(" in sql:
            return [(str(self.greatest).encode(),)]
        if "sqlite_sequence" in sql:
            return [] if self.sequence is None else [(str(self.sequence).encode(),)]
        if "pg_get_serial_sequence" in sql:
            return [(None if self.sequence is None else b"public.users_id_seq",)]
        if "has_sequence_privilege" in sql:
            return [(int(self.readable),)]
        assert "last_value" in sql
        return [(self.sequence, 1)] if self.sequence else [(1, 0)]

    def close(self) -> None:
        """Do nothing."""


def checked(source: FakeReader, target: FakeReader) -> tuple[SequenceNumbers, Findings]:
    """Return the numbers and the findings."""
    findings = Findings()
    return check_sequence(USERS, source, target, {"users"}, findings), findings


@given(
    source_greatest=st.integers(0, 50),
    source_last=st.none() | st.integers(0, 50),
    target_greatest=st.integers(0, 50),
    target_last=st.none() | st.integers(0, 50),
    reverse=st.booleans(),
)
def test_next_id_of_the_target_was_never_used(
    source_greatest: int, source_last: int | None, target_greatest: int, target_last: int | None, *, reverse: bool
) -> None:
    """It is behind exactly if its next id is at most one that a row has or that the source assigned."""
    dialects = (Dialect.SQLITE, Dialect.POSTGRES) if reverse else (Dialect.POSTGRES, Dialect.SQLITE)
    numbers, findings = checked(
        FakeReader(dialects[0], source_greatest, source_last), FakeReader(dialects[1], target_greatest, target_last)
    )
    used = {*range(1, source_greatest + 1), *range(1, target_greatest + 1), *range(1, (source_last or 0) + 1)}
    assert numbers.is_behind == ((target_last or 0) + 1 in used)
    assert [place[3] for place in findings.counts] == ([Kind.SEQUENCE] if numbers.is_behind else [])


def test_ids_of_deleted_rows_are_named() -> None:
    """The finding says that the source assigned more ids than it has rows."""
    _, findings = checked(FakeReader(Dialect.POSTGRES, 10, 17), FakeReader(Dialect.SQLITE, 10, 10))
    ((sample,),) = findings.samples.values()
    assert (sample.expected, sample.got) == ("at least 17", "10")
    assert "the source assigned ids up to 17" in sample.note


def test_sequence_without_permission_is_not_verified() -> None:
    """A reading user without rights on sequences gets the GRANT, and no finding."""
    with pytest.raises(NotVerified, match="GRANT SELECT ON SEQUENCE"):
        checked(FakeReader(Dialect.POSTGRES, 1, 9, readable=False), FakeReader(Dialect.SQLITE, 1, 1))
