"""Read the state that each system stores of given users, as one JSON document with the Worker's names.

The documents of the two systems are compared like responses. A migration of all users is reconciled by migration/.

    legacy                       Worker                document
    auth_user
      username                   users.username        username
      email                      email                 email
      is_active                  is_active             is_active
      is_staff                   is_admin              is_admin, as the plan maps it. A superuser who is not staff, or
      is_superuser                                     the reverse, has no equal flag: both are in the document
      password                   password              password_form: algorithm and, for PBKDF2, iterations. Salts are
                                                       random, so equal passwords have different hashes. The document
                                                       contains no salt and no hash
      date_joined                created_at            created_at
      last_login                 last_login            last_login
      id                         id                    not compared: each system has its own numbers. They are part of
                                                       paths and keys, which path_or_key_ok checks
      first_name, last_name      full_name             not compared: no operation reads or writes them
      -                          email_verified        not compared: Django has no such column, no operation writes it
      -                          updated_at            not compared: Django does not store it
    list_cutter_savedfile
      file_id                    files.file_id         file_id, compared by the ID mapping
      user_id                    user_id               username of that user
      file_name                  filename              filename
      file_size                  file_size             file_size of the row; stored_size is the size of the stored bytes
      - (text/csv for all)       mime_type             mime_type; for the legacy system the contract's constant
      user_tags                  tags                  tags. (The plan's script would copy system_tags, which the API
                                                       never returned)
      uploaded_at                created_at            created_at
      file_path                  r2_key                path_or_key_ok: true if it is the contract's for user and file;
                                                       bytes and stored_size: of the stored content, null if missing
      system_tags                -                     not compared: internal to Django, not returned
      metadata                   columns_metadata      not compared: derived from the bytes, in each system's own format
      -                          original_filename, upload_status, processing_error, row_count, column_count, checksum,
                                 updated_at, processed_at: not compared, no equivalent. The same holds for cache control
                                 and metadata of an object: a file on a disk has none (stores.ObjectStore.get). The
                                 content_type of an object is compared with the contract's constant, like mime_type
    files below uploads/USERID/  objects below         orphans: names there without a row of the user
                                 uploads/user-USERID/
"""

from __future__ import annotations

import datetime
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from cutover.core.errors import NotVerified, Refused
from cutover.stores import LegacyRows, MediaFolder, ObjectStore, RowStore

OBJECT_KEY: Final = "uploads/user-{user_id}/{file_id}.csv"
"""Key of a file in R2. An environment may change it (contracts/operations.toml, upload.worker.object_key)."""
FILE_PATH: Final = "uploads/{user_id}/{file_id}.csv"
"""Path of a file in the media folder (contracts/api.md, Files)."""
MIME_TYPE: Final = "text/csv"
"""Media type of every upload (contracts/api.md, Files). Django has no column for it."""

# Only PBKDF2 has the iterations after the algorithm. Other algorithms may have the salt there, which is secret.
_PBKDF2: Final = re.compile(r"pbkdf2_sha(?:1|256)\$[0-9]{1,10}")
_ALGORITHMS: Final = ("argon2", "bcrypt", "bcrypt_sha256", "md5", "pbkdf2_sha1", "pbkdf2_sha256", "scrypt")
_UNUSABLE: Final = "unusable"
_UNKNOWN: Final = "unknown form"

# Always six digits. Infinity, which to_char cannot write, is cast to text.
_LEGACY_USERS: Final = """
    SELECT id, username, email, is_active, is_staff, is_superuser,
      substring(password FROM '^([^$]*[$][^$]*)[$]') AS form, left(password, 1) AS first,
      CASE WHEN isfinite(date_joined) THEN to_char(date_joined AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ELSE date_joined::text END AS created_at,
      CASE WHEN isfinite(last_login) THEN to_char(last_login AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ELSE last_login::text END AS last_login
    FROM auth_user WHERE username = ANY(%s::text[])"""
_LEGACY_FILES: Final = """
    SELECT id, user_id, file_id::text AS file_id, file_name, file_path, file_size, user_tags,
      CASE WHEN isfinite(uploaded_at) THEN to_char(uploaded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
        ELSE uploaded_at::text END AS created_at
    FROM list_cutter_savedfile WHERE user_id = ANY(%s::bigint[])"""

_USER_COLUMNS: Final = {
    "id": "integer", "username": "text", "email": "text", "is_active": "integer", "is_admin": "integer",
    "created_at": "text", "last_login": "text",
}  # fmt: skip
_FILE_COLUMNS: Final = {
    "id": "integer", "user_id": "integer", "file_id": "text", "filename": "text", "file_size": "integer",
    "mime_type": "text", "tags": "text", "r2_key": "text", "created_at": "text",
}  # fmt: skip


def legacy_state(
    rows: LegacyRows, media: MediaFolder, usernames: Iterable[str], *, gone: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return the state of these users in PostgreSQL and in the media folder.

    The document contains JSON types only:

        users    [{username, email, is_active, is_admin, password_form, created_at, last_login}], by username
        files    [{file_id, username, filename, file_size, mime_type, tags, created_at, bytes, stored_size,
                 content_type, path_or_key_ok}], by username, created_at and the row's number
        orphans  [{username, name}], by both

    gone: username -> id of users that may have been deleted; remaining files in their folder are orphans.

    Sizes are in bytes. bytes is the SHA-256 of the stored content in hexadecimal digits; it and stored_size are null
    if nothing is stored. Instants are RFC 3339 texts with all digits that the system stores. Users that do not exist
    are in no list. All rows are of one snapshot; the files are read after it. Raises what LegacyRows.rows and
    MediaFolder.get raise. A path that leads out of the folder does not raise: the file is not read, and
    path_or_key_ok is false.
    """
    with rows.snapshot():
        users = rows.rows(_LEGACY_USERS, [sorted(set(usernames))])
        files = rows.rows(_LEGACY_FILES, [[user["id"] for user in users]])
    names = {user["id"]: user["username"] for user in users}
    documents = []
    for row in files:
        try:
            stored = media.get(row["file_path"])
        except Refused:
            stored = None
        path = FILE_PATH.format(user_id=row["user_id"], file_id=row["file_id"])
        documents.append(
            {
                "id": row["id"],
                "file_id": row["file_id"],
                "username": names[row["user_id"]],
                "filename": row["file_name"],
                "file_size": row["file_size"],
                "mime_type": MIME_TYPE,
                "tags": row["user_tags"],
                "created_at": row["created_at"],
                "bytes": stored.sha256 if stored else None,
                "stored_size": stored.size if stored else None,
                "content_type": MIME_TYPE if stored else None,
                "path_or_key_ok": row["file_path"] == path,
            }
        )
    orphans = []
    places = {user["username"]: user["id"] for user in users}
    for username, user_id in {**(gone or {}), **places}.items():
        prefix = FILE_PATH.partition("{file_id}")[0].format(user_id=user_id)
        known = {row["file_path"] for row in files if row["user_id"] == user_id}
        orphans += [
            {"username": username, "name": listed.path}
            for listed in media.list(prefix)
            if prefix + listed.path not in known
        ]
    return _document([_legacy_user(user) for user in users], documents, orphans)


def worker_state(
    row_store: RowStore,
    object_store: ObjectStore,
    usernames: Iterable[str],
    *,
    object_key: str = OBJECT_KEY,
    gone: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the state of these users in D1 and R2, as the document of `legacy_state`.

    object_key: the form of an object's key, with {user_id} before {file_id}. A value with another storage class than
    its column is {class: text} (a BLOB in hexadecimal digits), so that 5 and "5" are different, although D1's REST
    API returns some of them alike. A flag that is neither 0 nor 1 is {"integer": n}. Tags that are not a JSON list
    are the stored text; instants are the stored text. D1's REST API has no snapshot: concurrent writes may be seen
    partially. Raises NotVerified for an object_key without a folder per user, and what RowStore.rows, ObjectStore.get
    and ObjectStore.list raise.
    """
    place = object_key.partition("{file_id}")[0]
    if "{user_id}" not in place:
        raise NotVerified(f"object_key {object_key!r} has no folder per user, so orphans cannot be found")
    wanted = json.dumps(sorted(set(usernames)))
    # CAST: a name stored as a BLOB equals no text, so it would be reported as missing instead of wrong.
    chosen = "CAST(u.username AS TEXT) IN (SELECT value FROM json_each(?1))"
    users = row_store.rows(f"SELECT {_typed('u', _USER_COLUMNS)}, {_FORM} FROM users u WHERE {chosen}", wanted)  # noqa: S608 - constants only
    files = row_store.rows(
        f"SELECT {_typed('f', _FILE_COLUMNS)} FROM files f JOIN users u ON u.id = f.user_id WHERE {chosen}",  # noqa: S608 - the same
        wanted,
    )
    names = {row["id"]: _typed_value(row, "username", _USER_COLUMNS) for row in users}
    documents, keys = [], set()  # keys: (user's id, key)
    for row in files:
        if row["user_id"] not in names:
            continue  # the user was created between the two queries
        key = _typed_value(row, "r2_key", _FILE_COLUMNS)
        keys.add((row["user_id"], key if isinstance(key, str) else None))
        stored = object_store.get(key) if isinstance(key, str) and key else None
        documents.append(
            {
                "id": int(row["id"]),
                **{column: _typed_value(row, column, _FILE_COLUMNS) for column in ("file_id", "filename", "file_size")},
                "username": names[row["user_id"]],
                "mime_type": _typed_value(row, "mime_type", _FILE_COLUMNS),
                "tags": _tags(_typed_value(row, "tags", _FILE_COLUMNS)),
                "created_at": _typed_value(row, "created_at", _FILE_COLUMNS),
                "bytes": stored.sha256 if stored else None,
                "stored_size": stored.size if stored else None,
                "content_type": stored.content_type if stored else None,
                "path_or_key_ok": key == object_key.format(user_id=row["user_id"], file_id=row["file_id"]),
            }
        )
    orphans = []
    there = {str(row["id"]): names[row["id"]] for row in users}
    absent = {str(user_id): username for username, user_id in (gone or {}).items() if str(user_id) not in there}
    known = {(str(user_id), key) for user_id, key in keys}
    for user_id, username in {**there, **absent}.items():
        prefix = place.format(user_id=user_id)
        orphans += [
            {"username": username, "name": listed.key.removeprefix(prefix)}
            for listed in object_store.list(prefix)
            if (user_id, listed.key) not in known
        ]
    return _document([_worker_user(row) for row in users], documents, orphans)


def _legacy_user(row: Mapping[str, Any]) -> dict[str, Any]:
    staff, superuser = row["is_staff"], row["is_superuser"]
    return {
        "username": row["username"],
        "email": row["email"],
        "is_active": row["is_active"],
        "is_admin": staff if staff == superuser else {"is_staff": staff, "is_superuser": superuser},
        "password_form": _password_form(row["form"], row["first"]),
        "created_at": row["created_at"],
        "last_login": row["last_login"],
    }


def _worker_user(row: Mapping[str, Any]) -> dict[str, Any]:
    user = {column: _typed_value(row, column, _USER_COLUMNS) for column in _USER_COLUMNS if column != "id"}
    for flag in ("is_active", "is_admin"):
        value = user[flag]
        if isinstance(value, int):
            user[flag] = bool(value) if value in (0, 1) else {"integer": value}
    kind = row["password:type"]
    if kind in ("text", "null"):
        user["password_form"] = None if kind == "null" else _password_form(row["form"], row["first"])
    else:
        user["password_form"] = {kind: _UNKNOWN}
    return user


def _document(
    users: list[dict[str, Any]], files: list[dict[str, Any]], orphans: list[dict[str, Any]]
) -> dict[str, Any]:
    """Sort by code point and by instant, independent of a database's collation and of the format of instants."""
    users.sort(key=lambda user: _order(user["username"]))
    files.sort(key=lambda file: (_order(file["username"]), _instant(file["created_at"]), file["id"]))
    orphans.sort(key=lambda orphan: (_order(orphan["username"]), orphan["name"]))
    return {
        "users": users,
        "files": [{name: value for name, value in file.items() if name != "id"} for file in files],
        "orphans": orphans,
    }


def _order(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _instant(value: Any) -> tuple[bool, datetime.datetime, str]:
    """Return a sort key. Texts that are no instant come last. An instant without an offset is UTC, as in SQLite."""
    try:
        moment = datetime.datetime.fromisoformat(value)
    except (TypeError, ValueError):
        return True, datetime.datetime.max.replace(tzinfo=datetime.UTC), _order(value)
    return False, moment if moment.tzinfo else moment.replace(tzinfo=datetime.UTC), ""


def _password_form(form: str | None, first: str | None) -> str | None:
    """Return algorithm and iterations of a stored password.

    form: the text before the second $ of the stored password, None without one; first: its first character.
    """
    if first is None:
        return None
    if first == "!":  # Django's mark of an unusable password
        return _UNUSABLE
    if form is None:
        return _UNKNOWN
    algorithm = form.partition("$")[0]
    if _PBKDF2.fullmatch(form):
        return form
    return algorithm if algorithm in _ALGORITHMS else _UNKNOWN


# The text before the second $, null without one. The hash itself is not read.
_REST: Final = "substr(u.password, instr(u.password, '$') + 1)"
_FORM: Final = f"""typeof(u.password) AS "password:type", substr(u.password, 1, 1) AS first,
    CASE WHEN instr(u.password, '$') > 0 AND instr({_REST}, '$') > 0
      THEN substr(u.password, 1, instr(u.password, '$') + instr({_REST}, '$') - 1) END AS form"""


def _typed(table: str, columns: Iterable[str]) -> str:
    """Select each column as text, together with its storage class.

    As text, because D1's REST API rounds integers above 2^53; with the class, because it returns a BLOB as a list and
    a REAL of 5.0 as 5.
    """
    return ", ".join(
        f"""typeof({table}.{name}) AS "{name}:type", CASE typeof({table}.{name}) WHEN 'blob' THEN hex({table}.{name})
        WHEN 'real' THEN printf('%!.17g', {table}.{name}) ELSE CAST({table}.{name} AS TEXT) END AS "{name}\""""
        for name in columns
    )


def _typed_value(row: Mapping[str, Any], column: str, columns: Mapping[str, str]) -> Any:
    """Return the value if it has the column's storage class or is null, else {class: text}."""
    kind, text = row[f"{column}:type"], row[column]
    if kind == "null":
        return None
    if kind != columns[column]:
        return {kind: text}
    return int(text) if kind == "integer" else text


def _tags(stored: Any) -> Any:
    """Return the list that the text contains as JSON, else the stored text."""

    def refuse(constant: str) -> None:
        raise ValueError(constant)  # NaN and Infinity are not JSON

    try:
        tags = json.loads(stored, parse_constant=refuse) if isinstance(stored, str) else stored
    except (ValueError, RecursionError):
        return stored
    return tags if isinstance(tags, list) else stored
