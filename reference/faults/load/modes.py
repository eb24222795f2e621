"""What a front can do to the traffic between a load generator and the Worker, one class a defect.

The neutral twin draws, measures and counts the same, and does nothing that a client could notice. Which requests are
meant, and how much, are parameters of load.toml. Not for sockets: those are the front's.
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

# Accounts are made and removed before and after what is measured.
NOT_MEASURED = {("POST", "/api/accounts/register"), ("POST", "/api/accounts/logout"), ("DELETE", "/api/accounts/user")}
UPLOAD = "/api/files/upload"
DOWNLOAD = re.compile(r"/api/files/[^/]+/download")
READS = ("GET", "HEAD")


class NoAnswerError(Exception):
    """The client is sent nothing; held says whether its connection stays open all the same."""

    def __init__(self, *, held: bool = False, reset: bool = False) -> None:
        super().__init__("no answer")
        self.held = held
        self.reset = reset


@dataclass(slots=True)
class Exchange:
    """One request on its way. harm is what was done to it, for the log."""

    request: Request
    nth: int
    """Which one of its connection, from 1."""
    connection: int
    arrived: float
    """time.monotonic, s, when the request was read."""
    harm: str = ""


class Draw:
    """Which of many requests are meant: exactly one in each 1/share of them, at a place drawn from the seed.

    Exact shares, because a draw for each request alone would make 6 % of 1,000 anything from 4.5 to 7.5 %.
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
    """An honest front. since is None until the first measured request, from which all times count."""

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
        """What the client is answered; NoAnswerError when nothing."""
        if not self.means(exchange):
            return await ask(exchange.request)
        if self.since is None:
            self.since = exchange.arrived
        return await self.meant(exchange, ask)

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        return await ask(exchange.request)

    def own(self, status: int, reason: str, data: Any, **headers: str) -> Answer:
        """An answer that looks as the Worker's do."""
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
    """Something that is so from at_s on for for_s seconds, and again every every_s (0: once)."""

    at_s: float
    for_s: float
    every_s: float = 0.0

    def left(self) -> float:
        """Seconds until the window that is open now closes; 0 when none is."""
        after = self.elapsed() - self.at_s
        if after < 0:
            return 0.0
        return max(0.0, self.for_s - (after % self.every_s if self.every_s else after))


@dataclass
class Share(Mode):
    """Something that happens to an exact share of the requests."""

    share: float

    def __post_init__(self) -> None:
        self.drawn = Draw(self.share, self.seed)

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        return await (self.drawn_one if self.drawn() else ask_for)(exchange, ask)

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        raise NotImplementedError

    def harms(self, exchange: Exchange) -> bool:
        """Notes the request as drawn, and says whether it is to be harmed."""
        exchange.harm = type(self).__name__ if self.planted else "drawn"
        return self.planted


async def ask_for(exchange: Exchange, ask: Ask) -> Answer:
    return await ask(exchange.request)


class Stall(Window):
    """What arrives while the window is open waits until it closes."""

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        if left := self.left():
            exchange.harm = "Stall" if self.planted else "drawn"
            await asyncio.sleep(left if self.planted else 0)
        return await ask(exchange.request)


class Errors(Share):
    """500 without asking the Worker."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            return self.refusal(500, "Internal Server Error", "internal_error")
        return await ask(exchange.request)


@dataclass
class Late(Share):
    """An answer not before at_least_ms after the request."""

    at_least_ms: float

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        left = exchange.arrived + self.at_least_ms / 1000 - time.monotonic()
        await asyncio.sleep(max(0.0, left) if self.harms(exchange) else 0)
        return answer


@dataclass
class Multiplied(Share):
    """An answer after factor times as long as it took."""

    factor: float

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        taken = time.monotonic() - exchange.arrived
        await asyncio.sleep((self.factor - 1) * taken if self.harms(exchange) else 0)
        return answer


@dataclass
class Capacity(Mode):
    """One after the other, per_s in a second: what comes faster waits in a queue without an end."""

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
    """Answers that are later from second to second, up to at_most_ms."""

    ms_per_s: float
    at_most_ms: float

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        late_ms = min(self.at_most_ms, self.ms_per_s * self.elapsed())
        exchange.harm = "Growing" if self.planted else "drawn"
        await asyncio.sleep(late_ms / 1000 if self.planted else 0)
        return answer


class BodyCut(Share):
    """Half of the body, and a connection that is reset: Content-Length says that more was to come."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if answer.body and self.harms(exchange):
            answer.cut_at = len(answer.body) // 2
        return answer


class BodyShort(Share):
    """Half of the body of a download, with the length of the half: nothing in HTTP is wrong."""

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
    """A download has the body of the last download of another file, as a cache with too short a key would give."""

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
    """An error of which the status is 200."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            return self.refusal(200, "OK", "internal_error")
        return await ask(exchange.request)


@dataclass
class OtherVersion(Share):
    """X-Worker-Version of another deployment."""

    other: str

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if self.harms(exchange):
            answer.headers.put("X-Worker-Version", self.other)
        return answer


@dataclass
class Redirected(Share):
    """302 to another host."""

    location: str

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            return Answer(302, "Found", Headers([("Location", self.location), ("Content-Length", "0")]), b"")
        return await ask(exchange.request)


class Outage(Window):
    """While the window is open nobody listens, and connections that there were are reset. The front does it."""


@dataclass
class KeptAliveReset(Share):
    """A connection that was used before is reset at its next request; a fresh one never is."""

    def means(self, exchange: Exchange) -> bool:
        return exchange.nth > 1 and super().means(exchange)

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            raise NoAnswerError(reset=True)
        return await ask(exchange.request)


@dataclass
class IdleClosed(Mode):
    """A connection is ended after idle_s without a request, as every server may. The front does it."""

    idle_s: float


class Storm(Window):
    """429 to everything, as after a limit that was set too low."""

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        if left := self.left():
            exchange.harm = "Storm" if self.planted else "drawn"
            if self.planted:
                return self.refusal(429, "Too Many Requests", "rate_limited", Retry_After=str(int(left) + 1))
        return await ask(exchange.request)


class NeverAnswers(Share):
    """The request is read, and nothing comes back; the connection stays open."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            raise NoAnswerError(held=True)
        return await ask(exchange.request)


class ClosedWithoutAnswer(Share):
    """The request is read, and the connection ends."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        if self.harms(exchange):
            raise NoAnswerError
        return await ask(exchange.request)


class Writes(Share):
    """An upload that the Worker has acknowledged, and its id and token are known."""

    def means(self, exchange: Exchange) -> bool:
        return exchange.request.method == "POST" and exchange.request.path == UPLOAD


class LostWrite(Writes):
    """An upload is acknowledged, and is not there afterwards."""

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
    """An upload is done twice, and acknowledged once, as by a retry of what was no failure."""

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if answer.status == 201 and self.harms(exchange):
            await ask(exchange.request)
        return answer


@dataclass
class LateBody(Share):
    """The head and half of the body at once, and the rest pause_ms later."""

    pause_ms: float

    async def drawn_one(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if answer.body and self.harms(exchange):
            answer.pause_s = self.pause_ms / 1000
        return answer


@dataclass
class LateConnection(Mode):
    """The first answer on each connection is late_ms later, as after a slow handshake; the others are not."""

    late_ms: float

    async def meant(self, exchange: Exchange, ask: Ask) -> Answer:
        answer = await ask(exchange.request)
        if exchange.nth == 1:
            exchange.harm = "LateConnection" if self.planted else "drawn"
            await asyncio.sleep(self.late_ms / 1000 if self.planted else 0)
        return answer


@dataclass
class Maintenance(Window):
    """Writes are refused with 503 and Retry-After; reads too, where reads says so."""

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
    """Every answer is late_ms late, /health and the front end too, as by the way there."""

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
        LostWrite, DoubledWrite, LateBody, LateConnection, Maintenance, Floor,
    )
}  # fmt: skip
