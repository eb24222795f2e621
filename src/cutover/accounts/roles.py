"""Account roles: make a test account an administrator or disable it, on disposable environments only.

No API does that, so the flags are written directly into PostgreSQL and D1.
"""

from __future__ import annotations

from typing import Final, LiteralString

from cutover.accounts.plan_schema import plan_schema
from cutover.accounts.registered import Account
from cutover.config.environments import Environment
from cutover.core.errors import NotVerified
from cutover.core.safety import SafetyLevel
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
        self._environment, self._row_store = environment, row_store

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
        """Execute the statement for the target's database, if it has the plan's tables (plan_schema)."""
        with plan_schema(target):
            self._execute(target, account, in_d1, in_postgres)

    def _execute(self, target: Target, account: Account, in_d1: str, in_postgres: LiteralString) -> None:
        environment = self._environment
        named = self._row_store if target.system == "worker" else environment.postgres
        if environment.safety < SafetyLevel.DISPOSABLE or named is None:
            raise NotVerified(
                "account roles are written into the database. That needs a disposable environment with the database of "
                f"{target.system}; {environment.name} is not one"
            )
        if target.system == "worker":
            assert self._row_store is not None, "checked above"
            self._row_store.rows(in_d1, account.username)
            return
        import psycopg  # takes 0.1 s, which only these checks need

        address = environment.postgres
        assert address is not None, "checked above"
        environment.allowed.permit_server(address.host, address.port)
        with psycopg.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password.reveal(),
            dbname=address.database,
            sslmode=address.sslmode,
            connect_timeout=10,
            application_name="cutover",
        ) as connection:
            connection.execute(in_postgres, [account.username])
