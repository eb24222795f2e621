"""Django's PostgreSQL as a side of a migration: readers on one exported snapshot, proven to be read-only.

Not for single rows of a check: stores/legacy_rows.py, whose connections these are.
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
"""Of one query. A count over a table of many millions may take minutes on a disk; more is a lock."""

_TOO_BIG: Final = ("54000", "53200", "22023")  # program limit exceeded, out of memory, array size exceeds
_SNAPSHOT: Final = re.compile(r"[0-9A-F-]+")
_COUNT: Final = 'SELECT count(*) FROM "{}"'
_TEXTS: Final = ("text", "varchar", "bpchar", "json", "jsonb", "name", "uuid")


class PostgresSide:
    """One server, one database, one moment.

    The first connection holds a repeatable-read transaction and exports its snapshot; every other reader imports it,
    so that all see the same rows however long it takes.
    """

    label = "PostgreSQL"
    dialect = Dialect.POSTGRES
    tells_writes = True

    def __init__(
        self, address: PostgresAddress, environment: Environment, kill_switch: KillSwitch, *, shared: bool = True
    ) -> None:
        """shared: several readers. False for a pooler that refuses exported snapshots. Raises as `reader` does."""
        self._address, self._environment, self._kill_switch = address, environment, kill_switch
        self._first = PostgresReader(address, environment, kill_switch, None)
        self._snapshot: str | None = None
        if shared:
            self._snapshot = text_of(self._first.query("SELECT pg_export_snapshot()")[0][0])
        self._given = False
        self._mark: str | None = None

    def reader(self) -> Reader:
        """A reader of the snapshot; the first one is the connection that holds it. Raises Unreachable, CheckFailed,
        NotVerified."""
        if not self._given or self._snapshot is None:
            self._given = True
            return self._first
        return PostgresReader(self._address, self._environment, self._kill_switch, self._snapshot)

    def mark(self, tables: Sequence[str]) -> str:
        """Which transactions had ended when the snapshot was taken, and how many rows each table had."""
        if self._mark is None:
            counts = {table: whole(self._first.query(_COUNT.format(table))[0][0]) for table in tables}
            self._mark = json.dumps({"state": self._first.state(), "rows": counts})
        return self._mark

    def written_since(self, mark: str, tables: Sequence[str]) -> str | None:
        """What was written into the tables since that mark; None when it is proven that nothing was.

        When any transaction has ended since, in whatever table, each table is counted: rows whose xmin is younger, and
        all of them. No younger row and the same number leaves no room for an insert, an update or a deletion.
        """
        before = json.loads(mark)
        now = PostgresReader(self._address, self._environment, self._kill_switch, None)
        try:
            state = now.state()
            if state == before["state"]:
                return None
            if state["system"] != before["state"]["system"]:
                return "it is another server"
            for table in tables:
                young = f"{_COUNT.format(table)} WHERE age(xmin) <= age('{int(before['state']['xmin'])}'::xid)"
                rows, newer = whole(now.query(_COUNT.format(table))[0][0]), whole(now.query(young)[0][0])
                if newer or rows != before["rows"].get(table):
                    return (
                        f"{table} was written: {newer} rows are newer, {before['rows'].get(table)} rows became {rows}"
                    )
        finally:
            now.close()
        return None

    def written_meanwhile(self, tables: Sequence[str]) -> str | None:
        """The same since the snapshot was taken."""
        return self.written_since(self.mark(tables), tables)

    def close(self) -> None:
        """End the transaction that holds the snapshot."""
        self._first.close()


class PostgresReader:
    """One read-only connection."""

    dialect = Dialect.POSTGRES
    batch_bytes = BATCH_BYTES

    def __init__(
        self, address: PostgresAddress, environment: Environment, kill_switch: KillSwitch, snapshot: str | None
    ) -> None:
        """Raises Refused, Stopped, Unreachable, NotVerified where read-only cannot be proven."""
        self.where = address.shown
        self._kill_switch = kill_switch
        environment.allowed.permit_server(address.host, address.port)
        self._connection = _connected(address, environment)
        self._connection.execute("SET LOCAL TIME ZONE 'UTC'")
        if snapshot is not None:
            if not _SNAPSHOT.fullmatch(snapshot):
                raise NotVerified(f"{address.shown} exports snapshots of an unknown form, so readers cannot share one")
            self.query(f"SET TRANSACTION SNAPSHOT '{snapshot}'")
        if self.query("SELECT current_setting('transaction_read_only'), current_setting('transaction_isolation')") != [
            (b"on", b"repeatable read")
        ]:
            self.close()
            raise NotVerified(
                f"{address.shown} did not make the transaction read-only and repeatable, nothing was read"
            )

    def query(self, sql: str) -> list[Sequence[Cell]]:
        """The rows. Raises Stopped, Unrenderable, CheckFailed for a query that is refused, Unreachable for a server
        that went away: what was read until then is of a snapshot that is gone."""
        import psycopg

        self._kill_switch.check()
        try:
            cursor = self._connection.execute(sql.encode())
            return list(cursor.fetchall()) if cursor.description else []
        except psycopg.Error as error:
            told = message_of(error)
            if self._connection.closed:
                raise Unreachable(
                    f"{self.where} broke the connection in the middle of the reconciliation: {told}. What was read "
                    "belongs to a snapshot that is gone; run it again, with --resume where nothing was written since."
                ) from None
            if error.sqlstate in _TOO_BIG:
                raise Unrenderable(told, too_big=True) from None
            raise CheckFailed(
                f"migration:postgres:{error.sqlstate or 'no-rows'}",
                expected="an answer from PostgreSQL",
                got=told,
                source=self.where,
                do_next="may the DSN's user SELECT every table of contracts/migration.toml, and every row of it (with "
                "BYPASSRLS, where there are row security policies)? The server's log has more",
            ) from None

    def state(self) -> dict[str, str]:
        """Which transactions of the server had ended when this one began, those of other databases included."""
        row = self.query(
            "SELECT pg_snapshot_xmin(s)::text, s::text, (SELECT system_identifier::text FROM pg_control_system()) "
            "FROM pg_current_snapshot() s"
        )[0]
        xmin, snapshot, system = map(text_of, row)
        return {"system": system, "xmin": str(int(xmin) % 2**32), "snapshot": snapshot}  # as rows hold it, in 32 bits

    def close(self) -> None:
        """Nothing is ever committed."""
        self._connection.close()


def _connected(address: PostgresAddress, environment: Environment) -> psycopg.Connection[Any]:
    import psycopg
    from psycopg.rows import tuple_row

    told = ""
    for _ in (1, 2):
        try:
            made = connect(address, environment, tuple_row, statement_timeout_s=STATEMENT_TIMEOUT_S)
        except psycopg.Error as error:
            told = message_of(error)
            if was_refused(error, told):
                raise CheckFailed(
                    "migration:postgres:login", expected="a session for the DSN's user", got=told,
                    source=address.shown, do_next="are user, password and database of secrets.postgres_dsn right?",
                ) from None  # fmt: skip
            continue
        loader = _raw_loader()
        for name in _TEXTS:
            made.adapters.register_loader(name, loader)
        return made
    raise Unreachable(f"postgres at {address.shown} cannot be reached: {told}. Tried twice. Is it running?")


def _raw_loader() -> type[Any]:
    from psycopg.adapt import Loader

    class Raw(Loader):
        """Text as it came over the wire: decoding megabytes only to compare them is time for nothing."""

        def load(self, data: Any) -> bytes:
            return bytes(data)

    return Raw
