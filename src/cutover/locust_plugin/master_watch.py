"""Worker processes without a master: a worker stops sending within two seconds after its master ended."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import gevent
import zmq.green as zmq
from locust.runners import WorkerRunner
from zmq.utils.monitor import recv_monitor_message

RECONNECT_S: Final = 1.2
"""How long a lost connection may be down. A master that was killed cannot accept a new one."""

SILENCE_S: Final = 15.0
"""Time without a heartbeat of the master after which its machine counts as lost. Locust's master sends one a second; a
machine without power does not close its connections."""

_CHECK_S: Final = 0.1


def watch_master(runner: WorkerRunner, lost: Callable[[str], object]) -> None:
    """Call `lost` with the reason as soon as the worker has no master any more. Does not return before.

    libzmq reports that a connection was closed, which the system does for a killed process at once.
    """
    monitor: Any = runner.client.socket.get_monitor_socket(
        zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_CONNECTED
    )
    closed_at: float | None = None
    while True:
        while monitor.poll(0):
            event = recv_monitor_message(monitor, zmq.NOBLOCK)["event"]
            closed_at = time.monotonic() if event == zmq.EVENT_DISCONNECTED else None
        if closed_at is not None and time.monotonic() - closed_at > RECONNECT_S:
            lost(f"the master closed the connection and was not reached again within {RECONNECT_S:g} s")
            return
        heartbeat = runner.last_heartbeat_timestamp
        if heartbeat is not None and time.time() - heartbeat > SILENCE_S:
            lost(f"no heartbeat of the master for {SILENCE_S:g} s")
            return
        gevent.sleep(_CHECK_S)
