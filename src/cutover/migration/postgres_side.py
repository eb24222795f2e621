"""Django's PostgreSQL as a side of a migration: read-only readers of one exported snapshot.

https://www.postgresql.org/docs/current/functions-admin.html#FUNCTIONS-SNAPSHOT-SYNCHRONIZATION
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from cutover.config.environments import Environment
from cutover.config.postgres_uri import PostgresAddress
from cutover.core.errors import CheckFailed, NotVerified, Unreachable
from cutover.core.safety import KillSwitch
from cutover.migration.database_side import Cell, Dialect, Reader, Unrenderable, text_of, whole
from cutover.stores.legacy_rows import connect, message_of, was_refused

if TYPE_CHECKING:
    import psycopg

BATCH_BYTES: Final = 700_000
STATEMENT_TIMEOUT_S: Final = 600.0
"""Of one query. Counting many millions of rows may take minutes; a query that takes longer waits for a lock."""

_TOO_BIG: Final = ("54000", "53200", "22023")  # program limit exceeded, out of memory, array size exceeds
_SNAPSHOT: Final = re.compile(r"[0-9A-F-]+")
_COUNT: Final = 'SELECT count(*) FROM "{}"'
_TEXTS: Final = ("text", "varchar", "bpchar", "json", "jsonb", "name", "uuid")


class PostgresSide:
    """One database at one moment.

    The first connection keeps a repeatable-read transaction open and exports its snapshot. Every other reader imports
    it, so all see the same rows.
    """

    label = "PostgreSQL"
    dialect = Dialect.POSTGRES
    tells_writes = True

    def __init__(
        self, address: PostgresAddress, environment: Environment, kill_switch: KillSwitch, *, shared: bool = True
    ) -> None:
        """shared: False for a pooler that refuses exported snapshots, with one reader. Raises as `reader` does."""
        self._address, self._environment, self._kill_switch = address, environment, kill_switch
        self._first = PostgresReader(address, environment, kill_switch, None)
        self._snapshot: str | None = None
        if shared:
            self._snapshot = text_of(self._first.query("SELECT pg_export_snapshot()")[0][0])
        self._first_used = False
        self._mark: str | None = None

    def reader(self) -> Reader:
        """Return a reader of the snapshot. The first one is the connection that exported it.

        Raises Unreachable, CheckFailed, NotVerified.
        """
        if not self._first_used or self._snapshot is None:
            self._first_used = True
            return self._first
        return PostgresReader(self._address, self._environment, self._kill_switch, self._snapshot)

    def mark(self, tables: Sequence[str]) -> str:
        """Return the transactions that had ended at the snapshot, and the number of rows of each table."""
        if self._mark is None:
            counts = {table: whole(self._first.query(_COUNT.format(table))[0][0]) for table in tables}
            self._mark = json.dumps({"state": self._first.state(), "rows": counts})
        return self._mark

    def written_since(self, mark: str, tables: Sequence[str]) -> str | None:
        """Return in one sentence what was written to the tables since that mark, None if it is proven that nothing was.

        If any transaction has ended since, newer rows (by xmin) and all rows of each table are counted. Without newer
        rows and with an equal number there was no insert, update or delete.
        """
        before = json.loads(mark)
        now = PostgresReader(self._address, self._environment, self._kill_switch, None)
        try:
            state = now.state()
            if state == before["state"]:
                return None
            if state["system"] != before["state"]["system"]:
                return "the server is another one"
            for table in tables:
                newer_rows = f"{_COUNT.format(table)} WHERE age(xmin) <= age('{int(before['state']['xmin'])}'::xid)"
                rows, newer = whole(now.query(_COUNT.format(table))[0][0]), whole(now.query(newer_rows)[0][0])
                if newer or rows != before["rows"].get(table):
                    return (
                        f"{table} was written: {newer} rows are newer, {before['rows'].get(table)} rows became {rows}"
                    )
        finally:
            now.close()
        return None

    def written_meanwhile(self, tables: Sequence[str]) -> str | None:
        """Return the same for the time since the snapshot."""
        return self.written_since(self.mark(tables), tables)

    def close(self) -> None:
        """End the transaction that keeps the snapshot."""
        self._first.close()


class PostgresReader:
    """A read-only connection."""

    dialect = Dialect.POSTGRES
    batch_bytes = BATCH_BYTES

    def __init__(
        self, address: PostgresAddress, environment: Environment, kill_switch: KillSwitch, snapshot: str | None
    ) -> None:
        """Raises Refused, Stopped, Unreachable, and NotVerified unless the transaction is proven to be read-only."""
        self.where = address.shown
        self._kill_switch = kill_switch
        environment.allowed.permit_server(address.host, address.port)
        self._connection = _connected(address, environment)
        self._connection.execute("SET LOCAL TIME ZONE 'UTC'")
        if snapshot is not None:
            if not _SNAPSHOT.fullmatch(snapshot):
                raise NotVerified(
                    f"{address.shown} exports snapshots in an unknown format, so readers cannot share one"
                )
            self.query(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        if self.query("SELECT current_setting('transaction_read_only'), current_setting('transaction_isolation')") != [
            (b"on", b"repeatable read")
        ]:
            self.close()
            raise NotVerified(
                f"{address.shown} did not begin a read-only, repeatable-read transaction. Nothing was read"
            )

    def query(self, sql: str) -> list[Sequence[Cell]]:
        """Return the rows.

        Raises Stopped, Unrenderable, CheckFailed for a refused query, and Unreachable if the connection breaks: the
        snapshot of everything read so far is lost then.
        """
        import psycopg

        self._kill_switch.check()
        try:
            cursor = self._connection.execute(sql.encode())
            return list(cursor.fetchall()) if cursor.description else []
        except psycopg.Error as error:
            problem = message_of(error)
            if self._connection.closed:
                raise Unreachable(
                    f"{self.where} closed the connection during the reconciliation: {problem}. The snapshot is lost; "
                    "run it again, with --resume if nothing was written since."
                ) from None
            if error.sqlstate in _TOO_BIG:
                raise Unrenderable(problem, too_big=True) from None
            raise CheckFailed(
                f"migration:postgres:{error.sqlstate or 'no-rows'}",
                expected="an answer from PostgreSQL",
                got=problem,
                source=self.where,
                do_next="can the DSN's user SELECT every row of every table of contracts/migration.toml (with "
                "BYPASSRLS if there are row security policies)? See the server's log",
            ) from None

    def state(self) -> dict[str, str]:
        """Return the transactions that had ended when this one began, including those of other databases."""
        row = self.query(
            "SELECT pg_snapshot_xmin(s)::text, s::text, (SELECT system_identifier::text FROM pg_control_system()) "
            "FROM pg_current_snapshot() s"
        )[0]
        xmin, snapshot, system = map(text_of, row)
        return {"system": system, "xmin": str(int(xmin) % 2**32), "snapshot": snapshot}  # as rows hold it, in 32 bits

    def close(self) -> None:
        """Close the connection. Nothing is ever committed."""
        self._connection.close()


def _connected(address: PostgresAddress, environment: Environment) -> psycopg.Connection[Any]:
    import psycopg
    from psycopg.rows import tuple_row

    problem = ""
    for _ in (1, 2):
        try:
            made = connect(address, environment, tuple_row, statement_timeout_s=STATEMENT_TIMEOUT_S)
        except psycopg.Error as error:
            problem = message_of(error)
            if was_refused(error, problem):
                raise CheckFailed(
                    "migration:postgres:login", expected="a session for the DSN's user", got=problem,
                    source=address.shown, do_next="are user, password and database of secrets.postgres_dsn correct?",
                ) from None  # fmt: skip
            continue
        loader = _raw_loader()
        for name in _TEXTS:
            made.adapters.register_loader(name, loader)
        return made
    raise Unreachable(f"postgres at {address.shown} cannot be reached: {problem}. Tried twice. Is it running?")


def _raw_loader() -> type[Any]:
    from psycopg.adapt import Loader

    class Raw(Loader):
        """Returns texts as bytes: decoding megabytes only to compare them wastes time."""

        def load(self, data: Any) -> bytes:
            return bytes(data)

    return Raw
