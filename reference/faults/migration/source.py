"""Defects in Django's tables, or in both systems alike: what the mapping cannot carry, or the Worker cannot use.

Not for values in D1 alone: rows.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reference.faults.migration.planting import Pair, defect, literal, restored

TOO_MANY_ITERATIONS = 870_000
"""Django 5.1's own default."""
_OF_NO_PASSWORD = "pbkdf2_sha256$1000$salt$" + "A" * 43 + "="


@contextmanager
def _source_row(pair: Pair, table: str, key: int, sets: dict[str, Any]) -> Iterator[None]:
    """Columns of one row of PostgreSQL; afterwards the row is as it was."""
    columns = ", ".join(f"{name} = %s" for name in sets)
    (before,) = pair.postgres.execute(
        f"SELECT row_to_json(t)::text FROM {table} t WHERE id = %s", (key,)
    ).fetchone() or ("",)
    old = ", ".join(f"{name} = r.{name}" for name in sets)
    pair.postgres.execute(f"UPDATE {table} SET {columns} WHERE id = %s", (*sets.values(), key))
    try:
        yield
    finally:
        pair.postgres.execute(
            f"UPDATE {table} AS t SET {old} FROM json_populate_record(NULL::{table}, %s::json) AS r WHERE t.id = %s",
            (before, key),
        )


def _middle(pair: Pair, table: str, where: str) -> int:
    found = pair.postgres.execute(
        f"SELECT id FROM {table} WHERE {where} ORDER BY id LIMIT 1"
        f" OFFSET (SELECT count(*) / 2 FROM {table} WHERE {where})"
    ).fetchone()
    assert found is not None, f"the data holds no place for this defect: {table}, {where}"
    return int(found[0])


def _in_source(name: str, table: str, where: str, sets: dict[str, Any]) -> None:
    """A row of Django that the mapping cannot carry. The twin writes the same row without changing it."""

    @defect(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        key = _middle(pair, table, where)
        row = pair.postgres.execute(f"SELECT {', '.join(sets)} FROM {table} WHERE id = %s", (key,)).fetchone()
        now = dict(zip(sets, row or (), strict=True))
        with _source_row(pair, table, key, sets if planted else now):
            yield str(key)


_in_source("first-name-in-source", "auth_user", "first_name = ''", {"first_name": "Ann"})
_in_source("superuser-without-staff", "auth_user", "NOT is_staff", {"is_superuser": True})
_in_source("infinite-last-login", "auth_user", "last_login IS NOT NULL", {"last_login": "infinity"})
_in_source("file-path-of-other-form", "list_cutter_savedfile", "true", {"file_path": "uploads/2019/list.csv"})
_in_source("source-changed-after-migration", "list_cutter_savedfile", "true", {"user_tags": ["changed", "since"]})
_in_source("password-changed-in-source", "auth_user", "is_active", {"password": _OF_NO_PASSWORD})


@defect("group-in-use")
def group_in_use(pair: Pair, planted: bool) -> Iterator[str]:
    name = "defect of the migration"
    pair.postgres.execute("INSERT INTO auth_group (name) VALUES (%s)", (name,))
    try:
        if not planted:
            pair.postgres.execute("DELETE FROM auth_group WHERE name = %s", (name,))
        yield ""  # the table is meant, not one of its rows
    finally:
        pair.postgres.execute("DELETE FROM auth_group WHERE name = %s", (name,))


def _password_of_both(name: str, password: str, twin: str | None) -> None:
    """Both systems hold the same password, which the Worker cannot use. The twin's it could, or it is of nobody."""

    @defect(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        # A disabled account may keep any form: it may not log in anyway.
        where = "is_active" if planted or twin is not None else "NOT is_active"
        key = _middle(pair, "auth_user", where)
        value = password if planted or twin is None else twin
        with _source_row(pair, "auth_user", key, {"password": value}), restored(pair, "users", key):
            pair.d1(f"UPDATE users SET password = {literal(value)} WHERE id = {key}")
            yield str(key)


_password_of_both(
    "iterations-over-the-limit",
    _OF_NO_PASSWORD.replace("1000", str(TOO_MANY_ITERATIONS)),
    _OF_NO_PASSWORD.replace("1000", "100000"),
)
_password_of_both(
    "one-iteration-over-the-limit",
    _OF_NO_PASSWORD.replace("1000", "100001"),
    _OF_NO_PASSWORD.replace("1000", "100000"),
)
_password_of_both("hash-of-other-algorithm", "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdHNhbHQ$YWJj", None)
_password_of_both("hash-of-sha1", "pbkdf2_sha1$1000$salt$" + "A" * 27 + "=", None)
_password_of_both("hash-without-salt", _OF_NO_PASSWORD.replace("$salt$", "$$"), None)
_password_of_both("zero-iterations", _OF_NO_PASSWORD.replace("1000", "0"), None)
