"""Serve one system of the foreign pair with gunicorn: `python -m reference.foreign.serve new|old FD FOLDER`.

FD is an inherited listening socket. FOREIGN_SECRET is the secret of the tokens; FOREIGN_FAULT and FOREIGN_CONTROL name
a planted fault. The process and its worker end with the process that started them.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from pathlib import Path
from typing import Any

from gunicorn.app.base import BaseApplication
from reference.foreign.faults import application


def die_with_parent(number: int = signal.SIGKILL) -> None:
    """Receive this signal when the parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    parent = os.getppid()
    ctypes.CDLL(None).prctl(1, int(number), 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


class _Server(BaseApplication):
    def __init__(self, system: str, descriptor: str, folder: Path) -> None:
        self._system, self._descriptor, self._folder = system, descriptor, folder
        super().__init__()

    def load_config(self) -> None:
        settings: dict[str, Any] = {
            "bind": f"fd://{self._descriptor}",
            "workers": 1,
            "worker_class": "gthread",
            "threads": 16,
            "keepalive": 75,
            "timeout": 120,
            "graceful_timeout": 1,
            "loglevel": "warning",
            "control_socket_disable": True,
            "limit_request_field_size": 65_536,
            "forwarded_allow_ips": "",
            "post_fork": lambda _server, _worker: die_with_parent(),
        }
        for name, value in settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return application(self._system, self._folder, os.environ["FOREIGN_SECRET"])


if __name__ == "__main__":
    die_with_parent()
    _Server(sys.argv[1], sys.argv[2], Path(sys.argv[3])).run()
