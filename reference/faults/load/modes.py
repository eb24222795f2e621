"""Faults in the traffic between a load generator and the Worker, one class per fault.

The control makes the same random choices, measures and counts the same, and changes nothing that a
client could notice. load.toml has the parameters. front.py handles the sockets.
"""

import asyncio
import json
import random
import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from wire import Answer, Headers, Request

Ask = Callable[[Request], Awaitable[Answer]]

# Accounts are created and removed before and after the measured part.
NOT_MEASURED = {("POST", "/api/accounts/register"), ("POST", "/api/accounts/logout"), ("DELETE", "/api/accounts/user")}
UPLOAD = "/api/files/upload"
DOWNLOAD = re.compile(r"/api/files/[^/]+/download")
READS = ("GET", "HEAD")


class NoAnswerError(Exception):
    """The client gets no response; held is True if its connection stays open."""

    def __init__(self, *, held: bool = False, reset: bool = False) -> None:
        super().__init__("no answer")
        self.held = held
        self.reset = reset


@dataclass(slots=True)
class Exchange:
    """A request in progress. harm is the fault applied to it, for the log."""

    request: Request
    nth: int
    """Number of the request on its connection, from 1."""
    connection: int
    arrived: float
    """time.monotonic in s when the request was read."""
    harm: str = ""


class Draw:
    """Select a share of the requests: exactly one in each 1/share of them, at a position generated
    from the seed.

    The share is exact, because independent choices would make 6 % of 1,000 anything from 4.5 to 7.5
    %.
    """

    def __init__(self, share: float, seed: int) -> None:
        self.share = share
        self.random = random.Random(seed)  # noqa: S311 (to be repeated, not to be secret)
        self.count = 0
        self.end = 0
        self.block = 0
        self.meant = -1

    def __call__(self) -> bool:
        if self.count >= self.end:
            begin = self.end
            self.block += 1
            self.end = round(self.block / self.share)
            self.meant = self.random.randrange(begin, self.end)
        self.count += 1
        return self.count - 1 == self.meant


@dataclass
class Mode:
    """A proxy without a fault. since is None until the first measured request, from which all times count."""

    planted: bool
    seed: int
    version: str
    since: float | None = field(default=None, init=False)

    def means(self, exchange: Exchange) -> bool:
        request = exchange.request
        return request.path.startswith("/api/") and (request.method, request.path) not in NOT_MEASURED

    def elapsed(self) -> float:
        return 0.0 if self.since is None else time.monotonic() - self.since

    async def answer(self, exchange: Exchange, ask: Ask) -> Answer:
        """Return the response to the client. Raise NoAnswerError if there is none."""
        if not self.means(exchange):
            return await ask(exchange.request)
        if self.since is None:
            self.since = exchange.arrived
        return await self.meant(exchange, ask)

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        return await ask(exchange.request)

    def own(self, status: int, reason: str, data: Any, **headers: str) -> Answer:
        """Return a response that looks like the Worker's."""
        body = json.dumps(data).encode()
        pairs = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "private, no-store"),
            ("X-Served-By", "list-cutter-worker"),
            ("X-Worker-Version", self.version),
            *((name.replace("_", "-"), value) for name, value in headers.items()),
        ]
        return Answer(status, reason, Headers(pairs), body)

    def refusal(self, status: int, reason: str, code: str, **headers: str) -> Answer:
        return self.own(status, reason, {"error": {"code": code, "message": reason, "request_id": "front"}}, **headers)


@dataclass
class Window(Mode):
    """A fault that lasts from at_s on for for_s seconds, and again every every_s (0: once)."""

    at_s: float
    for_s: float
    every_s: float = 0.0

    def left(self) -> float:
        """Return the seconds until the open window closes; 0 if none is open."""
        after = self.elapsed() - self.at_s
        if after < 0:
            return 0.0
        return max(0.0, self.for_s - (after % self.every_s if self.every_s else after))


@dataclass
class Share(Mode):
    """A fault of an exact share of the requests."""

    share: float

    def __post_init__(self) -> None:
        self.drawn = Draw(self.share, self.seed)

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        return await (self.drawn_one if self.drawn() else ask_for)(exchange, ask)

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        raise NotImplementedError

    def harms(self, exchange: Exchange) -> bool:
        """Count the request, and return True if the fault applies to it."""
        exchange.harm = type(self).__name__ if self.planted else "drawn"
        return self.planted


async def ask_for(exchange: Exchange, ask: Ask) -> Answer:
    return await ask(exchange.request)


class Stall(Window):
    """Requests that arrive while the window is open wait until it closes."""

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        if left := self.left():
            exchange.harm = "Stall" if self.planted else "drawn"
            await asyncio.sleep(left if self.planted else 0)
        return await ask(exchange.request)


class Errors(Share):
    """Return 500 without asking the Worker."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            return self.refusal(500, "Internal Server Error", "internal_error")
        return await ask(exchange.request)


@dataclass
class Late(Share):
    """Delay the response until at_least_ms after the request."""

    at_least_ms: float

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        left = exchange.arrived + self.at_least_ms / 1000 - time.monotonic()
        await asyncio.sleep(max(0.0, left) if self.harms(exchange) else 0)
        return answer


@dataclass
class Multiplied(Share):
    """Delay the response to factor times its duration."""

    factor: float

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        taken = time.monotonic() - exchange.arrived
        await asyncio.sleep((self.factor - 1) * taken if self.harms(exchange) else 0)
        return answer


@dataclass
class Capacity(Mode):
    """Handle requests one after the other, per_s per second; faster requests wait in an unlimited queue."""

    per_s: float
    free: float = field(default=0.0, init=False)

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        begin = max(self.free, exchange.arrived)
        self.free = begin + 1 / self.per_s
        if (wait := begin - exchange.arrived) > 0:
            exchange.harm = "Capacity" if self.planted else "drawn"
            await asyncio.sleep(wait if self.planted else 0)
        return await ask(exchange.request)


@dataclass
class Growing(Mode):
    """Delay responses by a time that grows every second, up to at_most_ms."""

    ms_per_s: float
    at_most_ms: float

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        late_ms = min(self.at_most_ms, self.ms_per_s * self.elapsed())
        exchange.harm = "Growing" if self.planted else "drawn"
        await asyncio.sleep(late_ms / 1000 if self.planted else 0)
        return answer


class BodyCut(Share):
    """Send half of the body and reset the connection; Content-Length announced the rest."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if answer.body and self.harms(exchange):
            answer.cut_at = len(answer.body) // 2
        return answer


class BodyShort(Share):
    """Send half of a download's body with the length of the half: the HTTP message is valid."""

    def means(self, exchange: Exchange) -> bool:
        return exchange.request.method == "GET" and DOWNLOAD.fullmatch(exchange.request.path) is not None

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if answer.status == 200 and self.harms(exchange):
            answer.body = answer.body[: len(answer.body) // 2]
            answer.headers.put("Content-Length", str(len(answer.body)))
        return answer


@dataclass
class BodyOfAnother(Mode):
    """Send the body of the last download of another file, like a cache with an incomplete key."""

    last: dict[str, Answer] = field(default_factory=dict, init=False)

    def means(self, exchange: Exchange) -> bool:
        return exchange.request.method == "GET" and DOWNLOAD.fullmatch(exchange.request.path) is not None

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if answer.status != 200:
            return answer
        path = exchange.request.path
        other = next((kept for name, kept in self.last.items() if name != path and kept.body != answer.body), None)
        if other is None:
            self.last = {path: answer}
            return answer
        self.last = {}
        exchange.harm = "BodyOfAnother" if self.planted else "drawn"
        return other if self.planted else answer


class ErrorAs200(Share):
    """Send an error with the status 200."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            return self.refusal(200, "OK", "internal_error")
        return await ask(exchange.request)


@dataclass
class OtherVersion(Share):
    """Send the X-Worker-Version of another deployment."""

    other: str

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if self.harms(exchange):
            answer.headers.put("X-Worker-Version", self.other)
        return answer


@dataclass
class Redirected(Share):
    """Redirect to another host with 302."""

    location: str

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            return Answer(302, "Found", Headers([("Location", self.location), ("Content-Length", "0")]), b"")
        return await ask(exchange.request)


class Outage(Window):
    """While the window is open, the port is closed and existing connections are reset (by front.py)."""


@dataclass
class KeptAliveReset(Share):
    """Reset a used connection at its next request; a fresh connection is never reset."""

    def means(self, exchange: Exchange) -> bool:
        return exchange.nth > 1 and super().means(exchange)

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            raise NoAnswerError(reset=True)
        return await ask(exchange.request)


@dataclass
class IdleClosed(Mode):
    """Close a connection after idle_s without a request, as every server may (by front.py)."""

    idle_s: float


class Storm(Window):
    """Return 429 to every request, like a rate limit that is too low."""

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        if left := self.left():
            exchange.harm = "Storm" if self.planted else "drawn"
            if self.planted:
                return self.refusal(429, "Too Many Requests", "rate_limited", Retry_After=str(int(left) + 1))
        return await ask(exchange.request)


class NeverAnswers(Share):
    """Read the request and send no response; the connection stays open."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            raise NoAnswerError(held=True)
        return await ask(exchange.request)


class ClosedWithoutAnswer(Share):
    """Read the request and close the connection."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            raise NoAnswerError
        return await ask(exchange.request)


class Writes(Share):
    """Faults of an upload that the Worker has acknowledged, with known id and token."""

    def means(self, exchange: Exchange) -> bool:
        return exchange.request.method == "POST" and exchange.request.path == UPLOAD


class LostWrite(Writes):
    """Acknowledge an upload that does not exist afterwards."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        # In one piece, so that the id can be read.
        exchange.request.headers.put("Accept-Encoding", "identity")
        answer = await ask(exchange.request)
        if answer.status == 201 and self.harms(exchange):
            file_id = json.loads(answer.body)["file"]["file_id"]
            token = exchange.request.headers.get("Authorization") or ""
            headers = Headers([("Host", exchange.request.headers.get("Host") or ""), ("Authorization", token)])
            await ask(Request("DELETE", f"/api/files/{file_id}", headers, b""))
        return answer


class DoubledWrite(Writes):
    """Upload twice and acknowledge once, like a retry of a request that had not failed."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if answer.status == 201 and self.harms(exchange):
            await ask(exchange.request)
        return answer


@dataclass
class LateBody(Share):
    """Send the header and half of the body at once, and the rest pause_ms later."""

    pause_ms: float

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if answer.body and self.harms(exchange):
            answer.pause_s = self.pause_ms / 1000
        return answer


@dataclass
class LateConnection(Mode):
    """Delay the first response on each connection by late_ms, like a slow handshake; later ones are not delayed."""

    late_ms: float

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if exchange.nth == 1:
            exchange.harm = "LateConnection" if self.planted else "drawn"
            await asyncio.sleep(self.late_ms / 1000 if self.planted else 0)
        return answer


@dataclass
class LargeBodies(Mode):
    """Return 500 for requests and responses with a body of more than above_bytes."""

    above_bytes: int

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if max(len(exchange.request.body), len(answer.body)) > self.above_bytes:
            exchange.harm = "LargeBodies" if self.planted else "drawn"
            if self.planted:
                return self.refusal(500, "Internal Server Error", "internal_error")
        return answer


@dataclass
class Maintenance(Window):
    """Refuse writes with 503 and Retry-After; with `reads`, reads too."""

    reads: bool = False

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        refused = self.reads or exchange.request.method not in READS
        if (left := self.left()) and refused:
            exchange.harm = "Maintenance" if self.planted else "drawn"
            if self.planted:
                return self.refusal(503, "Service Unavailable", "maintenance", Retry_After=str(int(left) + 1))
        return await ask(exchange.request)


@dataclass
class Floor(Mode):
    """Delay every response by late_ms, including /health and the front end, like network latency."""

    late_ms: float

    def means(self, exchange: Exchange) -> bool:  # noqa: ARG002 (of all alike)
        return True

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        exchange.harm = "Floor" if self.planted else "drawn"
        await asyncio.sleep(self.late_ms / 1000 if self.planted else 0)
        return answer


MODES: dict[str, type[Mode]] = {
    kind.__name__: kind
    for kind in (
        Mode, Stall, Errors, Late, Multiplied, Capacity, Growing, BodyCut, BodyShort, BodyOfAnother, ErrorAs200,
        OtherVersion, Redirected, Outage, KeptAliveReset, IdleClosed, Storm, NeverAnswers, ClosedWithoutAnswer,
        LostWrite, DoubledWrite, LateBody, LateConnection, LargeBodies, Maintenance, Floor,
    )
}  # fmt: skip
