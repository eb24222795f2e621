"""Prepares the embedded pair for the migration gate: generates data and migrates it.

Other environments are checked with the data that they hold.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from cutover.config.environments import Environment, is_embedded
from cutover.config.validation import ConfigurationError
from cutover.core.errors import MeasurementError
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.stores import LegacyRows, RowStore

if TYPE_CHECKING:
    from cutover.embedded.state import PairState
    from cutover.migration.mapping import MigrationMapping
    from cutover.migration.own_table_runs import OwnTableRuns
    from cutover.pytest_plugin.session import GateSession


def filled_pair(session: GateSession, environment: Environment) -> OwnTableRuns:
    """Generate and migrate a small set of data if the environment is the pair and both databases are empty.

    Repeat a migration of the pair that was interrupted. Return the states of the Worker's own tables before and after
    the migration runs. Raises MeasurementError if that fails: there is nothing to check then.
    """
    from cutover.embedded import pair_migration
    from cutover.embedded.pair_error import PairError
    from cutover.migration.own_table_runs import OwnTableRuns
    from cutover.pytest_plugin import pair_filling

    before = session.config.option.cutover_d1_before
    pair = _pair_of(session)
    if pair is None or environment.d1 is None:
        return OwnTableRuns(before)
    rows = RowStore(environment.d1, session.client)
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    try:
        pair_migration.fill(
            pair,
            lambda: _both_are_empty(session, environment),
            pair_filling.steps_of(pair, _mapping_of(session, environment), rows.rows),
            pair_filling.RESTARTED,
            reporter.write_line if reporter else print,
        )
    except PairError as error:
        raise MeasurementError(f"the pair has no migrated data: {error}") from None
    return OwnTableRuns(before, pair_filling.recorded_runs(pair))


def _pair_of(session: GateSession) -> PairState | None:
    """Return the pair if the environment is the embedded one. Raises MeasurementError if it has ended."""
    from cutover.embedded import state

    if session.name is None or session.pair.name is None or not is_embedded(session.project, session.name):
        return None
    pair = state.read(session.pair.name)
    if pair is None:
        raise MeasurementError(f"the pair {session.pair.name!r} is no longer up")
    return pair


def _mapping_of(session: GateSession, environment: Environment) -> MigrationMapping:
    from cutover.migration.mapping_file import load_mapping

    return load_mapping(session.project, environment.files.get("migration"))


@contextlib.contextmanager
def last_logins_kept(session: GateSession, environment: Environment, *, reverse: bool) -> Iterator[None]:
    """Restore the columns that logins change in the target, on the embedded pair: the next reconciliation reads them.

    reverse: the target is Django.
    """
    if session.name is None or environment.d1 is None or not is_embedded(session.project, session.name):
        yield
        return
    if reverse:
        with _last_logins_of_django_kept(session):
            yield
        return
    rows = RowStore(environment.d1, session.client)
    before = rows.rows("SELECT json_group_array(json_array(id, last_login)) AS times FROM users")[0]["times"]
    try:
        yield
    finally:
        rows.rows(
            "UPDATE users SET last_login = times.value ->> 1 FROM json_each(CAST(? AS TEXT)) AS times "
            "WHERE users.id = times.value ->> 0 AND users.last_login IS NOT times.value ->> 1",
            before,
        )


@contextlib.contextmanager
def _last_logins_of_django_kept(session: GateSession) -> Iterator[None]:
    import psycopg

    from cutover.embedded import state

    pair = state.read(session.pair.name) if session.pair.name is not None else None
    if pair is None:
        raise MeasurementError(f"the pair {session.pair.name!r} is no longer up")
    with psycopg.connect(pair.pg_dsn, autocommit=True) as django:
        # Django replaces a hash whose number of iterations differs from its setting.
        # As text, because psycopg loads no infinite times.
        before = django.execute("SELECT last_login::text, password, id FROM auth_user").fetchall()
        try:
            yield
        finally:
            with django.cursor() as cursor:
                cursor.executemany(
                    "UPDATE auth_user SET last_login = %s::timestamptz, password = %s WHERE id = %s "
                    "AND (last_login, password) IS DISTINCT FROM (%s::timestamptz, %s)",
                    [(*row, *row[:2]) for row in before],
                )


@contextlib.contextmanager
def logins_carried_over(session: GateSession) -> Iterator[None]:
    """Run a delta migration after the logins, on the embedded pair: they changed rows that the next run compares."""
    from cutover.embedded import pair_migration
    from cutover.embedded.pair_error import PairError
    from cutover.pytest_plugin import pair_filling

    yield
    pair = _pair_of(session)
    if pair is not None:
        try:
            with pair_filling.recorded(pair, _mapping_of(session, session.environment)):
                pair_migration.migrate(pair, "delta")
        except PairError as error:
            raise MeasurementError(f"the logins could not be migrated: {error}") from None


def _both_are_empty(session: GateSession, environment: Environment) -> bool:
    if environment.postgres is None or environment.d1 is None:
        raise ConfigurationError(
            "environments.toml", environment.name, "the pair has no databases", "Start another pair."
        )
    mapping = _mapping_of(session, environment)
    legacy = LegacyRows(environment.postgres, environment, recorder=Recorder(), kill_switch=KillSwitch(session.project))
    worker = RowStore(environment.d1, session.client)
    try:
        for table in mapping.tables:
            count = f'SELECT count(*) AS n FROM "{table.source}"'  # noqa: S608
            if legacy.rows(count)[0]["n"]:
                return False
            if worker.rows(f'SELECT count(*) AS n FROM "{table.target}"')[0]["n"]:  # noqa: S608
                return False
    finally:
        legacy.close()
    return True
