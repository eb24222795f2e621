"""Connections whose exchanges end at a deadline, however slowly the other side sends.

httpx limits each read, so a server that sends one byte in time for each read could hold a request for ever. The
streams here share one deadline, which the client sets for each exchange.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterable
from typing import Any, Final

import httpcore
import httpx

_PIECE: Final = 65_536
"""Bytes per write, so that the deadline is checked while a large body is sent."""


class Deadline:
    """The moment at which the current exchange ends. Every stream of a client reads it."""

    def __init__(self) -> None:
        self._at = float("inf")

    def start(self, seconds: float) -> None:
        """Begin an exchange that may take that many seconds."""
        self._at = time.monotonic() + seconds

    def extend(self, seconds: float) -> None:
        """Give the current exchange more seconds."""
        self._at += seconds

    def left(self, timeout: float | None) -> float:
        """Return the smaller of a timeout and the seconds that are left. Raises httpcore.ReadTimeout if none are."""
        left = self._at - time.monotonic()
        if left <= 0:
            raise httpcore.ReadTimeout("the answer was not complete in time")
        return left if timeout is None else min(left, timeout)


class _Stream(httpcore.NetworkStream):
    """A stream whose reads and writes end at the deadline."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: Deadline) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._deadline.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        for start in range(0, len(buffer), _PIECE):
            self._stream.write(buffer[start : start + _PIECE], self._deadline.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, timeout), self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


class _Backend(httpcore.NetworkBackend):
    """Opens TCP connections with streams that end at the deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._backend, self._deadline = httpcore.SyncBackend(), deadline

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        stream = self._backend.connect_tcp(host, port, timeout, local_address, socket_options)
        return _Stream(stream, self._deadline)


class DeadlineTransport(httpx.HTTPTransport):
    """httpx's transport on connections that end at a deadline."""

    def __init__(self, deadline: Deadline, *, verify: ssl.SSLContext, http2: bool, limits: httpx.Limits) -> None:
        super().__init__(verify=verify, trust_env=False, http2=http2, limits=limits)
        # httpx has no parameter for a network backend; httpcore's pool, which httpx creates, has one.
        self._pool = httpcore.ConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            http1=True,
            http2=http2,
            network_backend=_Backend(deadline),
        )
