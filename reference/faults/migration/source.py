"""Faults in Django's tables, or in both systems: values that the mapping cannot migrate or the Worker cannot use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from reference.faults.migration.planting import Pair, fault, literal, restored

TOO_MANY_ITERATIONS = 870_000
"""Django 5.1's own default."""
_OF_NO_PASSWORD = "pbkdf2_sha256$1000$salt$" + "A" * 43 + "="


@contextmanager
def _source_row(pair: Pair, table: str, key: int, sets: dict[str, Any]) -> Iterator[None]:
    """Set columns of one row of PostgreSQL and restore the row afterwards."""
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
    assert found is not None, f"the data has no place for this fault: {table}, {where}"
    return int(found[0])


def _in_source(name: str, table: str, where: str, sets: dict[str, Any]) -> None:
    """Change a row of Django so that the mapping cannot migrate it. The control writes the same row unchanged."""

    @fault(name)
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


@fault("group-in-use")
def group_in_use(pair: Pair, planted: bool) -> Iterator[str]:
    name = "fault of the migration"
    pair.postgres.execute("INSERT INTO auth_group (name) VALUES (%s)", (name,))
    try:
        if not planted:
            pair.postgres.execute("DELETE FROM auth_group WHERE name = %s", (name,))
        yield ""  # the finding concerns the table, not a row
    finally:
        pair.postgres.execute("DELETE FROM auth_group WHERE name = %s", (name,))


def _password_of_both(name: str, password: str, control: str | None) -> None:
    """Store a password hash in both systems that the Worker cannot use.

    The control's hash is usable, or belongs to a disabled account.
    """

    @fault(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        # A disabled account may have any format: it cannot log in anyway.
        where = "is_active" if planted or control is not None else "NOT is_active"
        key = _middle(pair, "auth_user", where)
        value = password if planted or control is None else control
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
