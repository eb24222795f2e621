"""DNS servers on loopback: authoritative servers of a zone, and a recursive resolver that asks them.

Each serves UDP and TCP on one port. All of them run in one event loop (serving.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import dns.asyncquery
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset

Records = dict[tuple[str, str], tuple[int, list[str]]]
"""(host name, type) -> TTL in seconds and the data in the text form of zone files, with a dot after host names."""

_LONGEST_CHAIN = 8
_UDP_LIMIT = 1232


@dataclass
class NameServer:
    """An authoritative server of a zone.

    records: what it serves. answers: False for a server that never responds. is_authoritative: False for a server that
    does not serve the zone and responds REFUSED. delay_ms: before each response. port: set when it is started.
    """

    zone: str
    records: Records
    answers: bool = True
    is_authoritative: bool = True
    delay_ms: float = 0.0
    port: int = 0

    async def respond(self, query: dns.message.Message) -> dns.message.Message | None:
        """Return the response to a query, None for no response."""
        await asyncio.sleep(self.delay_ms / 1000)
        if not self.answers:
            return None
        response = dns.message.make_response(query)
        question = query.question[0]
        if not self.is_authoritative or not question.name.is_subdomain(_name(self.zone)):
            response.set_rcode(dns.rcode.REFUSED)
            return response
        response.flags |= dns.flags.AA
        owner = question.name
        for _ in range(_LONGEST_CHAIN):
            if (found := self._records(owner, question.rdtype)) is not None:
                response.answer.append(found)
                return response
            alias = self._records(owner, dns.rdatatype.CNAME)
            if alias is None:
                break
            response.answer.append(alias)
            owner = alias[0].target
            if not owner.is_subdomain(_name(self.zone)):
                return response
        if not any(_name(name).is_subdomain(owner) for name, _ in self.records):
            response.set_rcode(dns.rcode.NXDOMAIN)
        if (soa := self._records(_name(self.zone), dns.rdatatype.SOA)) is not None:
            response.authority.append(soa)
        return response

    def _records(self, owner: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.rrset.RRset | None:
        held = self.records.get((owner.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(kind)))
        if held is None:
            return None
        return dns.rrset.from_text_list(owner, held[0], dns.rdataclass.IN, kind, held[1])


@dataclass
class Resolver:
    """A recursive resolver without a cache. It asks the first authoritative server that responds, and follows CNAMEs.

    servers: of all zones that it knows; a name in no such zone does not exist. answers: False for a resolver that never
    responds. held: answers in its cache, which it gives in place of those of the servers. port: set when it is started.
    """

    servers: Sequence[NameServer]
    answers: bool = True
    is_recursive: bool = True
    held: Records = field(default_factory=dict)
    delay_ms: float = 0.0
    port: int = 0
    timeout_s: float = 1.0

    async def respond(self, query: dns.message.Message) -> dns.message.Message | None:
        """Return the response to a query, None for no response."""
        await asyncio.sleep(self.delay_ms / 1000)
        if not self.answers:
            return None
        response = dns.message.make_response(query)
        if self.is_recursive:
            response.flags |= dns.flags.RA
        question = query.question[0]
        key = (question.name.to_text(omit_final_dot=True).lower(), dns.rdatatype.to_text(question.rdtype))
        if key in self.held:
            ttl, texts = self.held[key]
            rrset = dns.rrset.from_text_list(question.name, ttl, dns.rdataclass.IN, question.rdtype, texts)
            response.answer.append(rrset)
            return response
        owner = question.name
        for _ in range(_LONGEST_CHAIN):
            found = await self._ask(owner, question.rdtype)
            if found is None:
                response.set_rcode(dns.rcode.SERVFAIL)
                response.answer.clear()
                return response
            response.answer.extend(found.answer)
            response.set_rcode(found.rcode())
            response.authority[:] = found.authority
            last = found.answer[-1] if found.answer else None
            if last is None or last.rdtype != dns.rdatatype.CNAME or question.rdtype == dns.rdatatype.CNAME:
                return response
            if found.rcode() != dns.rcode.NOERROR or found.authority:
                return response  # the target is in the zone, and has no such record
            owner = last[0].target
        response.set_rcode(dns.rcode.SERVFAIL)
        return response

    async def _ask(self, owner: dns.name.Name, kind: dns.rdatatype.RdataType) -> dns.message.Message | None:
        """Return the response of an authoritative server of the name, NXDOMAIN without any, None if none responds."""
        query = dns.message.make_query(owner, kind)
        of_zone = [server for server in self.servers if owner.is_subdomain(_name(server.zone))]
        if not of_zone:
            missing = dns.message.make_response(query)
            missing.set_rcode(dns.rcode.NXDOMAIN)
            return missing
        for server in of_zone:
            with contextlib.suppress(dns.exception.DNSException, OSError):
                found, _ = await dns.asyncquery.udp_with_fallback(
                    query, "127.0.0.1", port=server.port, timeout=self.timeout_s
                )
                if found.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN) and found.flags & dns.flags.AA:
                    return found
        return None


Responder = Callable[[dns.message.Message], Awaitable[dns.message.Message | None]]


class DnsListener:
    """UDP and TCP on one port of 127.0.0.1."""

    def __init__(self, respond: Responder) -> None:
        """respond: returns the response to a query, None for no response."""
        self._respond = respond
        self._datagrams: asyncio.DatagramTransport | None = None
        self._streams: asyncio.Server | None = None
        self._running: set[asyncio.Task[None]] = set()
        self.port = 0

    async def start(self) -> None:
        """Listen on a free port."""
        self._streams = await asyncio.start_server(self._serve_stream, "127.0.0.1", 0)
        self.port = self._streams.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        self._datagrams, _ = await loop.create_datagram_endpoint(
            lambda: _Datagrams(self._take), local_addr=("127.0.0.1", self.port)
        )

    async def stop(self) -> None:
        """Stop listening and end what is running."""
        if self._datagrams is not None:
            self._datagrams.close()
        if self._streams is not None:
            self._streams.close()
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    def _take(self, data: bytes, sender: tuple[str, int]) -> None:
        task = asyncio.get_running_loop().create_task(self._serve_datagram(data, sender))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _serve_datagram(self, data: bytes, sender: tuple[str, int]) -> None:
        with contextlib.suppress(dns.exception.DNSException):
            query = dns.message.from_wire(data)
            response = await self._respond(query)
            if response is None or self._datagrams is None:
                return
            try:
                wire = response.to_wire(max_size=_UDP_LIMIT)
            except dns.exception.TooBig:
                short = dns.message.make_response(query)
                short.flags |= dns.flags.TC
                wire = short.to_wire()
            self._datagrams.sendto(wire, sender)

    async def _serve_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            with contextlib.suppress(asyncio.IncompleteReadError, dns.exception.DNSException, OSError):
                (size,) = struct.unpack("!H", await reader.readexactly(2))
                response = await self._respond(dns.message.from_wire(await reader.readexactly(size)))
                if response is not None:
                    wire = response.to_wire(max_size=65_535)
                    writer.write(struct.pack("!H", len(wire)) + wire)
                    await writer.drain()
        finally:
            writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """Hands each datagram to a function."""

    def __init__(self, take: Callable[[bytes, tuple[str, int]], None]) -> None:
        self._take = take

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        """Hand over one datagram."""
        self._take(data, addr)


def _name(text: str) -> dns.name.Name:
    return dns.name.from_text(text)
