"""The proof that a role of PostgreSQL only reads, against roles with every kind of right on a real server."""

from __future__ import annotations

import contextlib
import dataclasses
from typing import TYPE_CHECKING

import psycopg
import pytest

from cutover.config.environments import load_environment
from cutover.config.postgres_uri import read_postgres_uri
from cutover.config.validation import root
from cutover.core.recorder import Recorder
from cutover.core.safety import KillSwitch
from cutover.embedded import folders
from cutover.embedded.postgres import DATABASE, READER, USER, admin_session
from cutover.preflight.storage_role import RoleRights, read_tables, rights_of
from cutover.stores import LegacyRows

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cutover.config.environments import Environment
    from cutover.embedded.state import PairState

pytestmark = pytest.mark.pair

GROUP = "writers"


@pytest.fixture(scope="module")
def environment(own_pair: PairState) -> Environment:
    """Return the embedded environment of the tests' own pair."""
    return load_environment(root(), "embedded", pair=own_pair)


@pytest.fixture(scope="module")
def administrator(own_pair: PairState) -> Iterator[psycopg.Connection]:
    """Yield a session of PostgreSQL's administrator, with a role that other roles can be members of."""
    port = read_postgres_uri(own_pair.pg_dsn).port
    with admin_session(folders.pair_folder(own_pair.name) / "postgres", port, DATABASE) as session:
        session.execute(f"CREATE ROLE {GROUP}")
        yield session
        session.execute(f"DROP OWNED BY {GROUP}")
        session.execute(f"DROP ROLE {GROUP}")


def rights(environment: Environment, folder: Path, dsn: str | None = None) -> RoleRights:
    """Return the rights of the suite's role, or of the role of another URI."""
    address = read_postgres_uri(dsn) if dsn else environment.postgres
    assert address is not None
    rows = LegacyRows(address, environment, recorder=Recorder(), kill_switch=KillSwitch(folder))
    with contextlib.closing(rows):
        return rights_of(rows, read_tables(root(), environment))


def test_role_of_the_suite_only_reads(environment: Environment, tmp_path: Path) -> None:
    """The pair's role for the suite reads every table of the mapping and has no other right."""
    found = rights(environment, tmp_path)
    assert (found.role, found.excess, found.lacking, found.definers) == (READER, {}, [], [])
    assert found.relations > 10


@pytest.mark.parametrize(
    ("give", "take", "finding"),
    [
        ("GRANT INSERT ON auth_user TO {}", "REVOKE INSERT ON auth_user FROM {}", "grant:public.auth_user"),
        ("GRANT UPDATE (email) ON auth_user TO {}", "REVOKE UPDATE (email) ON auth_user FROM {}",
         "grant:public.auth_user"),
        ("GRANT TRUNCATE ON auth_user TO {}", "REVOKE TRUNCATE ON auth_user FROM {}", "grant:public.auth_user"),
        ("GRANT DELETE ON auth_user TO PUBLIC", "REVOKE DELETE ON auth_user FROM PUBLIC", "grant:public.auth_user"),
        ("GRANT USAGE ON SEQUENCE auth_user_id_seq TO {}", "REVOKE USAGE ON SEQUENCE auth_user_id_seq FROM {}",
         "grant:public.auth_user_id_seq"),
        ("GRANT CREATE ON SCHEMA public TO {}", "REVOKE CREATE ON SCHEMA public FROM {}", "create:schema public"),
        ("GRANT CREATE ON DATABASE list_cutter TO {}", "REVOKE CREATE ON DATABASE list_cutter FROM {}",
         "create:database list_cutter"),
        ("ALTER ROLE {} CREATEROLE", "ALTER ROLE {} NOCREATEROLE", "rolcreaterole:{}"),
        ("ALTER ROLE {} CREATEDB", "ALTER ROLE {} NOCREATEDB", "rolcreatedb:{}"),
        ("ALTER ROLE {} REPLICATION", "ALTER ROLE {} NOREPLICATION", "rolreplication:{}"),
        ("ALTER ROLE {} SUPERUSER", "ALTER ROLE {} NOSUPERUSER", "superuser"),
        ("GRANT pg_read_server_files TO {}", "REVOKE pg_read_server_files FROM {}", "member:pg_read_server_files"),
        ("GRANT pg_write_all_data TO {}", "REVOKE pg_write_all_data FROM {}", "member:pg_write_all_data"),
        (f"GRANT INSERT ON auth_user TO {GROUP}; GRANT {GROUP} TO {{}} WITH INHERIT FALSE",
         f"REVOKE {GROUP} FROM {{}}; REVOKE INSERT ON auth_user FROM {GROUP}", "grant:public.auth_user"),
        (f"GRANT {USER} TO {{}} WITH INHERIT FALSE", f"REVOKE {USER} FROM {{}}", "owner:public.auth_user"),
    ],
)  # fmt: skip
def test_right_beyond_reading_is_found(
    environment: Environment, administrator: psycopg.Connection, tmp_path: Path, give: str, take: str, finding: str
) -> None:
    """Each right that can change something is found: by grant, column, membership without INHERIT, or attribute."""
    administrator.execute(give.format(READER))  # type: ignore[arg-type]
    try:
        found = rights(environment, tmp_path)
    finally:
        administrator.execute(take.format(READER))  # type: ignore[arg-type]
    assert finding.format(READER) in found.excess
    assert not rights(environment, tmp_path).excess


def test_default_read_only_is_no_proof(
    environment: Environment, administrator: psycopg.Connection, own_pair: PairState, tmp_path: Path
) -> None:
    """Django's own role stays an owner, also if its sessions are read-only by default."""
    administrator.execute(f"ALTER ROLE {USER} SET default_transaction_read_only = on")  # type: ignore[arg-type]
    try:
        found = rights(environment, tmp_path, own_pair.pg_dsn)
    finally:
        administrator.execute(f"ALTER ROLE {USER} RESET default_transaction_read_only")  # type: ignore[arg-type]
    assert {"owner:public.auth_user", "owner:database list_cutter", "owner:schema public"} <= found.excess.keys()


def test_table_without_select_is_lacking(
    environment: Environment, administrator: psycopg.Connection, tmp_path: Path
) -> None:
    """A table of the mapping that the role cannot read is named."""
    administrator.execute(f"REVOKE SELECT ON auth_user FROM {READER}")  # type: ignore[arg-type]  # noqa: S608 - a constant
    try:
        found = rights(environment, tmp_path)
    finally:
        administrator.execute(f"GRANT SELECT ON auth_user TO {READER}")  # type: ignore[arg-type]
    assert found.lacking == ["auth_user"]


def test_function_of_its_owner_is_reported(
    environment: Environment, administrator: psycopg.Connection, tmp_path: Path
) -> None:
    """A function that runs with the rights of its owner cannot be judged, so it is named."""
    administrator.execute("CREATE FUNCTION public.opens() RETURNS int SECURITY DEFINER LANGUAGE sql AS 'SELECT 1'")
    try:
        found = rights(environment, tmp_path)
    finally:
        administrator.execute("DROP FUNCTION public.opens()")
    assert found.definers == ["public.opens"]
    assert not dataclasses.replace(found, definers=()).excess
