"""The Worker's own tables as a part of a reconciliation: copies from before and after each migration run are compared.

own_tables.py compares two states. On the embedded pair the copies are made by the gate, elsewhere by an export of D1.
"""

from __future__ import annotations

import dataclasses
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from cutover.config.validation import ConfigurationError
from cutover.core.errors import NotVerified, Unreachable
from cutover.core.safety import KillSwitch
from cutover.migration.database_side import Reader
from cutover.migration.export_side import ExportSide
from cutover.migration.mapping import MigrationMapping
from cutover.migration.own_tables import OwnTables, used_tables
from cutover.migration.schemas import Schema, d1_schema
from cutover.migration.sqlite_side import SqliteSide

if TYPE_CHECKING:
    from cutover.migration.findings import Findings
    from cutover.migration.reconciliation import Reconciled
    from cutover.run.progress import Progress

PART: Final = "the Worker's own tables"
OPTION: Final = "--d1-before"
_MAGIC: Final = b"SQLite format 3\0"


@dataclass(frozen=True)
class OwnTableRuns:
    """The states to compare.

    before: an export or an SQLite file of D1 from before the migration run, None if there is none. recorded: copies
    from before and after each run of the embedded pair, oldest first.
    """

    before: Path | None = None
    recorded: Sequence[tuple[Path, Path]] = ()


def own_tables_part(runs: OwnTableRuns, kill_switch: KillSwitch) -> Callable[[Reconciled, Findings, Progress], None]:
    """Return the part. It compares each recorded run, or the state before the run with that of now."""

    def part(run: Reconciled, findings: Findings, progress: Progress) -> None:
        progress.begin("the Worker's own tables")
        numbers: dict[str, dict[str, int]] = {}
        own = run.result.own = {"runs": 0, "tables": numbers, "used": []}

        def compare(before: tuple[Reader, Schema], after: tuple[Reader, Schema], *, strict: bool) -> None:
            compared = OwnTables(before[0], after[0], (before[1], after[1]), findings, strict)
            for name, found in compared.compare(run.mapping).items():
                total = numbers.setdefault(name, dict.fromkeys(dataclasses.asdict(found), 0))
                for key, value in dataclasses.asdict(found).items():
                    total[key] += value if strict else 0

        now = run.d1, run.d1_schema
        try:
            own["used"] = used_tables(*_with_mapping(now, run.mapping))
            with ExitStack() as stack:
                if runs.before is not None:
                    own["runs"] += 1
                    compare(_opened(runs.before, kill_switch, stack), now, strict=True)
                last: tuple[Reader, Schema] | None = None
                for before, after in runs.recorded:
                    own["runs"] += 1
                    last = _opened(after, kill_switch, stack)
                    compare(_opened(before, kill_switch, stack), last, strict=True)
                if last is not None:  # a run that was not recorded, for example by hand
                    compare(last, now, strict=False)
        except NotVerified as error:
            run.result.unverified[PART] = str(error)

    return part


def _with_mapping(side: tuple[Reader, Schema], mapping: MigrationMapping) -> tuple[Reader, MigrationMapping, Schema]:
    return side[0], mapping, side[1]


def _opened(file: Path, kill_switch: KillSwitch, stack: ExitStack) -> tuple[Reader, Schema]:
    """Return a reader of an SQLite file or an export, and its schema."""
    try:
        with file.open("rb") as content:
            is_database = content.read(len(_MAGIC)) == _MAGIC
    except OSError as error:
        raise ConfigurationError(
            OPTION, "", f"expected a readable file, got {str(file)!r}: {error.strerror}", "Correct the path."
        ) from None
    side = (SqliteSide if is_database else ExportSide)(file, kill_switch)
    stack.callback(side.close)
    reader = side.reader()
    stack.callback(reader.close)
    return reader, d1_schema(reader)


def copy_own_tables(d1_file: Path, mapping: MigrationMapping, target: Path) -> None:
    """Copy D1's own tables, and the columns that they refer to, from the file of a local D1 into a new SQLite file.

    Raises Unreachable for a file that cannot be read.
    """
    names = [table.name for table in mapping.target_tables if not table.name.startswith(("sqlite_", "_cf_"))]
    referred = {place for table in mapping.target_tables for place in table.references.values()}
    partial = target.with_name(f"{target.name}.partial")
    partial.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(f"file:{quote(str(partial))}", uri=True, isolation_level=None)) as made:
            made.execute("PRAGMA synchronous = OFF")
            made.execute("ATTACH ? AS d1", (f"file:{quote(str(d1_file))}?mode=ro",))
            made.execute("BEGIN")
            for name in names:
                sql = made.execute("SELECT sql FROM d1.sqlite_master WHERE type = 'table' AND name = ?", (name,))
                for (statement,) in sql.fetchall():
                    made.execute(statement)
                    made.execute(f'INSERT INTO main."{name}" SELECT * FROM d1."{name}"')  # noqa: S608 - names of the mapping
            for table in {table for table, _ in referred}:
                columns = ", ".join(f'"{column}"' for other, column in sorted(referred) if other == table)
                made.execute(f'CREATE TABLE main."{table}" AS SELECT {columns} FROM d1."{table}"')  # noqa: S608 - the same
            made.execute("COMMIT")
    except sqlite3.Error as error:
        raise Unreachable(f"{d1_file} cannot be copied: {error}. Is it D1's file?") from None
    partial.chmod(0o600)
    partial.replace(target)
