"""A TCP proxy in proxy of a target that can close for a time or switch to another target, and reports the times.

Run it as a process: `tcp_proxy.py TARGET_PORT`. It prints its port. Each line of JSON on stdin, {"close_s": 0.15} or
{"switch": PORT}, is executed at once, and a line with monotonic times in ns is printed: {"closed": …, "open": …}. It
uses only the standard library.
"""

import asyncio
import json
import sys
import time


class Endpoint(asyncio.Protocol):
    """One end of a proxied connection. Data that arrives before the other end is connected is kept."""

    def __init__(self, proxy: "Proxy", other: "Endpoint | None" = None) -> None:
        self.proxy, self.other = proxy, other
        self.waiting = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Connect a client's end to the target, or send the kept data to the target's end."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.proxy.endpoints.add(self)
        if self.other is None:
            self.proxy.tasks.add(asyncio.get_running_loop().create_task(self.connect()))
        else:
            transport.write(self.other.waiting)
            self.other.other = self

    async def connect(self) -> None:
        """Connect to the current target."""
        try:
            loop = asyncio.get_running_loop()
            await loop.create_connection(lambda: Endpoint(self.proxy, self), "127.0.0.1", self.proxy.target)
        except OSError:
            if self.transport is not None:
                self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Send the data to the other end, or keep it."""
        if self.other is not None and self.other.transport is not None:
            self.other.transport.write(data)
        else:
            self.waiting += data

    def connection_lost(self, error: Exception | None) -> None:
        """Close the other end."""
        del error
        self.proxy.endpoints.discard(self)
        if self.other is not None and self.other.transport is not None:
            self.other.transport.close()


class Proxy:
    """The listening socket and all proxied connections."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.server: asyncio.Server | None = None
        self.endpoints: set[Endpoint] = set()
        self.tasks: set[asyncio.Task[None]] = set()

    async def open(self, port: int) -> int:
        """Start to listen."""
        loop = asyncio.get_running_loop()
        self.server = await loop.create_server(lambda: Endpoint(self), "127.0.0.1", port, backlog=1024)
        return int(self.server.sockets[0].getsockname()[1])

    async def close_for(self, seconds: float, port: int) -> dict[str, int]:
        """Close the socket and all connections, and listen again after that many seconds."""
        assert self.server is not None
        self.server.close()
        closed = time.monotonic_ns()
        for endpoint in list(self.endpoints):
            if endpoint.transport is not None:
                endpoint.transport.abort()
        await asyncio.sleep(seconds)
        await self.open(port)
        return {"closed": closed, "open": time.monotonic_ns()}


async def main() -> None:
    """Execute commands until stdin ends."""
    proxy = Proxy(int(sys.argv[1]))
    port = await proxy.open(0)
    print(port, flush=True)  # noqa: T201 - its caller reads it
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = json.loads(line)
        if "switch" in command:  # existing connections are kept, new ones go to the other target
            proxy.target = command["switch"]
            answer = {"closed": time.monotonic_ns(), "open": time.monotonic_ns()}
        else:
            answer = await proxy.close_for(command["close_s"], port)
        print(json.dumps(answer), flush=True)  # noqa: T201 - the same


if __name__ == "__main__":
    asyncio.run(main())
