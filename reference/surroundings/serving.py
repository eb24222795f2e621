"""Runs listeners in an event loop of their own thread."""

from __future__ import annotations

import asyncio
import threading
import types
from collections.abc import Sequence
from typing import Any, Protocol, Self


class Listener(Protocol):
    """A server with an asynchronous start and stop."""

    async def start(self) -> None:
        """Listen."""

    async def stop(self) -> None:
        """Stop."""


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """Print an error of the loop. Clients that end a handshake or a connection are no errors."""
    if not isinstance(context.get("exception"), OSError):  # SSLError is one
        loop.default_exception_handler(context)


class Serving:
    """Listeners that run until `close`. A context manager."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        """Start all listeners. Raises OSError if one cannot listen."""
        self._listeners = listeners
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(_report)
        self._thread = threading.Thread(target=self._loop.run_forever, name="listeners", daemon=True)
        self._thread.start()
        try:
            self._run("start")
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: types.TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop all listeners and the loop."""
        self._run("stop")
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self, step: str) -> None:
        async def all_of_them() -> None:
            for listener in self._listeners:
                await getattr(listener, step)()

        asyncio.run_coroutine_threadsafe(all_of_them(), self._loop).result(10)
