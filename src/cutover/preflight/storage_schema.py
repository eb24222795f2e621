"""The schema of a SQLite database (D1), normalized so that two spellings of the same schema are equal.

A schema is rebuilt in memory from the SQL that the database stores for it. So D1 needs one query, and the same PRAGMAs
describe the live schema and the expected one. https://www.sqlite.org/schematab.html
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any, Final

from cutover.core.errors import NotVerified

STORED_SCHEMA: Final = "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid"
"""The query for a database's own schema. Implicit indexes have no SQL; their tables create them."""

_INTERNAL: Final = ("sqlite_", "_cf_")
"""Prefixes of the tables that SQLite and D1 create themselves."""

_TOKEN: Final = re.compile(
    r"""--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|[\w$]+|\S""", re.DOTALL
)


@dataclass(frozen=True)
class Column:
    """A column. default: its normalized expression, "" if it has none; key: position in the primary key, from 1."""

    type: str
    not_null: bool = False
    default: str = ""
    key: int = 0
    generated: bool = False
    collation: str = "BINARY"

    @property
    def affinity(self) -> str:
        """Return the type affinity. https://www.sqlite.org/datatype3.html#determination_of_column_affinity"""
        name = self.type.upper()
        for affinity, parts in (("INTEGER", ("INT",)), ("TEXT", ("CHAR", "CLOB", "TEXT"))):
            if any(part in name for part in parts):
                return affinity
        if not name or "BLOB" in name:
            return "BLOB"
        return "REAL" if any(part in name for part in ("REAL", "FLOA", "DOUB")) else "NUMERIC"


@dataclass(frozen=True)
class Index:
    """An index by its effect, without its name. terms: "column", "column DESC" or an expression; where: its filter."""

    unique: bool
    terms: tuple[str, ...]
    where: str = ""

    def __str__(self) -> str:
        """Return it in words."""
        kind = "UNIQUE index" if self.unique else "index"
        return f"{kind} on ({', '.join(self.terms)})" + (f" where {self.where}" if self.where else "")


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key with its actions."""

    columns: tuple[str, ...]
    table: str
    referenced: tuple[str, ...]
    on_delete: str
    on_update: str

    def __str__(self) -> str:
        """Return it in words."""
        return (
            f"foreign key ({', '.join(self.columns)}) to {self.table} ({', '.join(self.referenced)}) "
            f"ON DELETE {self.on_delete} ON UPDATE {self.on_update}"
        )


@dataclass(frozen=True)
class TableShape:
    """A table. options: AUTOINCREMENT, STRICT, WITHOUT ROWID and the CHECK constraints that it has."""

    columns: Mapping[str, Column]
    indexes: frozenset[Index]
    foreign_keys: frozenset[ForeignKey]
    options: frozenset[str]


@dataclass(frozen=True)
class Schema:
    """The tables, views and triggers of a database, by lower-case name. views, triggers: normalized SQL."""

    tables: Mapping[str, TableShape]
    views: Mapping[str, str]
    triggers: Mapping[str, str]


def rebuilt(rows: Iterable[Mapping[str, Any]], *, without: Sequence[str] = ()) -> Schema:
    """Return the schema that these rows of STORED_SCHEMA describe.

    without: tables to leave out, with their indexes and triggers. Raises NotVerified if SQLite does not accept the SQL
    of a row, for example because it needs an extension.
    """
    skipped = {name.lower() for name in without}
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.set_authorizer(_only_schema)
        for row in rows:
            of = str(row["tbl_name"]).lower()
            if of.startswith(_INTERNAL) or of in skipped:
                continue
            try:
                database.execute(str(row["sql"]))
            except sqlite3.Error as error:
                raise NotVerified(
                    f"the {row['type']} {row['name']!r} of the live database cannot be rebuilt in SQLite "
                    f"{sqlite3.sqlite_version}, so its schema was not compared: {error}"
                ) from None
        database.set_authorizer(None)
        return schema_of(database, without=without)


def schema_of(database: sqlite3.Connection, *, without: Sequence[str] = ()) -> Schema:
    """Return the schema of an open database in memory. Indexes are added to it and removed while it is read."""
    skipped = {name.lower() for name in without}
    tables: dict[str, TableShape] = {}
    views: dict[str, str] = {}
    triggers: dict[str, str] = {}
    for kind, name, of, sql in database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master").fetchall():
        if of.lower().startswith(_INTERNAL) or of.lower() in skipped:
            continue
        if kind == "table":
            tables[name.lower()] = _table(database, name, sql or "")
        elif kind in ("view", "trigger"):
            (views if kind == "view" else triggers)[name.lower()] = normalized(sql or "")
    return Schema(tables, views, triggers)


def normalized(sql: str) -> str:
    """Return SQL without comments and white space, with names in lower case. Strings are kept as they are."""
    return " ".join(_tokens(sql))


def _tokens(sql: str) -> list[str]:
    found = []
    for token in _TOKEN.findall(sql):
        if token.startswith(("--", "/*")):
            continue
        if token[0] in '"`[':
            token = token[1:-1].replace(token[0] * 2, token[0])
        found.append(token if token[0:1] == "'" else token.lower())
    return found


def _only_schema(action: int, *_: object) -> int:
    """Refuse statements that reach other files. The SQL is the live database's, so it is not trusted."""
    return sqlite3.SQLITE_DENY if action in (sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH) else sqlite3.SQLITE_OK


def _table(database: sqlite3.Connection, name: str, sql: str) -> TableShape:
    columns = {}
    for row in _pragma(database, "table_xinfo", name):
        _, column, kind, not_null, default, key, hidden = row
        columns[column.lower()] = Column(
            " ".join(kind.upper().split()), bool(not_null), normalized(default or ""), key, hidden in (2, 3),
            _collation(database, name, column) if not hidden else "BINARY",
        )  # fmt: skip
    return TableShape(columns, _indexes(database, name), _foreign_keys(database, name), _options(database, name, sql))


def _pragma(database: sqlite3.Connection, pragma: str, name: str) -> list[tuple[Any, ...]]:
    return database.execute(f"SELECT * FROM pragma_{pragma}(?)", (name,)).fetchall()  # noqa: S608 - a constant of this module


def _collation(database: sqlite3.Connection, table: str, column: str) -> str:
    """Return the collation of a column, by the index that SQLite would create on it: no PRAGMA names it."""
    quoted = [text.replace('"', '""') for text in (table, column)]
    try:
        database.execute(f'CREATE INDEX "cutover probe" ON "{quoted[0]}" ("{quoted[1]}")')
    except sqlite3.Error:  # a virtual table has no indexes
        return "BINARY"
    collation = str(_pragma(database, "index_xinfo", "cutover probe")[0][4])
    database.execute('DROP INDEX "cutover probe"')
    return collation


def _indexes(database: sqlite3.Connection, table: str) -> frozenset[Index]:
    found = set()
    for _, name, unique, origin, partial in _pragma(database, "index_list", table):
        if origin == "pk":  # described by the columns' keys
            continue
        parts = [row for row in _pragma(database, "index_xinfo", name) if row[5]]
        expressions = any(row[2] is None for row in parts)
        sql = database.execute("SELECT sql FROM sqlite_master WHERE name = ?", (name,)).fetchone()[0] or ""
        terms = tuple(
            " ".join([row[2].lower(), *(["desc"] if row[3] else []), *([row[4].lower()] if row[4] != "BINARY" else [])])
            for row in parts
            if row[2] is not None
        )
        body = normalized(sql).partition(" on ")[2].partition("(")[2]
        if expressions:
            terms = (body.partition(" where ")[0].strip().removesuffix(")").strip(),)
        found.add(Index(bool(unique), terms, body.rpartition(" where ")[2] if partial else ""))
    return frozenset(found)


def _foreign_keys(database: sqlite3.Connection, table: str) -> frozenset[ForeignKey]:
    grouped: dict[int, list[tuple[Any, ...]]] = {}
    for row in _pragma(database, "foreign_key_list", table):
        grouped.setdefault(row[0], []).append(row)
    found = set()
    for rows in grouped.values():
        rows.sort(key=lambda row: row[1])
        other = rows[0][2]
        referenced = [row[4] for row in rows]
        if None in referenced:  # the primary key of the other table
            keys = sorted((row[5], row[1]) for row in _pragma(database, "table_xinfo", other) if row[5])
            referenced = [column for _, column in keys]
        found.add(
            ForeignKey(
                tuple(row[3].lower() for row in rows),
                other.lower(),
                tuple(name.lower() for name in referenced),
                rows[0][6],
                rows[0][5],
            )
        )
    return frozenset(found)


def _options(database: sqlite3.Connection, table: str, sql: str) -> frozenset[str]:
    tokens = _tokens(sql)
    found = {"AUTOINCREMENT"} if "autoincrement" in tokens else set()
    _, _, _, _, without_rowid, strict = _pragma(database, "table_list", table)[0]
    found |= ({"WITHOUT ROWID"} if without_rowid else set()) | ({"STRICT"} if strict else set())
    for at, word in enumerate(tokens[:-1]):
        if word == "check" and tokens[at + 1] == "(":
            found.add(f"CHECK {_parenthesis(tokens[at + 1 :])}")
    return frozenset(found)


def _parenthesis(tokens: Sequence[str]) -> str:
    depth = 0
    for at, word in enumerate(tokens):
        depth += (word == "(") - (word == ")")
        if depth == 0:
            return " ".join(tokens[: at + 1])
    return " ".join(tokens)
