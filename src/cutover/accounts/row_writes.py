"""Write single values into the databases of disposable environments, where no API can."""

from __future__ import annotations

from typing import LiteralString

from cutover.accounts.plan_schema import plan_schema
from cutover.config.environments import Environment
from cutover.core.errors import NotVerified
from cutover.core.safety import SafetyLevel
from cutover.stores import RowStore
from cutover.systems.target import Target


class RowWrites:
    """The statements that the suite executes on test accounts, on disposable environments only."""

    def __init__(self, environment: Environment, row_store: RowStore | None) -> None:
        """row_store: the Worker's database, None if the environment does not name it."""
        self._environment, self._row_store = environment, row_store

    def is_possible(self, target: Target) -> bool:
        """Return True if the environment is disposable and names the database of the target's system."""
        named = self._row_store if target.system == "worker" else self._environment.writable_postgres
        return self._environment.safety >= SafetyLevel.DISPOSABLE and named is not None

    def execute(self, target: Target, in_d1: str, in_postgres: LiteralString, parameter: str, *, what: str) -> None:
        """Execute the statement for the target's database, if it has the plan's tables (plan_schema).

        parameter: of both statements. what: what is written, for the message. Raises NotVerified if the environment is
        not disposable or does not name the database.
        """
        with plan_schema(target):
            self._execute(target, in_d1, in_postgres, parameter, what)

    def _execute(self, target: Target, in_d1: str, in_postgres: LiteralString, parameter: str, what: str) -> None:
        environment = self._environment
        if not self.is_possible(target):
            raise NotVerified(
                f"{what} are written into the database. That needs a disposable environment with the database of "
                f"{target.system}; {environment.name} is not one"
            )
        if target.system == "worker":
            assert self._row_store is not None, "checked above"
            self._row_store.rows(in_d1, parameter)
            return
        import psycopg  # takes 0.1 s, which only these checks need

        address = environment.writable_postgres
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
            connection.execute(in_postgres, [parameter])
