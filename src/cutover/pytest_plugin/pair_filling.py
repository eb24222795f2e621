"""The data of the embedded pair's migration: generated in Django, migrated, changed, and migrated again by a delta.

Before the delta the Worker's own tables get rows, because a delta that changes them can only be detected then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from cutover.core.errors import MeasurementError

if TYPE_CHECKING:
    from cutover.embedded.state import PairState
    from cutover.migration.mapping import MigrationMapping

_CHANGE_SEED: Final = "14"
OWN_ROWS: Final = (
    "INSERT INTO saved_filters (user_id, file_id, name, description, filter_config, result_count, is_public)"
    " SELECT user_id, file_id, filename, CASE id % 4 WHEN 0 THEN NULL ELSE tags END, json_object('column', 'e-mail',"
    " 'value', filename), nullif(id % 5, 0), id % 20 = 0 FROM files"
    " WHERE id % 10 = 0 AND NOT EXISTS (SELECT 1 FROM saved_filters)",
    "INSERT INTO audit_logs (user_id, action, resource_type, resource_id, metadata, ip_address, user_agent)"
    " SELECT nullif(id, 3), 'login', 'user', CAST(id AS TEXT), json_object('name', username), '192.0.2.1', email"
    " FROM users WHERE id % 3 = 0 AND NOT EXISTS (SELECT 1 FROM audit_logs)",
)
"""Filters, public and private, and log entries of a Worker that was in use before the delta."""


def steps_of(
    pair: PairState, mapping: MigrationMapping, write_to_d1: Callable[[str], object]
) -> list[tuple[str, Callable[[], None]]]:
    """Return the steps that fill the pair, by name. write_to_d1: runs a statement on D1."""
    from cutover.embedded import pair_migration

    def generate() -> None:
        counts = ("--users", str(pair_migration.USERS), "--files", str(pair_migration.FILES))
        pair_migration.generate(pair, "--clear", *counts, "--awkward-carried")

    def full() -> None:
        again = any(folder_of(pair).glob("*"))  # D1 may hold rows of the interrupted attempt
        with recorded(pair, mapping, repeats=True):
            pair_migration.migrate(pair, "full", *(("--replace",) if again else ()))

    def own_rows() -> None:
        for statement in OWN_ROWS:
            write_to_d1(statement)

    def change() -> None:
        pair_migration.generate(pair, "--change", "--seed", _CHANGE_SEED)

    def delta() -> None:
        with recorded(pair, mapping, repeats=True):
            pair_migration.migrate(pair, "delta")

    return [("generate", generate), ("full", full), ("own rows", own_rows), ("change", change), ("delta", delta)]


RESTARTED: Final = ("generate", "change")
"""Steps that write to the media folder before they commit, so that nothing but all steps again repeats them."""


@contextmanager
def recorded(pair: PairState, mapping: MigrationMapping, *, repeats: bool = False) -> Iterator[None]:
    """Copy the Worker's own tables before and after a migration run.

    repeats: True if the run may repeat one that was killed. Then the copy from before that one is kept.
    """
    from cutover.migration.own_table_runs import copy_own_tables

    folder = folder_of(pair)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    number = len(list(folder.glob("*-after.sqlite"))) + 1
    before = folder / f"{number:04}-before.sqlite"
    d1_file = Path(pair.d1_file)
    if not (repeats and before.exists()):
        copy_own_tables(d1_file, mapping, before)
    yield
    copy_own_tables(d1_file, mapping, folder / f"{number:04}-after.sqlite")


def recorded_runs(pair: PairState) -> list[tuple[Path, Path]]:
    """Return the copies before and after each migration run, oldest first. Raises MeasurementError without one."""
    found = []
    for after in sorted(folder_of(pair).glob("*-after.sqlite")):
        before = after.with_name(after.name.replace("-after", "-before"))
        if not before.exists():
            raise MeasurementError(f"{before} is missing. Start another pair")
        found.append((before, after))
    return found


def folder_of(pair: PairState) -> Path:
    """Return the folder of the copies."""
    from cutover.embedded import pair_migration

    return pair_migration.folder_of(pair) / "own-tables"
