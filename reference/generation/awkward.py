"""Kinds of rows and files that Django may contain and a migration must handle. Each is a switch of the
generator.

reference/migration/awkward.toml declares the consequence of each. The default set contains only
rows that the mapping can migrate.
"""

from __future__ import annotations

import tomllib
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from generation import rows
from generation.accounts import django_hash

DECLARED = Path(__file__).resolve().parents[1] / "migration" / "awkward.toml"
LARGEST_FILE = 52_428_800
"""Bytes: contracts/api.md, Files."""

ARGON2 = "argon2$argon2id$v=19$m=102400,t=2,p=8$c2FsdA$YWJj"
BCRYPT = "bcrypt$$2b$12$abcdefghijklmnopqrstuv"
_OWN_HASH = django_hash("awkward", "salt", 1_000)
"""Of no listed account: the names here are not for logins, which trim them."""
_DISABLED: dict[str, Any] = {"is_active": False, "password": BCRYPT}
"""Columns of an account that Django cannot load: psycopg refuses infinite times."""

TEXTS = {
    "joined-emoji": "\U0001f469\u200d\U0001f469\u200d\U0001f467 \U0001f3f3\ufe0f\u200d\U0001f308",
    "beyond-the-bmp": "\U00020bb7\U0001d4b3",
    "combining-characters": "e\u0301o\u0308n\u0303",
    "right-to-left": "\u0645\u0631\u062d\u0628\u0627 \u05e9\u05dc\u05d5\u05dd",
    "outer-spaces": "  two spaces ",
    "control-characters": "tab\tline\nescape\x1b\x7f",
    "quotes-and-backslashes": 'it\'s "so" \\n',
    "invisible-characters": "a\u00a0b\u200bc\u2028d\ufeff",
}
"""Texts that a migration may break. Each is a kind, and occurs in every column of texts."""
INSTANTS = {
    # Local times that occur twice (Europe, New York), and UTC's times that do not exist on local clocks.
    "daylight-saving": (
        "2019-10-27 00:30:00.000001+00", "2019-10-27 01:30:00+00", "2019-11-03 05:30:00+00", "2019-11-03 06:30:00+00",
        "2019-03-31 01:30:00+00", "2019-03-31 02:30:00+00", "2019-03-10 02:30:00+00",
    ),
    "before-1970": ("1969-12-31 23:59:59.999999+00", "1901-12-13 20:45:51+00"),
    "leap-day": ("2020-02-29 23:59:59.999999+00", "2000-02-29 00:00:00+00"),
}  # fmt: skip
"""Times that a migration may shift. Each is a kind, and occurs in every column of times."""


class Place:
    """The place for awkward rows: one connection, one media folder. Each kind gets its own account."""

    def __init__(self, connection: psycopg.Connection, media: Path, name: str) -> None:
        self.connection, self.media, self.name = connection, media, name
        self.users: list[int] = []
        self.files: list[int] = []

    def user(self, **values: Any) -> int:
        """Insert an account with these columns in place of the defaults. Return its id."""
        row = {
            "username": f"awkward-{self.name}-{len(self.users)}", "first_name": "", "last_name": "", "email": "",
            "password": _OWN_HASH, "is_staff": False, "is_active": True,
            "is_superuser": False, "date_joined": "2020-02-29 12:00:00.000001+00", "last_login": None,
        }  # fmt: skip
        self.users.append(self._insert("auth_user", row | values))
        return self.users[-1]

    def file(self, owner: int, content: bytes | None = b"a,b\r\n1,2\r\n", **values: Any) -> int:
        """Insert a file. With content None no bytes are written."""
        file_id = uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name} {owner} {len(self.files)}")
        path = f"uploads/{owner}/{file_id}.csv"
        row = {
            "user_id": owner, "file_id": file_id, "file_name": "list.csv", "file_path": path,
            "file_size": len(content or b"a,b\r\n1,2\r\n"), "uploaded_at": "2020-02-29 12:00:00.000001+00",
            "system_tags": ["uploaded"], "user_tags": [], "metadata": '{"columns": ["a", "b"]}',
        }  # fmt: skip
        if content is not None:
            rows.put_media(self.media, path, content, self.media.stat(), set())
        self.files.append(self._insert("list_cutter_savedfile", row | values))
        return self.files[-1]

    def _insert(self, table: str, row: dict[str, Any]) -> int:
        marks = ", ".join(["%s"] * len(row))
        query = f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks}) RETURNING id"  # noqa: S608 - names are constants
        found = self.connection.execute(query.encode(), list(row.values())).fetchone()
        assert found is not None
        return int(found[0])


KINDS: dict[str, Callable[[Place], object]] = {
    "hash-of-other-algorithm": lambda place: place.user(password=ARGON2),
    "too-many-iterations": lambda place: place.user(password=django_hash("x", "salt", 100_001)),
    "no-usable-password": lambda place: place.user(password="!" + "k" * 40),
    "disabled-account-of-any-hash": lambda place: place.user(is_active=False, password=BCRYPT),
    "infinite-login": lambda place: place.user(**_DISABLED, last_login="infinity"),
    "minus-infinite-date": lambda place: place.user(**_DISABLED, date_joined="-infinity"),
    "year-10000": lambda place: place.user(last_login="10000-01-01 00:00:00+00"),
    "before-christ": lambda place: place.user(date_joined="0044-03-15 12:00:00+00 BC"),
    "first-and-last-instant": lambda place: place.user(
        date_joined="0001-01-01 00:00:00+00", last_login="9999-12-31 23:59:59.999999+00"
    ),
    "first-name": lambda place: place.user(first_name="Ann"),
    "superuser-without-staff": lambda place: place.user(is_superuser=True),
    "row-without-bytes": lambda place: place.file(place.user(), None),
    "bytes-of-other-size": lambda place: place.file(place.user(), file_size=11),
    "path-of-old-form": lambda place: place.file(place.user(), file_path="2019/list.csv"),
    "empty-file": lambda place: place.file(place.user(), b"", file_size=0),
    "nul-in-file": lambda place: place.file(place.user(), b"a,b\r\n1,\0\r\n"),
    "too-wide-file": lambda place: place.file(place.user(), b"," * 100_000 + b"\r\n"),
    "largest-file": lambda place: place.file(place.user(), b"a,b\r\n" + b"x" * (LARGEST_FILE - 5)),
    "name-too-long-for-metadata": lambda place: place.file(place.user(), file_name="\U0001f642" * 251 + ".csv"),
    "metadata-too-long-for-a-row": lambda place: place.file(place.user(), metadata='["' + "x" * 3_000_000 + '"]'),
    "tag-of-nothing": lambda place: place.file(place.user(), user_tags=["a", None]),
    "tags-in-tags": lambda place: place.file(place.user(), user_tags=[["a", "b"], ["c", "d"]]),
}


def _text_kind(text: str) -> Callable[[Place], object]:
    def insert(place: Place) -> None:
        owner = place.user(username=f"{text}{place.name}", email=f"{text}@example.org")
        place.file(owner, file_name=text, user_tags=[text, f"{text}."])

    return insert


def _time_kind(instants: tuple[str, ...]) -> Callable[[Place], object]:
    def insert(place: Place) -> None:
        for instant in instants:
            place.file(place.user(date_joined=instant, last_login=instant), uploaded_at=instant)

    return insert


KINDS |= {name: _text_kind(text) for name, text in TEXTS.items()}
KINDS |= {name: _time_kind(instants) for name, instants in INSTANTS.items()}


def carried() -> list[str]:
    """Return the kinds that the mapping can migrate, without those that take seconds."""
    declared = tomllib.loads(DECLARED.read_text(encoding="utf-8"))["awkward"]
    return [each["name"] for each in declared if each["verdict"] == "GO" and not each.get("slow")]


def kind(function: Callable[[Place], object]) -> Callable[[Place], object]:
    """Register the function under its name."""
    KINDS[function.__name__.replace("_", "-")] = function
    return function


@kind
def email_twice(place: Place) -> None:
    for _ in range(3):
        place.user(email="twice@example.org")


@kind
def emails_alike(place: Place) -> None:
    """Insert e-mails that SQLite's UNIQUE, which compares bytes, treats as three values."""
    for email in ("Alike@example.org", "alike@example.org", "alike@example.org "):
        place.user(email=email)


@kind
def same_name_twice(place: Place) -> None:
    owner = place.user()
    place.file(owner)
    place.file(owner)


@kind
def two_rows_of_one_file(place: Place) -> None:
    owner = place.user()
    first = place.file(owner)
    path = place.connection.execute("SELECT file_path FROM list_cutter_savedfile WHERE id = %s", (first,)).fetchone()
    assert path is not None
    place.file(owner, None, file_path=path[0])


@kind
def file_of_no_user(place: Place) -> None:
    """Insert a file without a user, as after a restore without constraints."""
    name, definition = place.connection.execute(
        "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
        " WHERE conrelid = 'list_cutter_savedfile'::regclass AND contype = 'f'"
    ).fetchone() or ("", "")
    place.connection.execute("SET CONSTRAINTS ALL IMMEDIATE")  # none may be pending below
    rule = definition.removesuffix(" NOT VALID")
    place.connection.execute(f'ALTER TABLE list_cutter_savedfile DROP CONSTRAINT "{name}"'.encode())
    place.file(2_000_000_000)
    # The constraint applies to new rows only, so the old row stays.
    place.connection.execute(f'ALTER TABLE list_cutter_savedfile ADD CONSTRAINT "{name}" {rule} NOT VALID'.encode())


@kind
def bytes_of_no_row(place: Place) -> None:
    """Write bytes without a row, as after an interrupted upload."""
    owner = place.user()
    left = f"uploads/{owner}/{uuid.uuid5(uuid.NAMESPACE_URL, place.name)}.csv"
    rows.put_media(place.media, left, b"a,b\r\n", place.media.stat(), set())


@kind
def group_in_use(place: Place) -> None:
    found = place.connection.execute("INSERT INTO auth_group (name) VALUES ('editors') RETURNING id").fetchone()
    assert found is not None
    query = "INSERT INTO auth_user_groups (user_id, group_id) VALUES (%s, %s)"
    place.connection.execute(query, (place.user(), found[0]))


@kind
def permission_in_use(place: Place) -> None:
    place.connection.execute(
        "INSERT INTO auth_user_user_permissions (user_id, permission_id) SELECT %s, min(id) FROM auth_permission",
        (place.user(),),
    )


@kind
def infinite_dates(place: Place) -> None:
    for first, second in (("-infinity", "infinity"), ("infinity", "-infinity")):
        owner = place.user(**_DISABLED, date_joined=first, last_login=second)
        place.file(owner, uploaded_at=first)


@kind
def ids_of_10_000_and_more(place: Place) -> None:
    """Insert ids with more digits, as texts in another order than as numbers, and references to them."""
    connection = place.connection
    (used,) = connection.execute(
        "SELECT greatest((SELECT max(id) FROM auth_user), (SELECT max(id) FROM list_cutter_savedfile), 9999)"
    ).fetchone() or (9999,)
    for more in (1, 2, 12, 21, 90_000, 900_000):
        owner = place.user(id=used + more)
        place.file(owner, id=used + more, content=f"a,b\r\n{more},2\r\n".encode())
    for table in ("auth_user", "list_cutter_savedfile"):
        rows.set_sequence(connection, table)


@kind
def file_above_10_mb(place: Place) -> None:
    line = b"x" * 1_022 + b",y\r\n"
    place.file(place.user(), b"a,b\r\n" + line * 10_600)
