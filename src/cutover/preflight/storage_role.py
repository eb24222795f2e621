"""Prove from its grants that the role of the legacy database can only read.

Nothing is written to find out. `default_transaction_read_only` proves nothing: the role itself can turn it off.
https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-ACCESS
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, LiteralString

from cutover.config.environment import Environment
from cutover.config.validation import ConfigurationError, read_toml
from cutover.core.recorder import Recorder
from cutover.preflight.findings import Finding
from cutover.stores import LegacyRows

_ROLES: Final[LiteralString] = """
SELECT r.rolname, r.rolname = current_user AS is_self, r.rolsuper, r.rolcreaterole, r.rolcreatedb, r.rolreplication,
       current_setting('default_transaction_read_only') AS default_read_only
FROM pg_roles AS r WHERE pg_has_role(current_user, r.oid, 'MEMBER') ORDER BY r.rolname"""

# The role may use the grants of every role that it is a member of, by SET ROLE if it does not inherit them.
_RELATIONS: Final[LiteralString] = """
WITH own AS (SELECT oid FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER'))
SELECT n.nspname, c.relname, c.relkind::text, pg_has_role(current_user, c.relowner, 'MEMBER') AS owned,
       CASE WHEN c.relkind = 'S' THEN false ELSE
         has_table_privilege(c.oid, 'SELECT') AND has_schema_privilege(n.oid, 'USAGE') END AS can_select,
       (SELECT array_agg(p ORDER BY p) FROM unnest(
           CASE WHEN c.relkind = 'S' THEN ARRAY['UPDATE', 'USAGE']
                ELSE ARRAY['DELETE', 'INSERT', 'REFERENCES', 'TRIGGER', 'TRUNCATE', 'UPDATE'] END) AS p
        WHERE EXISTS (SELECT 1 FROM own WHERE CASE
            WHEN c.relkind = 'S' THEN has_sequence_privilege(own.oid, c.oid, p)
            WHEN p IN ('INSERT', 'REFERENCES', 'UPDATE') THEN has_any_column_privilege(own.oid, c.oid, p)
            ELSE has_table_privilege(own.oid, c.oid, p) END)) AS privileges
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'
ORDER BY n.nspname, c.relname"""

_PLACES: Final[LiteralString] = """
WITH own AS (SELECT oid FROM pg_roles WHERE pg_has_role(current_user, oid, 'MEMBER'))
SELECT 'schema ' || n.nspname AS place, pg_has_role(current_user, n.nspowner, 'MEMBER') AS owned,
       EXISTS (SELECT 1 FROM own WHERE has_schema_privilege(own.oid, n.oid, 'CREATE')) AS may_create
FROM pg_namespace AS n WHERE left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'
UNION ALL
SELECT 'database ' || d.datname, pg_has_role(current_user, d.datdba, 'MEMBER'),
       EXISTS (SELECT 1 FROM own WHERE has_database_privilege(own.oid, d.oid, 'CREATE'))
FROM pg_database AS d WHERE d.datname = current_database()"""

_DEFINERS: Final[LiteralString] = """
SELECT n.nspname, p.proname FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace
WHERE p.prosecdef AND left(n.nspname, 3) <> 'pg_' AND n.nspname <> 'information_schema'
  AND has_function_privilege(p.oid, 'EXECUTE') ORDER BY 1, 2"""

_STRONG_ROLES: Final = frozenset({
    "pg_read_server_files", "pg_write_all_data", "pg_write_server_files", "pg_execute_server_program", "pg_maintain",
    "pg_checkpoint", "pg_signal_backend", "pg_create_subscription",
})  # fmt: skip
"""Predefined roles that change data, files or sessions, or read files of the server. https://www.postgresql.org/docs/current/predefined-roles.html"""

_ATTRIBUTES: Final = {
    "rolsuper": "superuser: every grant is ignored",
    "rolcreaterole": "CREATEROLE: it can give itself rights",
    "rolcreatedb": "CREATEDB",
    "rolreplication": "REPLICATION: it can read and stop the replication of the whole server",
}
_SHOWN: Final = 8
_PROMISED: Final = "docs/preflight.md, Stores: the suite reads the legacy database and must not be able to change it"
_DO_NEXT: Final = (
    "create a role for the suite: CREATE ROLE cutover LOGIN; GRANT USAGE ON SCHEMA public TO cutover; GRANT SELECT ON "
    "ALL TABLES IN SCHEMA public TO cutover; GRANT SELECT ON ALL SEQUENCES IN SCHEMA public TO cutover; and name it in "
    "secrets.postgres_dsn. default_transaction_read_only is no protection, because the role itself can turn it off"
)


@dataclass(frozen=True)
class RoleRights:
    """The rights of a role, as the server reports them.

    excess: stable name -> sentence, for each right that a reader does not need. lacking: tables that it must read and
    cannot. definers: functions that run with the rights of their owner and that the role may call.
    """

    role: str
    excess: Mapping[str, str]
    lacking: Sequence[str]
    definers: Sequence[str]
    relations: int


def read_tables(project: Path, environment: Environment) -> list[str]:
    """Return the legacy tables that the suite reads: the sources of the migration's mapping.

    Raises ConfigurationError if the mapping names none.
    """
    file = environment.files.get("migration") or project / "contracts" / "migration.toml"
    tables = [str(table["source"]) for table in read_toml(file).get("table", ()) if "source" in table]
    if not tables:
        raise ConfigurationError(file, "table", "expected tables with a source, got none", "Restore the file.")
    return sorted(set(tables))


def rights_of(rows: LegacyRows, needed: Collection[str]) -> RoleRights:
    """Return the rights of the session's role in its database. needed: the tables that the suite reads.

    Raises like LegacyRows.rows.
    """
    with rows.snapshot():
        roles = rows.rows(_ROLES)
        own = next(role for role in roles if role["is_self"])
        if own["rolsuper"]:
            excess = {"superuser": f"{own['rolname']} is a {_ATTRIBUTES['rolsuper']}"}
            return RoleRights(own["rolname"], excess, (), (), 0)
        relations = rows.rows(_RELATIONS)
        excess = dict([*_of_roles(roles), *_of_relations(relations), *_of_places(rows.rows(_PLACES))])
        readable = {row["relname"] for row in relations if row["can_select"]}
        definers = [f"{row['nspname']}.{row['proname']}" for row in rows.rows(_DEFINERS)]
    return RoleRights(own["rolname"], excess, sorted(set(needed) - readable), definers, len(relations))


def role_findings(rows: LegacyRows, needed: Collection[str], recorder: Recorder, source: str) -> Iterator[Finding]:
    """Yield a finding for every right of the role beyond reading, and for every needed table that it cannot read.

    needed: the tables that the suite reads. source: the server, for messages. Raises like LegacyRows.rows.
    """
    found = rights_of(rows, needed)
    recorder.measure("rights beyond reading", len(found.excess), "= 0", sample=found.relations)
    recorder.measure("needed tables without SELECT", len(found.lacking), "= 0", sample=len(needed))
    if found.definers:
        recorder.note_undetectable(
            f"writes by functions that run with the rights of their owner (SECURITY DEFINER): {_some(found.definers)}"
        )
    recorder.note_undetectable("large objects and temporary tables, which PostgreSQL lets every role create")
    for name, sentence in found.excess.items():
        yield Finding(
            f"storage:role-excess:{name}", f"{source}, role {found.role}", "only SELECT on the tables of List Cutter",
            sentence, _PROMISED, _DO_NEXT,
        )  # fmt: skip
    for table in found.lacking:
        yield Finding(
            f"storage:role-lacking:{table}", f"{source}, role {found.role}", f"SELECT on {table}", "no such right",
            _PROMISED, "GRANT USAGE ON SCHEMA public and SELECT on the table. If the table does not exist, this is not "
            "the database of List Cutter, or it is not migrated",
        )  # fmt: skip


def _of_roles(roles: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for role in roles:
        name = role["rolname"]
        via = "" if role["is_self"] else f" (through its role {name})"
        for attribute, sentence in _ATTRIBUTES.items():
            if role[attribute]:
                yield f"{attribute}:{name}", f"{sentence}{via}"
        if name in _STRONG_ROLES:
            yield f"member:{name}", f"it is a member of {name}"


def _of_relations(relations: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for row in relations:
        name = f"{row['nspname']}.{row['relname']}"
        if row["owned"]:
            yield f"owner:{name}", f"it owns {name}"
        elif row["privileges"]:
            yield f"grant:{name}", f"{', '.join(row['privileges'])} on {name}"


def _of_places(places: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    for row in places:
        if row["owned"]:
            yield f"owner:{row['place']}", f"it owns the {row['place']}"
        elif row["may_create"]:
            public = " (before PostgreSQL 15 PUBLIC has it: REVOKE CREATE ON SCHEMA public FROM PUBLIC)"
            hint = public if row["place"] == "schema public" else ""
            yield f"create:{row['place']}", f"CREATE in the {row['place']}{hint}"


def _some(names: Sequence[str]) -> str:
    return ", ".join([*names[:_SHOWN], *_more(len(names))])


def _more(count: int) -> list[str]:
    return [f"and {count - _SHOWN} more"] if count > _SHOWN else []
