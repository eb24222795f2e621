"""Check that the target's next id was never used: neither by a row of either side nor by a deleted row of the source.

A sequence that is only as high as the greatest id gives the id of a deleted row to the next one, and with it everything
that still names the old row: a token, an address, a log.
"""

from __future__ import annotations

from dataclasses import dataclass

from cutover.core.errors import NotVerified
from cutover.migration.database_side import Dialect, Reader, text_of, whole
from cutover.migration.findings import Finding, Findings, Kind, Part
from cutover.migration.mapping import TableMapping

REUSED = "the next row would get an id that another row has or had"


@dataclass(frozen=True, slots=True)
class SequenceNumbers:
    """The numbers of one table. last, source_last: last ids that target and source assigned, None without a sequence.

    greatest: the greatest id of both sides, 0 without rows.
    """

    last: int | None
    source_last: int | None
    greatest: int

    @property
    def required(self) -> int:
        """Return the id from which on the target may assign new ones."""
        return max(self.greatest, self.source_last or 0)

    @property
    def is_behind(self) -> bool:
        """Return True if the target would assign an id again."""
        return self.required > 0 and (self.last is None or self.last < self.required)


def check_sequence(
    table: TableMapping, source: Reader, target: Reader, autoincrement: set[str], findings: Findings
) -> SequenceNumbers:
    """Compare the target's sequence with the source's sequence and with the greatest id of both sides.

    autoincrement: tables of D1 that have a sequence. Raises NotVerified if the DSN's user may not read a sequence, and
    as the readers do.
    """
    numbers = SequenceNumbers(
        _last_assigned(table, target, autoincrement),
        _last_assigned(table, source, autoincrement),
        max(_greatest(table, reader) for reader in (source, target)),
    )
    if numbers.is_behind:
        assigned = numbers.source_last or 0
        deleted = f": the source assigned ids up to {assigned}" if assigned > numbers.greatest else ""
        findings.add(
            Finding(
                Part.KEYS, table.target, Kind.SEQUENCE, str(numbers.required), table.target_key,
                f"at least {numbers.required}", "none" if numbers.last is None else str(numbers.last),
                f"{REUSED}{deleted}",
            )
        )  # fmt: skip
    return numbers


def _greatest(table: TableMapping, reader: Reader) -> int:
    legacy = reader.dialect is Dialect.POSTGRES
    place, key = (table.source, table.source_key) if legacy else (table.target, table.target_key)
    return whole(reader.query(f'SELECT CAST(coalesce(max("{key}"), 0) AS text) FROM "{place}"')[0][0])  # noqa: S608 - names of the mapping


def _last_assigned(table: TableMapping, reader: Reader, autoincrement: set[str]) -> int | None:
    if reader.dialect is Dialect.SQLITE:
        if table.target not in autoincrement:
            return None
        rows = reader.query(f"SELECT CAST(seq AS text) FROM sqlite_sequence WHERE name = '{table.target}'")  # noqa: S608 - names of the mapping
        return whole(rows[0][0]) if rows and rows[0][0] is not None else None
    cell = reader.query(f"SELECT pg_get_serial_sequence('\"{table.source}\"', '{table.source_key}')")[0][0]
    if cell is None:
        return None
    name = text_of(cell)
    quoted = name.replace("'", "''")
    if not reader.query(f"SELECT has_sequence_privilege('{quoted}', 'SELECT')::int")[0][0]:
        raise NotVerified(f"the DSN's user may not read {name}: GRANT SELECT ON SEQUENCE {name} TO it")
    last, called = reader.query(f"SELECT last_value, is_called::int FROM {name}")[0]  # noqa: S608 - PostgreSQL's own answer
    return whole(last) if called else whole(last) - 1
