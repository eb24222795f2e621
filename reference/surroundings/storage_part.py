"""The stores of the pair: the migrations of D1, and changes of D1 and PostgreSQL that a planted fault makes.

A change is a pair of statements: one that makes it, and one that undoes it when the surroundings end.
"""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

from surroundings.presented import REFERENCE, Presented

FOLDER = "migrations"


def describe(presented: Presented) -> None:
    """Add the honest content."""
    folder = REFERENCE / "worker" / "migrations"
    presented.migrations = {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.sql"))}
    presented.settings["storage"] = {"migrations": str(presented.folder / FOLDER)}


def present(presented: Presented) -> Callable[[], None]:
    """Write the migrations, make the changes, and return the function that undoes them."""
    folder = presented.folder / FOLDER
    folder.mkdir()
    for name, text in presented.migrations.items():
        (folder / name).write_text(text, encoding="utf-8")
    for change, _ in presented.d1_changes:
        _d1(presented.pair, change)
    _postgres(presented.pair, [change for change, _ in presented.postgres_changes])

    def undo() -> None:
        for _, back in reversed(presented.d1_changes):
            _d1(presented.pair, back)
        _postgres(presented.pair, [back for _, back in reversed(presented.postgres_changes)])

    return undo


def _d1(pair: dict[str, Any], sql: str) -> None:
    body = json.dumps({"sql": sql, "params": []}).encode()
    url, headers = f"{pair['d1_url']}/raw", {"content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=20) as answer:  # noqa: S310 - loopback
        answer.read()


def _postgres(pair: dict[str, Any], statements: list[str]) -> None:
    if not statements:
        return
    import psycopg  # takes 0.1 s, which only faults pay

    with psycopg.connect(pair["pg_dsn"], autocommit=True) as owner:
        for statement in statements:
            owner.execute(statement)
