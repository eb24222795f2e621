"""Rows of the legacy's PostgreSQL, in sessions that are proved to be read-only before each query.

Functions import psycopg when they need it: the import takes 0.15 s, and only checks of the stores use it. Bulk reads
are in migration/postgres_side.py.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, LiteralString

from cutover.config.environments import Environment
from cutover.config.postgres_uri import PostgresAddress
from cutover.core.errors import CheckFailed, NotVerified, Unreachable
from cutover.core.recorder import Exchange, Recorder
from cutover.core.safety import KillSwitch
from cutover.core.secrets import redact

if TYPE_CHECKING:
    import psycopg

_APPLICATION: Final = "cutover"
_PROOF: Final = "SELECT current_setting('transaction_read_only') AS read_only"
# Meaning of the states: https://www.postgresql.org/docs/current/errcodes-appendix.html
_TIMEOUT: Final = "57014"
_DO_NEXT: Final[Mapping[str, str]] = {
    "42501": "grant the DSN's user SELECT on the tables of List Cutter, and nothing else",
    "42P01": "check that this is List Cutter's database and that it is migrated",
    "42703": "check that this is List Cutter's database and that it is migrated",
    "25006": "the suite only reads this database; a check that writes must use the API",
    "57014": "check pg_stat_activity for a lock of a migration or VACUUM FULL (ours: application_name cutover)",
}
# Messages of a server that is starting or full. A message in another language counts as a refused login, and is shown.
_UNAVAILABLE: Final = ("starting up", "shutting down", "in recovery mode", "too many clients", "connection slots")


class LegacyRows:
    """A connection to the legacy's PostgreSQL, created at the first query. One per process; not for several threads."""

    def __init__(
        self, address: PostgresAddress, environment: Environment, *, recorder: Recorder, kill_switch: KillSwitch
    ) -> None:
        """environment: its timeout_s limits each statement, its ca_file contains the certificate authorities."""
        self._address, self._environment = address, environment
        self._recorder, self._kill_switch = recorder, kill_switch
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._in_snapshot = False
        self._numbers = itertools.count(1)

    def rows(self, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """Return the rows of a reading query, column -> value as psycopg returns it. Parameters: %s or %(name)s.

        Each query reads the newest state. Inside `snapshot` all queries read the same state.
        Raises Refused if the environment does not name the server; Stopped; Unreachable if two connection attempts
        fail; NotVerified if the session is not proved to be read-only; CheckFailed if the login or the query is refused
        (also if it writes) or takes longer than the environment's timeout_s.
        """
        with self.snapshot():
            return self._fetch(query, parameters)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Give all queries inside the same state (repeatable read). Nothing is committed. Raises like `rows`."""
        if self._in_snapshot:
            yield
            return
        connection = self._connected()
        self._in_snapshot = True
        try:
            # This query also takes the snapshot, after which PostgreSQL does not allow a read-write transaction.
            proof = self._fetch(_PROOF)
            if [row["read_only"] for row in proof] != ["on"]:
                raise NotVerified(
                    f"{self._address.shown} did not make the transaction read-only, so nothing was read. Check "
                    "whether a proxy changes the session"
                )
            yield
        finally:
            self._in_snapshot = False
            self._end(connection)

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _end(self, connection: psycopg.Connection[dict[str, Any]]) -> None:
        import psycopg

        try:
            connection.rollback()
        except psycopg.Error:  # the connection is broken; the next query opens another one
            self.close()

    def _fetch(self, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        import psycopg

        connection = self._connected()
        self._kill_switch.check()
        started = time.perf_counter()
        try:
            # binary: the extended protocol accepts only one statement, so no second one can be hidden in the query.
            result = connection.execute(query, parameters, binary=True).fetchall()
        except psycopg.Error as error:
            message = message_of(error)
            self._write("query", started, error=message)
            raise self._failed(error, message, gone=bool(connection.closed)) from None
        self._write("query", started)
        return result

    def _failed(self, error: psycopg.Error, message: str, *, gone: bool) -> CheckFailed:
        state = error.sqlstate or ""
        limit = self._environment.timeout_s
        slow = state == _TIMEOUT
        finding = "broken-answer:query" if gone else "no-answer:query" if slow else f"store:query:{state or 'no-rows'}"
        return CheckFailed(
            finding,
            expected=f"rows within {limit:g} s" if slow else "rows from PostgreSQL",
            got=message,
            source=self._address.shown,
            do_next=_DO_NEXT.get(state, "the server's log has more"),
        )

    def _connected(self) -> psycopg.Connection[dict[str, Any]]:
        if self._connection is not None and not self._connection.closed:
            return self._connection
        import psycopg
        from psycopg.rows import dict_row

        self._environment.allowed.permit_server(self._address.host, self._address.port)
        self._kill_switch.check()
        for attempt in (1, 2):
            started = time.perf_counter()
            try:
                self._connection = connect(self._address, self._environment, dict_row)
            except psycopg.Error as error:
                message = message_of(error)
                self._write("connect", started, error=message)
                if was_refused(error, message):
                    raise self._login_refused(message) from None
                if attempt == 2:
                    raise Unreachable(
                        f"postgres at {self._address.shown} cannot be reached: {message}. Tried twice. Check "
                        "that it is running and accepts this machine, and that the DSN's sslrootcert "
                        f"(or [{self._environment.name}] ca_file) signed its certificate."
                    ) from None
            else:
                self._write("connect", started)
                return self._connection
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _login_refused(self, message: str) -> CheckFailed:
        return CheckFailed(
            "store:login",
            expected="a session for the DSN's user",
            got=message,
            source=self._address.shown,
            do_next="check user, password and database in the variable that secrets.postgres_dsn names, and that "
            "the user may CONNECT",
        )

    def _write(self, operation: str, started: float, *, error: str | None = None) -> None:
        self._recorder.exchanges.append(
            Exchange(
                f"postgres-{next(self._numbers)}",
                "postgres",
                operation,
                "SQL",
                f"/{self._address.database}",
                None,
                round((time.perf_counter() - started) * 1000, 2),
                error=error,
            )
        )


def connect(
    address: PostgresAddress, environment: Environment, row_factory: Any, *, statement_timeout_s: float | None = None
) -> psycopg.Connection[Any]:
    """Return a read-only connection (repeatable read) that uses only the parts of the address. Raises psycopg.Error.

    statement_timeout_s: limit of each statement, None for the environment's timeout_s. The caller has checked that the
    environment names the server.
    """
    import psycopg

    timeout = environment.timeout_s
    limit = timeout if statement_timeout_s is None else statement_timeout_s
    certificates: dict[str, Any] = {}
    if address.sslrootcert or address.sslmode.startswith("verify"):
        # libpq's default is ~/.postgresql/root.crt. The suite trusts the system's authorities, as for https.
        system = ssl.get_default_verify_paths().cafile or "system"
        certificates["sslrootcert"] = address.sslrootcert or environment.ca_file or system
    with _without_libpq_variables():
        connection = psycopg.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password.reveal(),
            dbname=address.database,
            sslmode=address.sslmode,
            sslcertmode="disable",  # no client certificate from the caller's home directory
            gssencmode="disable",  # with a Kerberos ticket libpq would not ask for TLS
            channel_binding=address.channel_binding,
            connect_timeout=max(2, int(min(10.0, timeout))),
            application_name=_APPLICATION,
            client_encoding="UTF8",
            # row_security=off: a policy that hides rows is an error and does not return a smaller table.
            options="-c default_transaction_read_only=on -c row_security=off "
            f"-c statement_timeout={max(1, int(limit * 1000))}",
            autocommit=False,
            prepare_threshold=None,  # a pooler may send the next query to another session
            row_factory=row_factory,
            **certificates,
        )
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


@contextlib.contextmanager
def _without_libpq_variables() -> Iterator[None]:
    """Remove PGHOSTADDR, PGSERVICE, PGOPTIONS … of the caller's shell, which would change server or permissions."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(kept)


def was_refused(error: psycopg.Error, message: str) -> bool:
    """Return True if a server accepted the connection but refused the login: it wants a password or sent FATAL.

    libpq gives no SQLSTATE for a failed connection.
    """
    if any(words in message for words in _UNAVAILABLE):
        return False
    made = getattr(error, "pgconn", None)
    return "FATAL" in message or bool(made is not None and (made.used_password or made.needs_password))


def message_of(error: psycopg.Error) -> str:
    """Return type and first message of an error on one line, redacted. PostgreSQL quotes no passwords."""
    text = error.diag.message_primary or str(error) or "nothing"
    return f"{type(error).__name__}: {' '.join(redact(text).split())[:300]}"
