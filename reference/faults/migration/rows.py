"""Faults of single rows and values in D1.

Faults of both sides are in source.py, of references and sequences in keys.py, of objects in
objects.py.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from reference.faults.migration.planting import Pair, PlantingError, fault, literal, restored, sequence_kept, update

_WITHOUT_FILES = "NOT EXISTS (SELECT 1 FROM files WHERE user_id = users.id)"
_UNNAMED = "NOT EXISTS (SELECT 1 FROM saved_filters WHERE saved_filters.file_id = files.file_id)"


def _value(name: str, table: str, column: str, where: str, value: str, control: str | None = None) -> None:
    """Set a column to an SQL expression, in the middle row of those that match. control: the control's expression."""

    @fault(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        key = _middle(pair, table, where)
        with update(pair, table, key, {column: value if planted else (control or column)}, planted=planted) as told:
            yield told


def _middle(pair: Pair, table: str, where: str) -> int:
    """Return the id of a row that is neither first nor last: faults at the edges of a page are separate faults."""
    many = f"SELECT count(*) FROM {table} WHERE {where}"
    return int(pair.one(f"SELECT CAST(id AS TEXT) FROM {table} WHERE {where} ORDER BY id LIMIT 1 OFFSET ({many}) / 2"))


_value("trailing-space-in-file-name", "files", "filename", "filename LIKE '%.csv'", "filename || ' '")
_value("trailing-space-in-username", "users", "username", "1", "username || ' '")
_value("leading-space-lost", "files", "filename", "filename LIKE ' %'", "ltrim(filename)")
_value("line-end-in-name", "files", "original_filename", "1", "original_filename || char(10)")
_value("email-in-lower-case", "users", "email", "email <> lower(email)", "lower(email)")
_value(
    "username-in-upper-case",
    "users",
    "username",
    "username LIKE 'max.%'",
    "upper(substr(username, 1, 1)) || substr(username, 2)",
)
_value("zero-width-space-added", "users", "username", "1", "username || char(8203)")
_value(
    "one-microsecond-later",
    "users",
    "created_at",
    "created_at LIKE '%.123456Z'",
    "replace(created_at, '.123456Z', '.123457Z')",
)
_value(
    "microseconds-cut",
    "files",
    "created_at",
    "created_at LIKE '%.123456Z'",
    "replace(created_at, '.123456Z', '.123Z')",
    "replace(created_at, '.123456Z', '.123456Z')",
)
_value(
    "an-hour-earlier",
    "users",
    "last_login",
    "last_login LIKE '%T0%' AND last_login NOT LIKE '%T00%'",
    "replace(last_login, substr(last_login, 11, 3), printf('T%02d', substr(last_login, 12, 2) - 1))",
)
_value(
    "a-day-later",
    "files",
    "updated_at",
    "substr(updated_at, 9, 2) < '27'",
    "substr(updated_at, 1, 8) || printf('%02d', substr(updated_at, 9, 2) + 1) || substr(updated_at, 11)",
)
_value("processed-at-null", "files", "processed_at", "processed_at IS NOT NULL", "NULL")
_value("never-logged-in-has-a-date", "users", "last_login", "last_login IS NULL", "created_at")
_value("last-login-lost", "users", "last_login", "last_login IS NOT NULL", "NULL")
_value("no-email-as-empty-text", "users", "email", "email IS NULL", "''")
_value("email-lost", "users", "email", "email IS NOT NULL", "NULL")
_value("tags-null", "files", "tags", "tags = '[]'", "NULL")
_value("account-enabled", "users", "is_active", "is_active = 0", "1")
_value("account-disabled", "users", "is_active", "is_active = 1", "0")
_value("active-null", "users", "is_active", "is_active = 1", "NULL")
_value("made-administrator", "users", "is_admin", "is_admin = 0", "1")
_value("email-verified", "users", "email_verified", "email_verified = 0", "1")
_value("full-name-from-somewhere", "users", "full_name", "full_name IS NULL", "username")
_value("blob-in-text", "files", "filename", "1", "CAST(filename AS BLOB)")
_value("password-as-blob", "users", "password", "1", "CAST(password AS BLOB)")
# SQLite converts '902 ' in an INTEGER column back to 902; with a no-break space it stays a text.
_value("number-as-text", "files", "file_size", "1", "file_size || char(160)")
_value("number-as-blob", "files", "file_size", "1", "CAST(CAST(file_size AS TEXT) AS BLOB)")
_value("size-off-by-one", "files", "file_size", "1", "file_size + 1")
_value("hash-cut", "users", "password", "is_active = 1", "substr(password, 1, length(password) - 1)")
_value("hash-padding-lost", "users", "password", "is_active = 1 AND password LIKE '%='", "rtrim(password, '=')")
_value("media-type-of-a-spreadsheet", "files", "mime_type", "1", "'application/vnd.ms-excel'")
_value("file-id-in-upper-case", "files", "file_id", f"file_id <> upper(file_id) AND {_UNNAMED}", "upper(file_id)")
_value("key-of-another-user", "files", "r2_key", "1", "'uploads/user-' || (user_id + 1) || '/' || file_id || '.csv'")
_value(
    "owner-changed",
    "files",
    "user_id",
    "EXISTS (SELECT 1 FROM users WHERE id <> files.user_id)",
    "(SELECT min(id) FROM users WHERE id <> files.user_id)",
)
_value("row-count-with-header", "files", "row_count", "row_count > 1", "row_count + 1")
_value("column-count-lost", "files", "column_count", "column_count IS NOT NULL", "NULL")
_value(
    "checksum-of-other-bytes",
    "files",
    "checksum",
    "1",
    "CASE substr(checksum, 1, 1) WHEN '0' THEN '1' ELSE '0' END || substr(checksum, 2)",
)
_value("malformed-called-completed", "files", "upload_status", "upload_status = 'error'", "'completed'")
_value("reason-without-error", "files", "processing_error", "upload_status = 'completed'", "'A quote is never closed.'")


def _made(
    name: str, table: str, column: str, where: str, change: Callable[[str], str], control: Callable[[str], str]
) -> None:
    """Write a text that is computed outside SQL. control: the control's function, whose text may be equivalent."""

    @fault(name)
    def plant(pair: Pair, planted: bool) -> Iterator[str]:
        key = _middle(pair, table, where)
        text = pair.one(f"SELECT {column} FROM {table} WHERE id = {key}")
        made = (change if planted else control)(text)
        if planted and made == text:
            raise PlantingError(f"{table} {key}: nothing to change")
        # The control writes an equivalent text, so only this column may have changed.
        with update(pair, table, key, {column: literal(made)}, planted=made != text) as told:
            yield told


def _same(text: str) -> str:
    return text


def _respaced(text: str) -> str:
    return json.dumps(json.loads(text), ensure_ascii=True, separators=(" ,", " : "))


def _respaced_as_is(text: str) -> str:
    """Change only spaces, so that numbers keep their lexemes."""
    return text.replace('": ', '"  :\n').replace("{", "{ ")


_made(
    "decomposed-normal-form",
    "users",
    "username",
    "username LIKE 'Zo\u00eb.%'",
    lambda text: unicodedata.normalize("NFD", text),
    _same,
)
_made(
    "tags-reordered",
    "files",
    "tags",
    "json_array_length(tags) > 1",
    lambda text: json.dumps(json.loads(text)[::-1], ensure_ascii=False),
    _respaced,
)
_made(
    "tag-lost", "files", "tags", "json_array_length(tags) > 1", lambda text: json.dumps(json.loads(text)[1:]), _respaced
)
_made(
    "tag-twice",
    "files",
    "tags",
    "json_array_length(tags) > 0",
    lambda text: json.dumps([*json.loads(text), json.loads(text)[0]]),
    _respaced,
)
_made(
    "tags-as-one-text",
    "files",
    "tags",
    "json_array_length(tags) > 1",
    lambda text: json.dumps(",".join(json.loads(text))),
    _respaced,
)
_made(
    "metadata-column-renamed",
    "files",
    "columns_metadata",
    "columns_metadata GLOB '*\"name\"*'",
    lambda text: text.replace('"name"', '"Name"', 1),
    _respaced_as_is,
)
_made(
    "metadata-number-rounded",
    "files",
    "columns_metadata",
    "columns_metadata LIKE '%9007199254740993%'",
    lambda text: text.replace("9007199254740993", "9007199254740992"),
    _respaced_as_is,
)
_made(
    "metadata-number-shortened",
    "files",
    "columns_metadata",
    "columns_metadata LIKE '%1.50%'",
    lambda text: text.replace("1.50", "1.5"),
    _respaced_as_is,
)
_made("metadata-emptied", "files", "columns_metadata", "columns_metadata <> '{}'", lambda _: "{}", _respaced_as_is)
_made(
    "metadata-no-json", "files", "columns_metadata", "columns_metadata <> '{}'", lambda text: text[:-1], _respaced_as_is
)
_made(
    "hash-of-other-salt",
    "users",
    "password",
    "is_active = 1",
    lambda text: text.replace("$", "$x", 2).replace("$x", "$", 1),
    _same,
)


@fault("two-passwords-swapped")
def two_passwords_swapped(pair: Pair, planted: bool) -> Iterator[str]:
    first, second = (row[0] for row in pair.d1("SELECT max(id) FROM users GROUP BY password ORDER BY 1 LIMIT 2"))
    with _swapped(pair, "users", "password", (first, second), planted=planted) as key:
        yield key


@fault("two-names-swapped")
def two_names_swapped(pair: Pair, planted: bool) -> Iterator[str]:
    first, second = (row[0] for row in pair.d1("SELECT max(id) FROM files GROUP BY filename ORDER BY 1 LIMIT 2"))
    with _swapped(pair, "files", "filename", (first, second), planted=planted) as key:
        yield key


@contextmanager
def _swapped(pair: Pair, table: str, column: str, keys: tuple[int, int], *, planted: bool) -> Iterator[str]:
    """Give each of two rows the other's value."""
    first, second = keys
    one, other = pair.literals(table, first)[column], pair.literals(table, second)[column]
    if one == other:
        raise PlantingError(f"{table} {first} and {second} hold the same {column}")
    with (
        update(pair, table, first, {column: other if planted else one}, planted=planted) as key,
        update(pair, table, second, {column: one if planted else other}, planted=planted),
    ):
        yield key


@fault("file-row-missing")
def file_row_missing(pair: Pair, planted: bool) -> Iterator[str]:
    key = _middle(pair, "files", _UNNAMED)
    with _gone(pair, "files", key, planted=planted):
        yield str(key)


@fault("first-file-row-missing")
def first_file_row_missing(pair: Pair, planted: bool) -> Iterator[str]:
    key = int(pair.one("SELECT CAST(min(id) AS TEXT) FROM files"))
    with _gone(pair, "files", key, planted=planted):
        yield str(key)


@fault("last-file-row-missing")
def last_file_row_missing(pair: Pair, planted: bool) -> Iterator[str]:
    key = int(pair.one("SELECT CAST(max(id) AS TEXT) FROM files"))
    with _gone(pair, "files", key, planted=planted):
        yield str(key)


@fault("user-row-missing")
def user_row_missing(pair: Pair, planted: bool) -> Iterator[str]:
    key = _middle(pair, "users", f"{_WITHOUT_FILES} AND NOT EXISTS (SELECT 1 FROM audit_logs WHERE user_id = users.id)")
    with _gone(pair, "users", key, planted=planted):
        yield str(key)


@contextmanager
def _gone(pair: Pair, table: str, key: int, *, planted: bool) -> Iterator[None]:
    with restored(pair, table, key):
        row = pair.literals(table, key)
        pair.d1(f"DELETE FROM {table} WHERE id = {key}")
        if not planted:
            pair.put_row(table, row)
        yield


@fault("file-row-extra")
def file_row_extra(pair: Pair, planted: bool) -> Iterator[str]:
    other = "0f0f0f0f-0f0f-4f0f-8f0f-0f0f0f0f0f0f"
    key = _middle(pair, "files", "1")
    row = pair.literals("files", key)
    owner = row["user_id"]
    more = {"file_id": literal(other), "r2_key": literal(f"uploads/user-{owner}/{other}.csv")}
    with _added(pair, "files", row | more, planted=planted) as told:
        yield told


@fault("file-row-doubled")
def file_row_doubled(pair: Pair, planted: bool) -> Iterator[str]:
    """Add the same file id in other letters: D1's UNIQUE compares bytes and accepts it."""
    row = pair.literals("files", _middle(pair, "files", "file_id <> upper(file_id)"))
    more = {name: f"upper({row[name]})" for name in ("file_id", "r2_key")}
    with _added(pair, "files", row | more, planted=planted) as told:
        yield told


@fault("user-row-extra")
def user_row_extra(pair: Pair, planted: bool) -> Iterator[str]:
    row = pair.literals("users", _middle(pair, "users", "1"))
    with _added(pair, "users", row | {"username": "'left over'", "email": "NULL"}, planted=planted) as told:
        yield told


@contextmanager
def _added(pair: Pair, table: str, row: dict[str, str], *, planted: bool) -> Iterator[str]:
    """Insert a row in the place of a deleted row, so that it is not at a page's end."""
    taken = f"SELECT 1 FROM {table} WHERE id = t.id + 1"
    key = int(pair.one(f"SELECT CAST(min(id) + 1 AS TEXT) FROM {table} AS t WHERE NOT EXISTS ({taken})"))
    with sequence_kept(pair, table):
        pair.put_row(table, row | {"id": str(key)})
        try:
            if not planted:
                pair.d1(f"DELETE FROM {table} WHERE id = {key}")
            yield str(key)
        finally:
            pair.d1(f"DELETE FROM {table} WHERE id = {key}")
