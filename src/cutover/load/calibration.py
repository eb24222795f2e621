"""How many requests a second one process sends without being late: measured on this machine before a run.

Half of a core's time, since the other half is what keeps the send lag low. Not for the system's own limit.
"""

from __future__ import annotations

import socket
import time
from typing import Final

from cutover.traffic.ledger import Outcome
from cutover.traffic.ledger_writer import LedgerWriter
from cutover.traffic.wire import Parser, render

_ROUNDS: Final = 400
_SHARE: Final = 0.5
_AROUND: Final = 2.0
"""What the rounds leave out costs as much again: the hub, the timer, judging the answer (benchmarks/load.py)."""

_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-served-by: list-cutter-worker\r\n"
    b"content-length: 200\r\n\r\n" + b"x" * 200
)


def clean_rate() -> float:
    """Requests a second, from the CPU time of rounds over a pair of sockets. Takes about 20 ms."""
    recorder = LedgerWriter(0)
    here, there = socket.socketpair()
    headers = {"accept": "*/*", "authorization": "Bearer " + "x" * 200, "x-request-id": "calibration"}
    with here, there:
        started = time.process_time()
        for number in range(_ROUNDS):
            here.send(render("GET", "/api/files", "127.0.0.1:1", headers))
            there.recv(65_536)
            there.send(_ANSWER)
            response = Parser().feed(here.recv(65_536))
            assert response is not None
            recorder.schedule("calibration", "warm-up", number)
            recorder.record("calibration", "warm-up", Outcome.OK, number, number, number, len(response.body))
        recorder.take()
        used = time.process_time() - started
    return _SHARE * _ROUNDS / max(used * _AROUND, 1e-6)
