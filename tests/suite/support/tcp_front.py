"""A TCP front before a target: passes bytes on, and closes when it is told, with the times at which it did.

Run as a process: `tcp_front.py TARGET_PORT`; prints its port. A line of JSON on stdin, {"close_s": 0.15} or
{"switch": PORT}, is done at once and answered by a line with monotonic times in ns: {"closed": …, "open": …}. Standard
library alone.
"""

import asyncio
import json
import sys
import time


class Side(asyncio.Protocol):
    """One end of a connection that is passed on. What comes before the other end is there is kept for it."""

    def __init__(self, front: "Front", other: "Side | None" = None) -> None:
        self.front, self.other = front, other
        self.waiting = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A caller's end opens one to the target; the target's end gets what has come meanwhile."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.front.sides.add(self)
        if self.other is None:
            self.front.tasks.add(asyncio.get_running_loop().create_task(self.connect()))
        else:
            transport.write(self.other.waiting)
            self.other.other = self

    async def connect(self) -> None:
        """To where new connections go."""
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: Side(self.front, self), "127.0.0.1", self.front.target)
        except OSError:
            if self.transport is not None:
                self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)
        else:
            self.waiting += data

    def connection_lost(self, error: Exception | None) -> None:
        """The other end ends as well."""
        del error
        self.front.sides.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class Front:
    """The listening socket, and all connections that it passes on."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.server: asyncio.Server | None = None
        self.sides: set[Side] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def open(self, port: int) -> int:
        """Listen."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Side(self), "127.0.0.1", port, backlog=1024)
        return int(self.server.sockets[0].getsockname()[1])

    async def close_for(self, seconds: float, port: int) -> dict[str, int]:
        """Close everything, and listen again after so long."""
        assert self.server is not None
        self.server.close()
        closed = time.monotonic_ns()
        for side in list(self.sides):
            if side.transport is not None:
                side.transport.abort()
        await asyncio.sleep(seconds)
        await self.open(port)
        return {"closed": closed, "open": time.monotonic_ns()}


async def main() -> None:
    """Commands until stdin ends."""
    front = Front(int(sys.argv[1]))
    port = await front.open(0)
    print(port, flush=True)  # noqa: T201 - whoever started this reads it
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        told = json.loads(line)
        if "switch" in told:  # connections that are there go on as they are; new ones go to the other
            front.target = told["switch"]
            answer = {"closed": time.monotonic_ns(), "open": time.monotonic_ns()}
        else:
            answer = await front.close_for(told["close_s"], port)
        print(json.dumps(answer), flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    asyncio.run(main())
