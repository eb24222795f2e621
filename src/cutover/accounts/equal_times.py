"""Give all files and filters of a test account one creation time, on disposable environments only.

The times of a burst of uploads may or may not be equal, so the order among equal times needs this to be judged.
"""

from __future__ import annotations

from typing import Final

from cutover.accounts.registered import Account
from cutover.accounts.row_writes import RowWrites
from cutover.systems.target import Target

_IN_D1: Final = {
    "list_files": "UPDATE files SET created_at = '2026-01-02T03:04:05.678Z' "
    "WHERE user_id = (SELECT id FROM users WHERE username = ?1) RETURNING id",
    "list_filters": "UPDATE saved_filters SET created_at = '2026-01-02T03:04:05.678Z' "
    "WHERE user_id = (SELECT id FROM users WHERE username = ?1) RETURNING id",
}
_IN_POSTGRES: Final = (
    "UPDATE list_cutter_savedfile SET uploaded_at = '2026-01-02T03:04:05.678Z' "
    "WHERE user_id = (SELECT id FROM auth_user WHERE username = %s)"
)
"""Django has no saved filters."""


def can_make_times_equal(rows: RowWrites, target: Target, account: Account) -> bool:
    """Return True if the rows of the account can be written, and none of them was there before the check."""
    return rows.is_possible(target) and not account.before


def make_times_equal(rows: RowWrites, target: Target, account: Account, listing: str) -> None:
    """Set one creation time for everything that an operation lists of the account.

    listing: "list_files" or "list_filters". Raises like RowWrites.execute.
    """
    rows.execute(target, _IN_D1[listing], _IN_POSTGRES, account.username, what="equal times")
