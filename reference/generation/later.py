"""Changes by users between two runs of a migration: accounts and files are added, changed and removed.

Writes to the database directly, because the API would be too slow for many rows.
"""

from __future__ import annotations

import random
from pathlib import Path

import psycopg

from generation import accounts, lists, rows

PART = 50
"""Of this number of rows one is deleted, one changed in each way, and one added: 2 % each."""


def change(connection: psycopg.Connection, media: Path, seed: int) -> tuple[dict[str, int], list[str]]:
    """Write the changes. Return counts, and the files to remove after the commit."""
    chance = random.Random(seed)  # noqa: S311 - generates data, not secrets
    # An account with another hash would be refused by the Worker if it became active.
    usable = "SELECT id FROM auth_user WHERE password LIKE 'pbkdf2_sha256$%' ORDER BY id"
    users = [row[0] for row in connection.execute(usable).fetchall()]
    some = max(1, len(users) // PART)
    chance.shuffle(users)
    gone, renamed, swapped, quiet = (users[place * some : (place + 1) * some] for place in range(4))
    removed = _delete_users(connection, gone)
    counts = {"users_deleted": len(gone), "files_deleted": len(removed)}
    password, salt, iterations = accounts.PASSWORDS[1]
    hashed = accounts.django_hash(password, salt, iterations)
    connection.execute("UPDATE auth_user SET password = %s, last_login = now() WHERE id = ANY(%s)", (hashed, renamed))
    connection.execute("UPDATE auth_user SET username = 'neu-' || id WHERE id = ANY(%s)", (renamed,))
    connection.execute("UPDATE auth_user SET is_active = NOT is_active, email = '' WHERE id = ANY(%s)", (quiet,))
    for one, other in zip(swapped[::2], swapped[1::2], strict=False):
        _swap_names(connection, one, other)
    counts |= {"users_changed": len(renamed) + len(quiet) + len(swapped) // 2 * 2}
    counts |= _change_files(connection, media, chance, removed)
    made = accounts.accounts(some, rows.next_id(connection, "auth_user"), seed)
    owners = rows.put_accounts(connection, made)
    first = rows.next_id(connection, "list_cutter_savedfile")
    keepers = users[some:] + owners
    added, _ = rows.put_files(connection, lists.files(some * 5, first, keepers, seed + 7), media)
    return counts | {"users_added": len(owners), "files_added": added}, removed


def _delete_users(connection: psycopg.Connection, gone: list[int]) -> list[str]:
    """Delete these users. Return the paths of their files."""
    found = connection.execute(
        "DELETE FROM list_cutter_savedfile WHERE user_id = ANY(%s) RETURNING file_path", (gone,)
    ).fetchall()
    connection.execute(
        "DELETE FROM token_blacklist_blacklistedtoken WHERE token_id IN"
        " (SELECT id FROM token_blacklist_outstandingtoken WHERE user_id = ANY(%s))",
        (gone,),
    )
    connection.execute("DELETE FROM token_blacklist_outstandingtoken WHERE user_id = ANY(%s)", (gone,))
    connection.execute("DELETE FROM auth_user WHERE id = ANY(%s)", (gone,))
    return [row[0] for row in found]


def _swap_names(connection: psycopg.Connection, one: int, other: int) -> None:
    """Swap the names of two accounts. A migration that writes row by row would violate D1's UNIQUE."""
    query = "SELECT username FROM auth_user WHERE id = %s"
    first, second = connection.execute(query, (one,)).fetchone(), connection.execute(query, (other,)).fetchone()
    assert first is not None
    assert second is not None
    for key, name in ((one, "swapping"), (other, first[0]), (one, second[0])):
        connection.execute("UPDATE auth_user SET username = %s WHERE id = %s", (name, key))


def _change_files(
    connection: psycopg.Connection, media: Path, chance: random.Random, removed: list[str]
) -> dict[str, int]:
    found = connection.execute("SELECT id, file_path FROM list_cutter_savedfile ORDER BY id").fetchall()
    some = max(1, len(found) // PART)
    chance.shuffle(found)
    gone, tagged, named, rewritten = (found[place * some : (place + 1) * some] for place in range(4))
    removed += [path for _, path in gone]
    connection.execute("DELETE FROM list_cutter_savedfile WHERE id = ANY(%s)", ([key for key, _ in gone],))
    connection.execute(
        "UPDATE list_cutter_savedfile SET user_tags = array_append(user_tags, 'later') WHERE id = ANY(%s)",
        ([key for key, _ in tagged],),
    )
    connection.execute(
        "UPDATE list_cutter_savedfile SET file_name = 'neu ' || id || '.csv' WHERE id = ANY(%s)",
        ([key for key, _ in named],),
    )
    for place, (key, path) in enumerate(rewritten):
        content = (media / path).read_bytes()
        # With equal size, and with another size: the second is detected without reading the file.
        same_size = place % 2 and content
        changed = content[:-1] + bytes([content[-1] ^ 1]) if same_size else content + b"one,more\n"
        (media / path).write_bytes(changed)
        connection.execute("UPDATE list_cutter_savedfile SET file_size = %s WHERE id = %s", (len(changed), key))
    return {"files_removed": len(gone), "files_changed": len(tagged) + len(named) + len(rewritten)}
