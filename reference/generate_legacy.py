"""Fill Django's PostgreSQL and media folder with accounts and files, to rehearse a migration.

    MIGRATE_PG_DSN=… python reference/generate_legacy.py --media-root DIR --users 300 --files 1500
    MIGRATE_PG_DSN=… python reference/generate_legacy.py --media-root DIR --change --seed 2

The same --seed generates the same data. The last line on standard output is one JSON object.
--accounts FILE lists accounts with their passwords, which exist only for tests; --change writes
that list again. Do not run it on a system with real users.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
from generation import accounts, awkward, later, lists, rows

LISTED_ACCOUNTS = 1000


def main() -> int:
    options = _options()
    dsn = os.environ.get("MIGRATE_PG_DSN")
    if not dsn:
        print("generate_legacy: set MIGRATE_PG_DSN (PostgreSQL's URI)", file=sys.stderr)
        return 4
    started = time.monotonic()
    media = None if options.no_media else Path(options.media_root)
    try:
        with psycopg.connect(dsn, options="-c timezone=UTC") as connection:
            gone: list[str] = []
            if options.clear:
                rows.clear(connection, media)
            if options.change and media is not None:
                counts, gone = later.change(connection, media, options.seed)
                result: dict[str, object] = {**counts}
                if options.accounts:
                    _write_accounts(Path(options.accounts), rows.known_accounts(connection, LISTED_ACCOUNTS))
            else:
                result = _generate(connection, media, options)
        if media is not None:
            for path in gone:  # after the commit, when no row names them any more
                (media / path).unlink(missing_ok=True)
    except psycopg.Error as error:
        print(f"generate_legacy: PostgreSQL: {type(error).__name__} {error.sqlstate or ''}", file=sys.stderr)
        return 11
    print(json.dumps(result | {"seconds": round(time.monotonic() - started, 3)}))
    return 0


def _generate(connection: psycopg.Connection, media: Path | None, options: argparse.Namespace) -> dict[str, object]:
    listed: list[accounts.Account] = []
    everybody = accounts.accounts(options.users, rows.next_id(connection, "auth_user"), options.seed)
    owners = rows.put_accounts(connection, _noting(everybody, listed))
    first = rows.next_id(connection, "list_cutter_savedfile")
    made = lists.files(options.files if owners else 0, first, owners, options.seed, options.rows)
    files, size = rows.put_files(connection, made, media)
    places = {}
    wanted = [*options.awkward, *(awkward.carried() if options.awkward_carried else ())]
    for name in dict.fromkeys(wanted) if media is not None else []:
        place = awkward.Place(connection, media or Path(), name)
        awkward.KINDS[name](place)
        places[name] = {"users": place.users, "files": place.files}
    if options.accounts:
        _write_accounts(Path(options.accounts), listed)
    return {"users": len(owners), "files": files, "bytes": size} | ({"awkward": places} if places else {})


def _noting(made: Iterator[accounts.Account], listed: list[accounts.Account]) -> Iterator[accounts.Account]:
    for account in itertools.islice(made, LISTED_ACCOUNTS):
        listed.append(account)
        yield account
    yield from made


def _write_accounts(place: Path, listed: list[accounts.Account]) -> None:
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    entries = [
        {"id": a.id, "username": a.username, "email": a.email, "password": a.password, "is_active": a.is_active}
        for a in listed
    ]
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        json.dump(entries, file, ensure_ascii=False, indent=1)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--media-root", default=os.environ.get("MIGRATE_MEDIA_ROOT"), help="(MIGRATE_MEDIA_ROOT)")
    parser.add_argument("--users", type=int, default=300)
    parser.add_argument("--files", type=int, default=1500)
    parser.add_argument("--rows", type=int, default=12, help="average number of rows of a list (12)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clear", action="store_true", help="first remove every existing account and file")
    parser.add_argument("--change", action="store_true", help="change existing data, as users do between two runs")
    parser.add_argument(
        "--awkward", action="append", default=[], choices=sorted(awkward.KINDS), metavar="KIND",
        help="add this kind (consequences: reference/migration/awkward.toml): " + ", ".join(sorted(awkward.KINDS)),
    )  # fmt: skip
    parser.add_argument(
        "--awkward-carried", action="store_true", help="add every kind that can be migrated, except slow ones"
    )
    parser.add_argument("--no-media", action="store_true", help="write only rows, to measure them")
    parser.add_argument(
        "--accounts", metavar="FILE", help=f"write the first {LISTED_ACCOUNTS} accounts with their passwords"
    )
    options = parser.parse_args()
    if not options.no_media and not (options.media_root and Path(options.media_root).is_dir()):
        parser.error("--media-root: name Django's media folder, or use --no-media")
    return options


if __name__ == "__main__":
    sys.exit(main())
