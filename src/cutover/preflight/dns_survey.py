"""Ask a resolver and the authoritative servers about every name in use, all at the same time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, TypeVar

from cutover.config.preflight_dns import DnsServer, DnsSettings
from cutover.core.errors import MeasurementError, Unreachable
from cutover.preflight.dns_names import UsedName
from cutover.preflight.dns_queries import (
    TRIES,
    DnsAnswer,
    DnsClient,
    Outcome,
    has_route,
    is_below,
    parents_of,
)

ADDRESSES: Final = ("A", "AAAA")
_COMPARISONS: Final = 3
"""Number of times that servers are asked if their answers differ: some zones answer with a part of their addresses."""
_THREADS: Final = 48

_Key = TypeVar("_Key")


@dataclass(frozen=True)
class AuthoritativeServer:
    """A server of a zone. host: its name in the NS record, "" if the environment gives its address.

    address: None if the name has none.
    """

    zone: str
    host: str
    address: DnsServer | None

    def __str__(self) -> str:
        if self.address is None:
            return self.host
        return f"{self.host} ({self.address})" if self.host else str(self.address)


@dataclass(frozen=True)
class DnsSurvey:
    """All responses about the names in use.

    resolved: (name, type) -> the resolver's response; authoritative: (server, name, type) -> responses, one or, after a
    difference, several; servers: of all zones; zones: name -> its zone, "" if unknown. caa: name -> the nearest CAA
    response of the resolver, and the names asked. unrouted: servers that this machine has no route to.
    waited_s: sum of the durations of all questions. wall_s: duration of the survey.
    """

    settings: DnsSettings
    resolver: DnsServer
    names: tuple[UsedName, ...]
    resolved: Mapping[tuple[str, str], DnsAnswer]
    authoritative: Mapping[tuple[AuthoritativeServer, str, str], tuple[DnsAnswer, ...]]
    soa: Mapping[AuthoritativeServer, DnsAnswer]
    servers: tuple[AuthoritativeServer, ...]
    zones: Mapping[str, str]
    caa: Mapping[str, tuple[DnsAnswer, ...]]
    unrouted: tuple[AuthoritativeServer, ...] = ()
    waited_s: float = 0.0
    wall_s: float = 0.0

    @property
    def hosts(self) -> tuple[str, ...]:
        """Return the host names, each once."""
        return tuple(dict.fromkeys(used.host for used in self.names))

    def addresses(self, host: str) -> tuple[str, ...]:
        """Return the addresses that the resolver gave, IPv4 first."""
        return tuple(address for kind in ADDRESSES for address in self.resolved[host, kind].records)

    def servers_of(self, host: str) -> tuple[AuthoritativeServer, ...]:
        """Return the authoritative servers of the name's zone."""
        return tuple(server for server in self.servers if server.zone == self.zones.get(host))

    def is_alive(self, server: AuthoritativeServer) -> bool:
        """Return True if the server responded at all."""
        return server in self.soa and self.soa[server].responded

    def is_lame(self, server: AuthoritativeServer) -> bool:
        """Return True if the server responded without authority for its zone."""
        found = self.soa.get(server)
        return found is not None and found.responded and not (found.authoritative and found.outcome is Outcome.ANSWER)

    def median_ms(self, server: AuthoritativeServer) -> float | None:
        """Return the median duration of the server's responses in ms, None without any."""
        times = [self.soa[server].ms] if self.is_alive(server) else []
        times += [
            answer.ms
            for (each, _, _), answers in self.authoritative.items()
            for answer in answers
            if each == server and answer.responded
        ]
        return statistics.median(times) if times else None


def survey(client: DnsClient, settings: DnsSettings, names: Sequence[UsedName]) -> DnsSurvey:
    """Return the responses about all names.

    Raises Unreachable if the resolver does not respond, MeasurementError if it does not resolve for this machine.
    """
    return _Surveyor(client, settings, settings.resolver, tuple(names)).run()


@dataclass
class _Surveyor:
    """The questions of one survey. waited: durations of the questions, in s."""

    client: DnsClient
    settings: DnsSettings
    resolver: DnsServer
    names: tuple[UsedName, ...]
    waited: list[float] = field(default_factory=list)

    def run(self) -> DnsSurvey:
        """Ask in three steps: the resolver about the names, about their zones' servers, then these servers."""
        started = time.perf_counter()
        hosts = tuple(dict.fromkeys(used.host for used in self.names))
        with ThreadPoolExecutor(_THREADS, "dns") as pool:
            soa = _later(pool, hosts, self._find_zone)
            kinds = [(host, kind) for host in hosts for kind in ADDRESSES]
            pending = _later(pool, kinds, lambda key: self._resolve(*key))
            caa = _later(pool, hosts, self._climb_caa)
            resolved = _now(pending)
            self._require_resolver(resolved.values())
            zones = _now(soa)
            servers = self._find_servers(pool, sorted(set(zones.values()) - {""}))
            routed = [server for server in servers if server.address is not None and has_route(server.address.host)]
            self.client.allow_servers_of_zones(server.address for server in routed if server.address is not None)
            of_zone = _later(pool, routed, lambda server: self._ask(server, server.zone, "SOA"))
            answers = self._ask_servers(pool, routed, resolved, zones)
            return DnsSurvey(
                self.settings,
                self.resolver,
                self.names,
                resolved,
                answers,
                _now(of_zone),
                servers,
                zones,
                _now(caa),
                tuple(server for server in servers if server.address is not None and server not in routed),
                round(sum(self.waited), 4),
                round(time.perf_counter() - started, 4),
            )

    def _asked(self, server: DnsServer, name: str, kind: str, *, recurse: bool) -> DnsAnswer:
        started = time.perf_counter()
        try:
            return self.client.ask(server, name, kind, recurse=recurse)
        finally:
            self.waited.append(time.perf_counter() - started)

    def _resolve(self, name: str, kind: str) -> DnsAnswer:
        return self._asked(self.resolver, name, kind, recurse=True)

    def _ask(self, server: AuthoritativeServer, name: str, kind: str) -> DnsAnswer:
        assert server.address is not None, "servers without an address are not asked"
        return self._asked(server.address, name, kind, recurse=False)

    def _require_resolver(self, answers: Iterable[DnsAnswer]) -> None:
        """Raise Unreachable or MeasurementError if no response of the resolver can be used."""
        found = list(answers)
        key, fix = "preflight.dns.resolver", "Check the network of this machine, or name another resolver"
        if not any(answer.responded for answer in found):
            first = found[0]
            raise Unreachable(
                f"the resolver {self.resolver} ({key}) gave {first.outcome} {first.detail} to {len(found)} questions, "
                f"each sent up to {TRIES} times. {fix}"
            )
        if all(not answer.responded or answer.outcome is Outcome.REFUSED for answer in found):
            raise MeasurementError(f"the resolver {self.resolver} ({key}) refuses this machine (REFUSED). {fix}")
        if not any(answer.recursive for answer in found):
            raise MeasurementError(
                f"the server {self.resolver} ({key}) is not a resolver: its responses have no flag RA. "
                "Name a recursive resolver; authoritative servers belong in preflight.dns.authoritative"
            )

    def _find_zone(self, host: str) -> str:
        """Return the zone of the name: the owner of the nearest SOA record (RFC 1034 4.2.1), "" if none is found."""
        for parent in parents_of(host):
            answer = self._resolve(parent, "SOA")
            if answer.zone and is_below(host, answer.zone) and not answer.chain:
                return answer.zone
            if not answer.responded:
                return ""
        return ""

    def _climb_caa(self, host: str) -> tuple[DnsAnswer, ...]:
        """Return the responses for CAA from the name upwards, up to the first with records (RFC 8659 3)."""
        found: list[DnsAnswer] = []
        for parent in parents_of(host):
            found.append(self._resolve(parent, "CAA"))
            if found[-1].records:
                break
        return tuple(found)

    def _find_servers(self, pool: ThreadPoolExecutor, zones: Sequence[str]) -> tuple[AuthoritativeServer, ...]:
        """Return the named authoritative servers for every zone, else those of the zones' NS records."""
        if self.settings.authoritative:
            return tuple(
                AuthoritativeServer(zone, "", server) for zone in zones for server in self.settings.authoritative
            )
        named = _now(_later(pool, zones, lambda zone: self._resolve(zone, "NS")))
        hosts = [(zone, host) for zone in zones for host in named[zone].records]
        asked = _now(
            _later(pool, [(host, kind) for _, host in hosts for kind in ADDRESSES], lambda key: self._resolve(*key))
        )
        found = []
        for zone, host in hosts:
            addresses = [address for kind in ADDRESSES for address in asked[host, kind].records]
            found += [AuthoritativeServer(zone, host, DnsServer(address)) for address in addresses]
            if not addresses:
                found.append(AuthoritativeServer(zone, host, None))
        return tuple(found)

    def _ask_servers(
        self,
        pool: ThreadPoolExecutor,
        servers: Sequence[AuthoritativeServer],
        resolved: Mapping[tuple[str, str], DnsAnswer],
        zones: Mapping[str, str],
    ) -> dict[tuple[AuthoritativeServer, str, str], tuple[DnsAnswer, ...]]:
        """Ask each server about the names of its zone; again if two responses differ, also from the resolver's."""
        keys = [(server, host, kind) for server in servers for host, kind in resolved if zones[host] == server.zone]
        answers: dict[tuple[AuthoritativeServer, str, str], tuple[DnsAnswer, ...]] = {}
        for key, answer in _now(_later(pool, keys, lambda key: self._ask(*key))).items():
            answers[key] = (answer,)
        for _ in range(_COMPARISONS - 1):
            seen: dict[tuple[str, str], list[DnsAnswer]] = {}
            for (_, host, kind), given in answers.items():
                seen.setdefault((host, kind), []).extend(answer for answer in given if answer.responded)
            varied = {question for question, given in seen.items() if _vary(given, resolved[question])}
            again = [key for key in keys if key[1:] in varied and answers[key][-1].responded]
            for key, answer in _now(_later(pool, again, lambda key: self._ask(*key))).items():
                answers[key] = (*answers[key], answer)
        return answers


def _vary(authoritative: Sequence[DnsAnswer], resolved: DnsAnswer) -> bool:
    """Return True if authoritative answers differ, or the resolver gave a record that none of them has."""
    known = {record for answer in authoritative for record in answer.records}
    return len({answer.content for answer in authoritative}) > 1 or bool(known and set(resolved.records) - known)


_Value = TypeVar("_Value")


def _later(
    pool: ThreadPoolExecutor, keys: Iterable[_Key], function: Callable[[_Key], _Value]
) -> dict[_Key, Future[_Value]]:
    """Start the function for every key. Return the results that `_now` waits for."""
    return {key: pool.submit(function, key) for key in keys}


def _now(pending: Mapping[_Key, Future[_Value]]) -> dict[_Key, _Value]:
    return {key: future.result() for key, future in pending.items()}
