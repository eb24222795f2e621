"""Probe every address of every name in use, all at the same time."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

from cutover.config.preflight_tls import TlsSettings
from cutover.core.safety import AllowList, KillSwitch
from cutover.preflight.dns_names import UsedName
from cutover.preflight.dns_queries import has_route
from cutover.preflight.dns_survey import DnsSurvey
from cutover.preflight.tls_probe import ProbeLimits, TlsProbe, probe

ADDRESSES_PROBED: Final = 4
"""Addresses of a name that are probed at most: those of one edge have the same configuration."""
_THREADS: Final = 64


@dataclass(frozen=True)
class TlsSurvey:
    """The probes of all addresses. names: those with an https URL.

    unresolved: names without an address. unprobed: what was left out.
    waited_s: sum of the durations of all connections. wall_s: duration of the survey.
    """

    settings: TlsSettings
    probes: tuple[TlsProbe, ...]
    names: tuple[UsedName, ...] = ()
    unresolved: tuple[UsedName, ...] = ()
    unprobed: tuple[str, ...] = ()
    ca_file: str | None = None
    waited_s: float = 0.0
    wall_s: float = 0.0


def survey(
    settings: TlsSettings,
    dns: DnsSurvey,
    allowed: AllowList,
    kill_switch: KillSwitch,
    *,
    ca_file: str | None = None,
) -> TlsSurvey:
    """Return the probes of all names that resolve. Raises Refused for a name that the environment does not have."""
    started = time.perf_counter()
    unresolved: list[UsedName] = []
    unprobed: list[str] = []
    planned: list[tuple[UsedName, str, ProbeLimits]] = []
    names = tuple(used for used in dns.names if used.is_https)
    for used in names:
        allowed.permit(f"https://{used.authority}/")
        addresses = dns.addresses(used.host)
        if not addresses:
            unresolved.append(used)
            continue
        routed, more = _with_route(addresses)
        unprobed += [f"faults of {used.host} at {address}: {why}" for address, why in more]
        limits = ProbeLimits(settings.port or used.port, settings.http_port, settings.timeout_s, ca_file)
        planned += [(used, address, limits) for address in routed]
    with ThreadPoolExecutor(_THREADS, "tls") as pool:
        waiting = [probe(used, address, limits, kill_switch, pool) for used, address, limits in planned]
        probes = tuple(wait() for wait in waiting)
    return TlsSurvey(
        settings,
        probes,
        names,
        tuple(unresolved),
        tuple(unprobed),
        ca_file,
        round(sum(sum(each.waited) for each in probes), 4),
        round(time.perf_counter() - started, 4),
    )


def _with_route(addresses: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the addresses to probe, and the others with the reason. All, if this machine has a route to none."""
    routed = [address for address in addresses if has_route(address)]
    without = [(address, "this machine has no route to it") for address in addresses if address not in routed]
    if not routed:
        return list(addresses[:1]), []
    beyond = [(address, f"only {ADDRESSES_PROBED} addresses are probed") for address in routed[ADDRESSES_PROBED:]]
    return routed[:ADDRESSES_PROBED], without + beyond
