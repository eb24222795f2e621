"""Faults of the migration program: `python reference/faults/migration/program.py NAME planted|control COMMAND …`.

Runs reference/migrate.py with one fault, as a bug of the program would cause it. The control does the same work without
the effect. NAME may be several names, joined by commas. ../migration.toml lists the faults.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from datetime import UTC
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

sys.path[0] = str(Path(__file__).resolve().parents[2])

import migrate  # noqa: E402 - found by the path above

from migration import values  # noqa: E402
from migration.d1 import D1  # noqa: E402
from migration.django import Django  # noqa: E402
from migration.forward import Forward  # noqa: E402
from migration.mapping import Column, Table  # noqa: E402
from migration.r2 import R2, Upload  # noqa: E402

Row = dict[str, Any]
JOINER = "\u200d"
ZONE = ZoneInfo("Europe/Berlin")
MORE_DIGITS = 10_000


def delta_resets_public_filters(*, planted: bool) -> None:
    """Write the default into a column that the program does not know."""
    honest = Forward.delta

    def delta(self: Forward) -> dict[str, Any]:
        found = honest(self)
        self.sides.d1.run(f"UPDATE saved_filters SET is_public = {'0' if planted else 'is_public'}")
        return found

    Forward.delta = delta  # type: ignore[method-assign]


def delta_empties_the_log(*, planted: bool) -> None:
    """Delete the log, as an import into an emptied database would."""
    honest = Forward.delta

    def delta(self: Forward) -> dict[str, Any]:
        found = honest(self)
        self.sides.d1.run(f"DELETE FROM audit_logs{'' if planted else ' WHERE 0'}")
        return found

    Forward.delta = delta  # type: ignore[method-assign]


def repeated_hour_shifted(*, planted: bool) -> None:
    """Convert times through local time without its fold, so that the second of two equal hours becomes the first."""

    def change(value: str) -> str:
        local = values.instant(value, None).astimezone(ZONE)
        return values.iso(local.replace(fold=0 if planted else local.fold).astimezone(UTC))

    _change("timestamp", lambda value: change(value) if "1970" < value < "2100" else value)


def joined_emoji_broken(*, planted: bool) -> None:
    """Remove the joiner, as a filter of invisible characters does."""
    _change("text", lambda value: value.replace(JOINER, "" if planted else JOINER))


def infinite_dates_lost(*, planted: bool) -> None:
    """Replace infinite times by the beginning of 1970, as a library without them does."""
    epoch = "1970-01-01T00:00:00.000000Z"
    _change("timestamp", lambda value: epoch if planted and value in values.INFINITE else value)


def empty_file_missing(*, planted: bool) -> None:
    """Upload no object for a file without bytes: empty content looks like none."""
    honest = R2.put

    def put(self: R2, uploads: Sequence[Upload]) -> None:
        honest(self, [upload for upload in uploads if upload.content or not planted])

    R2.put = put  # type: ignore[method-assign, assignment]


def ids_of_five_digits_swapped(*, planted: bool) -> None:
    """Give pairs of accounts with ids of five and more digits each other's id, as an order of texts does."""
    honest = Django._select  # noqa: SLF001 - faults change what the program keeps to itself

    def select(self: Django, table: Table, condition: str, *parameters: Any) -> list[Row]:
        found = honest(self, table, condition, *parameters)
        high = [row for row in found if table.target == "users" and row["id"] >= MORE_DIGITS]
        for one, other in zip(high[::2], high[1::2], strict=False):
            if planted:
                one["id"], other["id"] = other["id"], one["id"]
        return sorted(found, key=lambda row: row["id"])

    Django._select = select  # type: ignore[method-assign]  # noqa: SLF001


def sequences_at_the_greatest_id(*, planted: bool) -> None:
    """Set the sequences to the greatest id of the rows that exist."""
    honest = D1.set_sequence

    def set_sequence(self: D1, table: str, value: int | None) -> None:
        honest(self, table, int(self.run(f"SELECT CAST(max(id) AS TEXT) FROM {table}")[0][0]) if planted else value)

    D1.set_sequence = set_sequence  # type: ignore[method-assign]


def _change(kind: str, change: Callable[[str], str]) -> None:
    """Change every value that the program writes to D1 into columns of one kind."""
    honest = values._to_d1  # noqa: SLF001

    def to_d1(column: Column, row: Row, calculated: Row) -> Any:
        value = honest(column, row, calculated)
        return change(value) if column.kind == kind and isinstance(value, str) else value

    values._to_d1 = to_d1  # noqa: SLF001


FAULTS: dict[str, Callable[..., None]] = {
    function.__name__.replace("_", "-"): function
    for function in (
        delta_resets_public_filters,
        delta_empties_the_log,
        repeated_hour_shifted,
        joined_emoji_broken,
        infinite_dates_lost,
        empty_file_missing,
        ids_of_five_digits_swapped,
        sequences_at_the_greatest_id,
    )
}


def main() -> int:
    name, mode = sys.argv[1:3]
    if mode not in ("planted", "control"):
        raise SystemExit(f"expected planted or control, got {mode!r}")
    for each in name.split(","):
        FAULTS[each](planted=mode == "planted")
    del sys.argv[1:3]
    return migrate.main()


if __name__ == "__main__":
    sys.exit(main())
