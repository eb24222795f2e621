"""Generate rows of auth_user: names in many scripts, often empty e-mails, hashes of known passwords."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

# Each password is hashed once, with its own salt and iterations. Django's default would exceed the
# Worker's limit.
PASSWORDS = (
    ("correct horse battery staple", "nJ1d0KvQpZ7sYx2RtLwA4e", 100_000),
    ("Grüße-aus-Köln-1", "aa", 50_000),
    ("пароль длинный ", "Zm9vYmFyYmF6cXV4MDEyMw", 20_000),
    ("密码是秘密的 2019", "K8sQ0w", 12_000),
    ('"quoted" & <escaped> $%', "AbCdEfGhIjKlMnOpQrStUv", 1_000),
    ("p" * 120, "0123456789abcdefghijkl", 1),
)
FIRST = (
    "ann",
    "Bjørn",
    "chloé",
    "Δημήτρης",
    "Ёлка",
    "فاطمة",
    "李娜",
    "さくら",
    "O_Brien",
    "józef",
    "ünsal",
    "Zoë",
    "max",
    "नेहा",
)
LAST = (
    "miller",
    "Åberg",
    "d.angelo",
    "Παπαδάκη",
    "Иванов",
    "حسن",
    "王",
    "たなか",
    "smith+jones",
    "łukasz",
    "x",
    "Ærø",
    "o-neil",
    "van.der.berg",
)
ZONES = tuple(timezone(timedelta(minutes=minutes)) for minutes in (0, 60, 120, -300, 330, 345, -570, 840))
EPOCH = datetime(2016, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC)
MICROSECONDS = (0, 1, 999_999, 100_000, 123_456, 500, 7)


@dataclass(frozen=True, slots=True)
class Account:
    """A row of auth_user; `password` is the clear text that its owner would type."""

    id: int
    username: str
    email: str
    password: str
    hash: str
    is_active: bool
    is_staff: bool
    date_joined: datetime
    last_login: datetime | None


def django_hash(password: str, salt: str, iterations: int) -> str:
    """Return a PBKDF2-SHA256 hash in Django's format (django.contrib.auth.hashers)."""
    derived = hashlib.pbkdf2_hmac("sha256", password.encode(), salt.encode(), iterations)
    return f"pbkdf2_sha256${iterations}${salt}${base64.b64encode(derived).decode()}"


def accounts(count: int, first_id: int, seed: int) -> Iterator[Account]:
    """Yield `count` accounts. Ids ascend with gaps for deleted accounts. The first few accounts have rare values."""
    chance = random.Random(seed)  # noqa: S311 - generates data, not secrets
    hashes = [(password, django_hash(password, salt, iterations)) for password, salt, iterations in PASSWORDS]
    rare = _rare_names(first_id)
    key = first_id
    for place in range(count):
        username = rare[place] if place < len(rare) else _name(chance, key)
        password, hashed = hashes[place % len(hashes)]
        joined = moment(chance)
        is_staff = place % 50 == 17
        yield Account(
            key,
            username,
            "" if place % 7 == 3 else _email(place, key),
            password,
            hashed,
            is_active=place % 20 != 11,
            is_staff=is_staff,
            date_joined=joined,
            last_login=None if place % 4 == 1 else joined + timedelta(microseconds=chance.randrange(10**14)),
        )
        key += 2 if chance.random() < 0.05 else 1


def moment(chance: random.Random) -> datetime:
    """Return a time within ten years, in some time zone, mostly with microseconds that are not zero at the end."""
    found = EPOCH + timedelta(seconds=chance.randrange(330_000_000))
    micro = chance.choice(MICROSECONDS) if chance.random() < 0.5 else chance.randrange(1_000_000)
    return found.replace(microsecond=micro).astimezone(chance.choice(ZONES))


def _name(chance: random.Random, key: int) -> str:
    return f"{chance.choice(FIRST)}.{chance.choice(LAST)}-{key}"


def _email(place: int, key: int) -> str:
    local = ("user", "User", "ünal", "o'hara", "name+list", "имя")[place % 6]
    host = "example.org" if place % 11 else "sub." * 40 + "example.com"
    return f"{local}.{key}@{host}"


def _rare_names(key: int) -> list[str]:
    """Return rare names: of maximum length, differing only in case or normal form, or looking like other values."""
    return [
        f"n{key}-" + "a" * (148 - len(str(key))),
        f"Case-{key}", f"case-{key}",
        f"Zo\u00eb-{key}", f"Zoe\u0308-{key}",
        f"{key}", f"+{key}.0", f"NULL-{key}", "ß" * 100 + f"{key}", "李" * 140 + f"{key}",
    ]  # fmt: skip
