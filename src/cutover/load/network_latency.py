"""Measure the latency of the network without the application."""

from __future__ import annotations

import socket
import statistics
import time
from typing import Final

from cutover.core.errors import Unreachable
from cutover.core.safety import origin_of

_TRIES: Final = 15


def network_latency_ms(url: str) -> float:
    """Return the median time of a TCP handshake with the host in ms: no response is faster. Raises Unreachable."""
    _, host, port = origin_of(url)
    times = []
    for _ in range(_TRIES):
        began = time.perf_counter()
        try:
            with socket.create_connection((host, port), timeout=10):
                times.append((time.perf_counter() - began) * 1000)
        except OSError as error:
            raise Unreachable(f"{host}:{port} cannot be reached: {error}") from None
    return statistics.median(times)
