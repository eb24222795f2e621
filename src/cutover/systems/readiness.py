"""Waiting until a system responds, before the first check."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

from cutover.client.identity import found_in
from cutover.config.environments import Identity
from cutover.config.validation import ConfigurationError
from cutover.core.errors import CheckFailed, IdentityMismatch, LocalRuntimeAnswer, Unreachable
from cutover.systems.target import Result, Target

_PROBES: Final = ("health", "user", "list_files", "no_such_operation", "index")
"""Operations whose response without a token shows that a system works, the best first."""
_STATUSES: Final = {"user": 401, "list_files": 401, "no_such_operation": 404}


_PERMANENT_TRIES: Final = 3
"""Equal permanent failures after which readiness is not tried again: a refused certificate, or bytes without HTTP."""
CLOCK_LIMIT_S: Final = 25.0
"""Largest accepted difference between this machine's clock and the systems'. The checks accept 30 s (NTP sets both)."""


class Ready(NamedTuple):
    """The readiness of a system. clock_ahead_s: local time minus the Date header (RFC 9110, 6.6.1), None if none."""

    tries: int
    seconds: float
    clock_ahead_s: float | None = None


def become_ready(target: Target, progress: Callable[[str], None]) -> Ready:
    """Request the health endpoint until it succeeds. Return the number of tries and the seconds.

    Without a health endpoint, the first of _PROBES that the system has must give its declared response.

    The environment's `readiness` gives the number and the interval (the plan: 30 tries, 10 s apart). Raises Unreachable
    with the last reason if no try succeeded; IdentityMismatch if that was the result of the last try. Earlier ones may
    be from another version, because a deployment may be in progress.
    """
    ready = target.environment.readiness
    probe = _probe(target)
    started = time.monotonic()
    permanent = 0
    for attempt in range(1, ready.tries + 1):
        last = attempt == ready.tries
        reason = ""
        try:
            result = target.call(probe, timeout_s=min(10.0, target.environment.timeout_s))
            # 503 is a response of the health endpoint, which the checks evaluate. Any other status means not ready.
            if result.succeeded or (result.status == 503 if probe == "health" else result.is_status(401)):
                return Ready(attempt, time.monotonic() - started, _clock_ahead(result))
            reason = result.answer.excerpt
        except (Unreachable, IdentityMismatch, CheckFailed, LocalRuntimeAnswer) as error:
            if last and isinstance(error, IdentityMismatch):
                raise
            reason = _one_line(error) if isinstance(error, CheckFailed) else str(error).splitlines()[0]
            permanent = permanent + 1 if _is_permanent(error) else 0
        if last or permanent >= _PERMANENT_TRIES:
            break
        progress(f"waiting for {target.system} ({attempt}/{ready.tries}): {reason}")
        time.sleep(ready.interval_s)
    raise Unreachable(
        f"{target.system} at {target.url} was not ready after {attempt} tries, {ready.interval_s:g} s apart: "
        f"{reason}. Check that it is deployed and running, and the address in environments.toml "
        f"[{target.environment.name}]."
    )


def wrong_clock(systems: Iterable[Ready]) -> str | None:
    """Return why the clocks make the run invalid: every system that sends a Date differs from this machine alike.

    If only one system differs, its own clock is wrong, which its checks find.
    """
    ahead = [system.clock_ahead_s for system in systems if system.clock_ahead_s is not None]
    if not ahead or min(abs(each) for each in ahead) <= CLOCK_LIMIT_S or min(ahead) < 0 < max(ahead):
        return None
    side = "ahead of" if ahead[0] > 0 else "behind"
    return (
        f"the clock of this machine is {min(abs(each) for each in ahead):.0f} s {side} the Date header of every system "
        f"(at most {CLOCK_LIMIT_S:.0f} s are accepted). Tokens and times cannot be judged. Set the clock (NTP)"
    )


def _clock_ahead(result: Result) -> float | None:
    try:
        return time.time() - parsedate_to_datetime(result.answer.headers.get("date") or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


def _is_permanent(error: Exception) -> bool:
    return "certificate was not accepted" in str(error) or (
        isinstance(error, CheckFailed) and error.finding.startswith("broken-answer:")
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
            result = target.call(name)
            if identity.is_carried(name, result.status) or found_in(identity, result.answer) is not None:
                return result
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
