"""Rows of the legacy's PostgreSQL. Reads only, and proves it before each query.

The one module that makes connections with psycopg, which it imports inside of functions: it costs 0.15 s that only
checks of the store pay. Not for judging the address: dsn.py; not for reading in bulk: migration/postgres.py.
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
# What these states mean and what is to be done: https://www.postgresql.org/docs/current/errcodes-appendix.html
_TIMEOUT: Final = "57014"
_DO_NEXT: Final[Mapping[str, str]] = {
    "42501": "grant the DSN's user SELECT on the tables of List Cutter, and nothing else",
    "42P01": "is this List Cutter's database, and is it migrated?",
    "42703": "is this List Cutter's database, and is it migrated?",
    "25006": "the suite only reads here; a check that writes does so through the API",
    "57014": "is a migration or a VACUUM FULL holding a lock? Look at pg_stat_activity, application_name cutover",
}
# A server that answers so is not there yet, or full. It says so in its own language; what is not known here
# counts as refused, and its text is shown.
_NOT_NOW: Final = ("starting up", "shutting down", "in recovery mode", "too many clients", "connection slots")


class LegacyRows:
    """One connection, made at the first query. One a process; not for several threads."""

    def __init__(
        self, address: PostgresAddress, environment: Environment, *, recorder: Recorder, kill_switch: KillSwitch
    ) -> None:
        """environment: its timeout_s is each statement's limit in seconds, its ca_file who signs certificates."""
        self._address, self._environment = address, environment
        self._journal, self._kill_switch = recorder, kill_switch
        self._connection: psycopg.Connection[dict[str, Any]] | None = None
        self._in_snapshot = False
        self._numbers = itertools.count(1)

    def rows(self, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        """The rows of one reading query, column -> value as psycopg gives it. %s or %(name)s are its parameters.

        Each query sees the newest state, but inside `snapshot`, where all see the same.
        Raises Refused for a server that the environment does not name; Stopped; Unreachable when no connection
        can be made, twice; NotVerified when the session cannot be proven to be read-only; CheckFailed for a
        login that is refused, for a query that is (one that writes among them), and for one that takes longer
        than the environment's timeout_s.
        """
        with self.snapshot():
            return self._fetch(query, parameters)

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """All queries in here see one moment (repeatable read). Nothing is ever committed. Raises as `rows` does."""
        if self._in_snapshot:
            yield
            return
        connection = self._connected()
        self._in_snapshot = True
        try:
            # It also takes the snapshot, after which PostgreSQL refuses to make the transaction read-write.
            proof = self._fetch(_PROOF)
            if [row["read_only"] for row in proof] != ["on"]:
                raise NotVerified(
                    f"{self._address.shown} did not make the transaction read-only (a proxy before it?), "
                    "so nothing was read"
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
        except psycopg.Error:  # it broke; the next query connects anew
            self.close()

    def _fetch(self, query: LiteralString, parameters: Sequence[Any] | Mapping[str, Any] = ()) -> list[dict[str, Any]]:
        import psycopg

        connection = self._connected()
        self._kill_switch.check()
        started = time.perf_counter()
        try:
            # binary: by the extended protocol, which takes one statement only, so that none can hide behind another.
            result = connection.execute(query, parameters, binary=True).fetchall()
        except psycopg.Error as error:
            told = told_by(error)
            self._write("query", started, error=told)
            raise self._failed(error, told, gone=bool(connection.closed)) from None
        self._write("query", started)
        return result

    def _failed(self, error: psycopg.Error, told: str, *, gone: bool) -> CheckFailed:
        state = error.sqlstate or ""
        limit = self._environment.timeout_s
        slow = state == _TIMEOUT
        finding = "broken-answer:query" if gone else "no-answer:query" if slow else f"store:query:{state or 'no-rows'}"
        return CheckFailed(
            finding,
            expected=f"rows within {limit:g} s" if slow else "rows from PostgreSQL",
            got=told,
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
                told = told_by(error)
                self._write("connect", started, error=told)
                if was_refused(error, told):
                    raise self._login_refused(told) from None
                if attempt == 2:
                    raise Unreachable(
                        f"postgres at {self._address.shown} cannot be reached: {told}. Tried twice. Is it running, "
                        "does it accept this machine, and is its certificate signed by who the DSN's sslrootcert "
                        f"(or [{self._environment.name}] ca_file) names?"
                    ) from None
            else:
                self._write("connect", started)
                return self._connection
        raise AssertionError("unreachable: the second attempt returns or raises")

    def _login_refused(self, told: str) -> CheckFailed:
        return CheckFailed(
            "store:login",
            expected="a session for the DSN's user",
            got=told,
            source=self._address.shown,
            do_next="are user, password and database of the variable that secrets.postgres_dsn names right, and may "
            "that user CONNECT?",
        )

    def _write(self, operation: str, started: float, *, error: str | None = None) -> None:
        self._journal.exchanges.append(
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
    """A connection that only reads (repeatable read), made from the address's parts alone. Raises psycopg.Error.

    statement_timeout_s: limit of each statement; the environment's timeout_s when None. The caller has asked the
    environment whether the server is one of its own.
    """
    import psycopg

    timeout = environment.timeout_s
    limit = timeout if statement_timeout_s is None else statement_timeout_s
    certificates: dict[str, Any] = {}
    if address.sslrootcert or address.sslmode.startswith("verify"):
        # libpq's own default would be ~/.postgresql/root.crt; https trusts the system's, and so do we.
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
            sslcertmode="disable",  # no certificate of the caller's home
            gssencmode="disable",  # nor a ticket, in whose place TLS would not be asked for
            channel_binding=address.channel_binding,
            connect_timeout=max(2, int(min(10.0, timeout))),
            application_name=_APPLICATION,
            client_encoding="UTF8",
            # A policy that would hide rows is an error, and no smaller table (row_security).
            options="-c default_transaction_read_only=on -c row_security=off "
            f"-c statement_timeout={max(1, int(limit * 1000))}",
            autocommit=False,
            prepare_threshold=None,  # a pooler before it may give the next query to another session
            row_factory=row_factory,
            **certificates,
        )
    connection.read_only = True
    connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    return connection


@contextlib.contextmanager
def _without_libpq_variables() -> Iterator[None]:
    """PGHOSTADDR, PGSERVICE, PGOPTIONS … of the caller's shell must not change where we go or what we may."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("PG")}
    try:
        yield
    finally:
        os.environ.update(kept)


def was_refused(error: psycopg.Error, told: str) -> bool:
    """Whether a server took the connection and refused the login: it asked for a password, or said FATAL.

    libpq tells no SQLSTATE of a connection that was not made.
    """
    if any(words in told for words in _NOT_NOW):
        return False
    made = getattr(error, "pgconn", None)
    return "FATAL" in told or bool(made is not None and (made.used_password or made.needs_password))


def told_by(error: psycopg.Error) -> str:
    """The error's type and first message on one line, redacted. PostgreSQL quotes users and hosts, no passwords."""
    text = error.diag.message_primary or str(error) or "nothing"
    return f"{type(error).__name__}: {' '.join(redact(text).split())[:300]}"
