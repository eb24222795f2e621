"""What the operators' paths are asked, and which answers say that they are closed.

Not for sending, and not for what stands behind an open one: tests/contract/test_operator_paths.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

SWITCHES: Final = ("admin/deployment/switch", "admin/maintenance/enable", "admin/maintenance/disable")
"""Paths whose name is what they do: also a GET of one that is open might do it."""
OPERATORS: Final = (
    "admin", "admin/", "admin/migration", "admin/migration/status", "admin/deployment/current", *SWITCHES,
    "admin/users", "api/admin/migration", "api/admin/users", "api/migration/status", "Admin/deployment/current",
    "admin//deployment/current", "admin/../admin/migration",
)  # fmt: skip
"""What the plan names, and other spellings of it."""
HIDDEN: Final = (
    "api/debug", "api/internal", "api/.env", ".env", ".git/config", "wrangler.toml", "cdn-cgi/x",
    "assets/../../wrangler.toml", "src/index.mjs", "migrations/0001_production_setup.sql", "server-status",
    "actuator", "graphql",
)  # fmt: skip
"""What scanners ask for."""
LOOKS: Final = "action=get_status"
CHANGES: Final = ("action=update_percentage&percentage=100", "action=enable_maintenance", "action=disable_maintenance")
"""What the plan's migrationControl takes (Migration Control Dashboard). One that does not look who asks says 400 to
all else, and would seem closed."""
SWITCH: Final = {"version": "blue"}
"""The body of the plan's switch (Blue-Green Deployment)."""
_CLOSED: Final = (401, 403, 404, 405)


@dataclass(frozen=True)
class Question:
    """One request. query, body: as the plan's endpoints take them, empty where the path alone is asked."""

    path: str
    method: str = "GET"
    query: str = ""
    body: dict[str, str] | None = None

    def is_open(self, status: int) -> bool:
        """Whether that answer's status says that somebody listens, to whoever asks.

        400 is the word of who has read the request, where it is one that the plan's endpoints take; but for a path
        that is none it is the server's own refusal.
        """
        is_path = "//" not in self.path and ".." not in self.path
        understood = is_path and (bool(self.query) or self.body is not None)
        return status not in _CLOSED and (understood or status != 400)


def questions(*, harmless: bool) -> Iterator[Question]:
    """All that is asked. harmless: what changes something is asked, too, because it harms nobody there."""
    for path in (*OPERATORS, *HIDDEN):
        if path in SWITCHES and not harmless:
            continue
        queries = ["", *((LOOKS, *(CHANGES if harmless else ())) if path in OPERATORS else ())]
        for method in ("GET", "POST") if harmless else ("GET",):
            yield from (Question(path, method, query) for query in queries)
        if harmless:
            yield Question(path, "DELETE")
    if harmless:
        yield from (Question(path, "POST", body=SWITCH) for path in SWITCHES)
