"""Probes of operator paths and hidden files, and the statuses of a closed path."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

SWITCHES: Final = ("admin/deployment/switch", "admin/maintenance/enable", "admin/maintenance/disable")
"""Paths that change the rollout. Even a GET of an open one could do so."""
OPERATORS: Final = (
    "admin", "admin/", "admin/migration", "admin/migration/status", "admin/deployment/current", *SWITCHES,
    "admin/users", "api/admin/migration", "api/admin/users", "api/migration/status", "Admin/deployment/current",
    "admin//deployment/current", "admin/../admin/migration",
)  # fmt: skip
"""Operator paths of the plan, and other spellings of them."""
HIDDEN: Final = (
    "api/debug", "api/internal", "api/.env", ".env", ".git/config", "wrangler.toml", "cdn-cgi/x",
    "assets/../../wrangler.toml", "src/index.mjs", "migrations/0001_production_setup.sql", "server-status",
    "actuator", "graphql",
)  # fmt: skip
"""Paths that vulnerability scanners request."""
READ_QUERY: Final = "action=get_status"
CHANGING_QUERIES: Final = (
    "action=update_percentage&percentage=100",
    "action=enable_maintenance",
    "action=disable_maintenance",
)
"""Queries of the plan's migrationControl (Migration Control Dashboard). An open endpoint responds 400 to any other
query and would seem closed."""
SWITCH: Final = {"version": "blue"}
"""The body of the plan's switch (Blue-Green Deployment)."""
ELEVATING_QUERIES: Final = ("admin=1", "is_admin=true", "role=admin", "debug=true", "_method=GET")
ELEVATING_HEADERS: Final[Sequence[tuple[str, str]]] = (
    ("x-admin", "1"), ("x-role", "admin"), ("x-user-role", "admin"), ("x-forwarded-for", "127.0.0.1"),
    ("x-real-ip", "127.0.0.1"), ("x-http-method-override", "GET"), ("x-internal-request", "true"),
)  # fmt: skip
"""Headers that a proxy or a framework may trust, also in requests of users."""
REWRITING_HEADERS: Final = ("x-original-url", "x-rewrite-url")
"""Headers that name another path than the request line, for access rules in front of the application."""
ELEVATING_BODY: Final = {"admin": True, "is_admin": True, "is_staff": True, "role": "admin"}
_CLOSED: Final = (401, 403, 404, 405)
_NO_PATH: Final = "-cutover-no-such-path"


@dataclass(frozen=True)
class Probe:
    """One request. query, body: as in the plan's endpoints, empty if only the path is requested.

    header: name and value by which a user may claim rights, None without one.
    """

    path: str
    method: str = "GET"
    query: str = ""
    body: Mapping[str, object] | None = None
    header: tuple[str, str] | None = None

    @property
    def text(self) -> str:
        """Return path, query and header as a finding names them."""
        query = f"?{self.query}" if self.query else ""
        return f"{self.path}{query}" + (f" with {self.header[0]}: {self.header[1]}" if self.header else "")

    @property
    def unclaimed(self) -> Probe | None:
        """Return the request to the same path without the claim of rights; None if this one claims none."""
        claims = self.header is not None or self.query in ELEVATING_QUERIES or self.body is ELEVATING_BODY
        return replace(self, query="", body=None, header=None) if claims else None

    def is_open(self, status: int) -> bool:
        """Return True if the status shows that an endpoint handled the request.

        A 400 counts as open if the request has the form of the plan's endpoints. For a malformed path a 400 is the
        refusal of the server itself.
        """
        is_path = "//" not in self.path and ".." not in self.path
        understood = is_path and (bool(self.query) or self.body is not None)
        return status not in _CLOSED and (understood or status != 400)

    @property
    def unmatched(self) -> Probe:
        """Return the same request to a path in the same folder that no deployment has."""
        return replace(self, path=f"{self.path}{_NO_PATH}")

    def is_handled(self, status: int, send: Callable[[Probe], int]) -> bool:
        """Return True if an endpoint of this path handled the request, and not a rule for all paths.

        A deployment may answer 400, a redirect to a login or a 5xx to every path that it does not know. That is the
        control: send returns the status of another probe. A success needs none: it shows an endpoint, even if it serves
        all paths.
        """
        if not self.is_open(status):
            return False
        return 200 <= status < 300 or send(self.unmatched) != status


def probes(*, harmless: bool, declared: Sequence[str] = (), only_declared: bool = False) -> Iterator[Probe]:
    """Yield all probes. harmless: include probes that may change something (disposable environments only).

    declared: further operator paths of the environment. only_declared: leave out those of the plan.
    """
    further = [path.removeprefix("/") for path in declared]
    operators = further if only_declared else [*OPERATORS, *(path for path in further if path not in OPERATORS)]
    for path in (*operators, *(() if only_declared else HIDDEN)):
        if path in SWITCHES and not harmless:
            continue
        queries = ["", *((READ_QUERY, *(CHANGING_QUERIES if harmless else ())) if path in operators else ())]
        for method in ("GET", "POST") if harmless else ("GET",):
            yield from (Probe(path, method, query) for query in queries)
        if harmless:
            yield Probe(path, "DELETE")
    if harmless and not only_declared:
        yield from (Probe(path, "POST", body=SWITCH) for path in SWITCHES)
    yield from _elevations([path for path in operators if harmless or path not in SWITCHES], harmless=harmless)


def _elevations(paths: Sequence[str], *, harmless: bool) -> Iterator[Probe]:
    """Yield requests that claim rights by a parameter, a header or a field (OWASP API5:2023)."""
    for path in paths:
        yield from (Probe(path, query=query) for query in ELEVATING_QUERIES)
        yield from (Probe(path, header=header) for header in ELEVATING_HEADERS)
        yield from (Probe("", header=(name, f"/{path}")) for name in REWRITING_HEADERS)
        if harmless:
            yield Probe(path, "POST", body=ELEVATING_BODY)
