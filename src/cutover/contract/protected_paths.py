"""Requests to the paths that an environment declares as protected: without a token, with a bad one, and as a user."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

from cutover.config.environment_paths import ProtectedPath
from cutover.config.operations import Operation
from cutover.contract.finding_collector import Inspection
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret
from cutover.systems.target import Result, Target

SAFE: Final = ("GET", "HEAD", "OPTIONS")
_NO_TOKEN: Final = "a.b.c"  # noqa: S105 - not a real token


def operation_of(path: ProtectedPath) -> Operation:
    """Return the operation that sends the request. Its safety level is that of a write, unless it is harmless."""
    safe = path.method in SAFE or path.harmless
    level = SafetyLevel.READ_ONLY if path.method in SAFE else SafetyLevel.TEST_DATA
    return Operation(
        "protected_path", path.system, path.method, "/{+path}", (200,), level if safe else SafetyLevel.DISPOSABLE
    )


def _send(target: Target, operation: Operation, path: ProtectedPath, token: str | None) -> Result:
    content = None if path.body is None else (json.dumps(path.body).encode(), "application/json")
    raw, _, query = path.path.removeprefix("/").partition("?")
    return target.call(operation, token=token, path={"path": unquote(raw)}, query=query, content=content)


def inspect_protected(inspection: Inspection, paths: Sequence[ProtectedPath], user: Secret | None) -> list[str]:
    """Send each request and report what is not refused as declared. Return the requests that were not sent.

    user: a user's access token, None if there is no account: only anonymous requests are sent then. A request that
    may change something is sent to disposable environments only, unless the declaration calls it harmless.
    """
    target, left = inspection.target, []
    for path in paths:
        operation = operation_of(path)
        if operation.level > target.environment.safety:
            left.append(path.shown)
            continue
        callers = [("anonymous", None, path.anonymous), ("a bad token", _NO_TOKEN, path.anonymous)]
        if path.user and user is not None:
            callers.append(("a user", user.reveal(), path.user))
        for role, token, statuses in callers:
            result = _send(target, operation, path, token)
            inspection.count(operation.name)
            if result.status not in statuses:
                inspection.report(
                    result,
                    f"{path.shown} is not refused as declared to {role}",
                    expected=f"status {' or '.join(map(str, statuses))}",
                    role=role,
                    do_next="check who may call this path; then the declaration in environments.toml, protected",
                )
    return left
