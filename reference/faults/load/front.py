"""A proxy on loopback in front of the embedded pair's Worker, with one of the faults of load.toml.

    python reference/faults/load/front.py NAME --upstream http://127.0.0.1:PORT [--control] [--log FILE]

The first line on stdout is JSON, {"ready": true, "url": …}. SIGTERM and SIGINT end the proxy; its
last line contains the counts. The log has a line for each request (times of time.monotonic and
time.time_ns, the response, the fault) and one for each time that the port was opened or closed, so
that a load gate's report can be compared with it.
"""

import argparse
import asyncio
import json
import signal
import sys
import time
import tomllib
from collections import Counter, deque
from contextlib import suppress
from dataclasses import fields
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from modes import MODES, Exchange, IdleClosed, Mode, NoAnswerError, Outage
from wire import (
    HEAD_LIMIT,
    Answer,
    Headers,
    Request,
    read_answer,
    read_request,
    write_answer,
    write_request,
)

LIST = Path(__file__).parent.parent / "load.toml"
LOOPBACK = ("127.0.0.1", "localhost", "::1")
BACKLOG = 4096


class Upstream:
    """Connections to the Worker, kept alive and reused."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or parts.hostname not in LOOPBACK or parts.port is None:
            raise SystemExit(f"front: --upstream must be http://127.0.0.1:PORT, not {url}")
        self.host, self.port = parts.hostname, parts.port
        self.idle: deque[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = deque()

    async def ask(self, request: Request) -> Answer:
        reader, writer = await self.connection()
        try:
            write_request(writer, request)
            answer = await read_answer(reader, request.method)
        except BaseException:
            writer.transport.abort()
            raise
        if (answer.headers.get("Connection") or "").lower() == "close":
            writer.close()
        else:
            self.idle.append((reader, writer))
        return answer

    async def connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        while self.idle:
            reader, writer = self.idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer
            writer.close()
        return await asyncio.open_connection(self.host, self.port, limit=HEAD_LIMIT)

    async def version(self) -> str:
        answer = await self.ask(Request("GET", "/health", Headers([("Host", f"{self.host}:{self.port}")]), b""))
        return str(json.loads(answer.body)["version"]["id"])


class Front:
    """The port, the connections of clients, and the counts."""

    def __init__(self, upstream: Upstream, mode: Mode, port: int, log: IO[str] | None) -> None:
        self.upstream = upstream
        self.mode = mode
        self.port = port
        self.log = log
        self.server: asyncio.Server | None = None
        self.clients: set[asyncio.StreamWriter] = set()
        self.tasks: set[asyncio.Task[None] | None] = set()
        """The connections' tasks: asyncio itself keeps no reference to them."""
        self.connections = 0
        self.sent: Counter[str] = Counter()
        self.harmed: Counter[str] = Counter()

    def note(self, **what: Any) -> None:
        if self.log is not None:
            line = {"monotonic": time.monotonic(), "time_ns": time.time_ns(), **what}
            self.log.write(json.dumps(line) + "\n")

    async def open(self) -> None:
        self.server = await asyncio.start_server(
            self.serve, "127.0.0.1", self.port, limit=HEAD_LIMIT, backlog=BACKLOG, reuse_address=True
        )
        self.port = self.server.sockets[0].getsockname()[1]
        self.note(event="open", port=self.port)

    def shut(self) -> None:
        """Close the port and reset existing connections."""
        if self.server is not None:
            self.server.close()
        self.note(event="shut", connections=len(self.clients))
        for writer in self.clients:
            writer.transport.abort()

    async def end(self) -> None:
        """Close the port and every connection finally. Unfinished requests are counted."""
        self.note(event="end", connections=len(self.clients))
        if self.server is not None:
            self.server.close()
        waiting = [task for task in self.tasks if task is not None]
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)

    async def watch(self) -> None:
        """Open and close the port as the mode requires, once the load has begun."""
        mode = self.mode
        if not isinstance(mode, Outage):
            return
        begin = mode.at_s
        while True:
            while mode.elapsed() < begin:
                await asyncio.sleep(0.002)  # a poll: nothing signals that the load has begun
            if mode.planted:
                self.shut()
                await asyncio.sleep(mode.for_s)
                await self.open()
            else:
                self.note(event="would shut")
            if not mode.every_s:
                return
            begin += mode.every_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        self.tasks.add(task)
        self.clients.add(writer)
        self.connections += 1
        reset = False
        try:
            await self.exchanges(reader, writer, self.connections)
        except NoAnswerError as nothing:
            reset = nothing.reset
            if nothing.held:
                await reader.read()  # until the client closes the connection
        except (ConnectionError, asyncio.CancelledError):
            reset = True  # cancelled only by end, which waits for this; nothing follows
        finally:
            self.clients.discard(writer)
            if reset:
                writer.transport.abort()
            writer.close()
            self.tasks.discard(task)

    async def exchanges(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, connection: int) -> None:
        nth = 0
        while True:
            try:
                request = await asyncio.wait_for(read_request(reader, writer), self.patience())
            except TimeoutError:
                self.note(event="idle connection closed", connection=connection)
                return
            if request is None:
                return
            nth += 1
            exchange = Exchange(request, nth, connection, time.monotonic())
            status = "none"
            try:
                answer = await self.answered(exchange)
                status = str(answer.status) if answer.cut_at is None else f"{answer.status} cut"
                await write_answer(writer, answer)
            except asyncio.CancelledError:
                status = "ended before"
                raise
            except ConnectionError:
                status = status if status.endswith("cut") else "reset"
                raise
            finally:
                self.count(exchange, status)
            if (request.headers.get("Connection") or "").lower() == "close":
                return

    def patience(self) -> float | None:
        mode = self.mode
        return mode.idle_s if isinstance(mode, IdleClosed) and mode.planted else None

    async def answered(self, exchange: Exchange) -> Answer:
        try:
            return await self.mode.answer(exchange, self.upstream.ask)
        except OSError as error:
            # This is not the planted fault: it must be visible in the log.
            exchange.harm = f"front: {type(error).__name__}"
            return self.mode.refusal(502, "Bad Gateway", "front")

    def count(self, exchange: Exchange, status: str) -> None:
        self.sent[status] += 1
        if exchange.harm:
            self.harmed[exchange.harm] += 1
        self.note(
            event="request", arrived=exchange.arrived, connection=exchange.connection, nth=exchange.nth,
            method=exchange.request.method, path=exchange.request.path, sent=status, harm=exchange.harm,
        )  # fmt: skip


def planted(name: str) -> tuple[type[Mode], dict[str, Any]]:
    """Return the class of a fault and its parameters."""
    entries = {entry["name"]: entry for entry in tomllib.loads(LIST.read_text("utf-8"))["fault"]}
    entry = entries.get(name)
    if entry is None or entry["on"] != "front":
        known = ", ".join(name for name, entry in entries.items() if entry["on"] == "front")
        raise SystemExit(f"front: {name} is not a fault of the proxy; load.toml has {known}")
    return MODES[entry["mode"]], entry.get("parameters", {})


async def run(arguments: argparse.Namespace) -> None:
    kind, parameters = planted(arguments.name)
    for given in arguments.set:
        key, _, value = given.partition("=")
        parameters[key] = json.loads(value)
    unknown = parameters.keys() - {known.name for known in fields(kind)}
    if unknown:
        raise SystemExit(f"front: {kind.__name__} has no parameter {', '.join(sorted(unknown))}")
    upstream = Upstream(arguments.upstream)
    try:
        version = await upstream.version()
    except (OSError, ValueError, KeyError) as error:
        raise SystemExit(f"front: {arguments.upstream}/health is not the Worker's: {error or error!r}") from error
    mode = kind(planted=not arguments.control, seed=arguments.seed, version=version, **parameters)
    log = arguments.log.open("w", encoding="utf-8") if arguments.log else None
    front = Front(upstream, mode, arguments.port, log)
    try:
        await front.open()
    except OSError as error:
        raise SystemExit(f"front: port {arguments.port} cannot be opened: {error}") from error
    print(json.dumps({"ready": True, "url": f"http://127.0.0.1:{front.port}"}), flush=True)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    watching = asyncio.create_task(front.watch())
    await ended.wait()
    watching.cancel()
    with suppress(asyncio.CancelledError):
        await watching
    await front.end()
    print(json.dumps({"connections": front.connections, "sent": front.sent, "harmed": front.harmed}), flush=True)
    if log is not None:
        log.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("name", help="a fault of load.toml")
    parser.add_argument("--upstream", required=True, metavar="URL", help="the Worker, on loopback")
    parser.add_argument("--port", type=int, default=0, help="default: any free one")
    parser.add_argument("--control", "--neutral", action="store_true", help="run the control, which changes nothing")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=JSON", help="another value of a parameter")
    parser.add_argument("--log", type=Path, metavar="FILE", help="JSON lines of what came and what was done to it")
    sys.exit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
