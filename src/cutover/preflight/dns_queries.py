"""Ask one DNS server one question. The only module of the feature that imports dnspython."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdatatype
import dns.rrset

from cutover.config.preflight_dns import DnsServer
from cutover.core.safety import AllowList, KillSwitch

TRIES: Final = 3
"""Number of times that a question is sent if no response arrives: UDP loses packets (RFC 1035 4.2.1)."""
_LONGEST_CHAIN: Final = 16
_PAYLOAD: Final = 1232
"""Bytes of a UDP response that no network fragments (DNS flag day 2020). A longer one is repeated over TCP."""


class Outcome(StrEnum):
    """The kind of a response, or of its absence."""

    ANSWER = "answer"  # records of the type, or a CNAME whose target the server does not know
    NO_DATA = "no record of this type"
    NO_NAME = "the name does not exist (NXDOMAIN)"
    REFUSED = "REFUSED"
    FAILED = "an error"
    TIMEOUT = "no response"
    UNREACHABLE = "not reachable"
    MALFORMED = "a response that is not DNS"


NO_RESPONSE: Final = (Outcome.TIMEOUT, Outcome.UNREACHABLE, Outcome.MALFORMED)


@dataclass(frozen=True)
class DnsAnswer:
    """The response of a server to one question.

    records: data of the records of the type, in text form, sorted. chain: the targets of the CNAME records, in order.
    ttls: owner and TTL in s of each CNAME record and of the records. zone: owner of the
    SOA record in the response, "" without one. code: the response code. ms: duration of the successful try.
    """

    server: DnsServer
    name: str
    kind: str
    outcome: Outcome
    records: tuple[str, ...] = ()
    chain: tuple[str, ...] = ()
    ttls: tuple[tuple[str, int], ...] = ()
    authoritative: bool = False
    recursive: bool = False
    zone: str = ""
    code: str = ""
    detail: str = ""
    ms: float = 0.0

    @property
    def responded(self) -> bool:
        """Return True if the server sent a DNS response."""
        return self.outcome not in NO_RESPONSE

    def longest_ttl_s(self, zone: str) -> int | None:
        """Return the longest TTL of the records that belong to this zone, None without any.

        The target of a CNAME in another zone does not change in a cutover, so its TTL does not count.
        """
        return max((ttl for owner, ttl in self.ttls if is_below(owner, zone)), default=None)

    @property
    def content(self) -> tuple[tuple[str, ...], tuple[str, ...], bool]:
        """Return what two servers must agree on: the CNAME chain, the records, and if the name exists."""
        return self.chain, self.records, self.outcome is Outcome.NO_NAME

    @property
    def shown(self) -> str:
        """Return the response in one line."""
        parts = [f"CNAME {target}" for target in self.chain]
        if self.records:
            parts.append(f"{self.kind} {', '.join(self.records)}")
        elif self.outcome is not Outcome.ANSWER:
            parts.append(f"{self.outcome}{f' ({self.code})' if self.outcome is Outcome.FAILED else ''}")
        return " → ".join(parts) or f"no {self.kind} record"


class DnsClient:
    """Asks the servers that the environment names. Used by several threads at the same time."""

    def __init__(self, allowed: AllowList, kill_switch: KillSwitch, timeout_s: float) -> None:
        """allowed: the named servers. timeout_s: for one try."""
        self._allowed, self._kill_switch, self._timeout_s = allowed, kill_switch, timeout_s
        self._of_zone: frozenset[DnsServer] = frozenset()

    def allow_servers_of_zones(self, servers: Iterable[DnsServer]) -> None:
        """Allow the servers that the named resolver gave as NS of the environment's own zones."""
        self._of_zone |= frozenset(servers)

    def ask(self, server: DnsServer, name: str, kind: str, *, recurse: bool) -> DnsAnswer:
        """Return the server's response to the question for records of that kind ("A", "CAA").

        Sent over UDP, and over TCP if the response is truncated. Raises Refused for a server that the environment does
        not name, Stopped if the kill switch is on.
        """
        if server not in self._of_zone:
            self._allowed.permit_server(server.host, server.port)
        rdtype = dns.rdatatype.from_text(kind)
        try:
            query = dns.message.make_query(name, rdtype, use_edns=0, payload=_PAYLOAD)
        except dns.exception.DNSException as error:  # a URL may have a name that DNS does not allow
            return DnsAnswer(server, name, kind, Outcome.FAILED, code=f"not a DNS name: {error}")
        if not recurse:
            query.flags &= ~dns.flags.RD
        failure = DnsAnswer(server, name, kind, Outcome.TIMEOUT, detail="never asked")
        for _ in range(TRIES):
            self._kill_switch.check()
            started = time.perf_counter()
            try:
                response, _ = dns.query.udp_with_fallback(
                    query, server.host, timeout=self._timeout_s, port=server.port, ignore_unexpected=True
                )
            except dns.exception.Timeout:
                failure = self._failure(query, server, Outcome.TIMEOUT, f"in {self._timeout_s:g} s")
                continue
            except OSError as error:
                failure = self._failure(query, server, Outcome.UNREACHABLE, error.strerror or str(error))
                if not isinstance(error, ConnectionError):
                    break
                continue
            except (dns.exception.DNSException, EOFError, ValueError) as error:
                failure = self._failure(query, server, Outcome.MALFORMED, str(error) or type(error).__name__)
                continue
            return _read(server, query, response, (time.perf_counter() - started) * 1000)
        return failure

    @staticmethod
    def _failure(query: dns.message.Message, server: DnsServer, outcome: Outcome, detail: str) -> DnsAnswer:
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        return DnsAnswer(server, _text(question.name), kind, outcome, detail=detail)


def has_route(host: str) -> bool:
    """Return True if this machine has a route to the address. Sends nothing."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((host, 53))
        except OSError:
            return False
    return True


def parents_of(name: str) -> list[str]:
    """Return the name and its parents with at least two labels, nearest first."""
    labels = name.split(".")
    return [".".join(labels[start:]) for start in range(max(1, len(labels) - 1))]


def is_below(name: str, parent: str) -> bool:
    """Return True if the name is the parent or below it."""
    return name == parent or name.endswith(f".{parent}")


def _read(server: DnsServer, query: dns.message.Message, response: dns.message.Message, ms: float) -> DnsAnswer:
    question = query.question[0]
    kind = dns.rdatatype.to_text(question.rdtype)
    records, chain, ttls = _follow(question.name, question.rdtype, response.answer)
    code = response.rcode()
    zone = next((_text(rrset.name) for rrset in _soa_records(response)), "")
    if code == dns.rcode.NXDOMAIN:
        outcome = Outcome.NO_NAME
    elif code == dns.rcode.REFUSED:
        outcome = Outcome.REFUSED
    elif code != dns.rcode.NOERROR:
        outcome = Outcome.FAILED
    elif records or (chain and not zone):
        outcome = Outcome.ANSWER
    else:
        outcome = Outcome.NO_DATA
    return DnsAnswer(
        server,
        _text(question.name),
        kind,
        outcome,
        records,
        chain,
        ttls,
        bool(response.flags & dns.flags.AA),
        bool(response.flags & dns.flags.RA),
        zone,
        dns.rcode.to_text(code),
        ms=round(ms, 2),
    )


def _soa_records(response: dns.message.Message) -> list[dns.rrset.RRset]:
    return [rrset for rrset in (*response.answer, *response.authority) if rrset.rdtype == dns.rdatatype.SOA]


def _follow(
    name: dns.name.Name, rdtype: dns.rdatatype.RdataType, sections: list[dns.rrset.RRset]
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[tuple[str, int], ...]]:
    """Return the records at the end of the CNAME chain, the chain, and owners and TTLs of all of them."""
    chain: list[str] = []
    ttls: list[tuple[str, int]] = []
    owner = name
    while len(chain) <= _LONGEST_CHAIN:
        here = {rrset.rdtype: rrset for rrset in sections if rrset.name == owner}
        if rdtype in here:
            ttls.append((_text(owner), here[rdtype].ttl))
            return tuple(sorted(_data(record) for record in here[rdtype])), tuple(chain), tuple(ttls)
        if dns.rdatatype.CNAME not in here:
            break
        ttls.append((_text(owner), here[dns.rdatatype.CNAME].ttl))
        owner = here[dns.rdatatype.CNAME][0].target
        chain.append(_text(owner))
    return (), tuple(chain), tuple(ttls)


def _data(record: object) -> str:
    """Return the record in text form, host names in lower case and without the dot at their end."""
    text = str(record)
    return text.lower().removesuffix(".") if text.endswith(".") else text


def _text(name: dns.name.Name) -> str:
    return name.to_text(omit_final_dot=True).lower()
