"""Prove that the limiter cannot be bypassed: neither by an unknown secret nor by that of another environment."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from cutover.client.http import Client, Request
from cutover.config.validation import read_toml
from cutover.core.errors import NotApplicable, NotVerified
from cutover.core.recorder import Recorder
from cutover.core.safety import SafetyLevel
from cutover.core.secrets import Secret
from cutover.preflight.findings import Finding
from cutover.systems.target import Target

HEADER: Final = "x-limiter-bypass"
"""The header of load runs (contracts/api.md, Rate limiting)."""
_PROMISED: Final = "docs/load.md: only the environment's own limiter_bypass lifts its limiter"


@dataclass(frozen=True)
class Bypass:
    """A value that must not lift the limiter. of: where it comes from, for messages."""

    of: str
    value: Secret


def bypasses_of_others(
    project: Path, environment: str, variables: Mapping[str, str] | None = None
) -> tuple[list[Bypass], list[str]]:
    """Return the limiter_bypass of each other environment, and the names of those whose variable is not set."""
    variables = os.environ if variables is None else variables
    found, unset = [], []
    for name, table in read_toml(project / "environments.toml").items():
        named = table.get("secrets", {}).get("limiter_bypass") if isinstance(table, dict) else None
        if name == environment or not isinstance(named, str):
            continue
        if value := variables.get(named):
            found.append(Bypass(name, Secret(value)))
        else:
            unset.append(f"{name} ({named})")
    return found, unset


def bypass_findings(
    target: Target,
    client: Client,
    project: Path,
    limiter: Mapping[str, Any],
    recorder: Recorder,
    *,
    burst: bool,
) -> Iterator[Finding]:
    """Yield a finding for each foreign value that lifts the limiter. Only reading requests without a token are sent.

    With each value requests are sent until one is refused with 429, at most twice as many as the limiter allows. Then
    all processes wait as Retry-After says. burst: the environment permits it; a disposable one always does. limiter:
    `requests` and `window_s` of contracts/promises.toml. A random value is tried only on disposable environments.

    Raises NotApplicable if no other environment names a value, NotVerified if the variable of one is not set.
    """
    name = target.environment.name
    others, unset = bypasses_of_others(project, name)
    disposable = target.environment.safety >= SafetyLevel.DISPOSABLE
    random = [Bypass("a random value", Secret(secrets.token_urlsafe(32)))]
    tried = [*(random if disposable else []), *others]
    if not tried and not unset:
        raise NotApplicable("no other environment names secrets.limiter_bypass, so there is no value to try")
    if not (disposable or burst):
        raise NotVerified(
            f"the bypass of {', '.join([bypass.of for bypass in others] + unset)} was not tried: that takes up to "
            f"{2 * int(limiter['requests'])} reading requests at once. Permit them with preflight.suite.burst = true"
        )
    found = False
    own = target.environment.secrets.get("limiter_bypass")
    for other in others:
        if own is not None and own.reveal() == other.value.reveal():
            found = True
            yield Finding(
                f"suite:bypass-shared:{other.of}", f"environments.toml [{name}.secrets] limiter_bypass",
                f"another value than that of {other.of}", "the same value", _PROMISED,
                "give each environment its own secret: the one of a test environment must not open production",
            )  # fmt: skip
    for bypass in tried:
        answered = _answered(target, client, bypass.value, int(limiter["requests"]))
        recorder.measure(f"requests before 429 with {bypass.of}", answered, f"<= {2 * int(limiter['requests'])}")
        if answered is None:
            found = True
            yield Finding(
                f"suite:bypass-accepted:{bypass.of}", f"{target.system} {target.url}",
                f"429 after {limiter['requests']} requests in {limiter['window_s']:g} s",
                f"none in {2 * int(limiter['requests'])} requests with {HEADER} of {bypass.of}", _PROMISED,
                "remove LIMITER_BYPASS from this deployment, or give it a value of its own",
            )  # fmt: skip
    if unset:
        reason = (
            f"the bypass of {', '.join(unset)} was not tried, because its variable is not set. Set it to prove that "
            f"{name} refuses it"
        )
        if not found:
            raise NotVerified(reason)
        recorder.incomplete = reason


def _answered(target: Target, client: Client, value: Secret, limit: int) -> int | None:
    """Return the number of requests before the first 429, None if there was none in twice the limit.

    Where the runtime trusts the client's address, each value is tried as a client of its own. Elsewhere all requests of
    this machine share one count, so 429 may come early.
    """
    headers = {HEADER: value.reveal()}
    read = target.operation(target.protected_read)
    url = target.url + read.url_path({})
    if target.environment.poses_as_clients:
        headers["cf-connecting-ip"] = f"203.0.113.{secrets.randbelow(256)}-{secrets.token_hex(3)}"
    for sent in range(2 * limit):
        # Not by Target.call, which allows bursts only on disposable environments: `burst` has permitted this one.
        answer = client.send(Request(target.system, read.name, read.method, url, headers, expects_429=True))
        if answer.status == 429:
            if not target.environment.poses_as_clients:
                client.hold(answer)
            return sent
    return None
