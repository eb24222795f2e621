"""Measure how many requests per second one process can send without being late, on this machine before a run.

The result is half of a core's capacity, because the other half keeps the send lag low.
"""

from __future__ import annotations

import socket
import time
from typing import Final

from cutover.config.validation import ConfigurationError
from cutover.load.profiles import Profile, processes_needed
from cutover.traffic.ledger import Outcome
from cutover.traffic.ledger_writer import LedgerWriter
from cutover.traffic.wire import Parser, render

_ROUNDS: Final = 400
_USABLE: Final = 0.5
_OVERHEAD: Final = 2.0
"""The rest of the work costs as much again: the hub, the timer, checking the response (benchmarks/load.py)."""

_RESPONSE: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-served-by: list-cutter-worker\r\n"
    b"content-length: 200\r\n\r\n" + b"x" * 200
)


def clean_rate() -> float:
    """Return requests per second, from the CPU time of rounds over a pair of sockets. Takes about 20 ms."""
    ledger = LedgerWriter(0)
    client, server = socket.socketpair()
    headers = {"accept": "*/*", "authorization": "Bearer " + "x" * 200, "x-request-id": "calibration"}
    with client, server:
        started = time.process_time()
        for number in range(_ROUNDS):
            client.send(render("GET", "/api/files", "127.0.0.1:1", headers))
            server.recv(65_536)
            server.send(_RESPONSE)
            response = Parser().feed(client.recv(65_536))
            assert response is not None
            ledger.schedule("calibration", "warm-up", number)
            ledger.record("calibration", "warm-up", Outcome.OK, number, number, number, len(response.body))
        ledger.take()
        used = time.process_time() - started
    return _USABLE * _ROUNDS / max(used * _OVERHEAD, 1e-6)


def check_processes(profile: Profile, processes: int) -> None:
    """Raise ConfigurationError if the profile needs more processes on this machine."""
    rate = clean_rate()
    needed = processes_needed(profile, rate)
    if needed > processes:
        raise ConfigurationError(
            "--processes",
            "",
            f"{profile.name} sends up to {profile.peak:g} arrivals/s, but one process on this machine sends about "
            f"{rate:.0f}/s without being late",
            f"Use --processes {needed} (and as many cores), or lower the profile in load.toml.",
        )
