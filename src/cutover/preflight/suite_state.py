"""The state of the suite's own environment: clocks, secrets, request budget and identity proofs."""

from __future__ import annotations

import datetime
import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Final

from cutover.client.identity import found_in
from cutover.config.environment import Environment
from cutover.core.errors import CheckFailed, MeasurementError, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.rule_table import HOUSE
from cutover.core.safety import SafetyLevel
from cutover.preflight.findings import Finding
from cutover.systems.readiness import first_response, proving_response
from cutover.systems.target import Result, Target

_CLOCK_SAMPLES: Final = 3
_CLOCK_PROMISE: Final = "docs/preflight.md, The suite itself: clocks differ by less than the limit"

_SHORTEST: Final = 16
_PLACEHOLDERS: Final = ("django-insecure", "changeme", "change-me", "change_me", "placeholder", "example")
"""Words of placeholders. They are so long that a random secret does not contain one."""
_SHORT_PLACEHOLDERS: Final = ("your-", "your_", "todo", "xxxx")
_RANDOM: Final = 32
"""Characters from which a value may be random, and contain a short word by chance."""
_SECRETS_PROMISE: Final = "plan: Environment Variables and Secrets; docs/environments.md, secrets"

REQUESTS: Final = {"smoke": 1_400, "contract": 9_500, "parity": 6_500, "migration": 100}
"""Requests of one run of each gate, rounded up from runs on the embedded pair. A read-only environment needs fewer."""
_BUDGET_PROMISE: Final = "plan: Unified Production Configuration, RATE_LIMITER; docs/environments.md, budget"


@dataclass(frozen=True)
class ClockOffset:
    """The clock of a system minus the clock of this machine, in seconds: between low and high."""

    low: float
    high: float

    @property
    def proven_s(self) -> float:
        """Return the smallest difference that is consistent with the measurement, 0 if the clocks may be equal."""
        return max(self.low, -self.high, 0.0)

    def within(self, other: ClockOffset) -> ClockOffset:
        """Return the offsets that both allow. If none does, a clock was set meanwhile, and the later one counts."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        return ClockOffset(low, high) if low <= high else other

    def __str__(self) -> str:
        """Return it with its uncertainty."""
        return f"{(self.low + self.high) / 2:+.1f} s ± {(self.high - self.low) / 2:.1f} s"


def offset_of(sent: float, received: float, date: str | None) -> ClockOffset | None:
    """Return the offset that a Date header (RFC 9110, 6.6.1) allows; None if there is none.

    sent, received: Unix time before the request and after the response. The header has whole seconds, and the system
    wrote it at some moment in between, so its clock showed date to date + 1 s at a local time from sent to received.
    """
    try:
        stamp = parsedate_to_datetime(date or "").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    return ClockOffset(stamp - received, stamp + 1.0 - sent)


def measured_offset(ask: Callable[[], Result]) -> ClockOffset | None:
    """Return the offset after some requests, whose uncertainties overlap.

    Without a Date header (workerd sends none) the declared field `timestamp` is read. None without both.
    """
    found: ClockOffset | None = None
    for _ in range(_CLOCK_SAMPLES):
        sent = time.time()
        result = ask()
        received = time.time()
        offset = offset_of(sent, received, result.answer.headers.get("date")) or _offset_of_timestamp(
            sent, received, result
        )
        if offset is not None:
            found = offset if found is None else found.within(offset)
    return found


def _offset_of_timestamp(sent: float, received: float, result: Result) -> ClockOffset | None:
    if not result.operation.has("timestamp"):
        return None
    try:
        stamp = datetime.datetime.fromisoformat(str(result.field("timestamp")))
    except (CheckFailed, ValueError):
        return None
    return None if stamp.tzinfo is None else ClockOffset(stamp.timestamp() - received, stamp.timestamp() - sent)


def clock_findings(targets: Iterable[Target], recorder: Recorder, limit_s: float) -> Iterator[Finding]:
    """Yield a finding for each system whose clock differs by more than the limit.

    Raises MeasurementError if all systems differ in the same direction, because then this machine's clock is wrong;
    NotVerified if a system states no time.
    """
    offsets: dict[str, ClockOffset] = {}
    unknown: list[str] = []
    for target in targets:
        offset = measured_offset(lambda target=target: first_response(target))  # type: ignore[misc]
        if offset is None:
            unknown.append(f"{target.system} sends no Date header and no timestamp, so its clock cannot be compared")
            continue
        recorder.measure(f"clock of {target.system}, ahead of this machine", str(offset), f"within {limit_s:g} s")
        offsets[target.system] = offset
    wrong = {system: offset for system, offset in offsets.items() if offset.proven_s > limit_s}
    if len(wrong) == len(offsets) > 1 and len({offset.low > 0 for offset in wrong.values()}) == 1:
        raise MeasurementError(
            "the clock of this machine is wrong, as the times that all systems state differ from it: "
            + ", ".join(f"{name} {offset}" for name, offset in wrong.items())
            + f" (at most {limit_s:g} s are accepted). Set it by NTP"
        )
    for system, offset in wrong.items():
        yield Finding(
            f"suite:clock:{system}", f"time in the responses of {system}", f"within {limit_s:g} s of this machine",
            f"{offset} ahead", _CLOCK_PROMISE,
            "set the clock of the system by NTP. If it is Cloudflare's, set this machine's clock",
        )  # fmt: skip
    if unknown and not wrong:
        raise NotVerified("; ".join(unknown))


def secret_findings(environment: Environment) -> Iterator[Finding]:
    """Yield a finding for each secret that is missing, a placeholder, too short or equal to another one.

    Missing are those that gates need at this safety level: the keys of tokens, which forged tokens are signed with, and
    the key of test accounts.
    """
    place = f"environments.toml [{environment.name}.secrets]"
    for name in sorted(_needed_secrets(environment) - environment.secrets.keys()):
        yield Finding(
            f"suite:secret-missing:{name}", place, f"{name} = the name of a variable", "no such key", _SECRETS_PROMISE,
            "add the key, and set the variable; without it checks of contract and smoke are not verified",
        )  # fmt: skip
    seen: dict[str, str] = {}
    for name, secret in sorted(environment.secrets.items()):
        value = secret.reveal()
        weak = _weakness(name, value)
        if weak:
            yield Finding(
                f"suite:secret-weak:{name}", f"{place} {name}", "the secret of the deployment", weak, _SECRETS_PROMISE,
                "set the variable that this key names to the real secret: openssl rand -hex 32 makes a good one",
            )  # fmt: skip
        elif value in seen and not name.endswith("_dsn"):  # whether a role may do both is judged by its rights
            yield Finding(
                f"suite:secret-equal:{seen[value]}={name}", f"{place} {name}", f"another value than {seen[value]}",
                "the same value", _SECRETS_PROMISE,
                "give each its own value: a leaked one would open both",
            )  # fmt: skip
        seen.setdefault(value, name)


def _needed_secrets(environment: Environment) -> set[str]:
    if environment.safety < SafetyLevel.TEST_DATA:
        return set()
    needed = {f"{system}_jwt_secret" for system in environment.systems}
    if "registration" not in environment.absent:
        needed.add("account_key")
    if environment.d1 is not None and not environment.local_runtime:
        needed.add("d1_api_token")
    return needed


def _weakness(name: str, value: str) -> str:
    words = _PLACEHOLDERS + (_SHORT_PLACEHOLDERS if len(value) < _RANDOM else ())
    if any(word in value.lower() for word in words) and not name.endswith("_dsn"):
        return "a placeholder"
    if len(value) < _SHORTEST:
        return f"{len(value)} characters, fewer than {_SHORTEST}"
    return f"{len(set(value))} different characters" if len(set(value)) < 5 else ""


def budget_findings(environment: Environment, recorder: Recorder, *, minutes: float, bypass: bool) -> Iterator[Finding]:
    """Yield a finding if the budget is above the limiter's promise, or if a gate would take longer than minutes.

    bypass: the environment names a secret that the limiter lets pass; only load runs send it.
    """
    budget, table = environment.budget, f"environments.toml [{environment.name}"
    place = f"{table}.budget]"
    limiter: Mapping[str, Any] = environment.promises.get("limiter", {})
    if environment.rules == HOUSE and limiter and not environment.poses_as_clients:
        windows = math.ceil(limiter["window_s"] / budget.window_s)
        most = budget.requests * windows
        recorder.measure(f"requests in {limiter['window_s']} s", most, f"<= {limiter['requests']} (limiter)")
        if most > limiter["requests"]:
            yield Finding(
                "suite:budget-above-limiter", place,
                f"at most {limiter['requests']} requests in {limiter['window_s']:g} s, as the limiter allows",
                f"{budget.requests} in {budget.window_s:g} s, so up to {most}", _BUDGET_PROMISE,
                "lower budget.requests; otherwise gates are answered with 429 and end INVALID",
            )  # fmt: skip
        if environment.load and not bypass and environment.load.rate * limiter["window_s"] > limiter["requests"]:
            recorder.warn(
                f"{table}.load] allows {environment.load.rate:g} requests/s, and no secrets.limiter_bypass is named: "
                "load runs above the limiter are refused"
            )
    for gate, requests in REQUESTS.items():
        needed = requests / budget.requests * budget.window_s / 60
        recorder.measure(f"{gate}: minutes within the budget, at most", round(needed, 1), f"<= {minutes:g}")
        if needed > minutes:
            yield Finding(
                f"suite:budget-too-small:{gate}", place, f"{gate} to take at most {minutes:g} minutes",
                f"{requests} requests take {needed:.0f} minutes", _BUDGET_PROMISE,
                "raise the budget as far as the limiter allows, or raise preflight.suite.gate_minutes",
            )  # fmt: skip


def identity_findings(targets: Iterable[Target], recorder: Recorder) -> Iterator[Finding]:
    """Yield a finding if a response carries the proof of the other system, or proves neither.

    The client has verified each response: another system raises IdentityMismatch. Here the proofs are compared with
    each other, because equal proofs distinguish nothing.
    """
    named = {target.system: target for target in targets}
    for system, target in named.items():
        identity = target.environment.systems[system].identity
        place = f"environments.toml [{target.environment.name}] {system}.identity"
        if identity is None or identity.address_only:
            why = identity.address_only if identity else "no identity is declared"
            recorder.note_undetectable(f"another system at the address of {system}: {why}")
            continue
        result = proving_response(target, identity)
        if result is None:
            raise NotVerified(f"{place}: no operation without a token proves who answered")
        recorder.measure(f"identity of {system}", found_in(identity, result.answer), repr(identity.value))
        for other in named:
            theirs = target.environment.systems[other].identity
            if other != system and theirs is not None and found_in(theirs, result.answer) == theirs.value:
                yield Finding(
                    f"suite:identity-not-distinct:{system}", place, f"a proof that only {system} sends",
                    f"its response also carries the proof of {other} ({theirs.place}: {theirs.value!r})",
                    "plan: Rollback Procedure; every response proves which system sent it",
                    "let each system send its own value, and declare it",
                )  # fmt: skip
