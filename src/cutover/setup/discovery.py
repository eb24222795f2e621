"""Discovery of a system's API by GET requests without a token: its OpenAPI document, its health route, its routes.

Only the named system is asked, and no redirect is followed. A route counts as present only if its answer differs from
the answer for a path that cannot exist, because a server may answer 401 or its front end for every path.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from cutover.client.http import Answer, Client, Request
from cutover.config.operation import Operation
from cutover.core.errors import CheckFailed, IdentityMismatch, NotVerified, Unreachable
from cutover.setup.operation_matching import Match, match
from cutover.setup.served_openapi import Served, operations, parse

DOCUMENTS: Final = (
    "/openapi.json", "/api/openapi.json", "/v1/openapi.json", "/v2/openapi.json", "/v3/api-docs",
    "/api/v1/openapi.json",
    "/swagger.json", "/swagger/v1/swagger.json", "/docs/openapi.json", "/api/schema/?format=json", "/schema/",
    "/.well-known/openapi.json",
)  # fmt: skip
"""Usual places of an OpenAPI document, of FastAPI, drf-spectacular, springdoc, Swashbuckle and others."""
HEALTH: Final = (
    "/health",
    "/healthz",
    "/api/health",
    "/status",
    "/api/status",
    "/ping",
    "/readyz",
    "/livez",
    "/up",
    "/",
)
"""Usual places of a health route."""
NOWHERE: Final = "cutover-no-such-operation"
"""The last segment of a path that no deployment serves."""
UNKNOWN_ID: Final = "00000000-0000-4000-8000-000000000000"


@dataclass
class Discovered:
    """The findings about one system.

    document: the OpenAPI document and the path that serves it. routes: our operation -> PRESENT, NOT_FOUND or UNCLEAR,
    for the routes of contracts/operations.toml that were tried. health: path and JSON fields of the health answer.
    served_by: header -> value on every answer, of headers that may name the system. front_end: GET / answers a page.
    """

    system: str
    url: str
    document: Mapping[str, Any] | None = None
    document_path: str = ""
    served: list[Served] = field(default_factory=list)
    matches: dict[str, Match] = field(default_factory=dict)
    routes: dict[str, str] = field(default_factory=dict)
    health: str | None = None
    health_fields: dict[str, Any] = field(default_factory=dict)
    served_by: dict[str, str] = field(default_factory=dict)
    front_end: bool = False


_FAILURES: Final = 3
"""Limit of requests in a row without a usable answer: each may take the time limit of a request."""
PRESENT: Final = "present"
NOT_FOUND: Final = "not found"
UNCLEAR: Final = "unclear"


class Probe:
    """Sends GET requests without a token to one system."""

    def __init__(self, client: Client, system: str, url: str) -> None:
        self._client, self.system, self.url = client, system, url
        self._controls: dict[str, tuple[int, str]] = {}
        self.answers: list[Answer] = []
        self._failures = 0

    def get(self, path: str) -> Answer | None:
        """Return the answer to GET, None if there is none that can be used.

        Raises the measurement errors of Client.send, such as Unreachable, except for an identity mismatch.
        """
        try:
            answer = self._client.send(Request(self.system, "discovery", "GET", self.url + path, timeout_s=10.0))
        except (CheckFailed, IdentityMismatch, NotVerified) as error:
            self._failures += 1
            if self._failures >= _FAILURES:
                reason = str(error).splitlines()[0]
                raise Unreachable(f"{self.url} gave no usable answer to {_FAILURES} requests: {reason}") from None
            return None
        self._failures = 0
        self.answers.append(answer)
        return answer

    def state(self, path: str) -> str:
        """Return PRESENT, NOT_FOUND or UNCLEAR for a path with its parameters filled in.

        An answer that equals that of an unknown path below the same folder proves nothing, unless it is a 404.
        """
        answer = self.get(path)
        if answer is None:
            return UNCLEAR
        if answer.status == 404:
            return NOT_FOUND
        folder = path.rstrip("/").rpartition("/")[0]
        if folder not in self._controls:
            control = self.get(f"{folder}/{NOWHERE}{'/' if path.endswith('/') else ''}")
            self._controls[folder] = _kind_of(control) if control is not None else (0, "")
        return UNCLEAR if _kind_of(answer) == self._controls[folder] else PRESENT


def _kind_of(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.headers.get("content-type", "").partition(";")[0].strip()


def discover(
    probe: Probe, plan: Mapping[str, Operation], document_path: str | None, progress: Callable[[str], None]
) -> Discovered:
    """Return what can be found out about a system. plan: operations of contracts/operations.toml.

    document_path: path of the OpenAPI document, None to try the usual ones. Raises Unreachable.
    """
    found = Discovered(probe.system, probe.url)
    progress(f"{probe.system}: looking for an OpenAPI document")
    for path in (document_path,) if document_path else DOCUMENTS:
        answer = probe.get(path)
        raw = parse(answer.body) if answer is not None and answer.status == 200 else None
        if raw is not None:
            found.document, found.document_path = raw, path
            found.served = operations(raw)
            found.matches = match(found.served)
            break
    progress(f"{probe.system}: looking for the health route")
    _find_health(probe, found)
    page = probe.get("/")
    found.front_end = page is not None and page.status == 200 and _kind_of(page)[1] == "text/html"
    if found.document is None:
        progress(f"{probe.system}: trying the routes of contracts/operations.toml")
        found.routes = routes_of(probe, plan.values())
    found.served_by = _constant_headers(probe.answers)
    return found


def routes_of(probe: Probe, plan: Iterable[Operation]) -> dict[str, str]:
    """Return operation -> PRESENT, NOT_FOUND or UNCLEAR, by GET requests to their paths.

    A route of another method answers GET with 405 or 401, which is enough to know that it exists. A 404 for an id that
    does not exist proves nothing, so it is UNCLEAR; and so does a 404 for a route of another method on a system that
    answers no path with 405, because many routers answer 404 to a wrong method.
    """
    plan, states = list(plan), dict[str, str]()
    by_path: dict[str, str] = {}
    for operation in plan:
        if operation.absent is not None or operation.name in ("no_such_operation", "front_end"):
            continue
        path = filled(operation.path)
        if path not in by_path:
            by_path[path] = probe.state(path)
        state = by_path[path]
        states[operation.name] = UNCLEAR if state == NOT_FOUND and path != operation.path else state
    if all(answer.status != 405 for answer in probe.answers):
        others = {operation.name for operation in plan if operation.method != "GET"}
        states |= {name: UNCLEAR for name, state in states.items() if name in others and state == NOT_FOUND}
    return states


def filled(path: str) -> str:
    """Return a path with an id that does not exist in place of each parameter."""
    return re.sub(r"\{[^{}]*\}", UNKNOWN_ID, path)


def _find_health(probe: Probe, found: Discovered) -> None:
    named = [found.matches["health"].path] if "health" in found.matches else []
    for path in (*named, *HEALTH):
        answer = probe.get(path)
        if answer is None or answer.status not in (200, 503):
            continue
        try:
            fields = answer.json
        except CheckFailed:
            continue
        if isinstance(fields, dict):
            found.health, found.health_fields = path, fields
            return


_NAMING: Final = ("x-served-by", "x-service", "x-app", "x-backend", "x-powered-by", "server")


def _constant_headers(answers: list[Answer]) -> dict[str, str]:
    """Return the headers that may name the system and that every answer has with the same value."""
    constant = {}
    for name in _NAMING:
        values = {answer.headers.get(name) for answer in answers}
        if len(values) == 1 and (value := values.pop()) is not None:
            constant[name] = value
    return constant
