"""Write accounts and files to PostgreSQL and the media folder, in one transaction."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import psycopg

from generation.accounts import PASSWORDS, Account, django_hash
from generation.lists import SavedFile

USER_COLUMNS = (
    "id", "username", "first_name", "last_name", "email", "password", "is_staff", "is_active", "is_superuser",
    "date_joined", "last_login",
)  # fmt: skip
FILE_COLUMNS = (
    "id", "user_id", "file_id", "file_name", "file_path", "file_size", "uploaded_at", "system_tags", "user_tags",
    "metadata",
)  # fmt: skip


def clear(connection: psycopg.Connection, media: Path | None) -> None:
    """Delete every account, group and file row permanently, then all files in the media folder."""
    connection.execute("DELETE FROM token_blacklist_blacklistedtoken")
    connection.execute("DELETE FROM token_blacklist_outstandingtoken")
    connection.execute("DELETE FROM list_cutter_savedfile")
    connection.execute("DELETE FROM auth_user_user_permissions")
    connection.execute("DELETE FROM auth_user_groups")
    connection.execute("DELETE FROM auth_group")
    connection.execute("DELETE FROM auth_user")
    connection.commit()
    if media is not None:
        shutil.rmtree(media / "uploads", ignore_errors=True)


def next_id(connection: psycopg.Connection, table: str) -> int:
    """Return the number after the last one that the table's sequence returned."""
    found = connection.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", (table,)).fetchone()
    assert found is not None
    return int(found[0])


def put_accounts(connection: psycopg.Connection, rows: Iterable[Account]) -> list[int]:
    """Insert accounts. Return their ids."""
    ids = []
    with connection.cursor().copy(f"COPY auth_user ({', '.join(USER_COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row((
                row.id, row.username, "", "", row.email, row.hash, row.is_staff, row.is_active, row.is_staff,
                row.date_joined, row.last_login,
            ))  # fmt: skip
            ids.append(row.id)
    set_sequence(connection, "auth_user")
    return ids


def put_files(connection: psycopg.Connection, rows: Iterable[SavedFile], media: Path | None) -> tuple[int, int]:
    """Insert files. Return the number of files and of bytes. With media None the media folder is not touched."""
    count = size = 0
    owner = media.stat() if media is not None else None
    made: set[Path] = set()
    with connection.cursor().copy(f"COPY list_cutter_savedfile ({', '.join(FILE_COLUMNS)}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row((
                row.id, row.user_id, row.file_id, row.name, row.path, len(row.content), row.uploaded_at, ["uploaded"],
                row.tags, row.metadata,
            ))  # fmt: skip
            if media is not None and owner is not None:
                put_media(media, row.path, row.content, owner, made)
            count += 1
            size += len(row.content)
    set_sequence(connection, "list_cutter_savedfile")
    return count, size


def put_media(media: Path, path: str, content: bytes, owner: os.stat_result, made: set[Path]) -> None:
    """Write one file. If root writes it, it gets the media folder's owner, so that Django may remove it."""
    place = media / path
    folders = [] if place.parent in made else [media / "uploads", place.parent]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        made.add(folder)
    place.write_bytes(content)
    if os.geteuid() == 0:
        for new in (*folders, place):
            os.chown(new, owner.st_uid, owner.st_gid)


def known_accounts(connection: psycopg.Connection, most: int) -> list[Account]:
    """Return the current state of the first accounts whose password is one of PASSWORDS."""
    passwords = {django_hash(*each): each[0] for each in PASSWORDS}
    found = connection.execute(
        "SELECT id, username, email, password, is_active, is_staff, date_joined, last_login FROM auth_user "
        "WHERE password = ANY(%s) ORDER BY id LIMIT %s",
        (list(passwords), most),
    ).fetchall()
    return [Account(key, name, mail, passwords[held], held, *rest) for key, name, mail, held, *rest in found]


def set_sequence(connection: psycopg.Connection, table: str) -> None:
    """Set the sequence a little above the greatest id, as if the last rows had been deleted."""
    connection.execute(
        f"SELECT setval(pg_get_serial_sequence(%s, 'id'), greatest(coalesce(max(id), 0) + 5, 1)) FROM {table}",  # noqa: S608 - names are constants
        (table,),
    )
