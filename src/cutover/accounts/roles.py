"""Makes a test account an administrator, or disables it, where the environment is there to be thrown away.

No API does that, so it is written behind both: into PostgreSQL and into D1. Refused anywhere but on a
disposable environment.
"""

from __future__ import annotations

from typing import Final, LiteralString

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
    """Gives accounts of both systems the flags that the plan maps: is_staff and is_superuser there, is_admin here."""

    def __init__(self, environment: Environment, row_store: RowStore | None) -> None:
        """row_store: the Worker's database, where the environment names it."""
        self._environment, self._row_store = environment, row_store

    def make_admin(self, target: Target, account: Account) -> None:
        """Set the flag. Raises NotVerified where that may not be done, or the database is not named."""
        self._write(target, account, *_ADMIN)

    def disable(self, target: Target, account: Account) -> None:
        """The account may not log in any more; it and its things stay. Raises as make_admin does."""
        self._write(target, account, *_DISABLED)

    def enable(self, target: Target, account: Account) -> None:
        """The end of `disable`: without it the account could not be removed. Raises as make_admin does."""
        self._write(target, account, *_ENABLED)

    def _write(self, target: Target, account: Account, in_d1: str, in_postgres: LiteralString) -> None:
        environment = self._environment
        named = self._row_store if target.system == "worker" else environment.postgres
        if environment.safety < SafetyLevel.DISPOSABLE or named is None:
            raise NotVerified(
                "an account's standing is changed by writing into the database, and "
                f"{environment.name} is no disposable environment that names {target.system}'s"
            )
        if target.system == "worker":
            assert self._row_store is not None, "looked at above"
            self._row_store.rows(in_d1, account.username)
            return
        import psycopg  # 0.1 s that only these checks pay

        address = environment.postgres
        assert address is not None, "looked at above"
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
