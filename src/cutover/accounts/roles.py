"""Account roles: make a test account an administrator or disable it, on disposable environments only.

No API does that, so the flags are written directly into PostgreSQL and D1.
"""

from __future__ import annotations

from typing import Final, LiteralString

from cutover.accounts.registered import Account
from cutover.accounts.row_writes import RowWrites
from cutover.config.environments import Environment
from cutover.stores import RowStore
from cutover.systems.target import Target

_ADMIN: Final = (
    "UPDATE users SET is_admin = 1 WHERE username = ?1 RETURNING id",
    "UPDATE auth_user SET is_staff = true, is_superuser = true WHERE username = %s",
)
_DISABLED: Final = (
    "UPDATE users SET is_active = 0 WHERE username = ?1 RETURNING id",
    "UPDATE auth_user SET is_active = false WHERE username = %s",
)
_ENABLED: Final = (
    "UPDATE users SET is_active = 1 WHERE username = ?1 RETURNING id",
    "UPDATE auth_user SET is_active = true WHERE username = %s",
)


class AccountRoles:
    """The role flags of accounts: is_staff and is_superuser in Django, is_admin in the Worker, is_active in both."""

    def __init__(self, environment: Environment, row_store: RowStore | None) -> None:
        """row_store: the Worker's database, None if the environment does not name it."""
        self._rows = RowWrites(environment, row_store)

    def make_admin(self, target: Target, account: Account) -> None:
        """Make the account an administrator.

        Raises NotVerified if the environment is not disposable or does not name the database.
        """
        self._write(target, account, *_ADMIN)

    def disable(self, target: Target, account: Account) -> None:
        """Disable the account's login. Its data is kept. Raises like make_admin."""
        self._write(target, account, *_DISABLED)

    def enable(self, target: Target, account: Account) -> None:
        """Enable the account's login again, so that it can be removed. Raises like make_admin."""
        self._write(target, account, *_ENABLED)

    def _write(self, target: Target, account: Account, in_d1: str, in_postgres: LiteralString) -> None:
        self._rows.execute(target, in_d1, in_postgres, account.username, what="account roles")
