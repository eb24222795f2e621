"""Waiting until a system responds, before the first check."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from cutover.config.environments import Identity
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, IdentityMismatch, LocalRuntimeAnswer, Unreachable
from cutover.systems.target import Result, Target

_PROBES: Final = ("health", "user", "list_files", "no_such_operation", "index")
"""Operations whose response without a token shows that a system works, the best first."""
_STATUSES: Final = {"user": 401, "list_files": 401, "no_such_operation": 404}


def become_ready(target: Target, progress: Callable[[str], None]) -> tuple[int, float]:
    """Request the health endpoint until it succeeds. Return the number of tries and the seconds.

    Without a health endpoint, the first of _PROBES that the system has must give its declared response.

    The environment's `readiness` gives the number and the interval (the plan: 30 tries, 10 s apart). Raises Unreachable
    with the last reason if no try succeeded; IdentityMismatch if that was the result of the last try. Earlier ones may
    be from another version, because a deployment may be in progress.
    """
    ready = target.environment.readiness
    probe = _probe(target)
    started = time.monotonic()
    for attempt in range(1, ready.tries + 1):
        last = attempt == ready.tries
        reason = ""
        try:
            result = target.call(probe, timeout_s=min(10.0, target.environment.timeout_s))
            # 503 is a response of the health endpoint, which the checks evaluate. Any other status means not ready.
            if result.succeeded or (result.status == 503 if probe == "health" else result.is_status(401)):
                return attempt, time.monotonic() - started
            reason = result.answer.excerpt
        except (Unreachable, IdentityMismatch, CheckFailed, LocalRuntimeAnswer) as error:
            if last and isinstance(error, IdentityMismatch):
                raise
            reason = _one_line(error) if isinstance(error, CheckFailed) else str(error).splitlines()[0]
        if last:
            break
        progress(f"waiting for {target.system} ({attempt}/{ready.tries}): {reason}")
        time.sleep(ready.interval_s)
    raise Unreachable(
        f"{target.system} at {target.url} was not ready after {ready.tries} tries, {ready.interval_s:g} s apart: "
        f"{reason}. Check that it is deployed and running, and the address in environments.toml "
        f"[{target.environment.name}]."
    )


def first_response(target: Target) -> Result:
    """Return the response to the request that `become_ready` sends. It proves the identity as far as it is declared.

    Raises ConfigurationError if the system has none of the operations, and the errors of Client.send.
    """
    return target.call(_probe(target))


def proving_response(target: Target, identity: Identity) -> Result | None:
    """Return a response that must prove the system, None if only operations with a token or a body prove it."""
    for name in _PROBES:
        if target.has(name) and identity.is_carried(name, _STATUSES.get(name, 200)):
            return target.call(name)
    return None


def _probe(target: Target) -> str:
    name = next((name for name in _PROBES if target.has(name)), None)
    if name is None:
        raise ConfigurationError(
            "environments.toml", f"{target.environment.name}.operations",
            f"expected one of {', '.join(_PROBES)} on {target.system}, got none",
            "Declare one of them, so that the suite can tell when the system is ready.",
        )  # fmt: skip
    return name


def _one_line(error: CheckFailed) -> str:
    return "; ".join(line.strip() for line in str(error).splitlines()[1:3])
